"""Polling: ask until there is nothing more to ask, for what was accepted before it was there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from firecrawl_interact.errors import TransportError, TransportTimeoutError
from firecrawl_interact.models import Answer, Request
from firecrawl_interact.transport.base import Transport
from firecrawl_interact.transport.retry import AGAIN, pause, retry_after

PAUSES = (0.1, 0.2, 0.4, 0.7, 1.0)  # Seconds between looks; the last repeats. No provider says how often.
ATTEMPT = 10.0  # Seconds for one look.
NOT_FOUND_TRIES = 3  # Looks at which what was just accepted may be unknown: a replica that lags.

_NOT_FOUND = 404


async def poll(
    transport: Transport, answer: Answer, following: Callable[[Answer], Request | None], *, within: float
) -> Answer:
    """
    Ask until *following* has no further request.

    Args:
        transport: What carries the requests, which must change nothing.

        answer: The first one.

        following: Says what to ask next, given a readable answer; None for nothing.

        within: Seconds for all of it.

    Returns:
        The last answer: the outcome, or a refusal that asking again would not change.

    Raises:
        TransportTimeoutError: There is no outcome in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    looks = failed = not_found = 0
    asking = following(answer)
    while asking is not None:
        wait = PAUSES[min(looks, len(PAUSES) - 1)]
        if failed:
            wait = max(wait, pause(failed, retry_after(answer.headers)))
        left = deadline - loop.time()
        if left <= wait:
            raise TransportTimeoutError("It was accepted, and did not come to be in time.")
        await asyncio.sleep(wait)
        looks += 1
        try:
            answer = await transport.send(asking, timeout=min(ATTEMPT, left - wait))
        except TransportError:
            failed += 1
            continue
        if answer.status == _NOT_FOUND and not_found < NOT_FOUND_TRIES:
            not_found += 1
        elif answer.status in AGAIN:
            failed += 1
        else:
            failed = 0
            asking = following(answer)
    return answer
