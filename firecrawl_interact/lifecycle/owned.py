"""
A task that only its owner may end, and how to wait for one whatever happens.

A create that is under way cannot be taken back, and a delete must not be: whoever cancels the
code that waits, and even who cancels every task of the loop, must not cut them off. So they run
in an `Owned` task, and whoever waits does so through `settle`, which collects the cancellations
that come meanwhile. The waiter then raises **the very object** it was given: anyio and
`asyncio.timeout` recognise their own.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_LEVEL_MESSAGES = ("Cancelled via cancel scope ", "Cancelled by cancel scope ")  # anyio 4.x, either spelling.


class Owned(asyncio.Task[T]):
    """
    A task whose `cancel` does nothing, but for starting its end clock.

    Never await one: the waiter's cancellation would be passed on to it, be refused, and come
    again at every turn of an anyio scope. `settle` it.

    `asyncio.run` cancels every task and then waits for all of them, so a task that refused for
    ever would hold the program's end. The end clock bounds that: *end_grace* seconds after the
    first refused cancel the task is ended, unless a live `settle` waits for it, whose own bound
    holds then.

    Attributes:
        expired: True once the owner has ended it for good.
    """

    def __init__(
        self,
        coro: Coroutine[Any, Any, T],
        *,
        loop: asyncio.AbstractEventLoop,
        end_grace: float,
        on_refused: Callable[[], None] | None = None,
    ) -> None:
        self.expired: bool = False
        self._end_grace = end_grace
        self._on_refused = on_refused
        self._refused = False
        self._overdue = False
        self._waiters = 0
        # Never eager, whatever the loop's task factory: the caller must hold the task before it runs.
        super().__init__(coro, loop=loop)

    def cancel(self, msg: Any | None = None) -> bool:  # noqa: ARG002  # the signature is asyncio's
        """Refuse, and start the end clock if it does not run yet."""
        if not self._refused and not self.done():
            self._refused = True
            self.get_loop().call_later(self._end_grace, self._end_clock_struck)
            if self._on_refused is not None:
                self._on_refused()
        return False

    def interrupt(self) -> None:
        """Cancel the step under way, for a deadline inside the task, which takes it back by `uncancel`."""
        super().cancel()

    def expire(self) -> None:
        """End the task for good. Only its owner calls this."""
        self.expired = True
        super().cancel()

    def _end_clock_struck(self) -> None:
        if self.done():
            return
        self._overdue = True
        if not self._waiters:
            self.expire()

    def _waited_for(self, change: int) -> None:
        self._waiters += change
        if self._overdue and not self._waiters and not self.done():
            self.expire()


class Patience:
    """
    The cancellations that one statement has caught and not yet handed on.

    One statement may wait for several tasks, a create and then its undoing; the bound after a
    cancellation counts from the first one caught, over all of them.

    Attributes:
        caught: The cancellation to raise when the statement is done, or None. A native one
            outranks anyio's, since only the native canceller cannot ask again.
    """

    def __init__(self) -> None:
        self.caught: asyncio.CancelledError | None = None
        self._caught_at = 0.0
        self._shield = False

    async def settle(
        self,
        task: asyncio.Task[Any],
        *,
        timeout: float | None = None,
        after_cancel: float | None = None,
        on_cancel: Callable[[], None] | None = None,
    ) -> None:
        """
        Wait until *task* is done or time is up, whatever is cancelled meanwhile.

        Args:
            task: What to wait for; its result or exception is left in it.

            timeout: Seconds to wait; None waits for ever.

            after_cancel: Seconds to wait after the first cancellation caught, if that is
                shorter. An uncancelled wait is not shortened by it.

            on_cancel: Called once, at the first cancellation caught in this wait.
        """
        loop = task.get_loop()
        deadline = None if timeout is None else loop.time() + timeout
        if self.caught is not None:
            deadline = self._sooner(deadline, after_cancel)
        owned = task if isinstance(task, Owned) else None
        if owned is not None:
            owned._waited_for(1)  # noqa: SLF001  # the two halves of one mechanism
        try:
            while not task.done():
                left = None if deadline is None else deadline - loop.time()
                if left is not None and left <= 0:
                    return
                try:
                    # An anyio scope cancels again at every turn of the loop; without its own
                    # shield this would spin for as long as the provider takes.
                    if self._shield:
                        with _shield():
                            await _ended(task, left)
                    else:
                        await _ended(task, left)
                except asyncio.CancelledError as error:
                    self._collect(error, loop.time())
                    deadline = self._sooner(deadline, after_cancel)
                    if on_cancel is not None:
                        on_cancel()
                        on_cancel = None
        finally:
            if owned is not None:
                owned._waited_for(-1)  # noqa: SLF001

    def hand_on(self) -> None:
        """Raise the cancellation caught, if there is one: the very object."""
        if self.caught is not None:
            try:
                raise self.caught
            finally:
                self.caught = None  # The traceback refers to this frame: break the cycle.

    def _collect(self, error: asyncio.CancelledError, now: float) -> None:
        level = _is_level(error)
        if self.caught is None:
            self.caught, self._caught_at = error, now
        elif not level and _is_level(self.caught):
            self.caught = error
        self._shield = self._shield or (level and "anyio" in sys.modules)

    def _sooner(self, deadline: float | None, after_cancel: float | None) -> float | None:
        if after_cancel is None:
            return deadline
        end = self._caught_at + after_cancel
        return end if deadline is None else min(deadline, end)


async def settle(
    task: asyncio.Task[Any], *, timeout: float | None = None, after_cancel: float | None = None
) -> asyncio.CancelledError | None:
    """
    Wait whatever happens; return the cancellation to hand on, or None.

    The caller raises that very object once nothing is left to do. The task may be unfinished if
    *timeout* seconds have passed, or *after_cancel* seconds since the first cancellation.
    """
    patience = Patience()
    await patience.settle(task, timeout=timeout, after_cancel=after_cancel)
    return patience.caught


async def _ended(task: asyncio.Task[Any], timeout: float | None) -> None:
    """
    Wait for the end of one task, at most *timeout* seconds; a cancellation is not passed on to it.

    What ``asyncio.wait`` does for many tasks, in half the time: every session waits twice.
    """
    loop = task.get_loop()
    waiter = loop.create_future()

    def wake(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer = None if timeout is None else loop.call_later(timeout, wake)
    task.add_done_callback(wake)
    try:
        await waiter
    finally:
        task.remove_done_callback(wake)
        if timer is not None:
            timer.cancel()


def _is_level(error: BaseException) -> bool:
    """Tell anyio's cancellations, which are repeated until the scope is left, from native ones."""
    while True:
        text = error.args[0] if error.args else None
        if isinstance(text, str) and text.startswith(_LEVEL_MESSAGES):
            return True
        # Some frameworks catch one and raise a fresh one; the original is its context.
        if not isinstance(error.__context__, asyncio.CancelledError):
            return False
        error = error.__context__


def _shield() -> Any:
    return sys.modules["anyio"].CancelScope(shield=True)
