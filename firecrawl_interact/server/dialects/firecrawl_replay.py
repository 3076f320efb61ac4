"""Firecrawl's routes for what a session's recording shows."""

from __future__ import annotations

from typing import NoReturn

from aiohttp import web

from firecrawl_interact.server.dialects.firecrawl_guard import PREFIXES, ProblemError, guarded
from firecrawl_interact.server.dialects.firecrawl_life import find

LONGEST_PAGE_ID = 3  # Digits.


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


async def _index(request: web.Request, team: str) -> NoReturn:
    find(request, team, request.match_info["session_id"])
    raise ProblemError(404, "Replay not found.")


async def _page(request: web.Request, team: str) -> NoReturn:
    find(request, team, request.match_info["session_id"])
    page_id = request.match_info["page_id"]
    if not (page_id.isascii() and page_id.isdecimal() and len(page_id) <= LONGEST_PAGE_ID):
        raise ProblemError(400, "Invalid pageId.")
    raise ProblemError(404, "Replay not found.")
