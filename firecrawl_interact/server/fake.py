"""Browsers that are none: for benchmarks, fault tests and everything that needs no page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.engine import Endpoint, LaunchSpec


class FakeEngine:
    """An engine with nothing behind it."""

    endpoint: Endpoint | None = None

    def __init__(self, launcher: FakeLauncher) -> None:
        """Run at once, and count as one of *launcher*'s."""
        self.exited: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._launcher = launcher

    async def stop(self) -> None:
        """End it at once."""
        self._end("stopped")

    def crash(self, reason: str = "crashed") -> None:
        """End as a browser does that dies by itself."""
        self._end(reason)

    def _end(self, reason: str) -> None:
        self._launcher.engines.discard(self)
        if not self.exited.done():
            self.exited.set_result(reason)


class FakeLauncher:
    """
    A launcher of fakes.

    Attributes:
        delay: Seconds that a start takes.

        engines: Those that run.
    """

    def __init__(self, *, delay: float = 0.0) -> None:
        """Have none running."""
        self.delay = delay
        self.engines: set[FakeEngine] = set()

    async def launch(self, spec: LaunchSpec) -> FakeEngine:
        """Start one, after the delay."""
        del spec  # Nothing has a size here.
        if self.delay:
            await asyncio.sleep(self.delay)
        engine = FakeEngine(self)
        self.engines.add(engine)
        return engine

    async def aclose(self) -> None:
        """Stop those that run."""
        for engine in tuple(self.engines):
            await engine.stop()


class FakeBrowsers(Browsers):
    """The table of browsers over fakes."""

    def __init__(
        self, *, delay: float = 0.0, limit: int | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """
        Start with none.

        Args:
            delay: Seconds that a start takes.

            limit: How many one team may run at a time, or None for any number.

            clock: Wall-clock seconds.
        """
        super().__init__(FakeLauncher(delay=delay), limit=limit, clock=clock)
