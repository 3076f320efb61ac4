"""Paying: send an end until it is confirmed, or time is up."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import attrs

from firecrawl_interact.errors import TransportError
from firecrawl_interact.guardian.answers import NOT_FOUND_PAUSE, Verdict, judge, judge_list
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.models import Answer
from firecrawl_interact.transport.retry import pause, retry_after

if TYPE_CHECKING:
    from firecrawl_interact.lifecycle.nap import Nap
    from firecrawl_interact.models import EndRequest
    from firecrawl_interact.transport.base import Transport

_NOT_FOUND = 404


@attrs.frozen(kw_only=True)
class Outcome:
    """
    What came of sending an end.

    Attributes:
        gone: True if the provider confirmed it.

        answer: The last answer, or None if the last attempt brought none.

        problem: What the line did, where there was no answer.
    """

    gone: bool
    answer: Answer | None = None
    problem: Exception | None = None


async def pay(end: EndRequest, session_id: str, transport: Transport, nap: Nap, *, total: float) -> Outcome:
    """
    End a session, asking again while the provider says so or the line fails.

    Args:
        end: What to send.

        session_id: Whose end it is.

        transport: How to reach the provider, in this loop.

        nap: Where to pause between tries; once woken only short pauses are made.

        total: Seconds for all tries.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + total
    attempt = not_found = 0
    while True:
        answer: Answer | None = None
        problem: TransportError | None = None
        after: float | None = None
        left = deadline - loop.time()
        try:
            answer = await transport.send(end.request, timeout=min(bounds.DELETE_ATTEMPT, left))
        except TransportError as error:
            problem = error
            verdict = Verdict.AGAIN
        else:
            verdict = judge(end, answer.status, answer.body, now=time.time(), not_found=not_found)
            if verdict is Verdict.VERIFY:
                verdict = await _verified(end, session_id, transport, deadline - loop.time())
            after = retry_after(answer.headers) if verdict is Verdict.AGAIN else None
        if verdict is not Verdict.AGAIN:
            return Outcome(gone=verdict is Verdict.GONE, answer=answer, problem=problem)
        if answer is not None and answer.status == _NOT_FOUND:
            not_found += 1
            wait = NOT_FOUND_PAUSE
        else:
            wait = pause(attempt, None if nap.woken else after)
        attempt += 1
        if loop.time() + wait >= deadline:
            return Outcome(gone=False, answer=answer, problem=problem)
        if nap.woken:
            await asyncio.sleep(wait)
        else:
            await nap.sleep(wait)


async def _verified(end: EndRequest, session_id: str, transport: Transport, left: float) -> Verdict:
    """Ask the provider's list where the status alone does not tell."""
    if end.verify is None:
        return Verdict.FINAL
    try:
        listed = await transport.send(end.verify.request, timeout=min(bounds.SEARCH_ATTEMPT, max(left, 0.1)))
    except TransportError:
        return Verdict.AGAIN
    return judge_list(end.verify, listed.status, listed.body, session_id)
