"""Read a page for a scrape: where its address led, and what the page holds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from firecrawl_interact.server.cdp import CdpError
from firecrawl_interact.server.engine import Engine, LaunchSpec
from firecrawl_interact.server.tab import ActionError, Tab, first_tab

LONGEST = 10 * 1024 * 1024  # Characters of one part, as JSON.

_TALLEST = 16_384  # Pixels of a picture; Chromium paints no larger ones.
_WIDEST = LaunchSpec().width  # Pixels of one: the window's. Some pages are wider than can be painted.

_ABOUT = """(() => {
    const short = (text) => text === undefined ? text : String(text).slice(0, 10_000);
    const meta = (name) => document.querySelector(`meta[name="${name}" i]`)?.content;
    return {
        title: short(document.title),
        description: short(meta("description")),
        language: short(document.documentElement?.lang || undefined),
        url: short(location.href),
        statusCode: performance.getEntriesByType("navigation")[0]?.responseStatus || undefined,
        contentType: document.contentType,
    };
})()"""
_PARTS = {
    "html": """(() => {
        const copy = document.documentElement.cloneNode(true);
        copy.querySelectorAll("head, script, style, noscript").forEach((each) => each.remove());
        return copy.outerHTML;
    })()""",
    "images": "[...new Set(Array.from(document.images, (each) => each.src).filter(Boolean))]",
    "links": "[...new Set(Array.from(document.links, (each) => each.href))]",
    "rawHtml": """(document.doctype ? new XMLSerializer().serializeToString(document.doctype) : "")
        + document.documentElement.outerHTML""",
}
READABLE = (*_PARTS, "screenshot")


class ReadingError(Exception):
    """
    The page could not be read.

    Attributes:
        on_action: Whether an action failed, and not the page.
    """

    def __init__(self, reason: str, *, on_action: bool = False) -> None:
        """Hold the browser's own words."""
        super().__init__(reason)
        self.on_action = on_action


@attrs.frozen(kw_only=True)
class Reading:
    """
    What was read.

    Attributes:
        about: Title, address, status and the like, by Firecrawl's names.

        parts: By name, those that were asked for.

        too_long: Names of those that were asked for, and left out.
    """

    about: Mapping[str, Any]
    parts: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
    too_long: tuple[str, ...] = ()


async def read(
    engine: Engine,
    url: str,
    parts: Iterable[str] = (),
    *,
    wait_for: float = 0,
    actions: Iterable[Mapping[str, Any]] = (),
    full_page: bool = False,
    timeout: float,
) -> Reading:
    """
    Open a page in a browser that was just started, and read it. Fakes read nothing.

    Args:
        engine: The browser.

        url: Of the page.

        parts: Of `READABLE`.

        wait_for: Milliseconds to wait once it has loaded.

        actions: Firecrawl's, done before.

        full_page: Whether a screenshot shows all of the page, or what is in the window.

        timeout: Seconds for all of it.

    Raises:
        ReadingError: The page cannot be opened, or takes no action.
        TimeoutError: See there.
    """
    endpoint = engine.endpoint
    if endpoint is None:
        return Reading(about={"url": url})
    try:
        async with asyncio.timeout(timeout), first_tab(endpoint) as tab:
            await tab.bring(url, wait_for, actions)
            about = await tab.evaluate(_ABOUT)
            found = {part: await _part(tab, part, full_page=full_page) for part in parts}
    except CdpError as error:
        raise ReadingError(str(error), on_action=isinstance(error, ActionError)) from error
    return Reading(
        about=about,
        parts={part: value for part, value in found.items() if value is not None},
        too_long=tuple(part for part, value in found.items() if value is None),
    )


async def _part(tab: Tab, part: str, *, full_page: bool) -> Any:
    if part == "screenshot":
        return await _picture(tab, full_page=full_page)
    # What is too long does not leave the browser.
    expression = f"((part) => JSON.stringify(part).length > {LONGEST} ? null : part)({_PARTS[part]})"
    return await tab.evaluate(expression)


async def _picture(tab: Tab, *, full_page: bool) -> str:
    """Take a picture, as the address that holds it."""
    params: dict[str, Any] = {"format": "png"}
    if full_page:
        size = (await tab.call("Page.getLayoutMetrics"))["cssContentSize"]
        width, height = min(size["width"], _WIDEST), min(size["height"], _TALLEST)
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        params |= {"captureBeyondViewport": True, "clip": clip}
    data = (await tab.call("Page.captureScreenshot", **params))["data"]
    return f"data:image/png;base64,{data}"
