"""FaultPlan: make a server slow, rude or dead on purpose, by rules that are plain data."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, Self, cast

import attrs
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from firecrawl_interact.server.faults import lab_api
from firecrawl_interact.server.faults.rules import Action, Rule, When, read_rules
from firecrawl_interact.server.faults.switches import read_switches
from firecrawl_interact.server.faults.traffic import (
    CREATE,
    DELETE,
    DELETE_ALL,
    FOREIGN,
    LIST,
    STOP,
    Traffic,
    classify,
)
from firecrawl_interact.server.keys import BROWSERS

FOREIGN_HEADER = "X-Lab-Foreign"  # A request that carries it is somebody else's: no faults, other books.

_HTML = "<!doctype html><html><head><title>Error</title></head><body><h1>Bad gateway</h1></body></html>"
_NO_LINGER = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: close() sends RST.
_ID_FIELDS = frozenset({"id", "session_id", "sessionId"})
_SPOILING = frozenset({Action.TRUNCATE, Action.NO_ID, Action.STRIP, Action.LEAVE})  # They need a true answer.

Proceed = Callable[[], Awaitable[web.StreamResponse]]


class Listener(Protocol):
    """Whoever owns the listening socket, and so can really be out of service."""

    async def stop(self) -> None:
        """Stop listening."""

    async def start(self) -> None:
        """Listen again, at the same address."""


@attrs.define(eq=False)
class FaultPlan:
    """
    Faults for one server, and the account of what it was asked.

    Pass it to `build_app(faults=...)`. Never on a server that anybody relies on: its control
    paths under ``/_lab`` need no key (they answer loopback clients only).

    Attributes:
        rules: What goes wrong.

        switches: What is otherwise than usual all the time, such as the server's generation.

        traffic: What happened so far.

        listener: Who can stop listening; without one an outage only cuts connections.
    """

    rules: Sequence[Rule] = ()
    switches: dict[str, Any] = attrs.field(factory=dict[str, Any])
    traffic: Traffic = attrs.field(factory=Traffic)
    listener: Listener | None = None
    _holds: asyncio.Event = attrs.field(factory=asyncio.Event)
    _held: int = 0
    _outage: asyncio.Task[None] | None = None

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """
        Build a plan from JSON data: ``{"rules": [{"on": "create", "do": "drop", "when": "after"}]}``.

        Beside the rules, ``"server": {"generation": 1}`` switches the server's own ways.

        Raises:
            ValueError: It does not fit; the text says where.
        """
        if not isinstance(data, dict) or not data or not data.keys() <= {"rules", "server"}:
            raise ValueError('A plan of faults is an object with "rules", or "server", or both.')
        plan = cast("dict[str, Any]", data)
        return cls(rules=read_rules(plan.get("rules", [])), switches=read_switches(plan.get("server", {})))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """
        Read a plan from a JSON file.

        Raises:
            OSError: It cannot be read.
            ValueError: It is no JSON, or does not fit.
        """
        return cls.from_json(json.loads(Path(path).read_text(encoding="utf-8")))

    def setup(self, app: web.Application) -> None:
        """Book what starts and ends; let go of held requests at the end: aiohttp would wait a minute."""
        app[BROWSERS].attendants.append(self.traffic)
        app.on_shutdown.append(self._let_go)

    def middleware(self) -> Middleware:
        """Return the middleware; it must stand outermost, so that faults strike before anything else."""

        @web.middleware
        async def faulty(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(lab_api.PREFIX):
                return await lab_api.answer(self, request)
            return await self._serve(request, handler)

        return faulty

    def replace_rules(self, data: Any) -> None:
        """
        Take other rules, given as JSON data. Requests are counted on, not anew.

        Raises:
            ValueError: A rule does not fit; the text says where.
        """
        self.rules = read_rules(data)

    async def hold(self) -> None:
        """Wait for the next `release`."""
        self._held += 1
        self.traffic.busy -= 1
        await self._holds.wait()

    def release(self) -> None:
        """Let every held request go on; later ones are held anew."""
        # Busy from this moment, not from their next turn: nobody must see a pause between.
        self.traffic.busy += self._held
        self._held = 0
        self._holds.set()
        self._holds = asyncio.Event()
        self.traffic.happened("released")

    async def begin_outage(self, seconds: float) -> None:
        """Be out of service for a while. Returns at once; a second call while it lasts does nothing."""
        if self._outage is None or self._outage.done():
            if self.listener is not None:
                await self.listener.stop()
            self._outage = asyncio.create_task(self._end_outage(seconds))
            self.traffic.happened("outage.begun")

    async def _end_outage(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self.listener is not None:
            await self.listener.start()
        self.traffic.happened("outage.ended")

    async def _let_go(self, _app: web.Application) -> None:
        self.release()
        if self._outage is not None:
            self._outage.cancel()
            await asyncio.wait((self._outage,))

    async def _serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        kind, session_id = classify(request.method, request.path)
        # Read now: a close with unread bytes would be a reset, and "received" would be a lie.
        await request.read()
        foreign = FOREIGN_HEADER in request.headers
        FOREIGN.set(foreign)

        async def serve() -> web.StreamResponse:
            response = await _answer_of(handler, request)
            if response.status < web.HTTPMultipleChoices.status_code:
                subject = _id_in(response) if kind == CREATE else session_id
                self.traffic.took_effect(kind, subject, foreign=foreign)
            return response

        if foreign:
            return await serve()
        if self._outage is not None and not self._outage.done():
            return _cut(request, reset=True)
        if kind in {DELETE, DELETE_ALL, STOP}:
            self.traffic.deletes[session_id or "all"] += 1
        self.traffic.busy += 1
        self.traffic.happened(f"{kind}.received", session_id)
        try:
            response = await self._strike(kind, request, serve)
            with contextlib.suppress(ConnectionError):  # The client may have left, or we have hung up.
                await response.prepare(request)
                await response.write_eof()  # Here, so that "answered" means that the bytes are out.
        finally:
            self.traffic.busy -= 1
            self.traffic.happened(f"{kind}.answered", session_id)
        return response

    async def _strike(self, kind: str, request: web.Request, proceed: Proceed) -> web.StreamResponse:
        count = self.traffic.counts[f"{kind}.received"]
        for rule in reversed([rule for rule in self.rules if rule.strikes(kind, count)]):
            proceed = _struck(self, rule, kind, request, proceed)
        return await proceed()


def _struck(plan: FaultPlan, rule: Rule, kind: str, request: web.Request, proceed: Proceed) -> Proceed:
    """Wrap *proceed* in one rule."""

    async def strike() -> web.StreamResponse:
        if rule.do in _SPOILING or (rule.do is Action.LAG and kind == LIST):
            return await _spoil(rule, request, await proceed())
        response = await proceed() if rule.when is When.AFTER else None
        match rule.do:
            case Action.DELAY:
                await asyncio.sleep(rule.seconds)
            case Action.HOLD:
                await plan.hold()
            case Action.OUTAGE:
                await plan.begin_outage(rule.seconds)
                return response or _cut(request, reset=True)
            case Action.DROP | Action.RESET:
                return _cut(request, reset=rule.do is Action.RESET)
            case _:
                return _instead(rule, request)
        return response or await proceed()

    return strike


async def _answer_of(handler: Handler, request: web.Request) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as answer:  # aiohttp's own way to answer, raised by the router for one
        return web.Response(
            status=answer.status, body=answer.body, headers={"Content-Type": answer.content_type}
        )


def _cut(request: web.Request, *, reset: bool) -> web.Response:
    """End the connection without an answer; what is returned reaches nobody."""
    transport = request.transport
    if transport is not None:
        if reset:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            transport.abort()
        else:
            transport.close()
    return web.Response()


def _instead(rule: Rule, request: web.Request) -> web.Response:
    """Answer something else."""
    if rule.do is Action.HTML:
        return web.Response(status=rule.status, text=_HTML, content_type="text/html")
    if rule.do is Action.LAG:
        if request.path.startswith("/v1/"):
            return web.json_response({"error": {"code": 404, "message": "Session not found"}}, status=404)
        return web.json_response({"success": False, "error": "Browser session not found."}, status=404)
    headers = {"Content-Type": "application/json", **rule.headers}
    return web.Response(status=rule.status, body=rule.body.encode(), headers=headers)


async def _spoil(rule: Rule, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Damage a true answer."""
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes):
        return _cut(request, reset=False)
    if rule.do is Action.TRUNCATE:
        half = web.StreamResponse(status=response.status, headers={"Content-Type": response.content_type})
        half.content_length = len(body)
        await half.prepare(request)
        await half.write(body[: len(body) // 2])
        _cut(request, reset=False)
        return half
    if rule.do is Action.LEAVE:
        await response.prepare(request)
        await response.write_eof()
        _cut(request, reset=False)
        return response
    document = json.loads(body)
    if rule.do is Action.LAG:
        spoilt = _without_rows(document)
    else:
        spoilt = _without(document, _ID_FIELDS if rule.do is Action.NO_ID else frozenset(rule.fields))
    return web.json_response(spoilt, status=response.status)


def _id_in(response: web.StreamResponse) -> str | None:
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return None
    try:
        document: Any = json.loads(response.body)
        made = document.get("data", document)["id"]
    except (ValueError, AttributeError, LookupError):
        return None  # Nothing of either dialect's.
    return str(made)


def _without(value: Any, fields: frozenset[str]) -> Any:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        return {name: _without(inner, fields) for name, inner in members if name not in fields}
    return value


def _without_rows(value: Any) -> Any:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value).items()
        return {name: _without_rows(inner) for name, inner in members}
    return [] if isinstance(value, list) else value
