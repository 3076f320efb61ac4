"""Anchor's batches: many sessions from one request, started one after another."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from aiohttp import web

from firecrawl_interact.server import links
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.dialects.anchor_async import ORDERS, item, time_text
from firecrawl_interact.server.dialects.anchor_body import read_wish
from firecrawl_interact.server.dialects.anchor_guard import ProblemError, check_credits, guarded, read_body
from firecrawl_interact.server.dialects.anchor_orders import Order, OrderStatus
from firecrawl_interact.server.dialects.anchor_query import BadQueryError, read_instant, read_whole
from firecrawl_interact.server.dialects.body import json_body
from firecrawl_interact.server.keys import BROWSERS, SETTINGS
from firecrawl_interact.wire import anchor_batch as wire
from firecrawl_interact.wire.anchor import DIALECT
from firecrawl_interact.wire.anchor_start import Progress

BATCHES_PATH = "/v1/batch-sessions"
BATCH_PATH = BATCHES_PATH + "/{batch_id}"
KEPT = 200  # Batches that are remembered; then the oldest is forgotten.
PAGE_SIZE = 20  # When not said otherwise.

_WRONG_COUNT = "Session count must be between 1 and 1000"


@attrs.define(eq=False, kw_only=True)
class Batch:
    """
    Sessions that were asked for together.

    Attributes:
        made_at: Wall-clock seconds.

        cancelled: Whether somebody cancelled it. Final.
    """

    id: str
    team: str
    orders: Sequence[Order]
    made_at: float
    cancelled: bool = False

    @property
    def status(self) -> str:
        """Its word: a batch that failed in part is "completed", as far as can be told."""
        if self.cancelled:
            return "cancelled"
        found = self.counts()
        if found[OrderStatus.PENDING] == len(self.orders):
            return "pending"
        if any(order.open for order in self.orders):
            return "processing"
        return "completed" if found[OrderStatus.COMPLETED] else "failed"

    @property
    def completed_at(self) -> float | None:
        """When its last session was there, or failed to be."""
        if any(order.open for order in self.orders):
            return None
        return max((order.completed_at for order in self.orders if order.completed_at), default=None)

    def counts(self) -> Counter[OrderStatus]:
        """Count its sessions by how far they have come."""
        return Counter(order.status for order in self.orders)


BATCHES = web.AppKey("BATCHES", dict[str, Batch])


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [
        web.post(BATCHES_PATH, guarded(_make, kind="create")),
        web.get(BATCHES_PATH, guarded(_list)),
        web.get(BATCH_PATH, guarded(_get)),
        web.patch(BATCH_PATH, guarded(_cancel)),
        web.delete(BATCH_PATH, guarded(_delete)),
        web.post(BATCH_PATH + "/retry", guarded(_retry)),
    ]


def setup(app: web.Application) -> None:
    """Give the application what the routes work with."""
    app[BATCHES] = {}


def members(app: web.Application, batch_id: str) -> frozenset[str]:
    """Return the ids of a batch's sessions; none for a batch that there is not."""
    batch = app[BATCHES].get(batch_id)
    orders = () if batch is None else batch.orders
    return frozenset(order.browser.id for order in orders if order.browser is not None)


async def _make(request: web.Request, team: str) -> wire.BatchMadeReply:
    app, body = request.app, await json_body(request)
    count = body.get("count") if isinstance(body, dict) else None
    if type(count) is int and not wire.BATCH_SIZE.minimum <= count <= (wire.BATCH_SIZE.maximum or count):
        raise ProblemError(400, _WRONG_COUNT)
    asked = DIALECT.structure(body, wire.BatchRequest)
    wish = read_wish(
        (isinstance(body, dict) and body.get("configuration")) or {},
        team=team,
        minute=app[SETTINGS].anchor_minute,
    )
    check_credits(request)
    if not app[ORDERS].has_room(team, asked.count):
        raise ProblemError(429, "API key would exceed batch browser limit.")
    batch = Batch(
        id=str(uuid.uuid4()),
        team=team,
        orders=[Order(wish=wish, index=index) for index in range(asked.count)],
        made_at=app[BROWSERS].clock(),
    )
    _keep(app[BATCHES], batch)
    for order in batch.orders:
        app[ORDERS].place(order)
    made = wire.BatchMade(
        batch_id=batch.id, status="pending", total_requests=asked.count, created_at=time_text(batch.made_at)
    )
    return wire.BatchMadeReply(data=made)


async def _list(request: web.Request, team: str) -> wire.BatchListReply:
    query = request.query
    number = read_whole(query.get("page", "1"))
    size = read_whole(query.get("limit", str(PAGE_SIZE)))
    if number < 1 or not wire.BATCH_PAGE.minimum <= size <= (wire.BATCH_PAGE.maximum or size):
        raise BadQueryError
    tests = _tests(query)
    rows = [batch for batch in request.app[BATCHES].values() if batch.team == team]
    rows = [batch for batch in rows if all(test(batch) for test in tests)]
    pages = max(1, math.ceil(len(rows) / size))
    shown = rows[(number - 1) * size : number * size]
    page = wire.BatchPage(
        batches=[wire.Batch(**_head(batch)) for batch in shown],
        pagination=wire.Pagination(
            current_page=number,
            total_pages=pages,
            total_records=len(rows),
            has_next=number < pages,
            has_prev=number > 1,
        ),
    )
    return wire.BatchListReply(data=page)


async def _get(request: web.Request, team: str) -> wire.BatchReply:
    batch, base = _find(request, team), links.origin(request)
    found, total = batch.counts(), len(batch.orders)
    done = sum(not order.open for order in batch.orders)
    detail = wire.Batch(
        **_head(batch),
        processing_requests=found[OrderStatus.PROCESSING],
        pending_requests=found[OrderStatus.PENDING],
        sessions=[item(order, base) for order in batch.orders],
        progress=Progress(
            percentage=100 * done // total, current_phase="ready" if done == total else "provisioning"
        ),
    )
    return wire.BatchReply(data=detail)


async def _cancel(request: web.Request, team: str) -> wire.BatchCancelledReply:
    batch = _find(request, team)
    await read_body(request, wire.BatchChange)
    if batch.status in ("cancelled", "completed", "failed"):
        raise ProblemError(409, "Invalid state transition (batch already cancelled or completed)")
    batch.cancelled = True
    count = await request.app[ORDERS].cancel(batch.orders)
    told = wire.BatchCancelled(
        batch_id=batch.id, status=batch.status, cancelled_sessions=count, message="Batch cancelled"
    )
    return wire.BatchCancelledReply(data=told)


async def _delete(request: web.Request, team: str) -> wire.BatchDeletedReply:
    batch = _find(request, team)
    await request.app[ORDERS].cancel(order for order in batch.orders if order.open)
    mine = [order.browser for order in batch.orders if order.browser is not None]
    left = await _end(request.app[BROWSERS], [browser.id for browser in mine])
    if not left:
        # One that still runs must be found again.
        request.app[BATCHES].pop(batch.id, None)
    told = wire.BatchDeleted(
        batch_id=batch.id,
        deleted_sessions=len(mine) - len(left),
        failed_deletions=len(left),
        errors=[wire.FailedDeletion(session_id=one, error="Session is not reachable") for one in left],
        message=f"{len(mine) - len(left)} sessions deleted, {len(left)} failed",
    )
    return wire.BatchDeletedReply(data=told)


async def _retry(request: web.Request, team: str) -> wire.BatchRetriedReply:
    batch = _find(request, team)
    asked = await read_body(request, wire.BatchRetry)
    failed = [order for order in batch.orders if order.status is OrderStatus.FAILED]
    if not failed or batch.cancelled:
        raise ProblemError(400, "No failed sessions to retry")
    orders = request.app[ORDERS]
    for order in failed:
        orders.retry(order, times=1 if asked.max_retries is None else asked.max_retries)
    told = wire.BatchRetried(
        batch_id=batch.id, status="processing", retried_sessions=len(failed), message="Retry started"
    )
    return wire.BatchRetriedReply(data=told)


async def _end(browsers: Browsers, ids: Sequence[str]) -> list[str]:
    """End browsers; returns the ids of those that did not."""
    found = [browser for browser in map(browsers.get, ids) if browser is not None]
    gone = await asyncio.gather(*(browsers.end(browser) for browser in found))
    return [browser.id for browser, ended in zip(found, gone, strict=True) if not ended]


def _find(request: web.Request, team: str) -> Batch:
    batch = request.app[BATCHES].get(request.match_info["batch_id"])
    if batch is None or batch.team != team:
        raise ProblemError(404, "Batch not found")
    return batch


def _keep(batches: dict[str, Batch], batch: Batch) -> None:
    batches[batch.id] = batch
    if len(batches) > KEPT:
        del batches[next(iter(batches))]


def _head(batch: Batch) -> dict[str, Any]:
    """Return what lists and details say alike."""
    found = batch.counts()
    return {
        "batch_id": batch.id,
        "status": batch.status,
        "total_requests": len(batch.orders),
        "completed_requests": found[OrderStatus.COMPLETED],
        "failed_requests": found[OrderStatus.FAILED],
        "created_at": time_text(batch.made_at),
        "actual_completion_time": time_text(batch.completed_at),
    }


def _tests(query: Mapping[str, str]) -> list[Callable[[Batch], bool]]:
    tests: list[Callable[[Batch], bool]] = []
    if "status" in query:
        tests.append(lambda batch: batch.status == query["status"])
    if "created_after" in query:
        after = read_instant(query["created_after"])
        tests.append(lambda batch: batch.made_at >= after)
    if "created_before" in query:
        before = read_instant(query["created_before"])
        tests.append(lambda batch: batch.made_at <= before)
    return tests
