"""A provider without any network: it drives the documentation and most tests."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

import attrs

from firecrawl_interact.backends._access import Access
from firecrawl_interact.backends.firecrawl import FirecrawlWire
from firecrawl_interact.errors import InvalidOptionError, TransportError, TransportTimeoutError
from firecrawl_interact.models import Answer, Request
from firecrawl_interact.transport.base import Transport
from firecrawl_interact.wire import firecrawl as wire

Verb = Literal["create", "get", "list", "delete"]

VERBS: tuple[Verb, ...] = ("create", "get", "list", "delete")

_JSON = {"content-type": "application/json"}
_CREDITS = 2  # Billed per session, whatever its length: Firecrawl's minimum.


class MemoryBackend(FirecrawlWire):
    """
    Firecrawl's API answered from memory, by a provider that can be scripted to misbehave.

    Sessions are called ``s1``, ``s2`` and so on; no browser stands behind them. One object may
    serve several event loops and threads, one after the other.

    Attributes:
        created: Ids in the order in which sessions were made.

        deleted: Ids in the order in which sessions were ended.

        create_received: Set once a create has arrived and, unless it was to fail first, has
            made its session; its answer may still be held.

        delete_received: The same for deletes.
    """

    name = "memory"
    hosted = False
    open_timeout: float = 30.0
    # It takes whatever Firecrawl takes, and lets it rest.
    capabilities = attrs.evolve(
        FirecrawlWire.capabilities, languages=frozenset(), prompts=False, scrapes=False
    )

    def __init__(self) -> None:
        """Begin without sessions; every answer comes at once."""
        super().__init__(Access(origin="memory:", line=None))
        self.created: list[str] = []
        self.deleted: list[str] = []
        self.create_received: Signal = Signal()
        self.delete_received: Signal = Signal()
        self._sessions: dict[str, _Record] = {}
        self._ids = itertools.count(1)
        self._faults: defaultdict[Verb, deque[_Fault]] = defaultdict(deque)
        self._released = {verb: Signal(is_set=True) for verb in VERBS}

    # --- the provider's side: looking and scripting --------------------------------------

    @property
    def alive(self) -> set[str]:
        """Ids of the sessions that run now."""
        return {session_id for session_id, record in self._sessions.items() if record.alive}

    def hold_answers(self, *verbs: Verb) -> None:
        """Hold the answers to these verbs, or to all, until `release_answers`; requests still take effect."""
        for verb in _checked(verbs):
            self._released[verb].clear()

    def release_answers(self, *verbs: Verb) -> None:
        """Give the answers held and those to come, for these verbs or for all."""
        for verb in _checked(verbs):
            self._released[verb].set()

    def fail_next(
        self, verb: Verb, fault: int | Answer | Exception, *, effect: bool = False, times: int = 1
    ) -> None:
        """
        Let the next request of this kind fail; calls queue up.

        Args:
            verb: Which kind.

            fault: What is answered: a status, a whole answer, or an exception to raise, such as
                ``TransportError(sent=True)`` for a lost answer.

            effect: Whether the session is made, or ended, all the same.

            times: How many requests fail this way.

        Raises:
            InvalidOptionError: An unknown verb, or a fault that is none.
        """
        _checked((verb,))
        if isinstance(fault, int) and not 300 <= fault < 600:  # noqa: PLR2004  # HTTP's own numbers
            raise InvalidOptionError(f"A status that fails is 300 to 599, not {fault}.", option="fault")
        if not isinstance(cast("object", fault), int | Answer | Exception):
            raise InvalidOptionError(
                f"A fault is a status, an Answer or an exception, not {fault!r}.", option="fault", value=fault
            )
        if isinstance(fault, int):
            fault = _answer(fault, wire.ErrorReply(error=f"Scripted to fail with {fault}."))
        self._faults[verb].extend([_Fault(fault, effect)] * times)

    # --- the backend's side --------------------------------------------------------------

    def connection_key(self) -> Hashable:
        """Return the backend: each one has its own provider."""
        return self

    def new_transport(self) -> Transport:
        """Make a transport that ends here."""
        return _MemoryTransport(self)

    async def serve(self, verb: Verb, session_id: str, request: Request, timeout: float) -> Answer:
        """Answer one request, as scripted; called by the transport."""
        fault = self._faults[verb].popleft() if self._faults[verb] else None
        answer = _answer(500, wire.ErrorReply(error="Unused."))
        if fault is None or fault.effect:
            answer = self._effect(verb, session_id, request)
        if verb == "create":
            self.create_received.set()
        elif verb == "delete":
            self.delete_received.set()
        await asyncio.sleep(0)  # As with every real transport, others have their turn.
        if not await self._released[verb].wait(timeout):
            raise TransportTimeoutError("Memory held its answer for too long.", sent=True)
        if fault is None:
            return answer
        if isinstance(fault.outcome, Exception):
            raise fault.outcome
        return fault.outcome

    def _effect(self, verb: Verb, session_id: str, request: Request) -> Answer:
        if verb == "create":
            return self._create(request)
        if verb == "list":
            rows = [record.row() for record in reversed(self._sessions.values())]
            if request.url.endswith("?status=active"):
                rows = [row for row in rows if row.status == "active"]
            return _answer(200, wire.ListReply(success=True, sessions=rows))
        record = self._sessions.get(session_id)
        if record is None:
            return _answer(404, wire.ErrorReply(error="Browser session not found."))
        if verb == "get":
            return _answer(200, record.detail())
        return self._delete(record)

    def _create(self, request: Request) -> Answer:
        asked = wire.DIALECT.loads(request.body or b"{}", wire.CreateRequest)
        record = _Record(id=f"s{next(self._ids)}", watched=asked.stream_web_view is not False)
        self._sessions[record.id] = record
        self.created.append(record.id)
        reply = wire.CreateReply(
            success=True,
            id=record.id,
            cdp_url=record.cdp_url,
            live_view_url=record.live_view_url,
            interactive_live_view_url=record.interactive_live_view_url,
            expires_at=record.created_at + timedelta(seconds=asked.ttl),
        )
        return _answer(200, reply)

    def _delete(self, record: _Record) -> Answer:
        milliseconds: float | None = None
        if record.alive:
            record.alive = False
            self.deleted.append(record.id)
            milliseconds = int((time.monotonic() - record.started) * 1000)
        return _answer(
            200,
            wire.DeleteReply(
                success=True, status="stopped", session_duration_ms=milliseconds, credits_billed=_CREDITS
            ),
        )


class Signal:
    """An event that may be waited for in one loop after another, and set from any thread."""

    def __init__(self, *, is_set: bool = False) -> None:
        """Begin set or not."""
        self._is_set = is_set
        self._waiting: set[asyncio.Future[None]] = set()

    def is_set(self) -> bool:
        """Tell whether it happened."""
        return self._is_set

    def set(self) -> None:
        """Wake all who wait, and let later ones pass."""
        self._is_set = True
        for waiter in list(self._waiting):
            loop = waiter.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake, waiter)

    def clear(self) -> None:
        """Let later ones wait again."""
        self._is_set = False

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, at most *timeout* seconds; tell whether it happened."""
        if self._is_set:
            return True
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            # Not asyncio.timeout, which cancels the task: owned tasks refuse that.
            await asyncio.wait((waiter,), timeout=timeout)
        finally:
            self._waiting.discard(waiter)
        return waiter.done()


class _MemoryTransport:
    """Carry requests to the provider beside it."""

    def __init__(self, backend: MemoryBackend) -> None:
        self._backend = backend
        self._prefix = f"{backend.base_url}/v2/interact"
        self._closed = False

    async def send(self, request: Request, *, timeout: float, fresh: bool = False) -> Answer:  # noqa: ARG002
        if self._closed:
            raise TransportError("The transport is closed.", sent=False)
        session_id = request.url.removeprefix(self._prefix).partition("?")[0].removeprefix("/")
        verb: Verb
        if request.method == "POST":
            verb = "create"
        elif request.method == "DELETE":
            verb = "delete"
        else:
            verb = "get" if session_id else "list"
        return await self._backend.serve(verb, session_id, request, timeout)

    async def aclose(self) -> None:
        self._closed = True


@attrs.frozen
class _Fault:
    """What one request is answered with, and whether it takes effect before."""

    outcome: Answer | Exception
    effect: bool


@attrs.define(eq=False, kw_only=True)
class _Record:
    """One session, as the provider keeps it."""

    id: str
    watched: bool
    alive: bool = True
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))
    started: float = attrs.field(factory=time.monotonic)

    @property
    def cdp_url(self) -> str:
        return f"memory://cdp/{self.id}"

    @property
    def live_view_url(self) -> str:
        return f"memory://live/{self.id}" if self.watched else ""

    @property
    def interactive_live_view_url(self) -> str:
        return f"memory://live/{self.id}?interactive=true" if self.watched else ""

    def row(self) -> wire.SessionRow:
        return wire.SessionRow(
            id=self.id,
            status="active" if self.alive else "destroyed",
            cdp_url=self.cdp_url,
            live_view_url=self.live_view_url,
            interactive_live_view_url=self.interactive_live_view_url,
            stream_web_view=self.watched,
            created_at=self.created_at,
            last_activity=self.created_at,
        )

    def detail(self) -> wire.GetReply:
        return wire.GetReply(
            success=True,
            id=self.id,
            status="running" if self.alive else "stopped",
            cdp_url=self.cdp_url,
            live_view_url=self.live_view_url,
            interactive_live_view_url=self.interactive_live_view_url,
        )


def _checked(verbs: tuple[Verb, ...]) -> tuple[Verb, ...]:
    for verb in verbs:
        if verb not in VERBS:
            raise InvalidOptionError(
                f"A verb is one of {', '.join(VERBS)}, not {verb!r}.", option="verb", value=verb
            )
    return verbs or VERBS


def _answer(status: int, reply: object) -> Answer:
    return Answer(status, _JSON, wire.DIALECT.dumps(reply))


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
