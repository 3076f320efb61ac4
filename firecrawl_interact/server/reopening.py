"""Open a scraped page again, as far as it can be: its address, then what was done in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from firecrawl_interact.server.cdp import CdpError
from firecrawl_interact.server.record import Browser
from firecrawl_interact.server.tab import first_tab

TIMEOUT = 60.0  # Seconds for all of it; Firecrawl's own budget is 30 to 300.


class ReopeningError(Exception):
    """The page could not be brought back to where the scrape left it."""


async def reopen(
    browser: Browser, url: str, wait_for: float = 0, actions: Iterable[Mapping[str, Any]] = ()
) -> None:
    """
    Open a page in a browser's first tab and repeat what changed it. Fakes have no tab.

    Args:
        browser: Just started.

        url: Of the page.

        wait_for: Milliseconds to wait once it has loaded.

        actions: Firecrawl's; those that only read, and scripts, are left out, as there.

    Raises:
        ReopeningError: See there.
    """
    endpoint = browser.engine.endpoint
    if endpoint is None:
        return
    try:
        async with asyncio.timeout(TIMEOUT), first_tab(endpoint) as tab:
            await tab.bring(url, wait_for, actions)
    except (CdpError, TimeoutError) as error:
        raise ReopeningError from error
