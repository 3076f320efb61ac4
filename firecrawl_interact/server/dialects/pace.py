"""How fast a team may ask, whatever the dialect."""

from __future__ import annotations

from aiohttp import web

from firecrawl_interact.server.keys import BROWSERS, RATES, SETTINGS
from firecrawl_interact.server.rates import TooFast


def too_fast(request: web.Request, team: str, kind: str) -> TooFast | None:
    """
    Count a request, and tell whether it came too soon.

    Args:
        request: The one.

        team: Whose it is.

        kind: ``create``, or what else there is; creates have a limit of their own.
    """
    settings = request.app[SETTINGS]
    limit = settings.creates_per_minute if kind == "create" else settings.calls_per_minute
    return request.app[RATES].take(team, kind, limit, request.app[BROWSERS].clock())
