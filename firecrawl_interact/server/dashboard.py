"""The page for whoever runs the server: which sessions there are, and their end at a click."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from aiohttp import hdrs, web

from firecrawl_interact.server import links
from firecrawl_interact.server.auth import OWN_TEAM
from firecrawl_interact.server.keys import BROWSERS, COUNTS, KEYRING, LOGINS, SCREENCASTS
from firecrawl_interact.server.logins import LIFETIME
from firecrawl_interact.server.received import body_of
from firecrawl_interact.server.record import Browser

COOKIE = "firecrawl_interact_dashboard"

_PATH = "/dashboard"
_LONGEST_FORM = 4096  # Bytes: it holds a key, and who sends it has not shown one yet.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",  # With none, forms would come with the Origin "null".
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_TYPES = {"css": "text/css", "js": "text/javascript", "html": "text/html"}


def routes() -> list[web.RouteDef]:
    """List the routes. The page itself is at the root, which it shares with Anchor's CDP."""
    return [
        web.get(_PATH + "/{name:look.css|dashboard.css|dashboard.js}", _file),
        web.get(_PATH + "/sessions", _sessions),
        web.get(_PATH + "/sessions/{browser_id}/frame", _frame),
        web.get(_PATH + "/sessions/{browser_id}/{kind:watch|control}", _live),
        web.post(_PATH + "/sessions/{browser_id}/end", _end),
        web.post(_PATH + "/login", _log_in),
        web.post(_PATH + "/logout", _log_out),
    ]


async def page(request: web.Request) -> web.Response:
    """Show the dashboard, or ask for the key."""
    return _text("login.html" if _team(request) is None else "dashboard.html")


async def _file(request: web.Request) -> web.Response:
    return _text(request.match_info["name"])


async def _log_in(request: web.Request) -> web.Response:
    _demand_own_page(request)
    form = await body_of(request, most=_LONGEST_FORM)
    shown = parse_qs(form.decode(errors="surrogateescape")).get("key", [""])[0]
    team = request.app[KEYRING].team(shown)
    if team is None:
        return _text("login.html", status=401, refused="This key does not open the server.")
    answer = web.HTTPSeeOther("/")
    answer.set_cookie(
        COOKIE,
        request.app[LOGINS].issue(team),
        max_age=LIFETIME,
        httponly=True,
        samesite="Strict",
        secure=request.scheme == "https",
    )
    raise answer


async def _log_out(request: web.Request) -> web.Response:
    _demand_own_page(request)
    request.app[LOGINS].revoke(request.cookies.get(COOKIE, ""))
    answer = web.HTTPSeeOther("/")
    answer.del_cookie(COOKIE)
    raise answer


async def _sessions(request: web.Request) -> web.Response:
    team = _demand_team(request)
    browsers = request.app[BROWSERS]
    return web.json_response(
        {
            "locked": not request.app[KEYRING].open,
            "spares": request.app[COUNTS].spares(),
            "started": request.app[COUNTS].starts,
            "sessions": [_row(browser) for browser in browsers.list(team=_seen(team), alive=True)],
        },
        headers=_HEADERS,
    )


async def _frame(request: web.Request) -> web.StreamResponse:
    browser = _find(request)
    endpoint = browser.engine.endpoint
    if endpoint is None or not browser.wish.live_view:
        raise web.HTTPNotFound(text="This session cannot be watched.")
    from firecrawl_interact.server.cdp import CdpError

    try:
        picture = await request.app[SCREENCASTS].picture(browser)
    except CdpError as error:
        return web.Response(status=503, text=f"There is no picture: {error}.", headers=_HEADERS)
    return web.Response(body=picture, content_type="image/jpeg", headers=_HEADERS)


async def _live(request: web.Request) -> web.Response:
    """Lead to the live view; its token is in no page of ours, only in this answer."""
    browser = _find(request)
    if not browser.wish.live_view:
        raise web.HTTPNotFound(text="This session cannot be watched.")
    url = links.control_url if request.match_info["kind"] == "control" else links.watch_url
    raise web.HTTPSeeOther(url(links.origin(request), browser), headers={"Referrer-Policy": "no-referrer"})


async def _end(request: web.Request) -> web.Response:
    _demand_own_page(request)
    ended = await request.app[BROWSERS].end(_find(request))
    return web.json_response({"ended": ended}, headers=_HEADERS)


def _row(browser: Browser) -> dict[str, Any]:
    now = browser.clock()
    return {
        "id": browser.id,
        "team": None if browser.wish.team == OWN_TEAM else browser.wish.team,
        "status": browser.status.value,
        "age": round(browser.duration),
        "left": None if browser.expires_at is None else max(0, round(browser.expires_at - now)),
        "idle": max(0, round(now - browser.last_activity)),
        "connections": browser.connections,
        "tags": list(browser.tags),
        "profile": None if browser.wish.profile is None else browser.wish.profile.name,
        "watchable": browser.wish.live_view and browser.engine.endpoint is not None,
        "controllable": not browser.wish.read_only,
    }


def _team(request: web.Request) -> str | None:
    """Tell who looks; on a server that asks for no key, everybody is the operator."""
    if request.app[KEYRING].open:
        return OWN_TEAM
    return request.app[LOGINS].team(request.cookies.get(COOKIE, ""))


def _demand_team(request: web.Request) -> str:
    team = _team(request)
    if team is None:
        raise web.HTTPUnauthorized(text="Log in first.")
    return team


def _seen(team: str) -> str | None:
    """Tell whose sessions a team sees: its own, but the operator all."""
    return None if team == OWN_TEAM else team


def _find(request: web.Request) -> Browser:
    """Find the session of a path, if whoever looks may see it and it is alive."""
    seen = _seen(_demand_team(request))
    browser = request.app[BROWSERS].get(request.match_info["browser_id"])
    if browser is None or not browser.alive or seen not in {None, browser.wish.team}:
        raise web.HTTPNotFound(text="There is no such session.")
    return browser


def _demand_own_page(request: web.Request) -> None:
    """Refuse what no page of this server sent; browsers tell the origin of every form and every fetch."""
    if request.headers.get(hdrs.ORIGIN) != links.origin(request):
        raise web.HTTPForbidden(text="Only this server's own page may do that.")


def _text(name: str, *, status: int = 200, refused: str = "") -> web.Response:
    text = _static(name).replace("{refused}", refused)
    return web.Response(
        text=text, status=status, content_type=_TYPES[name.rpartition(".")[2]], headers=_HEADERS
    )


@functools.cache
def _static(name: str) -> str:
    return files("firecrawl_interact.server").joinpath("static", name).read_text(encoding="utf-8")
