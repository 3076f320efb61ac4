"""Anchor's asynchronous start: ask now, look later."""

from __future__ import annotations

import uuid

import attrs
from aiohttp import web

from firecrawl_interact.server import links
from firecrawl_interact.server.dialects import anchor_links
from firecrawl_interact.server.dialects.anchor_body import read_wish
from firecrawl_interact.server.dialects.anchor_guard import ProblemError, check_credits, guarded
from firecrawl_interact.server.dialects.anchor_orders import Order, Orders, OrderStatus
from firecrawl_interact.server.dialects.answer import instant
from firecrawl_interact.server.dialects.body import json_body
from firecrawl_interact.server.keys import BROWSERS, SETTINGS
from firecrawl_interact.wire import anchor_start as wire
from firecrawl_interact.wire.anchor import DIALECT, Links

ASYNC = "/v1/sessions/async"
KEPT = 10_000  # Requests that are remembered; then the oldest is forgotten.

_PHASES = {OrderStatus.PENDING: "queued", OrderStatus.COMPLETED: "ready"}  # Any other is "provisioning".


@attrs.frozen(kw_only=True)
class Asked:
    """
    One asynchronous start.

    Attributes:
        at: Wall-clock seconds.
    """

    team: str
    order: Order
    at: float


ORDERS = web.AppKey("ORDERS", Orders)
ASKED = web.AppKey("ASKED", dict[str, Asked])


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [
        web.post(ASYNC, guarded(_start, kind="create")),
        web.get(ASYNC + "/{request_id}/status", guarded(_status)),
    ]


def setup(app: web.Application) -> None:
    """Give the application what the routes work with."""
    app[ORDERS] = Orders(app[BROWSERS])
    app[ASKED] = {}
    app.on_cleanup.append(_settle)


def item(order: Order, base: str) -> wire.StartedItem:
    """Describe an order; the links are in it once there is a browser."""
    browser = order.browser
    given = Links() if browser is None else anchor_links.of(browser, base)
    return wire.StartedItem(
        item_index=order.index,
        session_id=None if browser is None else browser.id,
        status=order.status.value,
        cdp_url=given.cdp_url,
        live_view_url=given.live_view_url,
        live_view_read_only_url=given.live_view_read_only_url,
        error=order.error,
        retry_count=order.retries,
        started_at=time_text(order.started_at),
        completed_at=time_text(order.completed_at),
    )


def time_text(seconds: float | None) -> str | None:
    """Write wall-clock seconds as these routes do."""
    return None if seconds is None else instant(seconds).isoformat()


async def _start(request: web.Request, team: str) -> web.Response:
    app = request.app
    wish = read_wish(await json_body(request), team=team, minute=app[SETTINGS].anchor_minute)
    check_credits(request)
    if not app[ORDERS].has_room(team, 1):
        raise ProblemError(429, "API key would exceed batch browser limit.")
    asked = Asked(team=team, order=Order(wish=wish), at=app[BROWSERS].clock())
    request_id = str(uuid.uuid4())
    table = app[ASKED]
    table[request_id] = asked
    if len(table) > KEPT:
        del table[next(iter(table))]
    app[ORDERS].place(asked.order)
    reply = DIALECT.unstructure(
        wire.AcceptedReply(data=wire.Accepted(request_id=request_id, status="pending"))
    )
    reply["data"]["session_id"] = None  # Always null, and always there.
    return web.json_response(reply)


async def _status(request: web.Request, team: str) -> wire.StartStatusReply:
    request_id = request.match_info["request_id"]
    asked = request.app[ASKED].get(request_id)
    if asked is None or asked.team != team:
        raise ProblemError(404, "Async request not found.")
    order = asked.order
    # Its words: the request is "ready" where the session in it is "completed".
    word = "ready" if order.status is OrderStatus.COMPLETED else order.status.value
    told = None if order.status is OrderStatus.PENDING else item(order, links.origin(request))
    status = wire.StartStatus(
        request_id=request_id,
        status=word,
        created_at=time_text(asked.at),
        progress=wire.Progress(current_phase=_PHASES.get(order.status, "provisioning")),
        session=told,
    )
    return wire.StartStatusReply(data=status)


async def _settle(app: web.Application) -> None:
    await app[ORDERS].aclose()
