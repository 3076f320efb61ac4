"""Nap: a pause that somebody else may end."""

from __future__ import annotations

import asyncio


class Nap:
    """
    Pauses of one task, which another part of the program may cut short.

    Used instead of `asyncio.sleep` where the reason to wait can vanish: a create that nobody
    wants any more, a back-off while the loop ends.

    Attributes:
        woken: True once `wake` was called; later naps end at once.
    """

    def __init__(self) -> None:
        self.woken: bool = False
        self._sleeper: asyncio.Future[None] | None = None

    async def sleep(self, seconds: float) -> None:
        """Sleep, at most *seconds*."""
        if self.woken or seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        self._sleeper = loop.create_future()
        timer = loop.call_later(seconds, self._end)
        try:
            await self._sleeper
        finally:
            timer.cancel()
            self._sleeper = None

    def wake(self) -> None:
        """End the nap under way and every later one. Call it in the loop's own thread."""
        self.woken = True
        self._end()

    def _end(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)
