"""
Screencast: the picture of a browser, taken once for everybody who looks.

Viewers and recorders alike subscribe::

    async with request.app[SCREENCASTS].watch(browser) as feed:
        async for shown in feed:  # Ends with the browser.
            ...  # A Frame, or the Scene around it: tabs, address, loading, dialog.

The first subscriber of a browser opens one connection and one screencast, the last one ends them:
a browser that nobody watches is left alone.

A feed holds only the newest. Whoever is slow misses what came meanwhile, and holds up nobody. The
browser is asked for more as soon as the *first* subscriber has taken a frame; if all are slow, it
takes fewer pictures.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from typing import Any

import attrs

from firecrawl_interact.server import cdp
from firecrawl_interact.server.cdp import Params
from firecrawl_interact.server.record import Browser
from firecrawl_interact.server.stage import Scene, Stage

WIDTH, HEIGHT = 1920, 1080  # Pixels a frame has at the most; smaller windows are not enlarged.
QUALITY = 80  # Of JPEG, in percent: small text stays clean.
FRESH = 1.0  # Seconds for which a picture that was taken for nobody else serves further askers.

_JPEG = {"format": "jpeg", "quality": QUALITY}
_SCREENCAST = {**_JPEG, "maxWidth": WIDTH, "maxHeight": HEIGHT}

_log = logging.getLogger(__name__)


@attrs.frozen(kw_only=True, eq=False)
class Frame:
    """
    One picture of the page that is shown.

    Attributes:
        data: JPEG.

        width: CSS pixels of the page that it shows.

        height: The same, of the other direction.

        page: Number of the tab.

        time: Wall-clock seconds at which it was taken.
    """

    data: bytes = attrs.field(repr=False)
    width: float
    height: float
    page: int
    time: float


class Feed:
    """What one subscriber has yet to see of a browser."""

    def __init__(self, cast: Screencast, *, attends: bool) -> None:
        """Have everything yet to see."""
        self.cast = cast
        self.attends = attends
        self._news = asyncio.Event()
        self._frame: Frame | None = None
        self._scene: Scene | None = None

    def __aiter__(self) -> AsyncIterator[Frame | Scene]:
        return self

    async def __anext__(self) -> Frame | Scene:
        shown = await self.next()
        if shown is None:
            raise StopAsyncIteration
        return shown

    async def next(self) -> Frame | Scene | None:
        """Wait for what is new: a changed scene before the newest frame; None when the browser has gone."""
        cast = self.cast
        while True:
            if cast.stage.known and self._scene != cast.scene:
                self._scene = cast.scene
                return self._scene
            if cast.frame is not None and self._frame is not cast.frame:
                self._frame = cast.frame
                await cast.taken()
                return self._frame
            if cast.ended:
                return None
            self._news.clear()
            await self._news.wait()

    def wake(self) -> None:
        """Look again: there is news."""
        self._news.set()


class Screencast:
    """
    One browser, as long as somebody watches it.

    Attributes:
        frame: The newest.

        ended: Whether nothing more will come: the browser ends, or its connection broke.

        stage: Its pages, and the way to command the one that is shown.
    """

    def __init__(self, browser: Browser) -> None:
        """Begin at once."""
        self.frame: Frame | None = None
        self.ended: bool = False
        self.stage: Stage = Stage(screencast=_SCREENCAST, on_frame=self._take, on_scene=self._wake)
        self._browser = browser
        self._feeds: set[Feed] = set()
        self._owed: list[tuple[int, Params]] = []  # Acknowledgements of what nobody has taken yet, by page.
        self._running = asyncio.create_task(self._run())

    @property
    def scene(self) -> Scene:
        """What is around the picture."""
        return self.stage.scene

    def join(self, *, attends: bool) -> Feed:
        """Add a subscriber."""
        feed = Feed(self, attends=attends)
        self._feeds.add(feed)
        self._count()
        return feed

    def leave(self, feed: Feed) -> bool:
        """Remove a subscriber; tell whether one is left."""
        self._feeds.discard(feed)
        self._count()
        return bool(self._feeds)

    async def taken(self) -> None:
        """Ask for more frames, since somebody has taken the newest."""
        while self._owed:
            page, owed = self._owed.pop()
            if page == self.scene.active:
                with contextlib.suppress(cdp.CdpError):  # The end is told otherwise.
                    await self.stage.tell("Page.screencastFrameAck", owed)

    async def aclose(self) -> None:
        """End it, and let the subscribers know. A second call waits for the same end."""
        self._running.cancel()
        await asyncio.wait((self._running,))

    async def _run(self) -> None:
        endpoint = self._browser.engine.endpoint
        try:
            if endpoint is not None:
                async with cdp.connect(endpoint, self.stage.take) as browser:
                    await _first(self.stage.run(browser), browser.reading)
        except cdp.CdpError:
            pass  # It has gone.
        except Exception:  # noqa: BLE001  # boundary: what a browser may say is not in our hands
            _log.exception("The picture of browser %s is lost.", self._browser.id)
        finally:
            self.ended = True
            self._wake()

    def _take(self, params: Params) -> None:
        seen, page = params["metadata"], self.scene.active or 0
        self._owed.append((page, {"sessionId": params["sessionId"]}))
        self.frame = Frame(
            data=base64.b64decode(params["data"]),
            width=seen["deviceWidth"],
            height=seen["deviceHeight"],
            page=page,
            time=seen.get("timestamp", 0.0),
        )
        self._wake()

    def _wake(self) -> None:
        for feed in self._feeds:
            feed.wake()

    def _count(self) -> None:
        self.stage.attend(attended=any(feed.attends for feed in self._feeds))


class Screencasts:
    """The screencasts of all browsers that are watched. An attendant, so that none outlives its browser."""

    def __init__(self) -> None:
        """Watch none."""
        self._casts: dict[str, Screencast] = {}
        self._pictures: dict[str, asyncio.Task[bytes]] = {}

    @contextlib.asynccontextmanager
    async def watch(self, browser: Browser, *, attends: bool = False) -> AsyncGenerator[Feed]:
        """
        Subscribe to a browser.

        Args:
            browser: Which.

            attends: Whether the subscriber can answer dialogs; as long as one can, they stay open.
        """
        cast = self._casts.get(browser.id)
        if cast is None or cast.ended:
            cast = self._casts[browser.id] = Screencast(browser)
        feed = cast.join(attends=attends)
        try:
            yield feed
        finally:
            if not cast.leave(feed):
                if self._casts.get(browser.id) is cast:
                    del self._casts[browser.id]
                await cast.aclose()

    async def picture(self, browser: Browser) -> bytes:
        """
        Return the browser's picture as JPEG: what is shown anyway, else one taken within the last second.

        Raises:
            CdpError: The browser has gone, or has no page.
        """
        cast = self._casts.get(browser.id)
        if cast is not None and cast.frame is not None and not cast.ended:
            return cast.frame.data
        taking = self._pictures.get(browser.id)
        if taking is None:
            taking = self._pictures[browser.id] = asyncio.create_task(take_picture(browser))
            taking.add_done_callback(lambda task: self._taken(browser.id, task))
        return await asyncio.shield(taking)

    async def started(self, browser: Browser) -> None:
        """Do nothing: nobody watches yet."""

    async def ending(self, browser: Browser) -> None:
        """Let go of the browser, and let its viewers know."""
        cast = self._casts.pop(browser.id, None)
        if cast is not None:
            await cast.aclose()

    def _taken(self, browser_id: str, taking: asyncio.Task[bytes]) -> None:
        failed = taking.cancelled() or taking.exception() is not None
        delay = 0 if failed else FRESH
        asyncio.get_running_loop().call_later(delay, self._pictures.pop, browser_id, None)


async def take_picture(browser: Browser) -> bytes:
    """
    Take a picture of the page that was opened last, as JPEG.

    Raises:
        CdpError: The browser has gone, or has no page.
    """
    endpoint = browser.engine.endpoint
    if endpoint is None:
        raise cdp.CdpError("there is no real browser")
    async with cdp.connect(endpoint) as hand:
        pages = await hand.pages()
        if not pages:
            raise cdp.CdpError("there is no page")
        session = await cdp.attach(hand, pages[0])
        picture = await hand.call("Page.captureScreenshot", _JPEG, session=session)
        return base64.b64decode(picture["data"])


async def _first(running: Coroutine[Any, Any, None], reading: asyncio.Task[None]) -> None:
    """Run until it ends, or until the browser's connection does."""
    task = asyncio.create_task(running)
    try:
        await asyncio.wait((task, reading), return_when=asyncio.FIRST_COMPLETED)
    finally:
        task.cancel()
        await asyncio.wait((task,))
    if not task.cancelled():
        task.result()
