"""Turns: one at a time in this process, over all its loops and threads."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Hashable
from concurrent.futures import Future

_taken: dict[Hashable, Future[None]] = {}  # Who has a turn, by what it is for; done once it is over.
_lock = threading.Lock()


class Turn:
    """The right to do something that nobody else in this process may do meanwhile."""

    def __init__(self, key: Hashable, over: Future[None]) -> None:
        """Hold what others wait for; made by `take_turn`."""
        self._key = key
        self._over = over

    def release(self, _: object = None) -> None:
        """Let the next one have it, from any thread; a second call does nothing."""
        with _lock:
            if _taken.get(self._key) is self._over:
                del _taken[self._key]
        if not self._over.done():
            self._over.set_result(None)


async def take_turn(key: Hashable, *, within: float) -> Turn:
    """
    Wait until nobody else has the turn, and take it.

    Args:
        key: What it is for.

        within: Seconds after which a turn that was not released is taken all the same: a loop
            that was stopped in the middle of one never comes to release it.
    """
    while True:
        mine: Future[None] = Future()
        mine.set_running_or_notify_cancel()  # So that no waiter's cancellation can end it.
        with _lock:
            over = _taken.setdefault(key, mine)
        if over is mine:
            return Turn(key, mine)
        waiting = asyncio.wrap_future(over)
        try:
            done, _ = await asyncio.wait((waiting,), timeout=within)
        finally:
            waiting.cancel()
        if not done:
            Turn(key, over).release()


def _after_fork_in_child() -> None:
    """The tasks that had turns run in the parent alone."""
    _taken.clear()
    globals()["_lock"] = threading.Lock()  # Another thread of the parent may have held it.


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
