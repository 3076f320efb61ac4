"""A server on a port of its own, over fakes, with a clock that only a test moves."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web

from firecrawl_interact.server.access_log import AccessLogger
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.fake import FakeBrowsers

KEY = "fc-TEST"


@attrs.define
class Clock:
    """Wall-clock seconds that stand still until moved."""

    now: float = 1_768_473_000.0  # 2026-01-15 10:30:00 UTC

    def __call__(self) -> float:
        return self.now


@attrs.frozen
class Answer:
    """Status, headers and body of an answer."""

    status: int
    headers: Any
    body: Any


@attrs.frozen
class Server:
    """A running server, and a client of it."""

    base: str
    browsers: FakeBrowsers
    clock: Clock
    runner: web.AppRunner
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send one request with both providers' keys; a body of bytes goes as it is."""
        shown = {"Authorization": f"Bearer {KEY}", "anchor-api-key": KEY}
        shown |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body is None or isinstance(body, bytes | io.BytesIO)
        data = body if raw else json.dumps(body).encode()
        kept = {name: value for name, value in shown.items() if value}
        async with self.http.request(method, self.base + path, data=data, headers=kept) as answer:
            text = await answer.text()
            parsed = json.loads(text) if answer.content_type == "application/json" else text
            return Answer(answer.status, answer.headers, parsed)

    def later(self, seconds: float) -> None:
        """Move the clock and let the table notice."""
        self.clock.now += seconds
        self.browsers.sweep()


Serve = Callable[..., Awaitable[Server]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def serve(clock: Clock) -> AsyncIterator[Serve]:
    """Start servers; the options are those of the table of fakes, the rest goes to `build_app`."""
    servers: list[Server] = []

    async def start(
        *, key: str | None = KEY, limit: int | None = None, delay: float = 0.0, **options: Any
    ) -> Server:
        browsers = FakeBrowsers(limit=limit, delay=delay, clock=clock)
        app = build_app(browsers=browsers, key=key, **options)
        runner = web.AppRunner(app, access_log_class=AccessLogger)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        server = Server(base, browsers, clock, runner, aiohttp.ClientSession())
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.http.close()
        await server.runner.cleanup()
