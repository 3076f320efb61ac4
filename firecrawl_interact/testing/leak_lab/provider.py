"""Provider: a process that runs one faulty server per scenario, over browsers that are none."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
from aiohttp import web

from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.fake import FakeBrowsers, FakeRuns
from firecrawl_interact.server.faults import FaultPlan
from firecrawl_interact.server.faults.rules import read_rules

HOST = "127.0.0.1"
LEAVE_TIME = 0.5  # Seconds for open requests when a server ends; its scenario is over by then.


@attrs.define(eq=False)
class Doors:
    """
    The two ports of one server: the provider's, which an outage closes, and the lab's, which it does not.

    Attributes:
        runner: What serves on both.

        port: The provider's.

        control: The lab's.
    """

    runner: web.AppRunner
    port: int = 0
    control: int = 0
    _place: socket.socket = attrs.field(factory=socket.socket)
    _site: web.TCPSite | None = None

    async def open(self) -> None:
        """Listen on both."""
        # Bound beside whoever listens, it keeps the port from being taken during an outage.
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind((HOST, 0))
        self.port = self._place.getsockname()[1]
        await self.start()
        back = web.TCPSite(self.runner, HOST, 0)
        await back.start()
        self.control = _port(back)

    async def start(self) -> None:
        """Listen on the provider's port."""
        self._site = web.TCPSite(self.runner, HOST, self.port, reuse_address=True)
        await self._site.start()

    async def stop(self) -> None:
        """Stop listening on the provider's port."""
        if self._site is not None:
            await self._site.stop()

    async def aclose(self) -> None:
        """End the server, and give its port back."""
        await self.runner.cleanup()
        self._place.close()


class Servers:
    """The servers of the scenarios that run now."""

    def __init__(self) -> None:
        """Have none."""
        self._running: dict[int, Doors] = {}

    async def open(self, request: web.Request) -> web.Response:
        """Start a server with the rules in the body, and say where it is."""
        plan = FaultPlan(rules=read_rules(json.loads(await request.read())))
        app = build_app(browsers=FakeBrowsers(), faults=plan, runs=FakeRuns())
        runner = web.AppRunner(app, shutdown_timeout=LEAVE_TIME, access_log=None)
        await runner.setup()
        doors = Doors(runner=runner)
        await doors.open()
        plan.listener = doors
        self._running[doors.port] = doors
        return web.json_response(
            {
                "url": f"http://{HOST}:{doors.port}",
                "control": f"http://{HOST}:{doors.control}",
                "id": doors.port,
            }
        )

    async def close(self, request: web.Request) -> web.Response:
        """End a server."""
        await self._running.pop(int(request.match_info["id"])).aclose()
        return web.json_response({})

    async def close_all(self, _app: web.Application) -> None:
        """End every server."""
        await asyncio.gather(*(doors.aclose() for doors in self._running.values()))


async def serve() -> None:
    """Serve until stdin ends: whoever started this process holds the other end, and may die."""
    servers = Servers()
    app = web.Application()
    app.add_routes([web.post("/servers", servers.open), web.delete("/servers/{id}", servers.close)])
    app.on_cleanup.append(servers.close_all)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    sys.stdout.write(f"http://{HOST}:{_port(site)}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


@asynccontextmanager
async def running() -> AsyncGenerator[str]:
    """Run such a process; yields its origin."""
    process = await asyncio.create_subprocess_exec(
        *_command(), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None  # noqa: S101 - for the type checker
    assert process.stdout is not None  # noqa: S101
    try:
        origin = (await process.stdout.readline()).decode().strip()
        if not origin:
            raise RuntimeError("The lab's server did not start; its own words are on stderr.")
        yield origin
    finally:
        process.stdin.close()
        await process.wait()


def _command() -> Sequence[str]:
    return (sys.executable, "-m", __name__ if __name__ != "__main__" else __spec__.name)


def _port(site: Any) -> int:
    return int(site._server.sockets[0].getsockname()[1])  # noqa: SLF001 - with port 0, nobody else knows


if __name__ == "__main__":
    asyncio.run(serve())
