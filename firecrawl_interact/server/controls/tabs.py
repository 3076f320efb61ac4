"""What a browser's pages are, show and go to."""

from __future__ import annotations

import asyncio
import base64

import attrs

from firecrawl_interact.server.cdp import Cdp
from firecrawl_interact.server.controls.desk import ControlError, Desk

ARRIVAL = 15.0  # Seconds a page has to be read in; it is there before, just not whole.

_LOOKS = 0.05  # Seconds between looks whether it is.
_STATE = "() => document.readyState"
_HARMLESS = frozenset({"net::ERR_ABORTED"})  # A download, or an answer without content.


@attrs.frozen(kw_only=True)
class PageInfo:
    """One page of a browser."""

    id: str
    title: str
    url: str


async def pages(browser: Cdp) -> list[PageInfo]:
    """
    Return the pages, the one that was opened last first.

    Raises:
        CdpError: See there.
    """
    order = await browser.pages()
    targets = (await browser.call("Target.getTargets"))["targetInfos"]
    known = {target["targetId"]: target for target in targets}
    return [
        PageInfo(id=page, title=known[page]["title"], url=known[page]["url"])
        for page in order
        if page in known
    ]


async def screenshot(desk: Desk) -> bytes:
    """Take a picture of what the page shows, as PNG."""
    tab = await desk.tab()
    return base64.b64decode((await tab.call("Page.captureScreenshot", format="png"))["data"])


async def goto(desk: Desk, url: str) -> None:
    """
    Go to an address and wait until the page has been read in, for `ARRIVAL` seconds at most.

    Raises:
        ControlError: It cannot be reached.
    """
    tab = await desk.tab()
    answer = await tab.call("Page.navigate", url=url)
    trouble = answer.get("errorText")
    if trouble in _HARMLESS:
        return
    if trouble:
        raise ControlError(f"The address cannot be reached: {trouble}.")
    try:
        async with asyncio.timeout(ARRIVAL):
            while await tab.run(_STATE) == "loading":  # noqa: ASYNC110  # pages set no event
                await asyncio.sleep(_LOOKS)
    except TimeoutError:
        return  # Slow pages go on by themselves.
