"""The server's numbers, as Prometheus reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aiohttp import web

from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.counts import Counts
from firecrawl_interact.server.keys import BROWSERS, COUNTS
from firecrawl_interact.server.operators import demand_key
from firecrawl_interact.server.record import EndReason, Status

if TYPE_CHECKING:
    from prometheus_client import Metric

MISSING = "Metrics need an extra: pip install 'firecrawl-interact[metrics]'\n"

_PREFIX = "firecrawl_interact_"


def routes() -> list[web.RouteDef]:
    """List the one route."""
    return [web.get("/metrics", _metrics)]


async def _metrics(request: web.Request) -> web.Response:
    demand_key(request)
    try:
        import prometheus_client
    except ImportError:
        return web.Response(status=501, text=MISSING)
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.ProcessCollector(registry=registry)
    registry.register(_Collector(request.app[COUNTS], request.app[BROWSERS]))
    body = prometheus_client.generate_latest(registry)
    return web.Response(body=body, headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST})


class _Collector:
    """What the server knows, read at the moment of asking."""

    def __init__(self, counts: Counts, browsers: Browsers) -> None:
        self._counts = counts
        self._browsers = browsers

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily

        counts, alive = self._counts, self._browsers.list(alive=True)
        sessions = GaugeMetricFamily(f"{_PREFIX}sessions", "Sessions that hold a browser.", labels=["status"])
        now = Counter(browser.status for browser in alive)
        for status in (Status.RUNNING, Status.STOPPING):
            sessions.add_metric([status.value], now[status])
        yield sessions
        yield GaugeMetricFamily(
            f"{_PREFIX}connections",
            "Connections to browsers, for CDP and live view.",
            value=sum(browser.connections for browser in alive),
        )
        yield GaugeMetricFamily(f"{_PREFIX}spares", "Browsers ready to be handed out.", value=counts.spares())
        yield CounterMetricFamily(f"{_PREFIX}sessions_started", "Sessions started.", value=counts.starts)
        ended = CounterMetricFamily(f"{_PREFIX}sessions_ended", "Sessions ended.", labels=["reason"])
        for reason in EndReason:
            ended.add_metric([reason.value], counts.ended[reason.value])
        yield ended
        yield CounterMetricFamily(
            f"{_PREFIX}session_seconds", "Seconds that ended sessions lived.", value=counts.lived
        )
        requests = SummaryMetricFamily(
            f"{_PREFIX}request_seconds", "Requests answered.", labels=["method", "route", "status"]
        )
        for call, number in counts.calls.items():
            requests.add_metric([call.method, call.route, str(call.status)], number, counts.seconds[call])
        yield requests
