"""Asking: one intent, one POST, one verdict at one backend."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn

from firecrawl_interact.backends._links import check_links
from firecrawl_interact.errors import (
    BackendError,
    CreateUnknownError,
    InteractError,
    InvalidOptionError,
    ProtocolError,
    RateLimitError,
    TransportError,
    TransportTimeoutError,
)
from firecrawl_interact.guardian.answers import NOT_FOUND, find_id
from firecrawl_interact.lifecycle import bounds, unknown
from firecrawl_interact.lifecycle.debt import Debt
from firecrawl_interact.lifecycle.nap import Nap
from firecrawl_interact.lifecycle.readiness import make_ready
from firecrawl_interact.lifecycle.record import Record
from firecrawl_interact.lifecycle.sweep import sweep_once
from firecrawl_interact.models import SessionInfo
from firecrawl_interact.transport.retry import pause

if TYPE_CHECKING:
    from firecrawl_interact.lifecycle.hub import Hub
    from firecrawl_interact.lifecycle.terms import Candidate, OpenTerms
    from firecrawl_interact.models import Answer

_log = logging.getLogger("firecrawl_interact")

_COME_LATER = frozenset({425, 429})


class Asking:
    """
    One backend asked for one session.

    Attributes:
        candidate: Who is asked.

        debt: The session made, once there is one.
    """

    def __init__(self, hub: Hub, terms: OpenTerms, candidate: Candidate, *, last: bool) -> None:
        """Prepare; a backend that is not the *last* one is not waited for where it says "come later"."""
        self.candidate = candidate
        self.debt: Debt | None = None
        self._hub = hub
        self._terms = terms
        self._last = last
        self._nap = Nap()
        self._abandoned = False

    def abandon(self) -> None:
        """Nobody waits any more: send no further create, and end what the one under way makes."""
        self._abandoned = True
        self._nap.wake()
        if self.debt is not None and not self.debt.settled and not self._hub.loop.is_closed():
            self._hub.start_paying(self.debt)

    async def ask(self) -> Debt:
        """
        Open a session and take its debt on. Runs in an owned task only.

        Raises:
            InteractError: As `open_session` says.
        """
        try:
            return await self._ask()
        except CreateUnknownError as error:
            if self._abandoned:
                _log.warning("Nobody waited any more for this create. %s", error)
            raise

    async def _ask(self) -> Debt:
        candidate = self.candidate
        backend = candidate.backend
        bound = self._terms.open_timeout or backend.open_timeout
        deadline = self._hub.loop.time() + bound
        await make_ready(backend, within=bound)
        sweep_once(self._hub, backend, candidate.layers)
        plan = backend.prepare(candidate.options)
        record = Record(candidate.layers, backend, plan, create_within=bound, relayed=self._terms.relay)
        await record.plan()
        attempt = unknown.Attempt(backend=backend, plan=plan, record=record, started=time.time())
        unknown.unresolved.add(attempt)
        try:
            answer = await self._answer(attempt, deadline)
            info = await self._read(attempt, answer)
        finally:
            unknown.resolved(attempt)
        return await self._owe(attempt, info)

    async def _answer(self, attempt: unknown.Attempt, deadline: float) -> Answer:
        """Send the create; return an answer that says something was made, or raise."""
        try:
            answer = await self._post(attempt, deadline)
            if _made(answer) and attempt.backend.pending(answer) is not None:
                from firecrawl_interact.transport.polling import poll  # few providers answer early

                # Not broken off when nobody wants it any more: only its id can end the session.
                transport = self._hub.transport(attempt.backend)
                left = deadline - self._hub.loop.time()
                answer = await poll(transport, answer, attempt.backend.pending, within=left)
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
            info = attempt.backend.read_created(answer, self.candidate.options)
            check_links(attempt.backend, info)
            return info
        except (ProtocolError, BackendError) as error:
            if error.session_id is not None:
                await self._end_misfit(attempt, error.session_id, error)
            elif isinstance(error, ProtocolError):
                await self._give_up(attempt, error, session_id=find_id(attempt.plan.id_path, answer.body))
            else:  # By its own word nothing came of a create that was accepted.
                await self._end_marked(attempt)
            raise
        except Exception as error:  # noqa: BLE001  # boundary: a third party's backend; something was made
            await self._give_up(attempt, error)

    async def _post(self, attempt: unknown.Attempt, deadline: float) -> Answer:
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
                if error.sent or not self._last or unsent >= len(bounds.NOT_SENT_PAUSES):
                    raise
                wait = bounds.NOT_SENT_PAUSES[unsent] * random.uniform(0.5, 1)  # noqa: S311  # jitter
                unsent += 1
                if wait >= deadline - self._hub.loop.time():
                    raise
            else:
                if _made(answer) or not backend.refused(answer):
                    return answer
                reason = backend.error(answer)
                asked = self._come_later(answer, reason, refused) if self._last else None
                if asked is None or asked >= deadline - self._hub.loop.time():
                    if answer.status == NOT_FOUND:
                        reason.add_note("There is no such route at this address: check base_url.")
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
            await self._give_up(attempt, error, session_id=info.id)
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

    async def _end_misfit(self, attempt: unknown.Attempt, session_id: str, error: InteractError) -> None:
        """End the session of an answer that has an id and else does not fit."""
        try:
            debt = self._debt(attempt, _bare_info(attempt, session_id))
        except InvalidOptionError:  # An id that cannot be sent back.
            await self._give_up(attempt, error, session_id=session_id)
        await attempt.record.opened(debt)
        payment = self._hub.pay(debt)
        await asyncio.wait((payment,), timeout=bounds.CLOSE_TIMEOUT)
        if not debt.settled:
            error.add_note("The session it opened could not be confirmed as ended; the debt is kept.")

    async def _give_up(
        self, attempt: unknown.Attempt, cause: BaseException, *, session_id: str | None = None
    ) -> NoReturn:
        """Raise `CreateUnknownError`, after ending what can be proved to be ours."""
        ended: tuple[str, ...] = ()
        try:
            ended = await self._end_marked(attempt)
        except asyncio.CancelledError:  # Ended by the end clock; the hub has what was found.
            attempt.record.hand_over()
        raise unknown.error(attempt, cause, recovered=ended, session_id=session_id) from cause

    async def _end_marked(self, attempt: unknown.Attempt) -> tuple[str, ...]:
        """End what can be proved to be ours, and return the ids that are confirmed as gone."""
        attempt.ended = time.time()
        transport = self._hub.transport(attempt.backend)
        if attempt.plan.search is not None:
            found = await unknown.find_by_mark(attempt, transport)
        elif self._terms.exclusive_key:
            found = await unknown.find_by_exclusion(attempt, transport)
        else:
            found = []
        debts: list[Debt] = []
        for session_id in found:
            try:
                debts.append(self._debt(attempt, _bare_info(attempt, session_id)))
            except InvalidOptionError:  # An id that cannot be sent back.
                continue
        for debt in debts:
            await attempt.record.opened(debt)
        payments = [self._hub.pay(debt) for debt in debts]
        if payments:
            await asyncio.wait(payments, timeout=bounds.CLOSE_TIMEOUT)
        else:
            attempt.record.hand_over()
        return tuple(debt.info.id for debt in debts if debt.settled)


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
