"""The local server's application: routes, middlewares, cleanup."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Middleware

from firecrawl_interact.server import links
from firecrawl_interact.server.auth import Keyring
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.dialects import (
    anchor,
    anchor_cdp,
    anchor_guard,
    firecrawl,
    firecrawl_absent,
    firecrawl_guard,
)
from firecrawl_interact.server.doors import doors
from firecrawl_interact.server.keys import BROWSERS, KEYRING, RATES, SETTINGS
from firecrawl_interact.server.rates import Rates
from firecrawl_interact.server.settings import ServerSettings

MAX_BODY = 10 * 1024 * 1024  # Bytes; Firecrawl's own limit.


class Faults(Protocol):
    """Whoever makes the server misbehave on purpose."""

    def middleware(self) -> Middleware:
        """Make what sees every request first."""
        ...

    def setup(self, app: web.Application) -> None:
        """Add what it needs to the application."""


def build_app(
    *,
    browsers: Browsers,
    key: str | None = None,
    settings: ServerSettings | None = None,
    faults: Faults | None = None,
) -> web.Application:
    """
    Make the application that speaks both providers' wires over one table of browsers.

    Args:
        browsers: The table. It is closed with the application.

        key: The API key to ask for, in either provider's header, or None to ask for none.

        settings: What else may be chosen.

        faults: Misbehaviour for tests.
    """
    settings = settings or ServerSettings()
    middlewares = [doors(settings.hosts, _refuse, linked=links.LIVE)]
    if faults is not None:
        middlewares.insert(0, faults.middleware())
    app = web.Application(middlewares=middlewares, client_max_size=MAX_BODY)
    app[BROWSERS] = browsers
    app[KEYRING] = Keyring(key, settings.keys)
    app[RATES] = Rates()
    app[SETTINGS] = settings
    if faults is not None:
        faults.setup(app)
    anchor.setup(app)
    for room in (firecrawl_absent, firecrawl, anchor, anchor_cdp, links):
        app.add_routes(room.routes())
    # On shutdown: open CDP streams end with their browsers; aiohttp would wait a minute for them.
    # The cleanup context is for applications that never came to serve.
    app.on_shutdown.append(_end_browsers)
    app.cleanup_ctx.append(_closing)
    return app


async def _end_browsers(app: web.Application) -> None:
    await app[BROWSERS].aclose()


async def _closing(app: web.Application) -> AsyncIterator[None]:
    yield
    await app[BROWSERS].aclose()


def _refuse(request: web.Request, status: int, text: str) -> web.Response:
    if request.path.startswith("/v2/"):
        return firecrawl_guard.problem(status, text)
    if request.path.startswith("/v1/"):
        return anchor_guard.problem(status, text)
    return web.Response(status=status, text=text)
