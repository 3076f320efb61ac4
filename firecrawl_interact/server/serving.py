"""Serve browsers from this process until told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.capacity import LimitedLauncher
from firecrawl_interact.server.engine import Launcher
from firecrawl_interact.server.interpreters.runs import ProcessRuns
from firecrawl_interact.server.keys import COUNTS
from firecrawl_interact.server.listening import runner_for
from firecrawl_interact.server.porter import Porter
from firecrawl_interact.server.profile_store import ProfileFolder, own_folder
from firecrawl_interact.server.settings import ServerSettings
from firecrawl_interact.server.spares import SpareLauncher
from firecrawl_interact.server.watchdog import Watchdog

if TYPE_CHECKING:
    from firecrawl_interact.server.faults import FaultPlan

DRAIN = 1.0  # Seconds for answers under way, once the browsers have ended.


async def serve(
    *,
    host: str,
    port: int,
    key: str | None,
    launcher: Launcher,
    announce: Callable[[str], None],
    until: Awaitable[None] | None = None,
    faults: FaultPlan | None = None,
    settings: ServerSettings | None = None,
    most: int | None = None,
    spare: int = 0,
) -> None:
    """
    Serve until SIGTERM or SIGINT comes; then end every browser.

    Args:
        host: Address to listen on.

        port: Port, or 0 for any that is free.

        key: API key to ask for, or None.

        launcher: Who starts browsers, in a process that has become a parent. Closed at the end.

        announce: Called with the base URL once it can be connected to.

        until: What else ends it.

        faults: How to misbehave, for tests of clients.

        settings: What else may be chosen.

        most: How many browsers may run at a time, or None for as many as there is room for.

        spare: How many browsers run ahead of whoever asks for one.

    Raises:
        OSError: The address cannot be listened on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    settings = settings or ServerSettings()
    spares = SpareLauncher(launcher, spare, most=most)
    runs = ProcessRuns() if settings.allow_execute else None
    browsers = Browsers(
        LimitedLauncher(spares, most),
        profiles=ProfileFolder(settings.profile_dir or own_folder()),
        attendants=() if runs is None else (runs,),
    )
    if faults is not None:
        from firecrawl_interact.server.faults.switches import switched  # Tests alone wait for it.

        settings = switched(settings, faults.switches)
    app = build_app(browsers=browsers, key=key, faults=faults, settings=settings, runs=runs)
    app[COUNTS].spares = lambda: spares.ready
    porter = Porter()
    runner = runner_for(app, porter, shutdown_timeout=DRAIN)
    await runner.setup()
    reasons: list[asyncio.Future[Any]] = [asyncio.ensure_future(stop.wait())]
    if until is not None:
        reasons.append(asyncio.ensure_future(until))
    watching = [asyncio.create_task(work) for work in (Watchdog(browsers).run(), porter.run(runner))]
    try:
        await web.TCPSite(runner, host, port).start()
        if runs is not None:
            runs.base_url = _reached_from_here(runner.addresses[0])
        announce(_base_url(runner.addresses[0]))
        spares.fill()
        await asyncio.wait(reasons, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*reasons, *watching):
            task.cancel()
        await runner.cleanup()


def _base_url(address: tuple[str, int]) -> str:
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _reached_from_here(address: tuple[str, int]) -> str:
    """Tell the base URL for programs of this machine; who listens everywhere does so on loopback."""
    host, port = address[:2]
    return _base_url(({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port))  # noqa: S104  # not bound to
