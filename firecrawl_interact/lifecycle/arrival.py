"""Arrival: wait for the session of a create that was answered before the session was there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from firecrawl_interact.errors import TransportError, TransportTimeoutError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.transport.retry import AGAIN, pause, retry_after

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.models import Answer
    from firecrawl_interact.transport.base import Transport

_NOT_FOUND = 404


async def arrival(backend: Backend, transport: Transport, answer: Answer, *, deadline: float) -> Answer:
    """
    Ask until the backend has nothing more to ask for, and return the last answer.

    It is not broken off when nobody wants the session any more: only its id can end it.

    Args:
        backend: Who says what to ask next.

        transport: What carries it.

        answer: To the create.

        deadline: Seconds on the loop's clock.

    Returns:
        An answer for `Backend.read_created`, or the refusal to tell.

    Raises:
        TransportTimeoutError: It is not there in time.
    """
    loop = asyncio.get_running_loop()
    looks = failed = not_found = 0
    asking = backend.pending(answer)
    while asking is not None:
        wait = bounds.ARRIVAL_PAUSES[min(looks, len(bounds.ARRIVAL_PAUSES) - 1)]
        if failed:
            wait = max(wait, pause(failed, retry_after(answer.headers)))
        left = deadline - loop.time()
        if left <= wait:
            raise TransportTimeoutError("The session was asked for, and is not there in time.")
        await asyncio.sleep(wait)
        looks += 1
        try:
            answer = await transport.send(asking, timeout=min(bounds.ARRIVAL_ATTEMPT, left - wait))
        except TransportError:
            failed += 1
            continue
        if answer.status == _NOT_FOUND and not_found < bounds.ARRIVAL_NOT_FOUND:
            not_found += 1  # A replica that lags.
        elif answer.status in AGAIN:
            failed += 1
        else:
            failed = 0
            asking = backend.pending(answer)
    return answer
