"""What a session costs at Firecrawl."""

from __future__ import annotations

import math

from firecrawl_interact.server.record import Browser

RATE = 120  # Credits an hour.
PROMPT_RATE = 420  # Credits an hour, for the whole session, once it ran a prompt.


def bill(browser: Browser) -> int:
    """Tell what a browser has cost so far, or did cost."""
    return credits_for(browser.duration, PROMPT_RATE if browser.prompted else RATE)


def credits_for(seconds: float, rate: int = RATE) -> int:
    """Round up to whole credits, and to one minute at least."""
    return max(math.ceil(rate / 60), math.ceil(milliseconds(seconds) * rate / 3_600_000))


def milliseconds(seconds: float) -> int:
    """Convert as the provider does, to whole ones."""
    return round(seconds * 1000)
