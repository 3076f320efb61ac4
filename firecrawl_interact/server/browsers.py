"""Which browsers run here, until when, and for whom."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence

import attrs

from firecrawl_interact.server.attendant import Attendant
from firecrawl_interact.server.engine import Engine, Launcher, LaunchSpec
from firecrawl_interact.server.fake_profiles import FakeProfiles
from firecrawl_interact.server.ids import uuid7
from firecrawl_interact.server.profiles import ProfileInUseError, Profiles
from firecrawl_interact.server.record import Browser, EndReason, Status, Wish
from firecrawl_interact.server.savers import Savers

HISTORY = 10_000  # Ended browsers whose records are kept; then the oldest is forgotten.
LONGEST_NAP = 1.0  # Seconds between looks at the wall clock: timers stand still while a machine sleeps.
ENDING_GRACE = 10.0  # Seconds the attendants of a browser have at its end; then it is stopped all the same.
SHORTEST_NAP = 0.02  # Seconds; many deadlines close together share one look.

_log = logging.getLogger(__name__)


class RefusedError(Exception):
    """The table does not take one more browser. Nothing was started."""


@attrs.define
class NoSlotError(RefusedError):
    """
    The team runs as many browsers as it may.

    Attributes:
        limit: How many that is.
    """

    limit: int


class ShuttingDownError(RefusedError):
    """The server ends."""


class Browsers:
    """
    The one table of browsers; every dialect speaks about the same.

    A browser is listed once it runs. A create goes on to its end though nobody waits for it any more, and
    so does an end. Limits are kept on the wall clock: a machine that slept through a deadline ends the
    browser when it wakes.
    """

    def __init__(
        self,
        launcher: Launcher,
        *,
        profiles: Profiles | None = None,
        limit: int | None = None,
        clock: Callable[[], float] = time.time,
        attendants: Sequence[Attendant] = (),
    ) -> None:
        """
        Start with none.

        Args:
            launcher: Who starts browsers. Closed with the table.

            profiles: Where browsers' state is saved. None keeps only the names of profiles.

            limit: How many one team may run at a time, or None for any number.

            clock: Wall-clock seconds.

            attendants: Who is told of every start and end, in this order; at the end in the reverse.
        """
        self.attendants: list[Attendant] = [*attendants]
        self.launcher = launcher
        self.profiles: Profiles = profiles or FakeProfiles(clock=clock)
        self.limit = limit
        self.clock = clock
        self._starting: set[asyncio.Task[Browser]] = set()
        self._alive: dict[str, Browser] = {}
        self._ended: dict[str, Browser] = {}
        self._slots: Counter[str] = Counter()
        self._savers = Savers(self.profiles)
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def create(self, wish: Wish) -> Browser:
        """
        Start a browser and wait until it runs.

        Raises:
            NoSlotError: The team runs as many as it may.
            ProfileInUseError: Another browser is saving to the profile.
            ShuttingDownError: The server ends.
            LocalBrowserError: It could not be started; nothing is left of it.
        """
        browser_id = uuid7(self.clock())
        self._reserve(browser_id, wish)
        starting = asyncio.create_task(self._start(browser_id, wish))
        self._starting.add(starting)
        starting.add_done_callback(self._started)
        await asyncio.wait((starting,))  # A task of its own: the caller may leave, the browser still comes.
        if starting.cancelled():
            raise ShuttingDownError
        return starting.result()

    @contextlib.asynccontextmanager
    async def lend(self, wish: Wish) -> AsyncGenerator[Engine]:
        """
        Start a browser for the time of a block. It takes a slot, but is no session: nobody finds it.

        Raises:
            NoSlotError: The team runs as many as it may.
            ShuttingDownError: The server ends.
            LocalBrowserError: It could not be started, or not be stopped.
        """
        loan = uuid7(self.clock())
        self._reserve(loan, wish)
        try:
            engine = await self.launcher.launch(self._spec(wish))
            try:
                yield engine
            finally:
                await engine.stop()
        finally:
            self._release(loan, wish)

    @property
    def closed(self) -> bool:
        """Whether it takes no more."""
        return self._closed

    def get(self, browser_id: str) -> Browser | None:
        """Find one, alive or ended."""
        return self._alive.get(browser_id) or self._ended.get(browser_id)

    def list(self, *, team: str | None = None, alive: bool | None = None) -> tuple[Browser, ...]:
        """
        Tell which there are, newest first.

        Args:
            team: Only this team's.

            alive: Only those that may still run, or only those that have ended.
        """
        tables = {True: (self._alive,), False: (self._ended,), None: (self._alive, self._ended)}[alive]
        rows = (row for table in tables for row in table.values() if team is None or row.wish.team == team)
        return tuple(sorted(rows, key=_start, reverse=True))

    def saver(self, team: str, profile: str) -> str | None:
        """Tell the id of the browser that saves to this profile, if one does."""
        return self._savers.first(team, profile)

    def save_to(self, browser: Browser, name: str) -> bool:
        """
        Let a browser save to a profile at its end, beside whoever else does, and tell whether it will.

        Raises:
            LocalBrowserError: There is no place for profiles.
        """
        if browser.status is not Status.RUNNING:
            return False  # What it saves is settled; nobody would give the profile free again.
        self._savers.enter(browser.id, browser.wish.team, name, alone=False)
        return True

    async def delete_profile(self, team: str, name: str) -> bool:
        """
        Forget a profile, and tell whether there was one.

        Raises:
            ProfileInUseError: A browser, of any server, will save to it.
            LocalBrowserError: There is no place for profiles.
        """
        if self.saver(team, name) is not None:
            raise ProfileInUseError
        return await self.profiles.delete(team, name)

    async def end(self, browser: Browser, reason: EndReason = EndReason.ASKED) -> bool:
        """
        End it and wait until it is gone. Whoever asks meanwhile waits for the same stop.

        Returns:
            Whether it is gone. If not, its engine failed to stop and the next call tries again.
        """
        if not browser.alive:
            return True
        self._begin_end(browser, reason)
        if browser.ending is not None:
            await asyncio.wait((browser.ending,))
        return not browser.alive

    def sweep(self) -> None:
        """End what has run out by now. A timer sees to it; call it after moving a clock by hand."""
        self._stop_timer()
        now = self.clock()
        soonest = float("inf")
        for browser in tuple(self._alive.values()):
            due, reason = browser.due()
            if due <= now:
                self._begin_end(browser, reason)
            else:
                soonest = min(soonest, due)
        if self._alive:
            self._wake_in(soonest - now)

    async def aclose(self) -> None:
        """End every browser and take no more. A second call finds nothing to do."""
        self._closed = True
        self._stop_timer()
        for starting in tuple(self._starting):
            starting.cancel()
        if self._starting:
            await asyncio.wait(tuple(self._starting))
        for browser in self._alive.values():
            self._begin_end(browser, EndReason.SHUTDOWN)
        endings = [browser.ending for browser in self._alive.values() if browser.ending is not None]
        if endings:
            await asyncio.wait(endings)
        await self.launcher.aclose()

    def _reserve(self, browser_id: str, wish: Wish) -> None:
        if self._closed:
            raise ShuttingDownError
        profile = wish.profile
        if profile is not None and profile.saves:
            self._savers.enter(browser_id, wish.team, profile.name, alone=profile.alone)
        if self.limit is not None and self._slots[wish.team] >= self.limit:
            self._savers.leave(browser_id)
            raise NoSlotError(self.limit)
        self._slots[wish.team] += 1

    def _release(self, browser_id: str, wish: Wish) -> None:
        self._slots[wish.team] -= 1
        if not self._slots[wish.team]:
            del self._slots[wish.team]
        self._savers.leave(browser_id)

    async def _start(self, browser_id: str, wish: Wish) -> Browser:
        try:
            engine = await self.launcher.launch(self._spec(wish))
        except BaseException:
            self._release(browser_id, wish)
            raise
        now = self.clock()
        browser = Browser(
            id=browser_id,
            wish=wish,
            engine=engine,
            clock=self.clock,
            started_at=now,
            last_activity=now,
            tags=wish.tags,
        )
        try:
            for attendant in self.attendants:
                await attendant.started(browser)
        except BaseException:
            await self._dismiss(browser)
            try:
                await engine.stop()
            finally:
                self._release(browser_id, wish)
            raise
        self._alive[browser_id] = browser
        engine.exited.add_done_callback(lambda _: self._exited(browser))
        self._wake_in(browser.due()[0] - now)
        return browser

    def _spec(self, wish: Wish) -> LaunchSpec:
        if wish.profile is None:
            return wish.spec
        return attrs.evolve(wish.spec, state=self.profiles.state(wish.team, wish.profile.name))

    def _started(self, starting: asyncio.Task[Browser]) -> None:
        self._starting.discard(starting)
        if not starting.cancelled():
            starting.exception()  # Whoever asked may be gone; asking marks it as seen.

    def _exited(self, browser: Browser) -> None:
        if browser.alive:
            self._begin_end(browser, EndReason.EXITED)

    def _begin_end(self, browser: Browser, reason: EndReason) -> None:
        if browser.ending is None:
            browser.reason = browser.reason or reason
            browser.status = Status.STOPPING
            # Never eager, whatever the loop's task factory: it must be held here before it runs.
            browser.ending = asyncio.Task(self._stop(browser), loop=asyncio.get_running_loop())

    async def _dismiss(self, browser: Browser) -> None:
        """Tell the attendants of its end, while it still runs; none of them can hold it up for long."""
        for attendant in reversed(self.attendants):
            try:
                async with asyncio.timeout(ENDING_GRACE):
                    await attendant.ending(browser)
            except Exception:  # noqa: BLE001  # boundary: the browser is stopped all the same
                _log.exception("Browser %s ends without %s.", browser.id, type(attendant).__name__)

    async def _stop(self, browser: Browser) -> None:
        if not browser.dismissed:
            browser.dismissed = True  # An end that failed is tried again; they are told once.
            await self._dismiss(browser)
            await self._savers.save(browser.id, browser.engine)
        try:
            await browser.engine.stop()
        except Exception:  # noqa: BLE001  # boundary: an engine that fails to stop must not take the server along
            _log.exception("Browser %s did not stop; it is tried again.", browser.id)
            browser.ending = None
            return
        browser.ended_at = self.clock()
        browser.status = Status.FAILED if browser.reason is EndReason.EXITED else Status.STOPPED
        del self._alive[browser.id]
        self._release(browser.id, browser.wish)
        self._ended[browser.id] = browser
        if len(self._ended) > HISTORY:
            del self._ended[next(iter(self._ended))]

    def _wake_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        when = loop.time() + min(LONGEST_NAP, max(SHORTEST_NAP, seconds))
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = loop.call_at(when, self.sweep)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _start(browser: Browser) -> float:
    return browser.started_at
