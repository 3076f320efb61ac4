"""The live view's stream: pictures out, what the viewer does in."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any, cast

import attrs
from aiohttp import WSCloseCode, WSMsgType, web

from firecrawl_interact.server.cdp import CdpError
from firecrawl_interact.server.live_input import LONGEST_TEXT, command
from firecrawl_interact.server.record import Browser, EndReason
from firecrawl_interact.server.screencast import Feed, Frame, Screencasts
from firecrawl_interact.server.stage import Scene

ENDED = 4410  # Close code of a stream whose browser has gone; the live page knows it.
IN_FLIGHT = 3  # Frames on their way to one viewer: a third of a distant one's round trip each.

_HEARTBEAT = 20.0  # Seconds between pings of a viewer.
_CLOCK = 5.0  # Seconds between words on the time left.
_ANSWER = 1.0  # Seconds for what a page is asked on behalf of a viewer.
_EXIT = 2.0  # Seconds within which a browser whose connection broke has ended too.
_LONGEST_MESSAGE = 512 * 1024  # Bytes from a viewer.


async def stream(
    request: web.Request, browser: Browser, screencasts: Screencasts, *, control: bool
) -> web.WebSocketResponse:
    """
    Show a browser over a WebSocket until one of both goes.

    Pictures are binary messages, JPEG. Text messages are JSON: ``scene``, ``time``, ``clipboard``,
    ``ended``. Every picture is followed by a ping; how many pongs are missing tells how far behind
    the viewer is, and one that lags gets newer pictures instead of more.

    Args:
        request: An upgrade to WebSocket, already let in.

        browser: Which one.

        screencasts: Where its picture comes from.

        control: Whether what the viewer does is passed on; else all of it is ignored.
    """
    socket = web.WebSocketResponse(
        heartbeat=_HEARTBEAT, compress=False, autoping=False, max_msg_size=_LONGEST_MESSAGE
    )
    await socket.prepare(request)
    browser.viewed()
    async with screencasts.watch(browser, attends=control) as feed:
        viewer = _Viewer(socket=socket, browser=browser, feed=feed, control=control)
        await viewer.serve()
        lost = feed.cast.ended
    if lost and await _has_ended(browser):
        with contextlib.suppress(ConnectionError):
            await socket.send_str(_ended(browser))
        await socket.close(code=ENDED)
    else:
        await socket.close(code=WSCloseCode.GOING_AWAY)
    return socket


@attrs.define(eq=False, kw_only=True)
class _Viewer:
    """One viewer: what it has been sent, and what it may do."""

    socket: web.WebSocketResponse
    browser: Browser
    feed: Feed
    control: bool
    _frame: Frame | None = attrs.field(
        default=None, init=False
    )  # The last one sent: clicks are meant for it.
    _sent: int = attrs.field(default=0, init=False)
    _received: int = attrs.field(default=0, init=False)
    _caught_up: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    async def serve(self) -> None:
        """Show and listen until either side has gone."""
        tasks = [asyncio.create_task(work()) for work in (self._show, self._listen, self._tell_time)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            error = None if task.cancelled() else task.exception()
            # A lost viewer or browser is nothing to report.
            if error is not None and not isinstance(error, CdpError | ConnectionError):
                raise error

    async def _show(self) -> None:
        async for shown in self.feed:
            if isinstance(shown, Scene):
                await self.socket.send_str(_scene(shown))
                continue
            self._frame = shown
            self._sent += 1
            await self.socket.send_bytes(shown.data)
            await self.socket.ping(str(self._sent).encode())
            while self._sent - self._received >= IN_FLIGHT:
                self._caught_up.clear()
                await self._caught_up.wait()

    async def _listen(self) -> None:
        async for message in self.socket:
            if message.type is WSMsgType.PONG:
                self._note_pong(message.data)
            elif message.type is WSMsgType.PING:
                await self.socket.pong(message.data)
            elif message.type is WSMsgType.TEXT and self.control:
                with contextlib.suppress(ValueError, RecursionError):
                    await self._obey(json.loads(message.data))

    async def _tell_time(self) -> None:
        while True:
            await self.socket.send_str(_time(self.browser))
            await asyncio.sleep(_CLOCK)

    def _note_pong(self, data: bytes) -> None:
        text = bytes(data).decode("ascii", "replace")
        if text.isdecimal():  # The heartbeat's are empty.
            self._received = max(self._received, min(int(text), self._sent))
            self._caught_up.set()

    async def _obey(self, message: Any) -> None:
        """
        Do what a viewer wants who may.

        Raises:
            CdpError: The browser has gone.
        """
        if not isinstance(message, dict):
            return
        message = cast("dict[str, Any]", message)
        stage = self.feed.cast.stage
        number = message.get("tab")
        match message.get("type"):
            case "turn" if type(number) is int:
                stage.turn(number)
            case "close" if type(number) is int:
                await stage.close(number)
            case "open":
                await stage.open()
            case "history" if message.get("step") in (-1, 1):
                await self._step(message["step"])
            case "dialog" if isinstance(message.get("accept"), bool):
                await stage.answer(accept=message["accept"], text=str(message.get("text", ""))[:LONGEST_TEXT])
            case "copy":
                await self._copy()
            case _:
                shown = self._frame
                size = (shown.width, shown.height) if shown is not None else (0.0, 0.0)
                told = command(message, width=size[0], height=size[1])
                if told is None:
                    return
                await stage.tell(*told)
        self.browser.touch()

    async def _step(self, step: int) -> None:
        """Go back or forward, if there is something."""
        stage = self.feed.cast.stage
        with contextlib.suppress(CdpError):
            history = await stage.call("Page.getNavigationHistory")
            index = history["currentIndex"] + step
            if 0 <= index < len(history["entries"]):
                entry = history["entries"][index]["id"]
                await stage.tell("Page.navigateToHistoryEntry", {"entryId": entry})

    async def _copy(self) -> None:
        """Hand the selected text over to the viewer's clipboard."""
        with contextlib.suppress(CdpError, TimeoutError):
            async with asyncio.timeout(_ANSWER):  # A page that asks something does not answer.
                found = await self.feed.cast.stage.call(
                    "Runtime.evaluate", {"expression": "String(getSelection())", "returnByValue": True}
                )
            text = found["result"].get("value")
            if isinstance(text, str) and text:
                await self.socket.send_str(json.dumps({"type": "clipboard", "text": text}))


def _scene(scene: Scene) -> str:
    return json.dumps(
        {
            "type": "scene",
            "tabs": [attrs.asdict(tab) for tab in scene.tabs],
            "active": scene.active,
            "url": scene.url,
            "loading": scene.loading,
            "dialog": None if scene.dialog is None else attrs.asdict(scene.dialog),
        }
    )


def _time(browser: Browser) -> str:
    """Say how long it still has: in seconds from now, as the viewer's clock may be wrong."""
    now, (due, reason) = browser.clock(), browser.due()
    left = None if browser.expires_at is None else max(0.0, browser.expires_at - now)
    idle = max(0.0, due - now) if reason is EndReason.IDLE else None
    return json.dumps({"type": "time", "left": left, "idle": idle})


async def _has_ended(browser: Browser) -> bool:
    """Tell whether it is the browser that has gone; its connection breaks a moment before that is known."""
    if browser.alive and browser.reason is None:
        await asyncio.wait((browser.engine.exited,), timeout=_EXIT)
    return browser.reason is not None or browser.engine.exited.done()


def _ended(browser: Browser) -> str:
    reason = None if browser.reason is None else browser.reason.value
    return json.dumps({"type": "ended", "reason": reason})
