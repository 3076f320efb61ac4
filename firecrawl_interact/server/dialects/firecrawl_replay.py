"""Firecrawl's routes for what a session's recording shows."""

from __future__ import annotations

import math
from itertools import pairwise

from aiohttp import hdrs, web

from firecrawl_interact.server import links
from firecrawl_interact.server.dialects.answer import json_answer
from firecrawl_interact.server.dialects.firecrawl_guard import PREFIXES, ProblemError, guarded
from firecrawl_interact.server.dialects.firecrawl_life import find
from firecrawl_interact.server.keys import REPLAYS
from firecrawl_interact.server.record import Browser
from firecrawl_interact.server.replay import links as replay_links
from firecrawl_interact.server.replay.store import Replay
from firecrawl_interact.wire import firecrawl_replays as wire
from firecrawl_interact.wire.firecrawl import DIALECT

LONGEST_PAGE_ID = 3  # Digits.
PAGE_ID = "0"  # All tabs are one page, as at current servers of theirs.
HLS = "application/vnd.apple.mpegurl"

_MILLISECONDS = 1000


def routes() -> list[web.RouteDef]:
    """List the routes, under both prefixes."""
    table: list[web.RouteDef] = []
    for prefix in PREFIXES:
        replay = prefix + "/{session_id}/replay"
        table += [
            web.get(replay, guarded(_index, kind="replay")),
            web.get(replay + "/{page_id}", guarded(_page, kind="replay")),
        ]
    return table


def playlist(base: str, browser: Browser, replay: Replay) -> str:
    """
    Write an HLS playlist of pictures, each shown until the next.

    Source: "HLS Image Media Playlist Specification" (Roku, 2020): ``EXT-X-IMAGES-ONLY`` says that the
    segments are JPEGs. Players of videos do not show them; the page that does is named in a comment.
    """
    starts = [shot.at for shot in replay.shots]
    seconds = [
        max(0, after - before) / _MILLISECONDS
        for before, after in pairwise([*starts, max(replay.length, *starts)])
    ]
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        f"#EXT-X-TARGETDURATION:{max(1, math.ceil(max(seconds)))}",
        f"#EXT-X-PLAYLIST-TYPE:{'EVENT' if replay.ended_at is None else 'VOD'}",
        "#EXT-X-IMAGES-ONLY",
        f"# To watch it: {replay_links.player_url(base, browser)}",
    ]
    for number, duration in enumerate(seconds):
        lines += [f"#EXTINF:{duration:.3f},", replay_links.picture_url(base, browser, number)]
    if replay.ended_at is not None:
        lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


async def _index(request: web.Request, team: str) -> web.Response:
    browser, replay = _find(request, team)
    page = wire.ReplayPage(
        page_id=PAGE_ID,
        url=f"{PREFIXES[0]}/{browser.id}/replay/{PAGE_ID}",
        start_time_ms=replay.shots[0].at,
        end_time_ms=replay.length,
    )
    reply = wire.ReplayReply(success=True, pages=[page], page_count=1)
    return json_answer(DIALECT, reply, headers=_private(request, browser))


async def _page(request: web.Request, team: str) -> web.Response:
    page_id = request.match_info["page_id"]
    find(request, team, request.match_info["session_id"])
    if not (page_id.isascii() and page_id.isdecimal() and len(page_id) <= LONGEST_PAGE_ID):
        raise ProblemError(400, "Invalid pageId.")
    browser, replay = _find(request, team)
    if page_id != PAGE_ID:
        raise ProblemError(404, "Replay not found.")
    text = playlist(links.origin(request), browser, replay)
    return web.Response(text=text, content_type=HLS, headers=_private(request, browser))


def _find(request: web.Request, team: str) -> tuple[Browser, Replay]:
    browser = find(request, team, request.match_info["session_id"])
    replay = request.app[REPLAYS].get(browser.id)
    if replay is None or not replay.shots:
        raise ProblemError(404, "Replay not found.")
    return browser, replay


def _private(request: web.Request, browser: Browser) -> dict[str, str]:
    """Name the page that plays it, and let nobody store either."""
    player = replay_links.player_url(links.origin(request), browser)
    return {
        hdrs.CACHE_CONTROL: "no-store",
        hdrs.LINK: f'<{player}>; rel="alternate"; type="text/html"',
    }
