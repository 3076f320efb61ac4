"""What Firecrawl offers and this server does not, refused in the words of a self-hosted one."""

from __future__ import annotations

import uuid
from typing import NoReturn

from aiohttp import web

from firecrawl_interact.server.dialects.firecrawl_guard import PREFIXES, ProblemError, guarded
from firecrawl_interact.server.dialects.firecrawl_life import find

SCRAPE_BOUND = "/v2/scrape/{job_id}/interact"


def routes() -> list[web.RouteDef]:
    """List the routes; they stand before those of `firecrawl`, whose last one takes all the rest."""
    table: list[web.RouteDef] = []
    for prefix in PREFIXES:
        one = prefix + "/{session_id}"
        table += [
            web.post(one + "/execute", guarded(_execute)),
            web.get(one + "/replay", guarded(_replay)),
            web.get(one + "/replay/{page_id}", guarded(_replay)),
        ]
    return [*table, web.post(SCRAPE_BOUND, guarded(_interact)), web.delete(SCRAPE_BOUND, guarded(_stop))]


async def _execute(request: web.Request, team: str) -> NoReturn:
    if not find(request, team, request.match_info["session_id"]).alive:
        raise ProblemError(410, "Browser session has been destroyed.")
    raise ProblemError(501, "This server does not run code.")


async def _replay(request: web.Request, team: str) -> NoReturn:
    find(request, team, request.match_info["session_id"])
    raise ProblemError(404, "Replay not found.")


async def _interact(request: web.Request, team: str) -> NoReturn:
    del team
    _check_job_id(request)
    text = (
        "Scrape interact requires stored scrape context"
        " and is not available when database authentication is disabled."
    )
    raise ProblemError(501, text)


async def _stop(request: web.Request, team: str) -> NoReturn:
    del team
    _check_job_id(request)
    raise ProblemError(404, "Browser session not found.")


def _check_job_id(request: web.Request) -> None:
    try:
        uuid.UUID(request.match_info["job_id"])
    except ValueError:
        raise ProblemError(400, "Invalid job ID format. Job ID must be a valid UUID.") from None
