"""Anchor's files of a session, which this server does not keep: refused in its words."""

from __future__ import annotations

from typing import NoReturn

from aiohttp import web

from firecrawl_interact.server.dialects.anchor_guard import ProblemError, find, guarded

SESSION = "/v1/sessions/{session_id}"


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [
        web.get(SESSION + "/downloads", guarded(_no_files)),
        web.post(SESSION + "/uploads", guarded(_no_files)),
    ]


async def _no_files(request: web.Request, team: str) -> NoReturn:
    find(request, team)
    raise ProblemError(501, "This server keeps no files of its sessions: take and give them over CDP.")
