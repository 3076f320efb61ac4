"""One tab of a browser, opened and used as scrapes do it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from typing import Any

import attrs

from firecrawl_interact.server.cdp import Cdp, CdpError, attach, connect
from firecrawl_interact.server.engine import Endpoint

_PAINTED = 3.0  # Seconds for the first frame after loading, in which `autofocus` takes effect.
_NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_LOOK = 0.05  # Seconds between two looks for an element.
_MOST_ACTIONS = 100
_MOST_MOVES = 10  # Of a page that leads on to another by itself, as often as it is waited for.
_MOVED = (
    "Inspected target navigated or closed",
    "Cannot find context with specified id",
)  # Chromium's words.
_OUR_WORLD = "interact"  # Scripts in it see the page, and nothing of what its own have replaced.
_ENTER = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}


class ActionError(CdpError):
    """An action of a scrape is none, or the page did not take it."""


@attrs.define(eq=False)
class Tab:
    """A tab, and what a scrape may do in it. Dialogs of its page are dismissed, as nobody sees them."""

    _cdp: Cdp
    _session: str
    _loaded: asyncio.Event  # Whether what it shows has.
    _frame: str = ""

    async def bring(self, url: str, wait_for: float = 0, actions: Iterable[Mapping[str, Any]] = ()) -> None:
        """
        Open a page and do in it what changes it.

        Args:
            url: Of the page.

            wait_for: Milliseconds to wait once it has loaded.

            actions: Firecrawl's; those that only read, and scripts, are left out.

        Raises:
            CdpError: It cannot be opened.
            ActionError: It does not take an action.
        """
        await self._open(url)
        await asyncio.sleep(wait_for / 1000)
        for action in list(actions)[:_MOST_ACTIONS]:
            try:
                await self._act(action)
            except (
                CdpError,
                KeyError,
                TypeError,
                AttributeError,
                ValueError,
                OverflowError,
            ) as error:  # Actions come as they were sent.
                raise ActionError(f"the page did not take the action {action.get('type')!r:.40}") from error

    async def call(self, method: str, **params: Any) -> Any:
        """
        Send a command and wait for its result.

        Raises:
            CdpError: See there.
        """
        return await self._cdp.call(method, params, session=self._session)

    async def evaluate(self, expression: str) -> Any:
        """
        Return what JavaScript in the page comes to; the page's own cannot change what it means.

        Raises:
            CdpError: It failed.
        """
        reply = await self._where_it_stays(lambda: self._evaluate(expression))
        if "exceptionDetails" in reply:
            raise CdpError("the page did not take it")
        return reply["result"].get("value")

    async def _evaluate(self, expression: str) -> Any:
        world = await self.call("Page.createIsolatedWorld", frameId=self._frame, worldName=_OUR_WORLD)
        here = world["executionContextId"]
        return await self.call("Runtime.evaluate", expression=expression, contextId=here, returnByValue=True)

    async def _open(self, url: str) -> None:
        await self.call("Page.enable")
        reply = await self.call("Page.navigate", url=url)
        if "errorText" in reply:
            raise CdpError(reply["errorText"])
        self._frame = reply["frameId"]
        await self._loaded.wait()
        with contextlib.suppress(TimeoutError):  # A tab that is not painted focuses nothing either.
            await self._where_it_stays(self._painted)

    async def _painted(self) -> None:
        async with asyncio.timeout(_PAINTED):
            await self.call("Runtime.evaluate", expression=_NEXT_FRAME, awaitPromise=True)

    async def _where_it_stays(self, do: Callable[[], Awaitable[Any]]) -> Any:
        """Do it in the page, and once more in the next one where that led on meanwhile."""
        for _ in range(_MOST_MOVES):
            try:
                return await do()
            except CdpError as error:
                if str(error) not in _MOVED:
                    raise
            await asyncio.sleep(_LOOK)  # Until the next one is there, of which we hear apart.
            await self._loaded.wait()
        raise CdpError("the page leads on and on")

    async def _act(self, action: Mapping[str, Any]) -> None:
        match action["type"]:
            case "wait" if "selector" in action:
                # Pages do not tell of new elements; the time limit is around all of it.
                while not await self.evaluate(f"!!document.querySelector({_js(action['selector'])})"):  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK)
            case "wait":
                await asyncio.sleep(action.get("milliseconds", 0) / 1000)
            case "click":
                await self.evaluate(f"document.querySelector({_js(action['selector'])}).click()")
            case "write":
                await self.call("Input.insertText", text=action["text"])
            case "press":
                key = _ENTER if action["key"].lower() == "enter" else {"key": action["key"]}
                for kind in ("keyDown", "keyUp"):
                    await self.call("Input.dispatchKeyEvent", type=kind, **key)
            case "scroll":
                sign = "-" if action.get("direction") == "up" else ""
                await self.evaluate(f"window.scrollBy(0, {sign}window.innerHeight)")
            case _:
                pass


@contextlib.asynccontextmanager
async def first_tab(endpoint: Endpoint) -> AsyncGenerator[Tab]:
    """
    Take hold of the tab of a browser that was just started.

    Raises:
        CdpError: It has none, or has gone.
    """
    loaded = asyncio.Event()
    dialogs: asyncio.Queue[tuple[str | None, str]] = asyncio.Queue()

    def notice(method: str, params: dict[str, Any], session: str | None) -> None:
        if method == "Page.loadEventFired":
            loaded.set()
        elif method == "Page.frameNavigated" and "parentId" not in params["frame"]:
            loaded.clear()
        elif method == "Page.javascriptDialogOpening":
            dialogs.put_nowait((session, params["type"]))

    async with connect(endpoint, notice) as cdp:
        tabs = await cdp.pages()
        if not tabs:
            raise CdpError("there is no page")
        dismissing = asyncio.create_task(_dismiss(cdp, dialogs))
        try:
            yield Tab(cdp, await attach(cdp, tabs[0]), loaded)
        finally:
            dismissing.cancel()
            await asyncio.wait((dismissing,))


async def _dismiss(cdp: Cdp, dialogs: asyncio.Queue[tuple[str | None, str]]) -> None:
    """Say no to every dialog, but yes to leaving a page; until one is answered, its page stands still."""
    with contextlib.suppress(CdpError):  # It has gone, which is told to whoever calls next.
        while True:
            session, kind = await dialogs.get()
            params = {"accept": kind == "beforeunload"}
            await cdp.tell("Page.handleJavaScriptDialog", params, session=session)


def _js(text: str) -> str:
    return json.dumps(text)
