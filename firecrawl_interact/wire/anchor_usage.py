"""What Anchor tells of an account's use, as attrs classes."""

from __future__ import annotations

import attrs

from firecrawl_interact.wire.anchor_batch import Pagination

GRANULARITIES = ("hour", "day", "week", "month")
METRICS = (
    "session_count",
    "proxy_bytes",
    "ai_steps",
    "session_hours",
    "credits_used",
    "screenshots",
    "network_bytes_total",
)


@attrs.frozen(kw_only=True)
class UsagePoint:
    """
    One stretch of time. Only the metrics that were asked for are in it.

    Attributes:
        date: ``2026-03-09``, or a time for hours.
    """

    date: str
    session_count: float | None = None
    proxy_bytes: float | None = None
    ai_steps: float | None = None
    session_hours: float | None = None
    credits_used: float | None = None
    screenshots: float | None = None
    network_bytes_total: float | None = None


@attrs.frozen(kw_only=True)
class UsageSummary:
    """The same numbers for the whole of the time asked for."""

    total_sessions: float | None = None
    total_proxy_bytes: float | None = None
    total_ai_steps: float | None = None
    total_session_hours: float | None = None
    total_credits_used: float | None = None
    total_screenshots: float | None = None
    total_network_bytes_total: float | None = None


@attrs.frozen(kw_only=True)
class UsageReply:
    """
    Answer to ``GET /v1/sessions/history``: an array where other answers have an object.

    Source: the OpenAPI file of github.com/anchorbrowser/AnchorBrowser-SDK-Python, read 2026.
    """

    data: list[UsagePoint]
    summary: UsageSummary
    pagination: Pagination


@attrs.frozen(kw_only=True)
class Billing:
    """
    What an account has, and has used.

    Attributes:
        billing_period: ``2026-03``.

        max_concurrent_browsers: -1 for no limit.
    """

    credits: float
    credits_used: float
    included_credits: float
    billing_period: str
    tier: str
    gifts_balance: float | None = None
    max_concurrent_browsers: int | None = None
    cost_limit: float | None = None


@attrs.frozen(kw_only=True)
class BillingReply:
    """Answer to ``GET /v1/billing``."""

    data: Billing
