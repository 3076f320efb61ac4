"""Watching: what becomes of a session between its opening and its close. Nothing is asked unasked."""

from __future__ import annotations

import asyncio
import inspect
import logging
import weakref
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Generic, Self, TypeVar

import attrs

from firecrawl_interact.backends._links import check_links
from firecrawl_interact.errors import (
    BackendError,
    InvalidOptionError,
    RateLimitError,
    ServerError,
    SessionGoneError,
    SessionNotFoundError,
    TransportError,
    UsageError,
)
from firecrawl_interact.lifecycle.ended import Ended
from firecrawl_interact.options import Seconds, seconds

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.models import SessionEnd, SessionInfo

S = TypeVar("S", bound="InView")
_log = logging.getLogger("firecrawl_interact")

GONE = (SessionGoneError, SessionNotFoundError)  # What a call raises once there is no session any more.

_PASSING = (TransportError, RateLimitError, ServerError)  # While polling: the next look may do better.
_NOT_REPEATED = ("cdp_url", "live_view_url", "interactive_live_view_url", "created_at")  # By some providers.


class InView:
    """
    The part of a `Session` that keeps it in view.

    Whoever does not use it pays nothing: no timer, no task, no request.
    """

    _info: SessionInfo
    _backend: Backend
    _ended: Ended | None = None  # Made on first use.
    _closed: tuple[str, datetime] | None = None  # Why and when its owner closed it.
    _calls: tuple[ExpiryCall[Self], ...] = ()

    @property
    def ended(self) -> Ended:
        """
        Whether, when and why it came to its end, by ``session.ended.end`` or ``await session.ended``.

        Set by the close, by a call to which the provider answers that the session is gone, and
        by the end of the ttl. Nobody is asked for it; `wait_ended` does that.
        """
        if self._ended is None:
            self._ended = Ended(self._info.expires_at)
            if self._closed is not None:
                reason, at = self._closed
                self._ended.note("closed", reason, at=at)
        self._ended.expires_at = self._info.expires_at
        return self._ended

    @property
    def remaining(self) -> timedelta | None:
        """How long its ttl still lets it live, 0 once it has ended; None where that is not known."""
        if self._closed is not None or (self._ended is not None and self._ended.is_set()):
            return timedelta(0)
        expires_at = self._info.expires_at
        return None if expires_at is None else max(expires_at - datetime.now(UTC), timedelta(0))

    async def refresh(self) -> SessionInfo:
        """
        Ask the provider how the session is. One that is gone is no error: it is marked as `ended`.

        Links and deadlines that the provider does not repeat stay as they were told before.

        Raises:
            BackendError: The provider refused for another reason.
            TransportError: No answer.
        """
        await self._backend.ready()
        async with self._backend:
            return await self._look()

    async def wait_ended(self, poll: Seconds = 5.0) -> SessionEnd:
        """
        Wait until the session has ended, asking the provider now and then.

        For code whose CDP socket has closed, and that wants to know why. Failures that may pass
        (no answer, 429, 5xx) are waited out.

        Args:
            poll: Seconds (or a timedelta) between two questions.

        Raises:
            BackendError: The provider refuses to tell.
        """
        pause = seconds("poll", poll)
        await self._backend.ready()
        async with self._backend:
            while (end := self.ended.end) is None:
                try:
                    await self._look()
                except _PASSING as problem:
                    _log.debug("A session could not be looked at (%s).", type(problem).__name__)
                await self.ended.wait(pause)
        return end

    async def before_expiry(self, lead: Seconds = 30) -> bool:
        """
        Wait until shortly before the ttl runs out.

        Args:
            lead: Seconds (or a timedelta) before that.

        Returns:
            True if the time has come, False if the session ended sooner.

        Raises:
            UsageError: It is not known when the session expires.
        """
        wait = self._until(seconds("lead", lead))
        if wait > 0:
            await self.ended.wait(wait)
        return not self.ended.is_set()

    def on_expiry(
        self, callback: Callable[[Self], Awaitable[object] | object], *, lead: Seconds = 30
    ) -> ExpiryCall[Self]:
        """
        Have a callback called shortly before the ttl runs out, unless the session ends sooner.

        Args:
            callback: Called with the session by the loop that runs now; may be asynchronous.
                What it raises is logged.

            lead: Seconds (or a timedelta) before that.

        Returns:
            What has a ``cancel()``.

        Raises:
            InvalidOptionError: The callback cannot be called, or *lead* is no time.
            UsageError: It is not known when the session expires.
        """
        if not callable(callback):
            raise InvalidOptionError(
                f"callback must be callable, not {type(callback).__name__}.", option="callback"
            )
        call = ExpiryCall(self, callback, self._until(seconds("lead", lead)))
        self._calls = (*self._calls, call)
        return call

    def _note_closed(self, reason: str, at: datetime) -> None:
        """Note the close by the owner, and take the callbacks back."""
        self._closed = (reason, at)
        if self._ended is not None:
            self._ended.note("closed", reason, at=at)
        for call in self._calls:
            call.cancel()
        self._calls = ()

    def _note_gone(self, error: BackendError) -> None:
        """Note that a call met a session that is not there any more."""
        self.ended.note("gone", f"the provider answered {error.status}: it is not there any more")
        self._info = attrs.evolve(self._info, alive=False)

    def _learn(self, info: SessionInfo) -> None:
        """Take in what is known by now, and let those who wait for the end know its instant."""
        self._info = info
        if self._ended is not None:
            self._ended.expires_at = info.expires_at

    async def _look(self) -> SessionInfo:
        try:
            found = await self._backend.get(self._info.id)
            check_links(self._backend, found)
        except GONE as error:
            self._note_gone(error)
            return self._info
        known = {name: getattr(self._info, name) for name in _NOT_REPEATED if getattr(found, name) is None}
        if found.expires_at is None:
            known["expires_at"] = self._info.expires_at
            known["expires_at_estimated"] = self._info.expires_at_estimated
        self._learn(attrs.evolve(found, **known))
        if not found.alive:
            self.ended.note("gone", f"the provider says that it is {found.status or 'over'}")
        return self._info

    def _until(self, lead: float) -> float:
        expires_at = self._info.expires_at
        if expires_at is None:
            raise UsageError(
                "It is not known when this session expires: go by its ref, which says so, and not by its id.",
                session_id=self._info.id,
            )
        return (expires_at - timedelta(seconds=lead) - datetime.now(UTC)).total_seconds()


class ExpiryCall(Generic[S]):
    """
    One callback that waits for its time; `cancel` takes it back.

    It does not keep the session alive, and its timer holds up no loop's end.
    """

    def __init__(self, session: S, callback: Callable[[S], Awaitable[object] | object], wait: float) -> None:
        """Start the timer; not called by users."""
        self._session = weakref.ref(session)
        self._callback = callback
        self._cancelled = False
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(max(wait, 0.0), self._fire)
        self._task: asyncio.Future[object] | None = None  # Held against the garbage collector.

    def cancel(self) -> None:
        """Take the callback back, if it has not begun; from any thread."""
        self._cancelled = True
        try:
            self._loop.call_soon_threadsafe(self._timer.cancel)
        except RuntimeError:
            return  # The loop is closed, and calls nobody any more.

    def _fire(self) -> None:
        session = self._session()
        if session is None or self._cancelled:
            return
        end = session.ended.end
        if end is not None and end.why != "expired":  # A lead too short for a busy loop is no reason.
            return
        try:
            outcome = self._callback(session)
        except Exception:  # noqa: BLE001  # boundary: user callback
            _log.exception("A callback before the expiry of a session failed.")
            return
        if inspect.isawaitable(outcome):
            self._task = asyncio.ensure_future(outcome)
            self._task.add_done_callback(_report)


def _report(task: asyncio.Future[object]) -> None:
    if not task.cancelled() and (problem := task.exception()) is not None:
        _log.error("A callback before the expiry of a session failed.", exc_info=problem)
