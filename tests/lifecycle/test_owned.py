"""Owned tasks and the wait that nothing breaks."""

import asyncio
import contextlib
import sys
import time

import anyio
import pytest

from firecrawl_interact.lifecycle.owned import Owned, Patience, settle


class Work:
    """A task under test: it runs until told to end."""

    def __init__(self, *, end_grace=60.0):
        self.done = asyncio.Event()
        self.refused = 0
        self.task = Owned(
            self._run(),
            loop=asyncio.get_running_loop(),
            end_grace=end_grace,
            on_refused=self._count,
        )

    async def _run(self):
        await self.done.wait()
        return "done"

    def _count(self):
        self.refused += 1


async def cancelled_while_settling(work, *messages, **bounds):
    """Settle in a task of its own, cancel that once per message, then let the work end."""
    waiter = asyncio.create_task(settle(work.task, **bounds))
    for message in messages:
        await asyncio.sleep(0)
        waiter.cancel(message)
    await asyncio.sleep(0)
    work.done.set()
    async with asyncio.timeout(30):
        return await waiter


async def test_cancel_is_refused():
    """Cancelling an owned task neither ends it nor says that it would."""
    work = Work()
    await asyncio.sleep(0)
    refused = work.task.cancel()
    work.done.set()
    await settle(work.task)

    assert refused is False
    assert work.task.result() == "done"
    assert work.task.cancelling() == 0


async def test_cancelling_every_task_leaves_an_owned_one_alone():
    """A handler that cancels all tasks of the loop cannot cut a request off."""
    work = Work()
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    work.done.set()
    await settle(work.task)

    assert work.task.result() == "done"


async def test_end_clock_ends_a_task_nobody_waits_for():
    """After a refused cancel a task that nobody waits for is ended by its own clock."""
    work = Work(end_grace=0.01)
    await asyncio.sleep(0)
    work.task.cancel()
    work.task.cancel()
    async with asyncio.timeout(30):
        await asyncio.wait((work.task,))

    assert work.task.cancelled()
    assert work.task.expired
    assert work.refused == 1


async def test_end_clock_waits_for_a_live_settle(lapse):
    """A task that a settle waits for keeps that one's bound, and is ended when it leaves."""
    work = Work(end_grace=1)
    waiter = asyncio.create_task(settle(work.task, timeout=600))
    await asyncio.sleep(0)
    work.task.cancel()
    lapse(1)  # Past the end clock, within the wait.
    await asyncio.sleep(0.01)
    still_running = not work.task.done()
    lapse(600)
    async with asyncio.timeout(30):
        await waiter
        await asyncio.wait((work.task,))

    assert still_running
    assert work.task.cancelled()


async def test_settle_returns_the_cancellation_it_caught():
    """The object that comes back is the canceller's own, message included."""
    caught = await cancelled_while_settling(Work(), "mine")

    assert caught.args == ("mine",)


async def test_settle_collects_a_storm():
    """A hundred cancellations wait like one; the first is handed on."""
    work = Work()
    caught = await cancelled_while_settling(work, *(f"no {n}" for n in range(100)))

    assert caught.args == ("no 0",)
    assert work.task.result() == "done"


async def test_native_cancellation_outranks_anyios():
    """Where both came, the native one is handed on, since its sender cannot ask again."""
    caught = await cancelled_while_settling(Work(), "Cancelled via cancel scope 7f", "native")

    assert caught.args == ("native",)


async def test_settle_gives_up_after_a_cancellation():
    """After a cancellation the wait is bounded, and the work goes on without it."""
    work = Work()
    waiter = asyncio.create_task(settle(work.task, after_cancel=0.01))
    await asyncio.sleep(0)
    waiter.cancel()
    async with asyncio.timeout(30):
        caught = await waiter
    unfinished = not work.task.done()
    work.done.set()
    await settle(work.task)

    assert unfinished
    assert isinstance(caught, asyncio.CancelledError)


async def test_uncancelled_wait_is_not_shortened():
    """The bound after a cancellation does not touch a wait that nobody cancels."""
    work = Work()
    asyncio.get_running_loop().call_later(0.05, work.done.set)
    caught = await settle(work.task, after_cancel=0.001)

    assert caught is None
    assert work.task.result() == "done"


async def test_bound_counts_from_the_first_cancellation_over_two_waits():
    """A second wait of the same statement has only what the first one left."""
    first, second = Work(), Work()
    patience = Patience()

    async def statement():
        await patience.settle(first.task, after_cancel=0.02)
        await patience.settle(second.task, after_cancel=0.02)

    waiter = asyncio.create_task(statement())
    await asyncio.sleep(0)
    waiter.cancel()
    async with asyncio.timeout(30):
        await waiter
    for work in (first, second):
        work.done.set()
        await settle(work.task)

    with pytest.raises(asyncio.CancelledError):
        patience.hand_on()


async def test_anyio_scope_swallows_what_is_handed_on():
    """The cancellation of an anyio scope, handed on as it came, ends that scope."""
    work = Work()
    with anyio.move_on_after(0.01) as scope:
        asyncio.get_running_loop().call_at(scope.deadline + 0.04, work.done.set)
        patience = Patience()
        await patience.settle(work.task)
        patience.hand_on()

    assert scope.cancelled_caught
    assert work.task.result() == "done"


async def test_level_cancellation_does_not_spin():
    """While an anyio scope keeps cancelling, the wait sleeps instead of burning the processor."""
    work = Work()
    turns = 0

    def count():
        nonlocal turns
        turns += 1
        if turns <= 10:
            asyncio.get_running_loop().call_later(0.05, count)
        else:
            work.done.set()

    before = time.process_time()
    with anyio.move_on_after(0):
        count()
        patience = Patience()
        await patience.settle(work.task)
        patience.hand_on()
    used = time.process_time() - before

    # Spinning takes all of the half second; a sleeping wait a few milliseconds. Not a time limit.
    assert used < 0.25
    assert 11 == turns


async def test_uncancel_count_is_left_to_the_cancellers():
    """asyncio.timeout around a settle ends as it would around a sleep."""
    work = Work()

    async def within_a_timeout():
        async with asyncio.timeout(0.01) as limit:
            asyncio.get_running_loop().call_at(limit.when() + 0.04, work.done.set)
            patience = Patience()
            await patience.settle(work.task)
            patience.hand_on()

    with pytest.raises(TimeoutError):
        await within_a_timeout()

    assert asyncio.current_task().cancelling() == 0


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
async def test_eager_task_factory_does_not_run_it_before_it_is_held():
    """With eager tasks the owner still has the task in hand before its first step."""
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    started = []

    async def step():
        started.append(True)

    task = Owned(step(), loop=asyncio.get_running_loop(), end_grace=1)
    before = list(started)
    await settle(task)

    assert before == []
    assert started == [True]


async def test_wait_that_is_torn_down_lets_the_end_clock_work():
    """A settle that is ended by force no longer counts as somebody who waits."""
    work = Work(end_grace=0.01)
    waiting = settle(work.task)
    with contextlib.suppress(StopIteration):
        waiting.send(None)
    waiting.close()
    work.task.cancel()
    async with asyncio.timeout(30):
        await asyncio.wait((work.task,))

    assert work.task.cancelled()
