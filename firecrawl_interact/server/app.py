"""The local server's application: routes, middlewares, cleanup."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Middleware

from firecrawl_interact.server import dashboard, health, links, metrics
from firecrawl_interact.server.auth import Keyring
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.counts import Counts
from firecrawl_interact.server.dialects import (
    firecrawl,
    firecrawl_guard,
    firecrawl_reading,
    firecrawl_replay,
    firecrawl_runs,
    firecrawl_scrapes,
)
from firecrawl_interact.server.doors import doors
from firecrawl_interact.server.keys import (
    BROWSERS,
    COUNTS,
    KEYRING,
    LOGINS,
    RATES,
    REPLAYS,
    RUNNERS,
    SCRAPES,
    SCREENCASTS,
    SETTINGS,
)
from firecrawl_interact.server.logins import Logins
from firecrawl_interact.server.public import host_of, known_as
from firecrawl_interact.server.rates import Rates
from firecrawl_interact.server.replay import links as replay_links
from firecrawl_interact.server.replay.recorder import Recorder
from firecrawl_interact.server.replay.store import Replays
from firecrawl_interact.server.runs import Prompts, Runners, Runs
from firecrawl_interact.server.scrapes import Scrapes
from firecrawl_interact.server.screencast import Screencasts
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
    runs: Runs | None = None,
    prompts: Prompts | None = None,
) -> web.Application:
    """
    Make the application that speaks both providers' wires over one table of browsers.

    Args:
        browsers: The table. It is closed with the application.

        key: The API key to ask for, in either provider's header, or None to ask for none.

        settings: What else may be chosen.

        faults: Misbehaviour for tests.

        runs: Who runs programs in the browsers; None refuses them.

        prompts: Who follows instructions in plain language; None refuses them.
    """
    settings = settings or ServerSettings()
    middlewares = [doors(_names(settings), _refuse, linked=links.LIVE)]
    if faults is not None:
        middlewares.insert(0, faults.middleware())
    if settings.public_url is not None:
        middlewares.insert(0, known_as(settings.public_url))
    counts = Counts()
    middlewares.insert(0, counts.middleware())
    browsers.attendants.append(counts)
    screencasts = Screencasts()
    browsers.attendants.insert(0, screencasts)  # Recorders come after it, and so end before it.
    replays = Replays(clock=browsers.clock)
    browsers.attendants.append(Recorder(screencasts, replays))
    app = web.Application(middlewares=middlewares, client_max_size=MAX_BODY)
    app[BROWSERS] = browsers
    app[COUNTS] = counts
    app[KEYRING] = Keyring(key, settings.keys)
    app[LOGINS] = Logins()
    app[RATES] = Rates()
    app[REPLAYS] = replays
    app[RUNNERS] = Runners(code=runs, prompts=prompts)
    app[SCRAPES] = Scrapes(browsers.clock)
    app[SCREENCASTS] = screencasts
    app[SETTINGS] = settings
    if faults is not None:
        faults.setup(app)
    for room in (firecrawl_runs, firecrawl_reading, firecrawl_scrapes, firecrawl_replay, firecrawl):
        app.add_routes(room.routes())
    if settings.anchor:
        from firecrawl_interact.server.dialects import anchor, anchor_cdp  # A tenth of the starting time.

        anchor.setup(app)
        for room in (anchor, anchor_cdp):
            app.add_routes(room.routes())
    for room in (links, replay_links, health, metrics, dashboard):
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
    app[REPLAYS].close()


def _names(settings: ServerSettings) -> tuple[str, ...]:
    return settings.hosts if settings.public_url is None else (*settings.hosts, host_of(settings.public_url))


def _refuse(request: web.Request, status: int, text: str) -> web.Response:
    if request.path.startswith("/v2/"):
        return firecrawl_guard.problem(status, text)
    if request.path.startswith("/v1/") and request.app[SETTINGS].anchor:
        from firecrawl_interact.server.dialects import anchor_guard  # As above; loaded by now.

        return anchor_guard.problem(status, text)
    return web.Response(status=status, text=text)
