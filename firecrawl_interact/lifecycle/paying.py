"""Paying: send an end until it is confirmed, or time is up."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from firecrawl_interact.errors import TransportError
from firecrawl_interact.guardian.answers import (
    NOT_FOUND,
    NOT_FOUND_PAUSE,
    NOT_FOUND_TRIES,
    Verdict,
    judge,
    judge_list,
)
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.models import Answer, CloseReceipt
from firecrawl_interact.transport.retry import pause, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from firecrawl_interact.lifecycle.nap import Nap
    from firecrawl_interact.models import EndRequest
    from firecrawl_interact.transport.base import Transport


@attrs.frozen(kw_only=True)
class Outcome:
    """
    What came of sending an end.

    Attributes:
        gone: True if the provider confirmed it.

        answer: The last answer, or None if the last attempt brought none.

        problem: What the line did, where there was no answer.

        earlier: Answers before it that confirmed an end and asked for one more.
    """

    gone: bool
    answer: Answer | None = None
    problem: Exception | None = None
    earlier: tuple[Answer, ...] = ()


async def pay(
    end: Callable[[], EndRequest], session_id: str, transport: Transport, nap: Nap, *, total: float
) -> Outcome:
    """
    End a session, asking again while the provider says so or the line fails.

    Args:
        end: Returns what to send; asked before each try, since more may be known by then.

        session_id: Whose end it is.

        transport: How to reach the provider, in this loop.

        nap: Where to pause between tries; once woken only short pauses are made.

        total: Seconds for all tries.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + total
    attempt = not_found = 0
    earlier: list[Answer] = []
    while True:
        owed = end()
        answer: Answer | None = None
        problem: TransportError | None = None
        after: float | None = None
        left = deadline - loop.time()
        try:
            answer = await transport.send(owed.request, timeout=min(bounds.DELETE_ATTEMPT, left))
        except TransportError as error:
            problem = error
            verdict = Verdict.AGAIN
        else:
            verdict = judge(owed, answer.status, answer.body, now=time.time(), not_found=not_found)
            if verdict is Verdict.VERIFY:
                verdict = await _verified(owed, session_id, transport, deadline - loop.time())
            after = retry_after(answer.headers) if verdict is Verdict.AGAIN else None
        if verdict is not Verdict.AGAIN:
            gone = verdict is Verdict.GONE
            return Outcome(gone=gone, answer=answer, problem=problem, earlier=tuple(earlier))
        if answer is not None and answer.status in owed.gone and answer.status != NOT_FOUND:
            earlier.append(answer)
        if answer is not None and answer.status == NOT_FOUND:
            not_found += 1
            wait = NOT_FOUND_PAUSE if not_found <= NOT_FOUND_TRIES else max(NOT_FOUND_PAUSE, pause(attempt))
        else:
            wait = pause(attempt, None if nap.woken else after)
        attempt += 1
        if loop.time() + wait >= deadline:
            return Outcome(gone=False, answer=answer, problem=problem, earlier=tuple(earlier))
        if nap.woken:
            await asyncio.sleep(wait)
        else:
            await nap.sleep(wait)


def added_up(receipts: Sequence[CloseReceipt]) -> CloseReceipt:
    """
    Add up the receipts of one end that was sent until nothing was left to end.

    One without a duration only repeats what was said before; alone it counts.
    """
    *earlier, last = receipts
    if not earlier:
        return last
    counted = [receipt for receipt in receipts if receipt.duration is not None]
    if not counted:
        return last
    credits_billed = [each.credits_billed for each in counted if each.credits_billed is not None]
    return CloseReceipt(
        confirmed=True,
        duration=sum((each.duration for each in counted if each.duration is not None), timedelta()),
        credits_billed=sum(credits_billed) if credits_billed else None,
    )


async def _verified(end: EndRequest, session_id: str, transport: Transport, left: float) -> Verdict:
    """Ask the provider's list where the status alone does not tell."""
    if end.verify is None:
        return Verdict.FINAL
    try:
        listed = await transport.send(end.verify.request, timeout=min(bounds.SEARCH_ATTEMPT, max(left, 0.1)))
    except TransportError:
        return Verdict.AGAIN
    return judge_list(end.verify, listed.status, listed.body, session_id)
