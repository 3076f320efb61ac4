"""Anchor's dialect: all of its routes, in the order in which they are tried."""

from __future__ import annotations

from aiohttp import hdrs, web

from firecrawl_interact.server.dialects import (
    anchor_async,
    anchor_batch,
    anchor_controls,
    anchor_files,
    anchor_links,
    anchor_profiles,
    anchor_recordings,
    anchor_sessions,
    anchor_tools,
    anchor_usage,
)
from firecrawl_interact.server.dialects.anchor_guard import guarded, no_route

RESERVED = ("all", "async", "history", "pending-interventions")  # Words where the id of a session stands.


def routes() -> list[web.RouteDef]:
    """
    List the routes; anything else under ``/v1`` is a 404 in the same words.

    Reserved words stand before ids.
    """
    return [
        *anchor_sessions.routes_of_all(),
        *anchor_async.routes(),
        *anchor_usage.routes(),
        *(
            web.route(hdrs.METH_ANY, f"{anchor_sessions.SESSIONS}/{word}", guarded(no_route))
            for word in RESERVED
        ),
        *anchor_sessions.routes(),
        *anchor_links.routes(),
        *anchor_controls.routes(),
        *anchor_recordings.routes(),
        *anchor_files.routes(),
        *anchor_batch.routes(),
        *anchor_profiles.routes(),
        *anchor_tools.routes(),
        web.route(hdrs.METH_ANY, "/v1/{tail:(?s:.*)}", guarded(no_route)),  # A line's end is part of it.
    ]


def setup(app: web.Application) -> None:
    """Give the application what the routes work with; the table of browsers must be in it."""
    anchor_async.setup(app)
    anchor_batch.setup(app)
    anchor_controls.setup(app)
