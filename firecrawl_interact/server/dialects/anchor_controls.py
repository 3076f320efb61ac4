"""Anchor's routes that work in a session's browser: what it shows, its mouse, keyboard and clipboard."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import attrs
from aiohttp import web

from firecrawl_interact.server import links
from firecrawl_interact.server.controls import clipboard, keyboard, mouse, tabs
from firecrawl_interact.server.controls.desk import CONTROLS, ControlError, Controls, Desk, NoBrowserError
from firecrawl_interact.server.dialects import anchor_links
from firecrawl_interact.server.dialects.anchor_guard import (
    Handler,
    ProblemError,
    find,
    guarded,
    in_short,
    read_body,
)
from firecrawl_interact.server.keys import BROWSERS
from firecrawl_interact.wire import anchor as sessions
from firecrawl_interact.wire import anchor_controls as wire

SESSION = "/v1/sessions/{session_id}"
ELEMENT_TIMEOUT = 5000  # Milliseconds that an element is waited for, when not said otherwise.

_MISSING = "Session not found"  # These routes write it without the full stop.

T = TypeVar("T")
Work = Callable[[Desk, T], Awaitable[None]]


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [
        web.get(SESSION + "/pages", guarded(_pages)),
        web.get(SESSION + "/screenshot", guarded(_screenshot, wording=in_short)),
        web.get(SESSION + "/clipboard", guarded(_read_clipboard)),
        web.post(SESSION + "/copy", guarded(_copy)),
        *(
            web.post(f"{SESSION}/{path}", guarded(handler))
            for path, handler in (
                ("clipboard", _does(wire.TextRequest, _write_clipboard)),
                ("drag-and-drop", _does(wire.DragRequest, _drag)),
                ("goto", _does(wire.GotoRequest, _goto)),
                ("keyboard/shortcut", _does(wire.ShortcutRequest, _shortcut)),
                ("keyboard/type", _does(wire.TypeRequest, _type)),
                ("mouse/click", _does(wire.ClickRequest, _click)),
                ("mouse/doubleClick", _does(wire.PointRequest, _double_click)),
                ("mouse/down", _does(wire.PointRequest, _press)),
                ("mouse/move", _does(wire.PointRequest, _move)),
                ("mouse/up", _does(wire.PointRequest, _release)),
                ("paste", _does(wire.TextRequest, _paste)),
                ("scroll", _does(wire.ScrollRequest, _scroll)),
            )
        ),
    ]


def setup(app: web.Application) -> None:
    """Give the application what the routes work with."""
    app[CONTROLS] = Controls()
    app[BROWSERS].attendants.append(app[CONTROLS])


def _does(cls: type[T], work: Work[T]) -> Handler:
    """Make the handler that reads a body, does some work and says that it is done."""

    async def handle(request: web.Request, team: str) -> attrs.AttrsInstance:
        find(request, team, missing=_MISSING)
        asked = await read_body(request, cls, wire.CONTROLS)
        async with _at(request, team) as desk:
            await work(desk, asked)
        return wire.Done(status="success")

    return handle


@asynccontextmanager
async def _at(request: web.Request, team: str) -> AsyncGenerator[Desk, None]:
    """Work at the desk of the browser that the path names, in Anchor's words for what goes wrong."""
    browser = find(request, team, missing=_MISSING)
    if not browser.alive:
        raise ProblemError(404, _MISSING)
    try:
        async with request.app[CONTROLS].at(browser) as desk:
            yield desk
    except NoBrowserError as error:
        raise ProblemError(503, str(error)) from error
    except ControlError as error:
        raise ProblemError(400, str(error)) from error


async def _pages(request: web.Request, team: str) -> sessions.PagesReply:
    async with _at(request, team) as desk:
        found = await tabs.pages(await desk.browser())
    view = anchor_links.of(find(request, team), links.origin(request)).live_view_url
    items = [sessions.Page(id=page.id, title=page.title, url=page.url, frontend_url=view) for page in found]
    return sessions.PagesReply(data=sessions.Pages(count=len(items), items=items))


async def _screenshot(request: web.Request, team: str) -> web.Response:
    async with _at(request, team) as desk:
        return web.Response(body=await tabs.screenshot(desk), content_type="image/png")


async def _goto(desk: Desk, asked: wire.GotoRequest) -> None:
    await tabs.goto(desk, asked.url)


async def _click(desk: Desk, asked: wire.ClickRequest) -> None:
    button = asked.button or "left"
    if asked.selector is not None:
        timeout = ELEMENT_TIMEOUT if asked.timeout is None else asked.timeout
        index = int(asked.index or 0)
        await mouse.click_element(desk, asked.selector, index=index, timeout=timeout / 1000, button=button)
    elif asked.x is not None and asked.y is not None:
        await mouse.click(desk, asked.x, asked.y, button=button)
    else:
        raise ControlError("A click needs a point or a selector.")


async def _double_click(desk: Desk, asked: wire.PointRequest) -> None:
    await mouse.click(desk, asked.x, asked.y, button=asked.button or "left", times=2)


async def _press(desk: Desk, asked: wire.PointRequest) -> None:
    await mouse.press(desk, asked.x, asked.y, button=asked.button or "left")


async def _release(desk: Desk, asked: wire.PointRequest) -> None:
    await mouse.release(desk, asked.x, asked.y, button=asked.button or "left")


async def _move(desk: Desk, asked: wire.PointRequest) -> None:
    await mouse.move(desk, asked.x, asked.y)


async def _drag(desk: Desk, asked: wire.DragRequest) -> None:
    start, end = (asked.start_x, asked.start_y), (asked.end_x, asked.end_y)
    await mouse.drag(desk, start, end, button=asked.button or "left")


async def _scroll(desk: Desk, asked: wire.ScrollRequest) -> None:
    # There is one wheel: what the machine's and the driver's own do differently is not imitated.
    dx, steps = asked.delta_x or 0, asked.steps or 1
    if steps > mouse.MOST_STEPS:
        raise ControlError(f"A scroll has {mouse.MOST_STEPS} steps at the most.")
    await mouse.scroll(desk, asked.x, asked.y, dx=dx, dy=asked.delta_y, steps=steps)


async def _type(desk: Desk, asked: wire.TypeRequest) -> None:
    await keyboard.type_text(desk, asked.text, delay=(asked.delay or 0) / 1000)


async def _shortcut(desk: Desk, asked: wire.ShortcutRequest) -> None:
    await keyboard.shortcut(desk, asked.keys, hold=(asked.hold_time or 0) / 1000)


async def _read_clipboard(request: web.Request, team: str) -> wire.ClipboardReply:
    async with _at(request, team) as desk:
        return wire.ClipboardReply(data=wire.Text(text=desk.clipboard))


async def _write_clipboard(desk: Desk, asked: wire.TextRequest) -> None:
    desk.clipboard = asked.text


async def _copy(request: web.Request, team: str) -> wire.Text:
    async with _at(request, team) as desk:
        return wire.Text(text=await clipboard.copy(desk))


async def _paste(desk: Desk, asked: wire.TextRequest) -> None:
    await clipboard.paste(desk, asked.text)
