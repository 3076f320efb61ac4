"""Whether there is room for one more session; how many a team may have is another matter."""

from __future__ import annotations

import asyncio

from aiohttp import web

from firecrawl_interact.server.keys import BROWSERS
from firecrawl_interact.server.room import shortage

_FRESH = {"Cache-Control": "no-store"}


def routes() -> list[web.RouteDef]:
    """List the one route. It asks for no key, so it tells nothing but yes or no."""
    return [web.get("/healthz", _health)]


async def _health(request: web.Request) -> web.Response:
    if request.app[BROWSERS].closed or await asyncio.to_thread(shortage) is not None:
        return web.Response(status=503, text="not ok\n", headers=_FRESH)
    return web.Response(text="ok\n", headers=_FRESH)
