"""Browsers that are started while nobody waits: asynchronous starts and batches."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Coroutine, Iterable
from typing import Any

import attrs

from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.dialects.anchor_guard import words_for
from firecrawl_interact.server.record import Browser, Wish

AT_ONCE = 4  # Browsers that are being started at the same time; more only slow each other down.


class OrderStatus(enum.Enum):
    """How far an order has come."""

    PENDING = "pending"  # Others are being started first.
    PROCESSING = "processing"  # The browser is being started.
    COMPLETED = "completed"  # There was a browser; it may have ended since. Final.
    FAILED = "failed"  # There was none. Final.
    CANCELLED = "cancelled"  # Whatever came of it was ended. Final.


FINAL = frozenset({OrderStatus.COMPLETED, OrderStatus.FAILED, OrderStatus.CANCELLED})


@attrs.define(eq=False, kw_only=True)
class Order:
    """
    One browser that was asked for. Times are wall-clock seconds.

    Attributes:
        wish: What was asked for.

        index: Which of a batch, from 0.

        retries: How often it was tried again.

        browser: What came of it.

        error: Why nothing came of it.
    """

    wish: Wish
    index: int = 0
    status: OrderStatus = OrderStatus.PENDING
    retries: int = 0
    browser: Browser | None = None
    error: str | None = None
    started_at: float | None = None
    completed_at: float | None = None

    @property
    def open(self) -> bool:
        """Whether a browser may still come."""
        return self.status not in FINAL


class Orders:
    """Whoever fills orders, a few at a time and in their order."""

    def __init__(self, browsers: Browsers) -> None:
        """Have none."""
        self._browsers = browsers
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._filling: dict[asyncio.Task[None], Order] = {}

    def place(self, order: Order) -> None:
        """Begin to fill a new order, and return at once."""
        self._begin(order, self._fill(order))

    def retry(self, order: Order, *, times: int) -> None:
        """Try a failed order again, until it is filled or was tried so many times; return at once."""
        order.status = OrderStatus.PENDING
        self._begin(order, self._refill(order, times))

    def has_room(self, team: str, count: int) -> bool:
        """Tell whether a team may have so many more, with those that run and those on order."""
        limit = self._browsers.limit
        if limit is None:
            return True
        on_order = sum(order.wish.team == team and order.browser is None for order in self._filling.values())
        return len(self._browsers.list(team=team, alive=True)) + on_order + count <= limit

    async def cancel(self, orders: Iterable[Order]) -> int:
        """
        Cancel orders and end what came of them.

        Returns:
            How many there were to cancel; those that had failed or ended before do not count.
        """
        dropped = [order for order in orders if order.open or (order.browser and order.browser.alive)]
        for order in dropped:
            order.status = OrderStatus.CANCELLED
        running = [order.browser for order in dropped if order.browser is not None]
        await asyncio.gather(*(self._browsers.end(browser) for browser in running))
        return len(dropped)

    async def aclose(self) -> None:
        """Wait until none is being filled any more; the table takes no more, so that is soon."""
        if self._filling:
            await asyncio.wait(tuple(self._filling))

    def _begin(self, order: Order, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._filling[task] = order
        task.add_done_callback(self._filling.pop)

    async def _refill(self, order: Order, times: int) -> None:
        for left in reversed(range(times)):
            order.retries += 1
            await self._fill(order)
            if order.status is not OrderStatus.FAILED or not left:
                return
            order.status = OrderStatus.PENDING  # Not final yet.

    async def _fill(self, order: Order) -> None:
        async with self._turns:
            if not order.open:
                return
            order.status, order.error = OrderStatus.PROCESSING, None
            order.started_at = self._browsers.clock()
            try:
                order.browser = await self._browsers.create(order.wish)
            except Exception as error:  # noqa: BLE001  # boundary: whoever asks for the order is told of it
                order.error = str(words_for(error))
                status = OrderStatus.FAILED
            else:
                status = OrderStatus.COMPLETED
            order.completed_at = self._browsers.clock()
            if order.open:
                order.status = status
            elif order.browser is not None:  # Cancelled meanwhile.
                await self._browsers.end(order.browser)
