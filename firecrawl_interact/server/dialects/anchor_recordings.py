"""Anchor's recordings of a session: here, pictures on a page that plays them."""

from __future__ import annotations

from typing import NoReturn

from aiohttp import web

from firecrawl_interact.server import links
from firecrawl_interact.server.dialects.anchor_guard import ProblemError, find, guarded
from firecrawl_interact.server.dialects.answer import instant
from firecrawl_interact.server.keys import REPLAYS
from firecrawl_interact.server.record import Browser
from firecrawl_interact.server.replay import links as replay_links
from firecrawl_interact.server.replay.store import Replay
from firecrawl_interact.wire import anchor_files as wire

RECORDINGS = "/v1/sessions/{session_id}/recordings"
PRIMARY = "primary"  # Its word for the one recording that every session has; its id is the session's here.

_OFF = "Recording is not enabled for this session."


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [
        web.get(RECORDINGS, guarded(_list)),
        web.post(RECORDINGS + "/pause", guarded(_pause)),
        web.post(RECORDINGS + "/resume", guarded(_resume)),
        web.get(RECORDINGS + "/primary/fetch", guarded(_fetch)),
        web.delete(RECORDINGS + "/{recording_id}", guarded(_delete)),
    ]


async def _list(request: web.Request, team: str) -> wire.RecordingsReply:
    browser = find(request, team)
    replay = request.app[REPLAYS].get(browser.id)
    items = [] if replay is None else [_item(browser, replay, links.origin(request))]
    return wire.RecordingsReply(data=wire.RecordingItems(count=len(items), items=items))


async def _pause(request: web.Request, team: str) -> wire.StatusTextReply:
    _going_on(request, team).paused = True
    return wire.StatusTextReply(data=wire.StatusText(status="success"))


async def _resume(request: web.Request, team: str) -> wire.StatusTextReply:
    _going_on(request, team).paused = False
    return wire.StatusTextReply(data=wire.StatusText(status="success"))


async def _fetch(request: web.Request, team: str) -> NoReturn:
    browser = find(request, team)
    if request.app[REPLAYS].get(browser.id) is None:
        raise ProblemError(404, "Recording not found.")
    # Nothing here can encode a video; to call pictures one would help nobody.
    raise ProblemError(501, "This server records pictures, not video: open the recording's file_link.")


async def _delete(request: web.Request, team: str) -> wire.StatusTextReply:
    browser, replays = find(request, team), request.app[REPLAYS]
    if replays.get(browser.id) is None:
        raise ProblemError(400, _OFF)
    if request.match_info["recording_id"] not in (PRIMARY, browser.id):
        raise ProblemError(404, "Recording not found.")
    if not replays.delete(browser.id):
        raise ProblemError(400, "The session is still being recorded.")
    return wire.StatusTextReply(data=wire.StatusText(status="success"))


def _going_on(request: web.Request, team: str) -> Replay:
    replay = request.app[REPLAYS].get(find(request, team).id)
    if replay is None or replay.ended_at is not None:
        raise ProblemError(400, _OFF)
    return replay


def _item(browser: Browser, replay: Replay, base: str) -> wire.RecordingItem:
    return wire.RecordingItem(
        id=browser.id,
        is_primary=True,
        file_link=replay_links.player_url(base, browser),
        duration=f"{replay.length / 1000:.1f}",
        size=replay.size,
        created_at=instant(browser.started_at),
    )
