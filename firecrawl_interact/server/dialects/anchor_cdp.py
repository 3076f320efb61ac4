"""The addresses at which Anchor's helpers look for a browser's CDP: they build them from the base URL."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import hdrs, web

from firecrawl_interact.server import dashboard, discovery, links
from firecrawl_interact.server.keys import BROWSERS, KEYRING
from firecrawl_interact.server.record import Browser


def routes() -> list[web.RouteDef]:
    """List the routes: a WebSocket at the root, and what clients of an ``http`` address ask first."""
    return [web.get("/", _connect), *discovery.routes("", _version, _pages)]


async def _connect(request: web.Request) -> web.StreamResponse:
    if request.headers.get(hdrs.UPGRADE, "").lower() != "websocket":
        return await dashboard.page(request)
    return await links.pass_through(request, _let_in(request))


async def _version(request: web.Request) -> web.StreamResponse:
    browser = _let_in(request)
    # The answer repeats only what the caller showed.
    query = urlencode({"apiKey": request.query.get("apiKey", ""), "sessionId": browser.id})
    base = links.origin(request).removeprefix("http")
    return discovery.version(f"ws{base}/?{query}")


async def _pages(request: web.Request) -> web.StreamResponse:
    return await discovery.pages(links.endpoint_of(_let_in(request)))


def _let_in(request: web.Request) -> Browser:
    """Find the browser that the query's id names, if its key may have it and the id still opens it."""
    team = request.app[KEYRING].team(request.query.get("apiKey", ""))
    browser = request.app[BROWSERS].get(request.query.get("sessionId", ""))
    if team is None or browser is None or browser.wish.team != team or browser.scoped:
        raise web.HTTPUnauthorized(text="Invalid API Key or browser session ID")
    if not browser.alive:
        raise web.HTTPGone(text="This browser has ended.")
    return browser
