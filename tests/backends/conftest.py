"""A provider on loopback that answers as told and remembers what it was asked."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer


@attrs.frozen
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Provider:
    """
    Answer requests from scripts, one per method and path; the last answer of a script stays.

    Attributes:
        url: Where it listens.

        asked: Every request, in order.
    """

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.url = ""
        self._scripts: defaultdict[tuple[str, str], deque[web.Response | None]] = defaultdict(deque)
        self._server: TestServer | None = None

    def answers(
        self, method: str, path: str, status: int, body: Any = None, headers: dict[str, str] | None = None
    ) -> None:
        """Queue an answer; a text is sent as HTML, anything else as JSON."""
        if isinstance(body, str):
            response = {"status": status, "text": body, "content_type": "text/html", "headers": headers}
        else:
            response = {
                "status": status,
                "text": json.dumps(body),
                "content_type": "application/json",
                "headers": headers,
            }
        self._scripts[method, path].append(response)

    def hangs_up(self, method: str, path: str) -> None:
        """Queue a connection that ends instead of an answer."""
        self._scripts[method, path].append(None)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._answer)
        self._server = TestServer(app)
        await self._server.start_server()
        self.url = str(self._server.make_url("")).rstrip("/")

    async def stop(self) -> None:
        await self._server.close()

    async def _answer(self, request: web.Request) -> web.Response:
        raw = await request.read()
        self.asked.append(
            Asked(request.method, request.path_qs, dict(request.headers), json.loads(raw) if raw else None)
        )
        script = self._scripts[request.method, request.path]
        if not script:
            return web.Response(status=404, text="Cannot find that.", content_type="text/html")
        response = script[0] if len(script) == 1 else script.popleft()
        if response is None:
            request.transport.abort()
            return web.Response()
        return web.Response(**response)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    """
    A scripted provider.
    """
    started = Provider()
    await started.start()
    yield started
    await started.stop()
