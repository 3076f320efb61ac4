"""
The live view: how many pictures of a moving page reach its viewers, and how soon a click is seen.

The measure is a screencast taken straight over CDP from the same browser, in the same run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from _common import (
    Child,
    Goal,
    arguments,
    goals,
    helpers_cpu_seconds,
    orders,
    private_state,
    publish,
    report,
    table,
)

RAW = "straight over CDP"
MOVING = (
    "data:text/html,<body style='margin:0'><canvas width=1280 height=720></canvas><script>"
    "let n=0;const x=document.querySelector('canvas').getContext('2d');(function f(){n++;"
    "x.fillStyle='hsl('+n%25360+',60%25,50%25)';x.fillRect(0,0,1280,720);x.fillStyle='white';"
    "x.font='60px sans-serif';x.fillText(n,n*7%251200,100+n%25600);requestAnimationFrame(f)})()</script>"
)
CLICKED = (
    "data:text/html,<body bgcolor=red><script>"
    "onmousedown=()=>{document.body.bgColor=document.body.bgColor=='red'?'blue':'red'}</script>"
)
SCREENCAST = {"format": "jpeg", "quality": 80, "maxWidth": 1920, "maxHeight": 1080}


def main() -> None:
    """Measure, print, and write the tables."""
    options = arguments(__doc__ or "")
    seconds, clicks = (1, 5) if options.quick else (4, 50)
    with private_state() as env, Child("live.py", "--measure", env=env) as child:
        measured = child.order(seconds=seconds, clicks=clicks)
    rates, delay = measured["rates"], measured["delay"] * 1000
    raw = rates[RAW]["frames"]
    rows = [
        [name, f"{each['frames']:.0f}", f"{each['frames'] / raw:.2f}", f"{each['cpu'] * 100:.0f} %"]
        for name, each in rates.items()
    ]
    text = table(["who looks", "frames/s each", "against straight", "of a core in the server"], rows)
    stated = [
        Goal("frames per second that one viewer gets", rates["1 viewer"]["frames"], 30, at_least=True),
        Goal("milliseconds from a click to its picture, median", delay, 100),
    ]
    publish(options.page, "live", "The live view", f"{text}\n\n{goals(stated)}")


# --- in the child ---------------------------------------------------------------------------


async def measure(seconds: float, clicks: int) -> dict[str, Any]:
    """Open one browser, and look at it in every way."""
    from firecrawl_interact import Session

    rates: dict[str, dict[str, float]] = {}
    async with Session.create(ttl=300, backend="local") as session, aiohttp.ClientSession() as http:
        assert session.cdp_url is not None
        assert session.interactive_live_view_url is not None
        async with viewer(http, session.interactive_live_view_url) as hand:
            await picture(hand)
            await hand.send_json({"type": "go", "url": MOVING})
            await asyncio.sleep(1)
        rates[RAW] = await raw(http, session.cdp_url, seconds)
        for count in (1, 10):
            name = f"{count} viewer" + "s" * (count > 1)
            rates[name] = await watched(http, session.interactive_live_view_url, count, seconds)
        async with viewer(http, session.interactive_live_view_url) as hand:
            await picture(hand)
            delay = await delays(hand, clicks)
    return {"rates": rates, "delay": statistics.median(delay)}


@contextlib.asynccontextmanager
async def viewer(http: aiohttp.ClientSession, link: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Connect as a live page does."""
    page, _, query = link.partition("?")
    async with http.ws_connect(f"{page}/stream?{query}", max_msg_size=0, compress=0) as socket:
        yield socket


async def picture(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Wait for the next one."""
    async with asyncio.timeout(10):
        while (message := await socket.receive()).type is not aiohttp.WSMsgType.BINARY:
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise RuntimeError("The stream has ended.")


async def watched(http: aiohttp.ClientSession, link: str, count: int, seconds: float) -> dict[str, float]:
    """Count the pictures that viewers get."""
    async with contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(viewer(http, link)) for _ in range(count)]
        await asyncio.gather(*map(picture, sockets))
        began, used = time.perf_counter(), helpers_cpu_seconds()
        frames = await asyncio.gather(*(counted(socket, began + seconds) for socket in sockets))
        spent = time.perf_counter() - began
        return {"frames": statistics.mean(frames) / spent, "cpu": (helpers_cpu_seconds() - used) / spent}


async def counted(socket: aiohttp.ClientWebSocketResponse, until: float) -> int:
    """Count pictures until a moment."""
    frames = 0
    while time.perf_counter() < until:
        await picture(socket)
        frames += 1
    return frames


async def raw(http: aiohttp.ClientSession, url: str, seconds: float) -> dict[str, float]:
    """Count what a client of the screencast gets that acknowledges at once."""
    async with http.ws_connect(url, max_msg_size=0, compress=0) as socket:
        await socket.send_json({"id": 1, "method": "Target.getTargets"})
        targets = (await socket.receive_json())["result"]["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        attach = {"targetId": target, "flatten": True}
        await socket.send_json({"id": 2, "method": "Target.attachToTarget", "params": attach})
        page = (await socket.receive_json())["params"]["sessionId"]
        start = {"id": 3, "method": "Page.startScreencast", "params": SCREENCAST, "sessionId": page}
        await socket.send_json(start)
        began, used, frames = time.perf_counter(), helpers_cpu_seconds(), 0
        while time.perf_counter() < began + seconds:
            message = json.loads((await socket.receive()).data)
            if message.get("method") == "Page.screencastFrame":
                frames += 1
                ack = {"sessionId": message["params"]["sessionId"]}
                await socket.send_json(
                    {"id": 4, "method": "Page.screencastFrameAck", "params": ack, "sessionId": page}
                )
        spent = time.perf_counter() - began
        return {"frames": frames / spent, "cpu": (helpers_cpu_seconds() - used) / spent}


async def delays(hand: aiohttp.ClientWebSocketResponse, clicks: int) -> list[float]:
    """Click a page that stands still, and wait for the picture that has changed."""
    await hand.send_json({"type": "go", "url": CLICKED})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):  # What still comes of the page before.
            while True:
                await picture(hand)
    found = []
    for _ in range(clicks):
        began = time.perf_counter()
        await hand.send_json({"type": "mouse", "event": "down", "x": 0.5, "y": 0.5, "button": 0, "clicks": 1})
        await picture(hand)
        found.append(time.perf_counter() - began)
        await hand.send_json({"type": "mouse", "event": "up", "x": 0.5, "y": 0.5, "button": 0, "clicks": 1})
        await asyncio.sleep(0.05)
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        for order in orders():
            report(asyncio.run(measure(order["seconds"], order["clicks"])))
    else:
        main()
