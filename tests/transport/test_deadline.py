"""A bound on a block, in tasks of every temper."""

from __future__ import annotations

import asyncio

import pytest

from firecrawl_interact.errors import TransportTimeoutError
from firecrawl_interact.lifecycle.owned import Owned
from firecrawl_interact.transport.deadline import Deadline


def start(coro, kind):
    if kind == "owned":
        return Owned(coro, loop=asyncio.get_running_loop(), end_grace=60)
    return asyncio.create_task(coro)


def here():
    task = asyncio.current_task()
    assert task is not None
    return task


KINDS = pytest.mark.parametrize("kind", ["ordinary", "owned"])


@KINDS
@pytest.mark.parametrize("seconds", [0.01, 0, -1])
async def test_expiry_ends_the_block_and_leaves_no_trace(kind, seconds):
    """
    Time up is a TransportTimeoutError, and the task counts no cancellation afterwards.
    """

    async def work():
        deadline = Deadline(seconds)
        with pytest.raises(TransportTimeoutError), deadline:
            await asyncio.Event().wait()
        return deadline.expired, here().cancelling()

    task = start(work(), kind)
    async with asyncio.timeout(30):
        await asyncio.wait([task])

    assert (True, 0) == task.result()


@KINDS
async def test_block_in_time_is_left_alone(kind):
    """
    A block that ends in time is not disturbed, then or later.
    """

    async def work():
        with Deadline(0.001) as deadline:
            pass
        await asyncio.sleep(0.01)
        return deadline.expired

    task = start(work(), kind)
    async with asyncio.timeout(30):
        await asyncio.wait([task])

    assert task.result() is False


@KINDS
async def test_error_of_the_block_passes_unchanged(kind):
    """
    What the block raises by itself arrives as it was.
    """
    error = ValueError("mine")

    async def work():
        with Deadline(60):
            raise error

    task = start(work(), kind)
    async with asyncio.timeout(30):
        await asyncio.wait([task])

    assert error is task.exception()


async def test_cancellation_from_elsewhere_passes_through():
    """
    Somebody else's cancellation is never turned into a timeout.
    """
    entered = asyncio.Event()

    async def work():
        with Deadline(60):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    async with asyncio.timeout(30):
        await entered.wait()
        task.cancel("mine")
        with pytest.raises(asyncio.CancelledError, match="mine"):
            await task


async def test_cancellation_at_the_instant_of_expiry_wins():
    """
    Cancelled and expired in the same turn of the loop, the task is cancelled, and counts one request.
    """

    async def work():
        try:
            with Deadline(0):
                here().get_loop().call_soon(here().cancel)
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            return here().cancelling()

    assert 1 == await asyncio.create_task(work())


async def test_owner_that_ends_its_task_at_expiry_wins():
    """
    An owned task that was ended for good is not brought back by its deadline.
    """

    async def work():
        with Deadline(0):
            here().get_loop().call_soon(here().expire)
            await asyncio.Event().wait()

    task = start(work(), "owned")
    async with asyncio.timeout(30):
        await asyncio.wait([task])

    assert task.cancelled()


@KINDS
async def test_inner_deadline_leaves_the_outer_one_running(kind, lapse):
    """
    Nested, each ends its own block only.
    """
    events = []

    async def work():
        try:
            with Deadline(10):
                try:
                    with Deadline(0.001):
                        await asyncio.Event().wait()
                except TransportTimeoutError:
                    events.append("inner")
                lapse(10)
                await asyncio.Event().wait()
        except TransportTimeoutError:
            events.append("outer")

    task = start(work(), kind)
    async with asyncio.timeout(30):
        await asyncio.wait([task])

    assert ["inner", "outer"] == events
    assert task.exception() is None


@KINDS
async def test_outer_deadline_ends_the_inner_block_as_its_own(kind):
    """
    The inner block passes the outer one's expiry on.
    """
    inner = Deadline(60)

    async def work():
        with Deadline(0.001), inner:
            await asyncio.Event().wait()

    task = start(work(), kind)
    async with asyncio.timeout(30):
        await asyncio.wait([task])

    assert isinstance(task.exception(), TransportTimeoutError)
    assert inner.expired is False


async def test_use_outside_a_task_is_refused():
    """
    In a bare callback there is nothing to interrupt.
    """
    loop = asyncio.get_running_loop()
    refused = loop.create_future()

    def callback():
        try:
            with Deadline(1):
                refused.set_result(None)
        except RuntimeError as error:
            refused.set_result(str(error))

    loop.call_soon(callback)
    async with asyncio.timeout(30):
        text = await refused

    assert "inside a task" in text
