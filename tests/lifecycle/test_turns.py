"""Turns are taken one at a time, over loops and threads."""

import asyncio
import threading

import pytest

from firecrawl_interact.lifecycle.turns import take_turn


async def test_second_waits_for_the_first():
    """Nobody has a turn that somebody else has."""
    first = await take_turn("a", within=5)
    second = asyncio.create_task(take_turn("a", within=5))
    await asyncio.sleep(0)

    assert not second.done()

    async with asyncio.timeout(30):
        first.release()
        (await second).release()


async def test_other_turns_are_free():
    """What it is for decides."""
    async with asyncio.timeout(30):
        one, other = await take_turn("a", within=5), await take_turn("b", within=5)
    one.release()
    other.release()


async def test_cancelled_waiter_changes_nothing():
    """The one who has the turn keeps it, and the next one gets it."""
    first = await take_turn("a", within=5)
    second = asyncio.create_task(take_turn("a", within=5))
    third = asyncio.create_task(take_turn("a", within=5))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second

    assert not third.done()

    async with asyncio.timeout(30):
        first.release()
        (await third).release()


async def test_turn_that_is_never_released_is_taken_over():
    """A loop that was stopped in the middle of one holds up nobody for ever."""
    lost = await take_turn("a", within=5)
    async with asyncio.timeout(30):
        next_one = await take_turn("a", within=0.01)
    lost.release()
    waiting = asyncio.create_task(take_turn("a", within=5))
    await asyncio.sleep(0)

    assert not waiting.done()

    next_one.release()
    (await waiting).release()


async def test_turns_hold_over_threads():
    """A loop of another thread waits too."""
    first = await take_turn("a", within=5)
    order = []

    async def other():
        turn = await take_turn("a", within=5)
        order.append("other")
        turn.release()

    thread = threading.Thread(target=lambda: asyncio.run(other()))
    thread.start()
    order.append("first")
    first.release()
    await asyncio.to_thread(thread.join, 30)

    assert ["first", "other"] == order
