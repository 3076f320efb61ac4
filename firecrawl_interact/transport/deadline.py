"""Deadline: a bound on a few statements, which works in tasks that refuse to be cancelled, too."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from firecrawl_interact.errors import TransportTimeoutError


class Deadline:
    """
    End the block after some seconds with `TransportTimeoutError`.

    ``asyncio.timeout`` works by ``task.cancel()``, which an owned task refuses on purpose. Such
    a task has an ``interrupt()``, which is used instead. A plain ``with``, and not a generator:
    at the end of the loop nothing may begin an asynchronous generator.

    A cancellation from elsewhere always passes through, even at the instant of expiry.

    Attributes:
        expired: True once time was up.
    """

    def __init__(self, seconds: float) -> None:
        self.expired: bool = False
        self._seconds = seconds
        self._task: asyncio.Task[Any] | None = None
        self._handle: asyncio.Handle | None = None
        self._cancelling = 0

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A Deadline works inside a task only.")
        loop = task.get_loop()
        self._task = task
        self._cancelling = task.cancelling()
        if self._seconds > 0:
            self._handle = loop.call_later(self._seconds, self._expire)
        else:
            self._handle = loop.call_soon(self._expire)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task, handle = self._task, self._handle
        self._task = self._handle = None
        if handle is not None:
            handle.cancel()
        if not self.expired or task is None:
            return
        # More requests to cancel than before, besides ours: somebody else wants the task to end.
        foreign = task.uncancel() > self._cancelling
        if isinstance(exc, asyncio.CancelledError) and not foreign:
            raise TransportTimeoutError(f"Not done within {self._seconds:g} s.") from None

    def _expire(self) -> None:
        task = self._task
        if task is None:
            return
        self.expired = True
        interrupt = getattr(task, "interrupt", None)
        if callable(interrupt):
            interrupt()
        else:
            task.cancel()
