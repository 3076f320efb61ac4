"""Typed keys of what the application holds."""

from __future__ import annotations

from aiohttp import web

from firecrawl_interact.server.auth import Keyring
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.counts import Counts
from firecrawl_interact.server.logins import Logins
from firecrawl_interact.server.rates import Rates
from firecrawl_interact.server.replay.store import Replays
from firecrawl_interact.server.runs import Runners
from firecrawl_interact.server.scrapes import Scrapes
from firecrawl_interact.server.screencast import Screencasts
from firecrawl_interact.server.settings import ServerSettings

BROWSERS = web.AppKey("BROWSERS", Browsers)
COUNTS = web.AppKey("COUNTS", Counts)
KEYRING = web.AppKey("KEYRING", Keyring)
LOGINS = web.AppKey("LOGINS", Logins)
RATES = web.AppKey("RATES", Rates)
REPLAYS = web.AppKey("REPLAYS", Replays)
RUNNERS = web.AppKey("RUNNERS", Runners)
SCRAPES = web.AppKey("SCRAPES", Scrapes)
SCREENCASTS = web.AppKey("SCREENCASTS", Screencasts)
SETTINGS = web.AppKey("SETTINGS", ServerSettings)
