"""Frames out, clicks and keys in."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from firecrawl_interact.server import cdp
from firecrawl_interact.server.engine import Endpoint
from firecrawl_interact.server.live_input import command

WIDTH, HEIGHT = 1280, 720  # Pixels a frame has at the most.
QUALITY = 70  # Of JPEG, in percent.

ENDED = 4410  # Close code of a stream whose browser has gone; the live page knows it.

_HEARTBEAT = 20.0  # Seconds between pings of a viewer.
_JPEG = {"format": "jpeg", "quality": QUALITY}
_SCREENCAST = {**_JPEG, "maxWidth": WIDTH, "maxHeight": HEIGHT}
_TRIES = 20  # To begin with a page.
_PAUSE = 0.05  # Seconds between them.
_LONGEST_MESSAGE = 512 * 1024  # Bytes from a viewer.


@functools.cache
def page(*, control: bool) -> str:
    """
    Return the live view page; it opens the stream beside its own address, with its own query.

    Args:
        control: Whether the page shall pass on what its viewer does.
    """
    text = files("firecrawl_interact.server").joinpath("static/live_view.html").read_text(encoding="utf-8")
    return text.replace("{mode}", "control" if control else "watch", 1)


async def frame(endpoint: Endpoint) -> bytes:
    """
    Take a picture of the page that was opened last, as JPEG.

    Raises:
        CdpError: The browser has gone, or has no page.
    """
    async with cdp.connect(endpoint) as browser:
        pages = await browser.pages()
        if not pages:
            raise cdp.CdpError("there is no page")
        session = await cdp.attach(browser, pages[0])
        picture = await browser.call("Page.captureScreenshot", _JPEG, session=session)
        return base64.b64decode(picture["data"])


async def stream(
    request: web.Request, endpoint: Endpoint, *, control: bool, on_activity: Callable[[], None]
) -> web.WebSocketResponse:
    """
    Show the browser over a WebSocket, a JPEG per message, until one of both goes.

    A new frame is asked for once the viewer has taken the last: a slow one sees fewer.

    Args:
        request: An upgrade to WebSocket, already let in.

        endpoint: Which browser.

        control: Whether what the viewer does is passed on; else it is ignored.

        on_activity: Called when it is.
    """
    socket = web.WebSocketResponse(heartbeat=_HEARTBEAT, compress=False, max_msg_size=_LONGEST_MESSAGE)
    await socket.prepare(request)
    show = _Show(socket)
    ended = True  # Unless it is seen to live.
    with contextlib.suppress(cdp.CdpError):
        async with cdp.connect(endpoint, show.take) as browser:
            tasks = [
                asyncio.create_task(show.run(browser)),
                asyncio.create_task(show.obey(browser, on_activity if control else None)),
                browser.reading,
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended = browser.reading.done()
                await _end(tasks)
    await socket.close(code=ENDED if ended else WSCloseCode.GOING_AWAY)
    return socket


class _Show:
    """
    What one viewer sees: the page that was opened last.

    Each viewer has a connection of its own to the browser, and so a screencast of its own speed.
    """

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._events: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self._session: str | None = None
        self._pages: list[str] = []  # In the order of their opening.
        self._width = float(WIDTH)
        self._height = float(HEIGHT)

    def take(self, method: str, params: dict[str, Any], session: str | None) -> None:
        """Note an event of the browser. Frames are few: each waits for the one before to be taken."""
        if session == self._session or method.startswith("Target."):
            self._events.put_nowait((method, params))

    async def run(self, browser: cdp.Cdp) -> None:
        """Show frames, and go where the pages go."""
        pages = await browser.pages()
        self._pages = pages[:0:-1]
        if pages:
            await self._show(browser, pages[0])
        await browser.call("Target.setDiscoverTargets", {"discover": True})
        while True:
            method, params = await self._events.get()
            if method == "Page.screencastFrame":
                await self._pass_frame(browser, params)
            elif method == "Target.targetCreated":
                await self._opened(browser, params["targetInfo"])
            elif method == "Target.targetDestroyed":
                await self._closed(browser, params["targetId"])

    async def obey(self, browser: cdp.Cdp, on_activity: Callable[[], None] | None) -> None:
        """Pass on what the viewer does, if it may do anything; end when it goes."""
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT or on_activity is None or self._session is None:
                continue
            with contextlib.suppress(ValueError, RecursionError):
                told = command(json.loads(message.data), width=self._width, height=self._height)
                if told is not None:
                    on_activity()
                    await browser.tell(*told, session=self._session)

    async def _pass_frame(self, browser: cdp.Cdp, params: dict[str, Any]) -> None:
        self._width = params["metadata"]["deviceWidth"]
        self._height = params["metadata"]["deviceHeight"]
        await self._socket.send_bytes(base64.b64decode(params["data"]))
        await browser.tell(
            "Page.screencastFrameAck", {"sessionId": params["sessionId"]}, session=self._session
        )

    async def _opened(self, browser: cdp.Cdp, target: dict[str, Any]) -> None:
        # Those that were there before are told of as well.
        if target["type"] == "page" and target["targetId"] not in self._pages:
            await self._show(browser, target["targetId"])

    async def _closed(self, browser: cdp.Cdp, target: str) -> None:
        shown = self._pages[-1:]
        if target in self._pages:
            self._pages.remove(target)
        if shown == [target]:
            self._session = None
            if self._pages:
                await self._show(browser, self._pages.pop())

    async def _show(self, browser: cdp.Cdp, target: str) -> None:
        """Turn to a page; one that has gone meanwhile is passed over."""
        if self._session is not None:
            await browser.tell("Target.detachFromTarget", {"sessionId": self._session})
        self._session = None
        self._pages.append(target)
        with contextlib.suppress(cdp.CdpError):
            self._session = await cdp.attach(browser, target)
            await _start_screencast(browser, self._session)


async def _start_screencast(browser: cdp.Cdp, session: str) -> None:
    """Begin; a page that is just being left for another one refuses for a moment."""
    for _ in range(_TRIES - 1):
        with contextlib.suppress(cdp.CdpError):
            await browser.call("Page.startScreencast", _SCREENCAST, session=session)
            return
        await asyncio.sleep(_PAUSE)
    await browser.call("Page.startScreencast", _SCREENCAST, session=session)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """End them all, and look at what ended the first: a lost viewer or browser is nothing to report."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, cdp.CdpError | ConnectionError):
            raise error
