"""Open a scraped page again, as far as it can be: its address, then what was done in it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from firecrawl_interact.server.cdp import Cdp, CdpError, attach, connect
from firecrawl_interact.server.record import Browser

TIMEOUT = 60.0  # Seconds for all of it; Firecrawl's own budget is 30 to 300.

_PAINTED = 1.0  # Seconds for the first frame after loading, in which `autofocus` takes effect.
_NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_LOOK = 0.05  # Seconds between two looks for an element.
_MOST_ACTIONS = 100
_ENTER = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}


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
    loaded = asyncio.Event()

    def notice(method: str, _params: dict[str, Any], _session: str | None) -> None:
        if method == "Page.loadEventFired":
            loaded.set()

    try:
        async with asyncio.timeout(TIMEOUT), connect(endpoint, notice) as cdp:
            tabs = await cdp.pages()
            tab = Tab(cdp, await attach(cdp, tabs[0]))
            await tab.open(url, loaded)
            await asyncio.sleep(wait_for / 1000)
            for action in list(actions)[:_MOST_ACTIONS]:
                await tab.repeat(action)
    except (CdpError, TimeoutError, IndexError, KeyError, TypeError) as error:
        raise ReopeningError from error


@attrs.frozen
class Tab:
    """One tab of a browser, and what a scrape may have done in it."""

    _cdp: Cdp
    _session: str

    async def open(self, url: str, loaded: asyncio.Event) -> None:
        """Go to an address and wait until *loaded* is set."""
        await self._call("Page.enable")
        reply = await self._call("Page.navigate", url=url)
        if "errorText" in reply:
            raise CdpError(reply["errorText"])
        await loaded.wait()
        with contextlib.suppress(TimeoutError):  # A tab that is not painted focuses nothing either.
            async with asyncio.timeout(_PAINTED):
                await self._call("Runtime.evaluate", expression=_NEXT_FRAME, awaitPromise=True)

    async def repeat(self, action: Mapping[str, Any]) -> None:
        """Do once more what a scrape did."""
        match action["type"]:
            case "wait" if "selector" in action:
                # Pages do not tell of new elements; the time limit is around all of it.
                while not await self._evaluate(f"!!document.querySelector({_js(action['selector'])})"):  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK)
            case "wait":
                await asyncio.sleep(action.get("milliseconds", 0) / 1000)
            case "click":
                await self._evaluate(f"document.querySelector({_js(action['selector'])}).click()")
            case "write":
                await self._call("Input.insertText", text=action["text"])
            case "press":
                key = _ENTER if action["key"].lower() == "enter" else {"key": action["key"]}
                for kind in ("keyDown", "keyUp"):
                    await self._call("Input.dispatchKeyEvent", type=kind, **key)
            case "scroll":
                sign = "-" if action.get("direction") == "up" else ""
                await self._evaluate(f"window.scrollBy(0, {sign}window.innerHeight)")
            case _:
                pass

    async def _call(self, method: str, **params: Any) -> Any:
        return await self._cdp.call(method, params, session=self._session)

    async def _evaluate(self, expression: str) -> Any:
        reply = await self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in reply:
            raise CdpError("the page did not take it")
        return reply["result"].get("value")


def _js(text: str) -> str:
    return json.dumps(text)
