"""Stage: which pages a browser has, which of them is shown, and what stands around its picture."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import attrs

from firecrawl_interact.server.cdp import Cdp, CdpError, Params, attach

_TRIES = 20  # To begin with a page.
_PAUSE = 0.05  # Seconds between them.
_REFRESH = 1.0  # Seconds between looks at titles: no event tells of their changes.
_LONGEST_TITLE = 300  # Characters; `data:` pages have their whole text for a title.
_LONGEST_MESSAGE = 2_000  # Characters of a dialog.


@attrs.frozen(kw_only=True)
class Tab:
    """
    One page of the browser.

    Attributes:
        number: Names it while the browser is watched; counts from 1 and is never given twice.

        title: As the page has it; its address as long as it has none.

        url: Its address.
    """

    number: int
    title: str
    url: str


@attrs.frozen(kw_only=True)
class Dialog:
    """
    What a page asks, and waits for.

    Attributes:
        kind: ``alert``, ``confirm``, ``prompt`` or ``beforeunload``.

        message: Its text.

        default: What a prompt suggests.
    """

    kind: str
    message: str
    default: str = ""


@attrs.frozen(kw_only=True)
class Scene:
    """
    Everything that is shown but the picture. Each change makes a new one.

    Attributes:
        tabs: The pages, in the order of their opening.

        active: Number of the one that is shown; None where there is none.

        loading: Whether it is on its way to another address. Known only while somebody attends.

        dialog: What it asks. Known only while somebody attends.
    """

    tabs: tuple[Tab, ...] = ()
    active: int | None = None
    loading: bool = False
    dialog: Dialog | None = None

    @property
    def url(self) -> str:
        """Address of the page that is shown; empty where there is none."""
        return next((tab.url for tab in self.tabs if tab.number == self.active), "")


class Stage:
    """
    Follow the pages of one browser over one connection.

    The page that was opened last is shown, until another one is turned to. To see a dialog is to keep
    it open, as browsers without a window answer those that nobody sees. So dialogs are looked at only
    while somebody attends who can answer; watching alone changes nothing.

    Attributes:
        scene: What is shown now.

        known: Whether the scene tells which pages there are; a stage begins without.
    """

    def __init__(
        self, *, screencast: Params, on_frame: Callable[[Params], None], on_scene: Callable[[], None]
    ) -> None:
        """
        Show nothing yet.

        Args:
            screencast: Parameters of ``Page.startScreencast``.

            on_frame: Called with every frame of the page that is shown, once; each must be acknowledged.

            on_scene: Called when `scene` is another one.
        """
        self.scene: Scene = Scene()
        self.known: bool = False
        self._screencast = screencast
        self._on_frame = on_frame
        self._on_scene = on_scene
        self._events: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self._browser: Cdp | None = None
        self._numbers: dict[str, int] = {}  # By target, in the order of their opening.
        self._seen: list[str] = []  # Targets in the order in which they were shown; the last is.
        self._last_number = 0
        self._session: str | None = None  # Through which the picture comes.
        self._attending: str | None = None  # Through which dialogs do.
        self._attended = False
        self._wanted: int | None = None  # Number of the page to turn to.

    def take(self, method: str, params: dict[str, Any], session: str | None) -> None:
        """Note an event of the browser."""
        ours = session is not None and session in {self._session, self._attending}
        if ours or method.startswith("Target."):
            self._events.put_nowait((method, params))

    async def run(self, browser: Cdp) -> None:
        """
        Follow the pages until the browser goes.

        Raises:
            CdpError: It has gone.
        """
        self._browser = browser
        for target in reversed(await browser.pages()):
            self._number(target)
        if self._numbers:
            await self._show(browser, next(reversed(self._numbers)))
        await browser.call("Target.setDiscoverTargets", {"discover": True})
        refreshing = asyncio.create_task(self._refresh_often())
        try:
            while True:
                method, params = await self._events.get()
                await self._deal(browser, method, params)
        finally:
            refreshing.cancel()

    def attend(self, *, attended: bool) -> None:
        """Say whether somebody is there who can answer dialogs."""
        if attended != self._attended:
            self._attended = attended
            self._events.put_nowait(("attended", {}))

    def turn(self, number: int) -> None:
        """Show another page; a number that there is not is ignored, and so is all but the last of many."""
        if self._wanted is None:
            self._events.put_nowait(("turn", {}))
        self._wanted = number

    async def tell(self, method: str, params: Params | None = None) -> None:
        """
        Send a command to the page that is shown, if there is one.

        Raises:
            CdpError: The browser has gone.
        """
        if self._browser is not None and self._session is not None:
            await self._browser.tell(method, params, session=self._session)

    async def call(self, method: str, params: Params | None = None) -> Any:
        """
        Ask the page that is shown.

        Raises:
            CdpError: It refused, or there is none.
        """
        if self._browser is None or self._session is None:
            raise CdpError("there is no page")
        return await self._browser.call(method, params, session=self._session)

    async def answer(self, *, accept: bool, text: str = "") -> None:
        """
        Answer the dialog of the page that is shown, if it has one.

        Raises:
            CdpError: The browser has gone.
        """
        if self._browser is not None and self._attending is not None:
            params = {"accept": accept, "promptText": text}
            await self._browser.tell("Page.handleJavaScriptDialog", params, session=self._attending)

    async def open(self) -> None:
        """
        Open an empty page; it is shown as every new one is.

        Raises:
            CdpError: The browser has gone.
        """
        if self._browser is not None:
            await self._browser.tell("Target.createTarget", {"url": "about:blank"})

    async def close(self, number: int) -> None:
        """
        Close a page; a number that there is not is ignored.

        Raises:
            CdpError: The browser has gone.
        """
        target = self._target(number)
        if self._browser is not None and target is not None:
            await self._browser.tell("Target.closeTarget", {"targetId": target})

    async def _deal(self, browser: Cdp, method: str, params: dict[str, Any]) -> None:  # noqa: C901, PLR0912  # one event each
        match method:
            case "Page.screencastFrame":
                self._on_frame(params)
            case "Target.targetCreated":
                await self._opened(browser, params["targetInfo"])
            case "Target.targetDestroyed":
                await self._closed(browser, params["targetId"])
            case "Target.targetInfoChanged":
                self._tabs([params["targetInfo"]])
            case "Page.javascriptDialogOpening":
                self._asked(params)
            case "Page.javascriptDialogClosed":
                self._change(dialog=None)
            case "Page.frameStartedLoading" | "Page.frameStoppedLoading":
                if self._seen and params["frameId"] == self._seen[-1]:  # The page's own, not one within.
                    self._change(loading=method == "Page.frameStartedLoading")
            # Our own, between the browser's.
            case "titles":
                # Dealt with after the events that came before it: they would take it back.
                self._events.put_nowait(("targets", await browser.call("Target.getTargets")))
            case "targets":
                self._tabs(params["targetInfos"])
                self._know()
            case "attended":
                await self._look_at_dialogs(browser)
            case "turn":
                await self._turn(browser)
            case _:
                pass

    async def _opened(self, browser: Cdp, target: dict[str, Any]) -> None:
        # Those that were there before are told of as well.
        if target["type"] != "page":
            return
        known = target["targetId"] in self._numbers
        if not known:
            self._number(target["targetId"])
        self._tabs([target])
        if not known:
            await self._show(browser, target["targetId"])

    async def _closed(self, browser: Cdp, target: str) -> None:
        if self._numbers.pop(target, None) is None:
            return
        shown = self._seen[-1:] == [target]
        if target in self._seen:
            self._seen.remove(target)
        self._change(tabs=tuple(tab for tab in self.scene.tabs if self._target(tab.number) is not None))
        if shown:
            self._session = self._attending = None
            self._change(active=None, loading=False, dialog=None)
            left = self._seen or list(self._numbers)
            if left:
                await self._show(browser, left[-1])

    async def _turn(self, browser: Cdp) -> None:
        number, self._wanted = self._wanted, None
        target = None if number is None else self._target(number)
        if target is not None and number != self.scene.active:
            await browser.tell("Target.activateTarget", {"targetId": target})
            await self._show(browser, target)

    async def _show(self, browser: Cdp, target: str) -> None:
        """Turn to a page; one that has gone meanwhile is passed over."""
        for session in (self._session, self._attending):
            if session is not None:
                await browser.tell("Target.detachFromTarget", {"sessionId": session})
        self._session = self._attending = None
        if target in self._seen:
            self._seen.remove(target)
        self._seen.append(target)
        self._change(loading=False, dialog=None)
        with contextlib.suppress(CdpError):
            self._session = await attach(browser, target)
            self._change(active=self._numbers[target])  # Not before: what is told to it shall reach it.
            await self._start_screencast(browser, self._session)
            await self._look_at_dialogs(browser)

    async def _start_screencast(self, browser: Cdp, session: str) -> None:
        """Begin; a page that is just being left for another one refuses for a moment."""
        for _ in range(_TRIES - 1):
            with contextlib.suppress(CdpError):
                await browser.call("Page.startScreencast", self._screencast, session=session)
                return
            await asyncio.sleep(_PAUSE)
        await browser.call("Page.startScreencast", self._screencast, session=session)

    async def _look_at_dialogs(self, browser: Cdp) -> None:
        """Open or end the session that keeps dialogs open; its end answers the one that is."""
        if self._attended and self._attending is None and self._seen:
            with contextlib.suppress(CdpError):
                self._attending = await attach(browser, self._seen[-1])
                # Not waited for: a page that asks already does not answer.
                await browser.tell("Page.enable", session=self._attending)
        elif not self._attended and self._attending is not None:
            await browser.tell("Target.detachFromTarget", {"sessionId": self._attending})
            self._attending = None
            self._change(loading=False, dialog=None)

    def _asked(self, params: dict[str, Any]) -> None:
        message, default = params["message"][:_LONGEST_MESSAGE], params.get("defaultPrompt", "")
        self._change(dialog=Dialog(kind=params["type"], message=message, default=default[:_LONGEST_MESSAGE]))

    def _number(self, target: str) -> None:
        self._last_number += 1
        self._numbers[target] = self._last_number

    def _target(self, number: int) -> str | None:
        return next((target for target, its in self._numbers.items() if its == number), None)

    def _tabs(self, infos: list[dict[str, Any]]) -> None:
        """Take over titles and addresses."""
        tabs = {tab.number: tab for tab in self.scene.tabs}
        for info in infos:
            number = self._numbers.get(info["targetId"])
            if number is not None:
                url = info["url"][:_LONGEST_MESSAGE]
                tabs[number] = Tab(number=number, title=(info["title"] or url)[:_LONGEST_TITLE], url=url)
        self._change(tabs=tuple(tabs[number] for number in sorted(tabs)))

    def _know(self) -> None:
        if not self.known:
            self.known = True
            self._on_scene()

    def _change(self, **changes: Any) -> None:
        scene = attrs.evolve(self.scene, **changes)
        if scene != self.scene:
            self.scene = scene
            self._on_scene()

    async def _refresh_often(self) -> None:
        while True:
            self._events.put_nowait(("titles", {}))
            await asyncio.sleep(_REFRESH)
