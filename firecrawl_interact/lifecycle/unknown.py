"""
A create whose answer was lost: what can be proved to be ours, and what to say of the rest.

A wrong delete is worse than a leak: nothing is ended here that is not provably ours. A mark, a
random tag per POST, is proof. Without marks the caller's word that the key is exclusive is
needed, and then the strict rule of `find_by_exclusion`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

import attrs

from firecrawl_interact.errors import BackendError, CreateUnknownError, InteractError
from firecrawl_interact.guardian.answers import live_ids
from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.debt import given_up, outstanding
from firecrawl_interact.transport.redact import redact
from firecrawl_interact.transport.retry import http_date

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.lifecycle.record import Record
    from firecrawl_interact.models import Answer, CreatePlan, Request, Search
    from firecrawl_interact.transport.base import Transport

_log = logging.getLogger("firecrawl_interact")

_WINDOW_SLACK = 1.0  # Seconds on either side: a Date header has no fraction.
_UUID7_TIME = 80  # Bits behind the 48 that hold the milliseconds.


@attrs.define(eq=False)
class Attempt:
    """
    One create on its way.

    Attributes:
        started: Wall-clock seconds just before its latest sending.

        ended: Wall-clock seconds at which we gave up on its answer; None before.
    """

    backend: Backend
    plan: CreatePlan
    record: Record
    started: float
    ended: float | None = None

    @property
    def expires(self) -> float:
        """Wall-clock seconds by which the provider has ended what this attempt may have made."""
        return (self.ended or time.time()) + self.plan.ttl

    def may_have_made(self, instant: float) -> bool:
        """Tell whether a session made at *instant*, in wall-clock seconds, can come from this attempt."""
        end = time.time() if self.ended is None else self.ended
        return self.started - _WINDOW_SLACK <= instant <= end + _WINDOW_SLACK


# Creates of this process whose session, if there is one, has no known id.
unresolved: set[Attempt] = set()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=unresolved.clear)


def resolved(attempt: Attempt) -> None:
    """Take a create off the list, unless it stays unknown: its session may be in a rival's window."""
    if attempt.ended is None:
        unresolved.discard(attempt)
        return
    now = time.time()
    unresolved.difference_update([old for old in unresolved if old.ended and old.expires < now])


async def find_by_mark(attempt: Attempt, transport: Transport) -> list[str]:
    """Look for the session with the mark, at `bounds.SEARCHES`; the guardian goes on after that."""
    search = attempt.plan.search
    if search is None:
        return []
    before = 0.0
    for moment in bounds.SEARCHES:
        await asyncio.sleep(moment - before)
        before = moment
        answer = await _ask(transport, search.request)
        found = [] if answer is None else marked(search, answer)
        if found:
            return found
    return []


def marked(search: Search, answer: Answer) -> list[str] | None:
    """Read the ids of the living sessions that carry the mark; None if the list cannot be read."""
    if answer.status != 200:  # noqa: PLR2004  # HTTP's own number
        return None
    try:
        return live_ids(search.rows, answer.body, search.mark)
    except ValueError:
        return None


async def find_by_exclusion(attempt: Attempt, transport: Transport) -> list[str]:
    """
    Find the session by exclusion, on the caller's word that nobody else uses the key.

    It must be the only living session whose id (a UUIDv7) dates from the create's window, by
    the server's clock; be unknown to this process and to the ledger; and no other create with
    an unknown outcome may overlap the window. Else nothing is found.
    """
    record = attempt.record
    if record.ledger_expected and record.ledger is None:
        return []  # The one witness of what others made with this key is missing.
    asked = time.time()
    answer = await _ask(transport, attempt.backend.list_request())
    answered = time.time()
    if answer is None or answered - asked > _WINDOW_SLACK:
        return []  # A slow answer's Date header says too little about the clock.
    skew = _clock_skew(answer, (asked + answered) / 2)
    try:
        rows = attempt.backend.read_list(answer)
        known, rivals = await _what_others_made(attempt)
    except (InteractError, LedgerError) as problem:
        _log.warning("The session of a lost create could not be looked for (%s).", type(problem).__name__)
        return []
    if rivals:
        return []
    found = [
        row.id
        for row in rows
        if row.alive
        and row.id not in known
        and (born := _uuid7_seconds(row.id)) is not None
        and attempt.may_have_made(born - skew)
    ]
    return found if len(found) == 1 else []


def error(
    attempt: Attempt,
    cause: BaseException,
    *,
    recovered: tuple[str, ...] = (),
    session_id: str | None = None,
) -> CreateUnknownError:
    """Build the error for a create whose outcome is not known, or whose id cannot be sent back."""
    ended = attempt.ended or time.time()
    if recovered:
        outcome = f"{len(recovered)} session it had made was found and ended."
    else:
        outcome = (
            "A session may exist; without use it ends after its activity ttl, at the latest by "
            f"{_utc(attempt.expires).isoformat(timespec='seconds')}."
        )
    return CreateUnknownError(
        f"The outcome of a create at {attempt.backend.name} is not known ({_reason(attempt, cause)}), "
        f"sent at {_utc(attempt.started).isoformat(timespec='milliseconds')}, given up at "
        f"{_utc(ended).isoformat(timespec='milliseconds')}. It was not sent again. {outcome}",
        backend=attempt.backend.name,
        started_at=_utc(attempt.started),
        ended_at=_utc(ended),
        may_live_until=None if recovered else _utc(attempt.expires),
        mark=attempt.plan.mark,
        recovered=recovered,
        session_id=session_id,
    )


def _reason(attempt: Attempt, cause: BaseException) -> str:
    """Say what went wrong; what somebody else's code raises may quote a link."""
    if isinstance(cause, BackendError):
        return str(cause)  # Has status and words, redacted.
    status = getattr(cause, "status", None)
    what = f"HTTP {status}" if status is not None else type(cause).__name__
    return redact(f"{what}: {cause}", attempt.backend.key)


async def _ask(transport: Transport, request: Request) -> Answer | None:
    try:
        return await transport.send(request, timeout=bounds.SEARCH_ATTEMPT)
    except InteractError:
        return None


async def _what_others_made(attempt: Attempt) -> tuple[set[str], bool]:
    """Return the ids that are known to be somebody's, and whether another create's outcome is open too."""
    known = {debt.info.id for debt in tuple(outstanding)} | set(given_up)
    rivals = any(
        other is not attempt
        and other.backend.base_url == attempt.backend.base_url
        and other.backend.key == attempt.backend.key
        and (attempt.may_have_made(other.started) or other.may_have_made(attempt.started))
        for other in tuple(unresolved)
    )
    ledger = attempt.record.ledger
    if ledger is not None:
        key_print = ledger.fingerprint(attempt.backend.key)
        mine = {other.record.id for other in tuple(unresolved)}
        for entry in await ledger.owed():
            if entry.base_url != attempt.backend.base_url or entry.key_print != key_print:
                continue
            if entry.session_id is not None:
                known.add(entry.session_id)
            elif entry.id not in mine and _may_overlap(entry.planned_at, attempt):
                rivals = True
    return known, rivals


def _may_overlap(planned_at: float, attempt: Attempt) -> bool:
    """Tell whether another process's open intent may have made what we look for: until it is forgotten."""
    return planned_at - _WINDOW_SLACK <= (attempt.ended or time.time())


def _clock_skew(answer: Answer, now: float) -> float:
    """Seconds by which the server's clock is ahead of ours, by its Date header; 0 without one."""
    try:
        ahead = http_date(answer.headers["date"]) - now
    except (KeyError, ValueError, OverflowError):
        return 0.0
    return ahead if abs(ahead) > _WINDOW_SLACK else 0.0


def _uuid7_seconds(session_id: str) -> float | None:
    try:
        parsed = UUID(session_id)
    except ValueError:
        return None
    return (parsed.int >> _UUID7_TIME) / 1000 if parsed.version == 7 else None  # noqa: PLR2004


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
