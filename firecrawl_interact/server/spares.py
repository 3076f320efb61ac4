"""Browsers started ahead of whoever asks for one."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server.engine import Engine, Launcher, LaunchSpec
from firecrawl_interact.server.pulse import beats

REFILL_DELAY = 0.025  # Seconds after a spare was taken: its taker connects first.
LONGEST_DELAY = 60.0  # Seconds between attempts while browsers do not start; they double up to here.
PULSE_TIMEOUT = 1.0  # Seconds a spare has to show that it is well.

_PLAIN = LaunchSpec()

_log = logging.getLogger(__name__)


class SpareLauncher:
    """
    Keep browsers running ahead and hand them out; what no spare can be is started as it is asked for.

    A spare is asked for its pulse before it is handed out, and replaced afterwards. Together with
    those handed out there are never more than *most*: a spare makes room where that is needed.
    """

    def __init__(self, launcher: Launcher, count: int, *, most: int | None = None) -> None:
        """
        Start with none; `fill` begins.

        Args:
            launcher: Who starts browsers. Closed with this one.

            count: How many run ahead.

            most: How many may run in all, or None for any number.
        """
        self._launcher = launcher
        self._count = count
        self._most = most
        self._spares: deque[asyncio.Task[Engine]] = deque()  # The one begun first goes first.
        self._dropping: set[asyncio.Task[None]] = set()
        self._out = 0
        self._delay = REFILL_DELAY
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def ready(self) -> int:
        """How many can be handed out at once."""
        return sum(spare.done() and not spare.exception() for spare in self._spares)

    def fill(self) -> None:
        """Start what is missing, and look again whenever one was taken or has died."""
        self._timer = None
        room = self._count if self._most is None else min(self._count, self._most - self._out)
        while not self._closed and len(self._spares) < room:
            spare = asyncio.create_task(self._launcher.launch(_PLAIN))
            self._spares.append(spare)
            spare.add_done_callback(self._started)

    async def launch(self, spec: LaunchSpec) -> Engine:
        """
        Hand out a spare, or start one.

        Raises:
            LocalBrowserError: As the launcher of this one says.
        """
        self._out += 1
        try:
            engine = await self._take() if spec == _PLAIN else None
            if engine is None:
                self._make_room()
                engine = await self._launcher.launch(spec)
        except BaseException:
            self._out -= 1
            raise
        engine.exited.add_done_callback(self._returned)
        return engine

    async def aclose(self) -> None:
        """Stop the spares, and whatever else was started."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        while self._spares:
            self._drop(self._spares.popleft())
        if self._dropping:
            await asyncio.wait(tuple(self._dropping))
        await self._launcher.aclose()

    async def _take(self) -> Engine | None:
        """Take the first that is well; one that is on its way is waited for, being ahead of any other."""
        while self._spares:
            spare = self._spares.popleft()
            try:
                await asyncio.wait((spare,))
                if not spare.cancelled() and not spare.exception():
                    engine = spare.result()
                    if await beats(engine, PULSE_TIMEOUT):
                        return engine
            except BaseException:
                self._drop(spare)
                raise
            finally:
                self._fill_in(self._delay)
            self._drop(spare)
        return None

    def _make_room(self) -> None:
        while self._most is not None and self._spares and self._out + len(self._spares) > self._most:
            self._drop(self._spares.pop())

    def _started(self, spare: asyncio.Task[Engine]) -> None:
        if spare.cancelled():
            return
        error = spare.exception()
        if error is None:
            self._delay = REFILL_DELAY
            spare.result().exited.add_done_callback(lambda _: self._lost(spare))
            return
        if not isinstance(error, LocalBrowserError):
            _log.error("A spare browser could not be started.", exc_info=error)
        elif self._delay == REFILL_DELAY:
            _log.warning("A spare browser could not be started, which is tried again. %s", error)
        self._delay = min(LONGEST_DELAY, self._delay * 2)
        self._lost(spare)

    def _lost(self, spare: asyncio.Task[Engine]) -> None:
        if spare in self._spares:
            self._spares.remove(spare)
            self._drop(spare)
            self._fill_in(self._delay)

    def _returned(self, _: object) -> None:
        self._out -= 1
        self._fill_in(self._delay)

    def _fill_in(self, seconds: float) -> None:
        if self._timer is None and not self._closed and self._count:
            self._timer = asyncio.get_running_loop().call_later(seconds, self.fill)

    def _drop(self, spare: asyncio.Task[Engine]) -> None:
        dropping = asyncio.create_task(give_up(spare))
        self._dropping.add(dropping)
        dropping.add_done_callback(self._dropping.discard)


async def give_up(spare: asyncio.Task[Engine]) -> None:
    """Stop a browser that is not wanted, though it may only just be starting."""
    spare.cancel()
    await asyncio.wait((spare,))
    if spare.cancelled() or spare.exception():
        return
    try:
        await spare.result().stop()
    except LocalBrowserError as error:
        _log.warning("A spare browser did not stop. %s", error)
