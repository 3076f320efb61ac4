"""What an account at Anchor has, and has used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import attrs

from firecrawl_interact.backends._arguments import instant, strings
from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.wire import anchor_usage as wire

if TYPE_CHECKING:
    from firecrawl_interact.backends.anchor_calls import Calls

Granularity = Literal["hour", "day", "week", "month"]

NO_LIMIT = -1  # As Anchor writes it.
_PAGE_SIZE = 1000  # The most that is taken.
_MOST_PAGES = 100


@attrs.frozen(kw_only=True)
class AnchorCredits:
    """
    What is left.

    Attributes:
        credits: Left.

        used: In this period.

        included: In this period, by the plan.

        period: Such as ``2026-03``.

        tier: The plan.

        most_browsers: At once; None for no limit, or where Anchor does not say.
    """

    credits: float
    used: float
    included: float
    period: str
    tier: str
    most_browsers: int | None = None


class AnchorAccount:
    """Money and numbers of the account; raises what `AnchorBrowser` says."""

    def __init__(self, calls: Calls) -> None:
        """Not called by users; see `AnchorBackend.account`."""
        self._calls = calls

    async def credits(self) -> AnchorCredits:
        """Say what is left."""
        found = (await self._calls.get("/billing", wire.BillingReply)).data
        most = found.max_concurrent_browsers
        return AnchorCredits(
            credits=found.credits,
            used=found.credits_used,
            included=found.included_credits,
            period=found.billing_period,
            tier=found.tier,
            most_browsers=None if most == NO_LIMIT else most,
        )

    async def usage(
        self,
        *,
        granularity: Granularity = "day",
        metrics: Iterable[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[Mapping[str, Any]]:
        """
        Say what was used, one row to each stretch of time, with its ``date``.

        Args:
            granularity: How long a stretch is.

            metrics: What to count, such as ``session_count`` and ``credits_used``; none means all.

            since: Aware instant.

            until: Aware instant.
        """
        names = strings("metrics", [metrics] if isinstance(metrics, str) else metrics)
        if granularity not in wire.GRANULARITIES:
            raise InvalidOptionError(
                f"granularity must be one of {', '.join(wire.GRANULARITIES)}.", option="granularity"
            )
        if not set(names) <= set(wire.METRICS):
            raise InvalidOptionError(f"metrics must be of {', '.join(wire.METRICS)}.", option="metrics")
        wanted: dict[str, object] = {
            "granularity": granularity,
            "metrics": ",".join(names) or None,
            "from_date": instant("since", since),
            "to_date": instant("until", until),
            "limit": _PAGE_SIZE,
        }
        query = {name: value for name, value in wanted.items() if value is not None}
        rows: list[Mapping[str, Any]] = []
        for number in range(1, _MOST_PAGES + 1):
            page = await self._calls.get(
                "/sessions/history", wire.UsageReply, query={**query, "page": number}
            )
            rows += [_told(point) for point in page.data]
            if number >= page.pagination.total_pages or not page.data:
                break
        return rows


def _told(point: wire.UsagePoint) -> Mapping[str, Any]:
    return {name: value for name, value in attrs.asdict(point).items() if value is not None}
