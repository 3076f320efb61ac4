"""Ended: whether, when and why a session came to its end, for whoever waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

from firecrawl_interact.models import EndReason, SessionEnd


class Ended:
    """
    Whether, when and why a session came to its end; await it to be told.

    It is set once the session is closed here, once a call learns from the provider that it is
    gone, and once its ttl has run out. It asks nobody: see `Session.wait_ended` for that.
    """

    def __init__(self, expires_at: datetime | None) -> None:
        """Begin as not ended; not called by users."""
        self._expires_at = expires_at
        self._end: SessionEnd | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def expires_at(self) -> datetime | None:
        """Aware instant at which the ttl runs out, or None where it is not known."""
        return self._expires_at

    @expires_at.setter
    def expires_at(self, instant: datetime | None) -> None:
        if instant != self._expires_at:
            self._expires_at = instant
            self._wake_all()  # They wait for another instant now.

    @property
    def end(self) -> SessionEnd | None:
        """When and why, or None while the session may still run."""
        expires_at = self._expires_at
        if self._end is None and expires_at is not None and expires_at <= datetime.now(UTC):
            self._end = SessionEnd(why="expired", at=expires_at, text="its ttl ran out")
        return self._end

    def is_set(self) -> bool:
        """Tell whether the session has ended, as far as it is known here."""
        return self.end is not None

    async def wait(self, timeout: float | None = None) -> SessionEnd | None:
        """Wait until it has ended, at most *timeout* seconds; None if it has not."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.end is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return None
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.add(waiter)
            try:
                if self.end is not None:  # Noted by another thread since the last look.
                    break
                # A timer, and no task: nothing that a loop's end would have to wait for.
                await asyncio.wait((waiter,), timeout=_sooner(left, self._until_expiry()))
            finally:
                self._waiting.discard(waiter)
        return self.end

    def __await__(self) -> Generator[Any, None, SessionEnd]:
        """Wait until it has ended."""
        return self._wait_for_ever().__await__()

    def __repr__(self) -> str:
        """Show why it ended."""
        return f"<Ended {'not yet' if self.end is None else self.end.why}>"

    def note(self, why: EndReason, text: str, *, at: datetime | None = None) -> None:
        """Note the end and wake all who wait, in whatever loop; the first reason stays."""
        if self.end is None:
            self._end = SessionEnd(why=why, at=at or datetime.now(UTC), text=text)
        self._wake_all()

    def _wake_all(self) -> None:
        for waiter in tuple(self._waiting):
            try:
                waiter.get_loop().call_soon_threadsafe(_wake, waiter)
            except RuntimeError:
                continue  # Its loop is closed: nobody waits there any more.

    async def _wait_for_ever(self) -> SessionEnd:
        while (end := await self.wait()) is None:
            pass
        return end

    def _until_expiry(self) -> float | None:
        if self._expires_at is None:
            return None
        return max((self._expires_at - datetime.now(UTC)).total_seconds(), 0.0)


def _sooner(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
