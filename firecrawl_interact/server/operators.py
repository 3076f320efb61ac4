"""Who may look at the whole server."""

from __future__ import annotations

from aiohttp import hdrs, web

from firecrawl_interact.server.auth import OWN_TEAM
from firecrawl_interact.server.keys import KEYRING

ANCHOR_HEADER = "anchor-api-key"


def demand_key(request: web.Request) -> None:
    """
    Let in who shows the server's own key in either provider's header.

    Raises:
        HTTPUnauthorized: It was not shown.
    """
    keyring = request.app[KEYRING]
    shown = (
        request.headers.get(ANCHOR_HEADER) or request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")[2]
    )
    if not keyring.open and keyring.team(shown) != OWN_TEAM:
        raise web.HTTPUnauthorized(text="The server's key is needed.", headers={"WWW-Authenticate": "Bearer"})
