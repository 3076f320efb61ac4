"""Opening: one intent, one POST, one verdict per attempt; and failing over between backends."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

import attrs

from firecrawl_interact.errors import (
    CreateUnknownError,
    InteractError,
    InvalidOptionError,
    ProtocolError,
    RateLimitError,
    TransportError,
    TransportTimeoutError,
)
from firecrawl_interact.lifecycle import bounds, unknown
from firecrawl_interact.lifecycle.debt import Debt
from firecrawl_interact.lifecycle.nap import Nap
from firecrawl_interact.lifecycle.owned import Patience
from firecrawl_interact.lifecycle.record import Record
from firecrawl_interact.lifecycle.sweep import sweep_once
from firecrawl_interact.models import SessionInfo
from firecrawl_interact.transport.deadline import Deadline
from firecrawl_interact.transport.retry import pause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.lifecycle.hub import Hub
    from firecrawl_interact.lifecycle.layers import Layers
    from firecrawl_interact.models import Answer, SessionOptions

_log = logging.getLogger("firecrawl_interact")

_COME_LATER = frozenset({425, 429})


@attrs.frozen(kw_only=True)
class Candidate:
    """A backend that may serve a create, and the layers that would stand behind its session."""

    backend: Backend
    layers: Layers


@attrs.frozen(kw_only=True)
class OpenTerms:
    """
    How a create is made.

    Attributes:
        candidates: Asked in this order; the next only where it is proved that nothing was made.

        options: What to ask for.

        open_timeout: Seconds for all of it; None takes each backend's own.

        exclusive_key: The caller's word that nobody else creates sessions with this key.

        relay: The guardian sends the POST.
    """

    candidates: Sequence[Candidate]
    options: SessionOptions
    open_timeout: float | None = None
    exclusive_key: bool = False
    relay: bool = False


async def open_session(hub: Hub, terms: OpenTerms) -> Debt:
    """
    Open a session and return what is owed for it, its info included.

    Cancelled, it waits `bounds.CREATE_GRACE` for the create under way and ends what that made,
    before it hands the cancellation on; a create that takes longer is ended when it answers.

    Raises:
        BackendError: The provider refused.
        ProtocolError: It answered in a shape we do not know; the session, if any, was ended.
        TransportError: The request surely never reached it.
        CreateUnknownError: The request was sent and the outcome is not known.
        LocalBrowserError: No local browser could be started.
    """
    opening = _Opening(hub, terms)
    # A refused cancel alone does not abandon it: whoever waits may still want the session.
    task = hub.own(opening.run(), end_grace=bounds.CREATE_GRACE)
    patience = Patience()
    try:
        await patience.settle(task, after_cancel=bounds.CREATE_GRACE, on_cancel=opening.abandon)
        if patience.caught is not None:
            if opening.debt is not None and not opening.debt.settled:
                await patience.settle(hub.pay(opening.debt), after_cancel=bounds.CLOSE_GRACE)
            patience.hand_on()
        return opening.result()
    except BaseException:
        opening.abandon()  # Nobody will enter the block: an error, Ctrl-C, or the coroutine was closed.
        raise


class _Opening:
    """
    One call of `open_session`, running in an owned task.

    Attributes:
        debt: The session made, once there is one.
    """

    def __init__(self, hub: Hub, terms: OpenTerms) -> None:
        self.debt: Debt | None = None
        self._error: Exception | None = None
        self._hub = hub
        self._terms = terms
        self._nap = Nap()
        self._abandoned = False

    def abandon(self) -> None:
        """Nobody waits any more: send no further create, and end what the one under way makes."""
        self._abandoned = True
        self._nap.wake()
        if self.debt is not None and not self.debt.settled and not self._hub.loop.is_closed():
            self._hub.start_paying(self.debt)

    def result(self) -> Debt:
        """Return what came of it, or raise."""
        if self._error is not None:
            raise self._error
        if self.debt is None:
            raise InteractError("The create was ended with its event loop before it was sent.")
        return self.debt

    async def run(self) -> None:
        """
        Open the session, and leave what came of it in `result`.

        Never fails itself: `asyncio.run` reports every task that does so at its end.
        """
        try:
            self.debt = await self._first_that_serves()
        except Exception as error:  # noqa: BLE001  # boundary: raised again where somebody waits
            self._error = error
            if self._abandoned and isinstance(error, CreateUnknownError):
                _log.warning("Nobody waited any more for this create. %s", error)

    async def _first_that_serves(self) -> Debt:
        candidates = self._terms.candidates
        for candidate in candidates[:-1]:
            try:
                return await self._attempt(candidate, last=False)
            except (CreateUnknownError, ProtocolError):
                raise
            except InteractError as error:  # Proves that nothing was made.
                _log.warning(
                    "The %s backend could not open a session (%s); trying the next.",
                    candidate.backend.name,
                    type(error).__name__,
                )
        return await self._attempt(candidates[-1], last=True)

    async def _attempt(self, candidate: Candidate, *, last: bool) -> Debt:
        backend = candidate.backend
        bound = self._terms.open_timeout or backend.open_timeout
        deadline = self._hub.loop.time() + bound
        try:
            with Deadline(bound):
                await backend.ready()
        except TransportTimeoutError as error:
            raise TransportTimeoutError(
                f"The {backend.name} backend was not ready within {bound:g} s.", sent=False
            ) from error
        sweep_once(self._hub, backend, candidate.layers)
        plan = backend.prepare(self._terms.options)
        record = Record(candidate.layers, backend, plan, create_within=bound, relayed=self._terms.relay)
        await record.plan()
        attempt = unknown.Attempt(backend=backend, plan=plan, record=record, started=time.time())
        unknown.unresolved.add(attempt)
        try:
            answer = await self._answer(attempt, deadline, last=last)
            info = await self._read(attempt, answer)
        finally:
            unknown.resolved(attempt)
        return await self._owe(attempt, info)

    async def _answer(self, attempt: unknown.Attempt, deadline: float, *, last: bool) -> Answer:
        """Send the create; return an answer that says something was made, or raise."""
        try:
            answer = await self._post(attempt, deadline, last=last)
        except asyncio.CancelledError as error:  # Ended by the end clock, with the POST under way.
            attempt.ended = time.time()
            attempt.record.hand_over()
            raise unknown.error(attempt, TransportTimeoutError("the event loop ended first")) from error
        except InteractError as error:
            if isinstance(error, TransportError) and error.sent:
                await self._give_up(attempt, error)
            attempt.record.settled()
            raise
        except Exception as error:  # noqa: BLE001  # boundary: a third party's transport; it may have been sent
            await self._give_up(attempt, error)
        if not _made(answer):
            await self._give_up(attempt, attempt.backend.error(answer))
        return answer

    async def _read(self, attempt: unknown.Attempt, answer: Answer) -> SessionInfo:
        try:
            return attempt.backend.read_created(answer, self._terms.options)
        except ProtocolError as error:
            if error.session_id is None:
                await self._give_up(attempt, error)
            else:
                await self._end_misfit(attempt, error.session_id, error)
            raise
        except Exception as error:  # noqa: BLE001  # boundary: a third party's backend; something was made
            await self._give_up(attempt, error)

    async def _post(self, attempt: unknown.Attempt, deadline: float, *, last: bool) -> Answer:
        """Send the create until one answer of some weight came; never again once it may have arrived."""
        backend = attempt.backend
        unsent = refused = 0
        while True:
            if self._abandoned:
                raise TransportError("The create was given up before it was sent.", sent=False)
            left = deadline - self._hub.loop.time()
            attempt.started = time.time()
            try:
                answer = await self._send(attempt, left)
            except TransportError as error:
                if error.sent or not last or unsent >= len(bounds.NOT_SENT_PAUSES):
                    raise
                wait = bounds.NOT_SENT_PAUSES[unsent] * random.uniform(0.5, 1)  # noqa: S311  # jitter
                unsent += 1
                if wait >= deadline - self._hub.loop.time():
                    raise
            else:
                if _made(answer) or not backend.refused(answer):
                    return answer
                reason = backend.error(answer)
                asked = self._come_later(answer, reason, refused) if last else None
                if asked is None or asked >= deadline - self._hub.loop.time():
                    raise reason
                refused += 1
                wait = asked
            await self._nap.sleep(wait)

    async def _send(self, attempt: unknown.Attempt, left: float) -> Answer:
        if self._terms.relay:
            return await attempt.record.relay(timeout=left)
        transport = self._hub.transport(attempt.backend)
        return await transport.send(attempt.plan.request, timeout=left, fresh=True)

    @staticmethod
    def _come_later(answer: Answer, reason: Exception, refused: int) -> float | None:
        """Say how many seconds to wait before a refused create is sent again; None for never."""
        if answer.status not in _COME_LATER or refused >= bounds.REFUSED_TRIES:
            return None
        asked = getattr(reason, "retry_after", None)
        if asked is None:
            return pause(refused) if answer.status == 425 else None  # noqa: PLR2004  # Too Early
        if (
            isinstance(reason, RateLimitError)
            and "retry-after" not in answer.headers
            and asked > bounds.RATE_WAIT
        ):
            return None
        return float(asked)

    async def _owe(self, attempt: unknown.Attempt, info: SessionInfo) -> Debt:
        """Take the debt on before anything else can happen, then tell guardian and ledger."""
        try:
            debt = self._debt(attempt, info)
        except InvalidOptionError as error:  # An id that cannot be sent back.
            await self._give_up(attempt, error)
        self.debt = debt
        await attempt.record.opened(debt)
        if self._abandoned:
            self._hub.start_paying(debt)
        return debt

    def _debt(self, attempt: unknown.Attempt, info: SessionInfo) -> Debt:
        debt = Debt(
            backend=attempt.backend,
            info=info,
            end=attempt.backend.end_request(info.id, born=time.time()),
            record=attempt.record,
            until=_expires(attempt, info) + bounds.EXPIRY_MARGIN,
            hub=self._hub,
        )
        self._hub.owe(debt)
        return debt

    async def _end_misfit(self, attempt: unknown.Attempt, session_id: str, error: ProtocolError) -> None:
        """End the session of an answer that has an id and else does not fit."""
        try:
            debt = self._debt(attempt, _bare_info(attempt, session_id))
        except InvalidOptionError:  # An id that cannot be sent back.
            await self._give_up(attempt, error)
        await attempt.record.opened(debt)
        payment = self._hub.pay(debt)
        await asyncio.wait((payment,), timeout=bounds.CLOSE_TIMEOUT)
        if not debt.settled:
            error.add_note("The session it opened could not be confirmed as ended; the debt is kept.")

    async def _give_up(self, attempt: unknown.Attempt, cause: BaseException) -> NoReturn:
        """Raise `CreateUnknownError`, after ending what can be proved to be ours."""
        attempt.ended = time.time()
        transport = self._hub.transport(attempt.backend)
        if attempt.plan.search is not None:
            found = await unknown.find_by_mark(attempt, transport)
        elif self._terms.exclusive_key:
            found = await unknown.find_by_exclusion(attempt, transport)
        else:
            found = []
        debts = [self._debt(attempt, _bare_info(attempt, session_id)) for session_id in found]
        for debt in debts:
            await attempt.record.opened(debt)
        payments = [self._hub.pay(debt) for debt in debts]
        if payments:
            await asyncio.wait(payments, timeout=bounds.CLOSE_TIMEOUT)
        else:
            attempt.record.hand_over()
        ended = tuple(debt.info.id for debt in debts if debt.settled)
        raise unknown.error(attempt, cause, recovered=ended) from cause


def _made(answer: Answer) -> bool:
    return 200 <= answer.status < 300  # noqa: PLR2004  # HTTP's own numbers


def _expires(attempt: unknown.Attempt, info: SessionInfo) -> float:
    """Take the later of what the provider says and our own clock's reckoning: the clocks may differ."""
    told = 0.0 if info.expires_at is None else info.expires_at.timestamp()
    return max(told, attempt.expires)


def _bare_info(attempt: unknown.Attempt, session_id: str) -> SessionInfo:
    return SessionInfo(
        id=session_id,
        backend=attempt.backend.name,
        expires_at=datetime.fromtimestamp(attempt.expires, UTC),
        expires_at_estimated=True,
    )
