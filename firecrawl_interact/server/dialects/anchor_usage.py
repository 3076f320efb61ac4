"""Anchor's routes about an account: how much it was used, and what is left."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from aiohttp import web

from firecrawl_interact.server.dialects import anchor_rows
from firecrawl_interact.server.dialects.anchor_guard import guarded
from firecrawl_interact.server.dialects.anchor_query import BadQueryError, read_instant, read_whole
from firecrawl_interact.server.dialects.answer import instant
from firecrawl_interact.server.keys import BROWSERS, SETTINGS
from firecrawl_interact.server.record import Browser
from firecrawl_interact.wire import anchor_usage as wire
from firecrawl_interact.wire.anchor_batch import Pagination

PAGE_SIZE = 100  # When not said otherwise.
LARGEST_PAGE = 1000
PLENTY = 1_000_000.0  # Credits of whoever has no limit: the answer needs a number.

_SUMMARY = {"session_count": "total_sessions"}  # Any other has "total_" before it.


def routes() -> list[web.RouteDef]:
    """List the routes; they must stand before those with an id."""
    return [
        web.get("/v1/sessions/history", guarded(_history)),
        web.get("/v1/billing", guarded(_billing)),
    ]


async def _history(request: web.Request, team: str) -> wire.UsageReply:
    query = request.query
    granularity = query.get("granularity", "day")
    asked = [word for word in query.get("metrics", "").split(",") if word] or list(wire.METRICS)
    number = read_whole(query.get("page", "1"))
    size = read_whole(query.get("limit", str(PAGE_SIZE)))
    if granularity not in wire.GRANULARITIES or not set(asked) <= set(wire.METRICS):
        raise BadQueryError
    if number < 1 or not 1 <= size <= LARGEST_PAGE:
        raise BadQueryError
    since = read_instant(query["from_date"]) if "from_date" in query else -math.inf
    until = read_instant(query["to_date"]) if "to_date" in query else math.inf
    rows = request.app[BROWSERS].list(team=team)
    chosen = [browser for browser in rows if since <= browser.started_at <= until]
    stretches: defaultdict[str, list[Browser]] = defaultdict(list)
    for browser in chosen:
        stretches[_stretch(instant(browser.started_at), granularity)].append(browser)
    points = [wire.UsagePoint(date=date, **_measure(stretches[date], asked)) for date in sorted(stretches)]
    pages = max(1, math.ceil(len(points) / size))
    totals = {_SUMMARY.get(name, f"total_{name}"): value for name, value in _measure(chosen, asked).items()}
    return wire.UsageReply(
        data=points[(number - 1) * size : number * size],
        summary=wire.UsageSummary(**totals),
        pagination=Pagination(
            current_page=number,
            total_pages=pages,
            total_records=len(points),
            has_next=number < pages,
            has_prev=number > 1,
        ),
    )


async def _billing(request: web.Request, team: str) -> wire.BillingReply:
    browsers, left = request.app[BROWSERS], request.app[SETTINGS].credits
    now = instant(browsers.clock())
    used = sum(map(anchor_rows.credits_used, browsers.list(team=team)))
    balance = PLENTY if left is None else float(left)
    billing = wire.Billing(
        credits=balance,
        credits_used=round(used, 2),
        included_credits=balance,
        billing_period=f"{now:%Y-%m}",
        tier="local",
        gifts_balance=0,
        max_concurrent_browsers=-1 if browsers.limit is None else browsers.limit,
    )
    return wire.BillingReply(data=billing)


def _stretch(moment: datetime, granularity: str) -> str:
    """Name the stretch of time that a moment is in, by its beginning."""
    match granularity:
        case "hour":
            return f"{moment:%Y-%m-%dT%H}:00:00Z"
        case "week":
            return f"{moment - timedelta(days=moment.weekday()):%Y-%m-%d}"
        case "month":
            return f"{moment:%Y-%m}-01"
        case _:
            return f"{moment:%Y-%m-%d}"


def _measure(browsers: Iterable[Browser], asked: Iterable[str]) -> dict[str, float]:
    rows = list(browsers)
    known: dict[str, Callable[[], float]] = {
        "session_count": lambda: len(rows),
        "session_hours": lambda: round(sum(row.duration for row in rows) / 3600, 4),
        "credits_used": lambda: round(sum(map(anchor_rows.credits_used, rows)), 2),
    }
    # Nothing else is counted here, and nothing else is paid for.
    return {name: known[name]() if name in known else 0 for name in asked}
