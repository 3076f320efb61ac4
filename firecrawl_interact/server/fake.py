"""Browsers that are none: for benchmarks, fault tests and everything that needs no page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.engine import Endpoint, LaunchSpec
from firecrawl_interact.server.record import Browser
from firecrawl_interact.server.runs import BrowserEndedError, RunOutcome
from firecrawl_interact.server.user_data import UserData


class FakeEngine:
    """An engine with nothing behind it."""

    endpoint: Endpoint | None = None
    user: None = None

    def __init__(self, launcher: FakeLauncher) -> None:
        """Run at once, and count as one of *launcher*'s."""
        self.exited: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._launcher = launcher

    async def finish(self) -> UserData | None:
        """End it at once, and leave nothing; None if it crashed before."""
        self._end("stopped")
        return UserData(folder=Path()) if self.exited.result() == "stopped" else None

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


@attrs.define(eq=False)
class FakeRuns:
    """
    Runs of nothing, as a test scripts them.

    Attributes:
        outcomes: What the next runs come to, the first first; then each is a success without output.

        asked: ``(browser's id, language, code, timeout)`` of every run.

        started: Set whenever a run has begun.

        proceed: Runs wait for it; cleared, it holds them.
    """

    outcomes: list[RunOutcome | Exception] = attrs.field(factory=list[RunOutcome | Exception])
    asked: list[tuple[str, str, str, float]] = attrs.field(factory=list[tuple[str, str, str, float]])
    started: asyncio.Event = attrs.field(factory=asyncio.Event)
    proceed: asyncio.Event = attrs.field(factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        """Hold nothing up."""
        self.proceed.set()

    async def run(self, browser: Browser, language: str, code: str, timeout: float) -> RunOutcome:
        """Note what is asked, wait to proceed, and come to the next outcome."""
        self.asked.append((browser.id, language, code, timeout))
        self.started.set()
        proceed = asyncio.create_task(self.proceed.wait())
        await asyncio.wait((proceed, browser.engine.exited), return_when=asyncio.FIRST_COMPLETED)
        proceed.cancel()
        if browser.engine.exited.done():
            raise BrowserEndedError
        outcome = self.outcomes.pop(0) if self.outcomes else RunOutcome()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@attrs.frozen
class FakePrompts:
    """
    Prompts that lead to nothing.

    Attributes:
        runs: Where they are noted, with ``""`` as their language, and what scripts them.
    """

    runs: FakeRuns = attrs.field(factory=FakeRuns)

    async def run(self, browser: Browser, text: str, timeout: float) -> RunOutcome:
        """Do as `FakeRuns` does."""
        return await self.runs.run(browser, "", text, timeout)
