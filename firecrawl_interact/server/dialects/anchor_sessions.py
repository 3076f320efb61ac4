"""Anchor's sessions, from their start to their end."""

from __future__ import annotations

import asyncio

from aiohttp import web

from firecrawl_interact.server import links
from firecrawl_interact.server.dialects import (
    anchor_batch,
    anchor_body,
    anchor_links,
    anchor_query,
    anchor_rows,
)
from firecrawl_interact.server.dialects.anchor_guard import (
    BAD_KEY_OR_ID,
    ProblemError,
    check_credits,
    find,
    guarded,
    read_body,
    words_for,
)
from firecrawl_interact.server.dialects.body import json_body
from firecrawl_interact.server.keys import BROWSERS, SETTINGS
from firecrawl_interact.server.record import Browser
from firecrawl_interact.wire import anchor as wire

SESSIONS = "/v1/sessions"
SESSION = SESSIONS + "/{session_id}"
STOP_PATIENCE = 30.0  # Seconds the end of a session waits for the browser to be gone.


def routes() -> list[web.RouteDef]:
    """List the routes; those with an id must stand after the reserved words."""
    return [
        web.post(SESSIONS, guarded(_start, kind="create")),
        web.get(SESSIONS, guarded(_list)),
        web.get(SESSION, guarded(_get)),
        web.delete(SESSION, guarded(_end, bad_key=BAD_KEY_OR_ID)),
        web.get(SESSION + "/tags", guarded(_tags)),
        web.put(SESSION + "/tags", guarded(_put_tags)),
        web.delete(SESSION + "/tags", guarded(_delete_tags)),
    ]


def routes_of_all() -> list[web.RouteDef]:
    """List the routes about every session at once; neither ``/v1/sessions/`` nor another word is "all"."""
    return [
        web.get(SESSIONS + "/all/status", guarded(_status_of_all)),
        web.delete(SESSIONS + "/all", guarded(_end_all)),
    ]


async def _start(request: web.Request, team: str) -> wire.CreateReply:
    minute = request.app[SETTINGS].anchor_minute
    wish = anchor_body.read_wish(await json_body(request), team=team, minute=minute)
    check_credits(request)
    try:
        browser = await request.app[BROWSERS].create(wish)
    except Exception as error:
        raise words_for(error) from error
    given = anchor_links.of(browser, links.origin(request))
    created = wire.Created(
        id=browser.id,
        cdp_url=given.cdp_url or "",  # Every session can serve it.
        live_view_url=given.live_view_url,
        live_view_read_only_url=given.live_view_read_only_url,
    )
    return wire.CreateReply(data=created)


async def _get(request: web.Request, team: str) -> wire.GetReply:
    return wire.GetReply(data=anchor_rows.detail(find(request, team)))


async def _list(request: web.Request, team: str) -> wire.ListReply:
    rows = anchor_query.select(request.app[BROWSERS].list(team=team), request.query, anchor_rows.status)
    if "batch_id" in request.query:
        members = anchor_batch.members(request.app, request.query["batch_id"])
        rows = [browser for browser in rows if browser.id in members]
    page = anchor_query.page(rows, request.query)
    sessions = [anchor_rows.list_row(browser) for browser in page.rows]
    data = wire.ListPage(sessions=sessions, total=page.total, page=page.number, total_pages=page.pages)
    return wire.ListReply(data=data)


async def _status_of_all(request: web.Request, team: str) -> wire.StatusReply:
    # Whether ended sessions appear is not documented: here they do, so that callers must look at the status.
    query = {name: value for name, value in request.query.items() if name not in ("status", "search")}
    rows = anchor_query.select(request.app[BROWSERS].list(team=team), query, anchor_rows.status)
    items = [anchor_rows.status_row(browser) for browser in rows]
    return wire.StatusReply(data=wire.StatusItems(count=len(items), items=items))


async def _end(request: web.Request, team: str) -> wire.EndReply:
    browser = request.app[BROWSERS].get(request.match_info["session_id"])
    if browser is None or browser.wish.team != team:
        raise ProblemError(401, BAD_KEY_OR_ID)
    if not browser.alive:
        status = request.app[SETTINGS].anchor_second_end
        if status != 200:  # noqa: PLR2004
            raise ProblemError(status, BAD_KEY_OR_ID if status == 401 else "Session not found.")  # noqa: PLR2004
        return wire.EndReply(data=wire.Ended(status="success"))
    await _stop(request, browser)
    return wire.EndReply(data=wire.Ended(status="success"))


async def _end_all(request: web.Request, team: str) -> wire.EndReply:
    mine = request.app[BROWSERS].list(team=team, alive=True)
    await asyncio.gather(*(_stop(request, browser) for browser in mine))
    return wire.EndReply(data=wire.Ended(status="success"))


async def _tags(request: web.Request, team: str) -> wire.TagsReply:
    return wire.TagsReply(tags=list(find(request, team).tags) or None)


async def _put_tags(request: web.Request, team: str) -> wire.TagsChanged:
    browser = find(request, team)
    asked = await read_body(request, wire.TagsRequest)
    browser.tags = tuple(asked.tags)
    return wire.TagsChanged(success=True, message="Tags updated")


async def _delete_tags(request: web.Request, team: str) -> wire.TagsChanged:
    find(request, team).tags = ()
    return wire.TagsChanged(success=True, message="Tags deleted")


async def _stop(request: web.Request, browser: Browser) -> None:
    try:
        async with asyncio.timeout(STOP_PATIENCE):
            gone = await request.app[BROWSERS].end(browser)
    except TimeoutError:
        gone = False
    if not gone:
        raise ProblemError(500, "Internal Server Error")
