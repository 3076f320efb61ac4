"""What programs ask over HTTP before they connect to a browser: where that is, and which pages it has."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from firecrawl_interact.server.engine import Endpoint

_FRESH = {"Cache-Control": "no-store"}


def routes(root: str, version: Handler, pages: Handler) -> list[web.RouteDef]:
    """List the routes below an address; programs ask with and without a slash at the end."""
    asked = {"/json/version": version, "/json/list": pages}
    return [web.get(root + path + slash, answer) for path, answer in asked.items() for slash in ("", "/")]


def version(websocket_url: str) -> web.Response:
    """Answer as a browser does at ``/json/version``, with the address that the caller has shown."""
    about = {"Browser": "Chrome", "Protocol-Version": "1.3", "webSocketDebuggerUrl": websocket_url}
    return web.json_response(about, headers=_FRESH)


async def pages(endpoint: Endpoint) -> web.Response:
    """
    Answer as a browser does at ``/json/list``: its pages, the one that was opened last first.

    None has an address of its own: who has connected to the browser attaches to a page by its id.
    """
    from firecrawl_interact.server.cdp import CdpError, connect  # Fakes need none.
    from firecrawl_interact.server.controls import tabs

    try:
        async with connect(endpoint) as browser:
            found = await tabs.pages(browser)
    except CdpError:
        return web.Response(status=502, text="The browser does not answer.")
    rows = [{"id": page.id, "type": "page", "title": page.title, "url": page.url} for page in found]
    return web.json_response(rows, headers=_FRESH)
