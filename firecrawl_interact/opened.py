"""OpenedSession: one remote browser, from the accepted create to the confirmed end."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from firecrawl_interact.errors import SessionClosedError, UsageError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.closing import CloseTerms, close_session
from firecrawl_interact.lifecycle.debt import DebtState
from firecrawl_interact.lifecycle.hub import Hub
from firecrawl_interact.lifecycle.owned import settle
from firecrawl_interact.lifecycle.watching import GONE, InView
from firecrawl_interact.models import (
    CloseReceipt,
    Language,
    Run,
    RunResult,
    SessionInfo,
    SessionRef,
    SessionState,
)
from firecrawl_interact.options import Seconds, seconds
from firecrawl_interact.redaction import short_id

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.lifecycle.debt import Debt


class OpenedSession(InView):
    """
    What a `Session` tells and does once it is there, however it was come by.

    The ways to one are the methods of `Session`.
    """

    def __init__(self, info: SessionInfo, debt: Debt | None, terms: CloseTerms, backend: Backend) -> None:
        """Take up an opened session; not called by users."""
        self._info = info
        self._backend = backend
        self._debt = debt
        self._terms = terms
        self._detached = False

    # --- what it is ---------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The provider's id."""
        return self._info.id

    @property
    def backend(self) -> str:
        """Name of the backend that made it."""
        return self._info.backend

    @property
    def ref(self) -> SessionRef:
        """Where it runs, for `attach` in another process; holds neither key nor links."""
        return SessionRef(
            backend=self.backend,
            session_id=self.id,
            base_url=self._backend.base_url,
            expires_at=self.expires_at,
        )

    @property
    def state(self) -> SessionState:
        """Where in its life it is."""
        if self._detached:
            return SessionState.DETACHED
        if self._debt is None:
            return SessionState.OPEN if self._closed is None else SessionState.DETACHED  # It was never ours.
        if self._debt.state is DebtState.EXPIRED:
            return SessionState.UNCONFIRMED
        if self._debt.state is DebtState.PAYING:
            return SessionState.CLOSING
        if self._debt.state is DebtState.OWED:
            return SessionState.OPEN if self._closed is None else SessionState.UNCONFIRMED
        return SessionState.CLOSED

    @property
    def expires_at(self) -> datetime | None:
        """Aware instant at which its ttl runs out; computed from the ttl where the provider does not say."""
        return self._info.expires_at

    @property
    def receipt(self) -> CloseReceipt | None:
        """What the provider said at the end; None before the close is confirmed or given up."""
        if self._debt is None or self._closed is None:
            return None
        if self._debt.receipt is not None:
            return self._debt.receipt
        return CloseReceipt(confirmed=False) if self._debt.failure is not None else None

    @property
    def cdp_url(self) -> str | None:
        """WebSocket address that drives the browser. A secret; None where the provider does not repeat it."""
        self._usable("cdp_url")
        return self._info.cdp_url

    @property
    def live_view_url(self) -> str | None:
        """Page to watch the browser, watch only. A secret; None where the provider has no such link."""
        self._usable("live_view_url")
        return self._info.live_view_url

    @property
    def interactive_live_view_url(self) -> str | None:
        """Page to watch and control the browser. A secret; None where the provider has no such link."""
        self._usable("interactive_live_view_url")
        return self._info.interactive_live_view_url

    def __repr__(self) -> str:
        """Show id, backend and state; never a secret, as an id may be one."""
        shown = short_id(self.id) if self._backend.secret_ids else self.id
        return f"<Session {shown} backend={self.backend} state={self.state.value}>"

    # --- running in it ------------------------------------------------------------------

    async def execute(self, code: str, *, language: Language = "node", timeout: Seconds = 30) -> RunResult:
        """
        Run code on the browser's machine, beside the browser. Sent once, whatever happens.

        Cancelled, it stops waiting; the code may run on until its *timeout*.

        Args:
            code: Program text. At Firecrawl and here ``page`` is a Playwright page, top-level
                ``await`` works, and the value of the last expression is the result. At most
                100 000 bytes of UTF-8.

            language: ``"node"``, ``"python"`` or ``"bash"``; always sent, since the providers'
                own defaults contradict each other. Anchor runs TypeScript as ``"node"``.

            timeout: Seconds (or a timedelta) until the provider ends it, 1 to 300.

        Returns:
            What it left behind, even where it failed; see `RunResult.check`.

        Raises:
            InvalidOptionError: A value is outside its bounds.
            UnsupportedError: The backend runs no code, or not in that language.
            SessionGoneError: The session has ended.
            BackendError: The provider refused.
            TransportError: The line failed. Where ``sent`` is true the code may have run.
        """
        self._usable("execute()")
        return await self._run(Run(code=code, language=language, timeout=seconds("timeout", timeout)))

    async def prompt(self, text: str, *, timeout: Seconds = 30) -> RunResult:
        """
        Let the provider's agent do what a text says. Sent once, whatever happens.

        Args:
            text: Instruction in plain language, 1 to 10 000 characters.

            timeout: Seconds (or a timedelta) that each step of the agent may take, 1 to 300.

        Returns:
            What it left behind; the agent's answer is its ``output``.

        Raises:
            UnsupportedError: The backend has no agent.
            InteractError: As from `execute`.
        """
        self._usable("prompt()")
        return await self._run(Run(prompt=text, timeout=seconds("timeout", timeout)))

    async def _run(self, run: Run) -> RunResult:
        from firecrawl_interact.lifecycle.running import run_in  # not every program runs code

        try:
            return await run_in(self._backend, self.id, run)
        except GONE as error:
            self._note_gone(error)
            raise

    # --- its end ------------------------------------------------------------------------

    async def aclose(self) -> None:
        """
        End the session and wait for the confirmation. A second call does nothing.

        Cancelled, it still ends the session, waits at most 10 s for that, and then hands the
        cancellation on.

        Raises:
            CloseError: Not confirmed in time; the debt stays with guardian and ledger.
        """
        await self._end("aclose() was called", None)

    async def detach(self) -> str:
        """
        Give the session up on purpose: it lives on until its ttl, and nothing here ends it.

        Returns only after guardian and ledger have let go.

        Returns:
            The id, for `Session.attach`; `ref` says more, and stays valid.

        Raises:
            SessionClosedError: It has been closed already.
        """
        self._usable("detach()")
        debt = self._debt
        if debt is not None and not self._detached:
            if debt.pid != os.getpid():
                raise UsageError("Only the process that opened a session can detach it.", session_id=self.id)
            if debt.state is DebtState.PAYING:
                _raise_closed(self, "detach()", "its end is under way")
            debt.hub.release(debt, DebtState.RELEASED)
            self._detached = True  # From here on it is nobody's, even if what follows is cancelled.
            letting_go = Hub.running().own(debt.record.let_go(), end_grace=bounds.LEDGER_ANSWER)
            # Broken off, a ledger would have somebody end what was given up.
            cancelled = await settle(letting_go, after_cancel=bounds.LEDGER_ANSWER)
            if cancelled is not None:
                raise cancelled
        self._detached = True
        return self.id

    async def __aenter__(self) -> Self:
        """Enter a session that was awaited."""
        self._usable("async with")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the session; the block's exception goes through unchanged."""
        reason = "its block was left" if exc_type is None else f"its block was left by {exc_type.__name__}"
        await self._end(reason, exc)

    def __del__(
        self, _warn: Callable[..., None] = warnings.warn, _pid: Callable[[], int] = os.getpid
    ) -> None:
        """Warn about a session that nobody closed, and have it ended."""
        debt = getattr(self, "_debt", None)
        if debt is None or self._closed is not None or debt.state is not DebtState.OWED or debt.pid != _pid():
            return
        debt.hub.pay_soon(debt)  # First: under -W error the warning is an exception.
        _warn(f"Unclosed session: {self!r}", ResourceWarning, stacklevel=2, source=self)

    async def _end(self, reason: str, body: BaseException | None) -> None:
        if self._detached:
            return
        debt = self._debt
        joins = debt is not None and debt.state is DebtState.PAYING
        if self._closed is not None and not joins:
            return
        if self._closed is None:
            self._note_closed(reason, datetime.now(UTC))
        if debt is not None and debt.pid == os.getpid():
            await close_session(debt, self._terms, body=body)

    def _usable(self, used: str) -> None:
        if self._detached and used.startswith(("detach", "async with")):
            _raise_closed(self, used, "it was detached")
        if self._closed is not None:
            reason, at = self._closed
            _raise_closed(self, used, f"{at.isoformat(timespec='seconds')}: {reason}")
        if self._debt is not None and self._debt.settled and not self._detached:
            _raise_closed(self, used, "the event loop it belonged to has ended")


def _raise_closed(session: OpenedSession, used: str, why: str) -> NoReturn:
    raise SessionClosedError(f"{used} of {session!r} was used after its end ({why}).", session_id=session.id)
