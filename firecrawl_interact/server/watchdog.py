"""Browsers that hang are ended, those that a dead server left are killed."""

from __future__ import annotations

import asyncio
import itertools
import logging

from firecrawl_interact.server import strays
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.pulse import beats
from firecrawl_interact.server.record import Browser, EndReason, Status

EVERY = 10.0  # Seconds between two looks.
PATIENCE = 5.0  # Seconds a browser has to answer.
STRIKES = 3  # Looks in a row without an answer; a machine under load may miss one.
BEFORE = 1.0  # Seconds until the first: the first session of a private server is awaited.
STRAYS_EVERY = 30  # Looks between two searches for strays: they read all of /proc.

_log = logging.getLogger(__name__)


class Watchdog:
    """Look after all browsers of one table."""

    def __init__(self, browsers: Browsers) -> None:
        """Begin with `run`."""
        self._browsers = browsers
        self._misses: dict[str, int] = {}

    async def run(self, *, every: float = EVERY, patience: float = PATIENCE) -> None:
        """
        Look, until cancelled.

        Args:
            every: Seconds between two looks.

            patience: Seconds a browser has to answer.
        """
        await asyncio.sleep(BEFORE)
        for looks in itertools.count():
            try:
                if looks:
                    await self.look(patience)
                if looks % STRAYS_EVERY == 0:
                    await self._kill_strays()
            except Exception:  # noqa: BLE001  # boundary: one bad look must not be the last
                _log.exception("A look after the browsers failed; there will be others.")
            await asyncio.sleep(every)

    async def look(self, patience: float = PATIENCE) -> None:
        """Ask every browser once; end those that have missed too often."""
        running = [row for row in self._browsers.list(alive=True) if row.status is Status.RUNNING]
        answers = await asyncio.gather(*(beats(row.engine, patience) for row in running))
        misses = {
            row.id: self._misses.get(row.id, 0) + 1
            for row, well in zip(running, answers, strict=True)
            if not well
        }
        self._misses = misses
        await asyncio.gather(*(self._give_up(row) for row in running if misses.get(row.id, 0) >= STRIKES))

    async def _kill_strays(self) -> None:
        killed = await asyncio.to_thread(strays.kill)
        if killed:
            _log.warning("Killed %d browsers that a server which has died left behind.", killed)

    async def _give_up(self, browser: Browser) -> None:
        _log.warning("Browser %s does not answer any more and is ended.", browser.id)
        await self._browsers.end(browser, EndReason.EXITED)
