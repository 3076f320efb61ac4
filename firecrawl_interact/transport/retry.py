"""Which failures are worth repeating, and when."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Collection, Mapping
from datetime import UTC

from firecrawl_interact.errors import TransportError
from firecrawl_interact.models import Answer, Request
from firecrawl_interact.transport.base import Transport

AGAIN = frozenset({408, 425, 429}) | frozenset(range(500, 600))  # Statuses that may differ next time.

_SECONDS = re.compile(r"-?[0-9]{1,9}(\.[0-9]*)?")

FIRST_PAUSE = 0.05  # Seconds: the longest pause before the first repeat; doubled for each further one.
LONGEST_PAUSE = 2.0  # Seconds: where the doubling ends.


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """
    Read how long the provider asks to wait.

    Args:
        headers: Names in lower case.

        now: Wall-clock seconds, for the form that names a date; the clock's if None.

    Returns:
        Seconds, not below 0 and as large as the provider said; None if it did not say, or
        nothing readable.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return max(0.0, float(text))
    if not text:
        return None
    try:
        return max(0.0, http_date(text) - (time.time() if now is None else now))
    except (ValueError, OverflowError):
        return None


def http_date(text: str) -> float:
    """
    Read a date as HTTP's headers have it; one without a zone is in UTC.

    Returns:
        Wall-clock seconds.

    Raises:
        OverflowError: A part of it is too large.

        ValueError: It is no date.
    """
    from email.utils import parsedate_to_datetime  # rare, and slow to import

    date = parsedate_to_datetime(text)
    return (date.replace(tzinfo=UTC) if date.tzinfo is None else date).timestamp()


def pause(attempt: int, after: float | None = None) -> float:
    """
    Choose how many seconds to wait before the next attempt: full jitter.

    Args:
        attempt: How many attempts have failed before this one; 0 after the first.

        after: What the provider asked for; the jitter comes on top, so that many who were
            told the same do not come back at the same instant.
    """
    ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(attempt, 10))
    return random.uniform(0.0, ceiling) + (after or 0.0)  # noqa: S311  # not cryptography


async def request(
    transport: Transport,
    request: Request,
    *,
    attempt: float,
    total: float,
    again: Collection[int] = AGAIN,
) -> Answer:
    """
    Send a request that may safely be sent twice, until it has a good answer or time is up.

    Args:
        transport: What carries it.

        request: What to send. Never a create.

        attempt: Seconds one sending may take.

        total: Seconds for all of it, pauses included. A pause that would pass it is not begun.

        again: Statuses that are worth another attempt.

    Returns:
        The first answer with another status, or else the last one that came in time.

    Raises:
        TransportError: The last attempt failed, and there was no time for another.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + total
    failed = 0
    while True:
        answer: Answer | None = None
        failure: TransportError | None = None
        after: float | None = None
        try:
            answer = await transport.send(request, timeout=min(attempt, end - loop.time()))
        except TransportError as error:
            failure = error
        else:
            if answer.status not in again:
                return answer
            after = retry_after(answer.headers)
        wait = pause(failed, after)
        failed += 1
        if loop.time() + wait < end:
            await asyncio.sleep(wait)
        elif answer is not None:
            return answer
        elif failure is not None:
            raise failure
