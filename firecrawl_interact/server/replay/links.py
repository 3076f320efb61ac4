"""The link to a recording; whoever has it may watch, during the session and afterwards."""

from __future__ import annotations

import hmac

import attrs
from aiohttp import web

from firecrawl_interact.server.keys import BROWSERS, REPLAYS
from firecrawl_interact.server.links import LIVE, PRIVATE, refusal
from firecrawl_interact.server.record import Browser
from firecrawl_interact.server.replay.store import Replay

_REPLAY = LIVE + "{browser_id}/replay"
_LONGEST_NUMBER = 9  # Digits.


def player_url(base: str, browser: Browser) -> str:
    """Build the address of the page that plays a recording."""
    return f"{base}{LIVE}{browser.id}/replay?token={browser.replay_token}"


def picture_url(base: str, browser: Browser, number: int) -> str:
    """Build the address of one picture, a JPEG."""
    return f"{base}{LIVE}{browser.id}/replay/{number}.jpg?token={browser.replay_token}"


def routes() -> list[web.RouteDef]:
    """List the routes that the links lead to."""
    return [
        web.get(_REPLAY, _page),
        web.get(_REPLAY + "/index.json", _index),
        web.get(_REPLAY + r"/{number:\d+}.jpg", _picture),
    ]


async def _page(request: web.Request) -> web.StreamResponse:
    try:
        _let_in(request)
    except (web.HTTPForbidden, web.HTTPGone) as refused:
        return refusal(refused, root="../")
    from firecrawl_interact.server import live_page  # Most servers record nothing.

    return web.Response(
        text=live_page.player(), content_type="text/html", headers=PRIVATE | live_page.HEADERS
    )


async def _index(request: web.Request) -> web.StreamResponse:
    """Tell when what was seen: pictures and scenes, in milliseconds from the session's start."""
    browser, replay = _let_in(request)
    answer = {
        "startedAt": browser.started_at,
        "length": replay.length,
        "ended": replay.ended_at is not None,
        "cut": replay.cut,
        "pictures": [shot.at for shot in replay.shots],
        "scenes": [
            {
                "at": at,
                "active": scene.active,
                "url": scene.url,
                "tabs": [attrs.asdict(tab) for tab in scene.tabs],
            }
            for at, scene in replay.scenes
        ],
    }
    return web.json_response(answer, headers=PRIVATE)


async def _picture(request: web.Request) -> web.StreamResponse:
    _, replay = _let_in(request)
    number = request.match_info["number"]
    picture = await replay.picture(int(number)) if len(number) <= _LONGEST_NUMBER else None
    if picture is None:
        raise web.HTTPNotFound(text="There is no such picture.")
    return web.Response(body=picture, content_type="image/jpeg", headers=PRIVATE)


def _let_in(request: web.Request) -> tuple[Browser, Replay]:
    """Find the recording whose token the caller shows; wrong tokens and unknown ids get the same answer."""
    browser = request.app[BROWSERS].get(request.match_info["browser_id"])
    shown = request.query.get("token", "").encode(errors="surrogateescape")
    if browser is None or not hmac.compare_digest(browser.replay_token.encode(), shown):
        raise web.HTTPForbidden(text="This link opens nothing.")
    replay = request.app[REPLAYS].get(browser.id)
    if replay is None:
        raise web.HTTPGone(text="There is no recording of this session, or none any more.")
    return browser, replay
