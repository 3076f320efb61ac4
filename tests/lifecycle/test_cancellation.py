"""Every way in which asyncio and anyio cancel, at every moment of a session's life."""

import asyncio
import contextlib
import sys
import time

import anyio
import pytest

from firecrawl_interact import Session, TransportError


async def open_and_wait(backend, entered=None):
    """Open a session and stay in its block for ever."""
    async with Session.create(backend=backend):
        if entered is not None:
            entered.set()
        await asyncio.Event().wait()


def expire(limit):
    """Let a timeout, or the deadline of an anyio scope, be long ago."""
    if isinstance(limit, asyncio.Timeout):
        limit.reschedule(0)
    else:
        limit.deadline = 0


async def open_and_expire(backend, limit, entered=None):
    """Open a session, and stay in its block past a limit."""
    async with Session.create(backend=backend):
        if entered is not None:
            entered.set()
        expire(limit)
        await asyncio.Event().wait()


async def strike(backend, limit):
    """Let a timeout strike while the create is under way, which is answered a moment later."""
    await backend.create_received.wait()
    expire(limit)
    asyncio.get_running_loop().call_later(0.05, backend.release_answers)


async def ended_by_cancellation(task):
    """Wait for a cancelled task to end, and expect its cancellation."""
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_create_cancelled_in_flight_still_deletes(backend):
    """A create that is cancelled mid-request deletes the session it produced."""
    backend.hold_answers("create")
    task = asyncio.create_task(open_and_wait(backend))
    async with asyncio.timeout(30):
        await backend.create_received.wait()
    task.cancel()
    backend.release_answers()
    await ended_by_cancellation(task)

    assert ["s1"] == backend.created
    assert ["s1"] == backend.deleted


async def test_awaited_create_cancelled_in_flight_still_deletes(backend):
    """Awaiting instead of entering makes no difference while the create is under way."""
    backend.hold_answers("create")

    async def opener():
        return await Session.create(backend=backend)

    task = asyncio.create_task(opener())
    async with asyncio.timeout(30):
        await backend.create_received.wait()
    task.cancel()
    backend.release_answers()
    await ended_by_cancellation(task)

    assert ["s1"] == backend.deleted


async def test_block_cancelled_deletes(backend):
    """A cancellation inside the block ends the session before it goes on."""
    entered = asyncio.Event()
    task = asyncio.create_task(open_and_wait(backend, entered))
    async with asyncio.timeout(30):
        await entered.wait()
    task.cancel("mine")
    with pytest.raises(asyncio.CancelledError) as caught:
        await task

    assert ("mine",) == caught.value.args
    assert ["s1"] == backend.deleted


async def test_cancelled_during_the_delete_waits_for_it(backend):
    """A cancellation while the delete is under way comes out after the confirmation."""
    backend.hold_answers("delete")
    session = await Session.create(backend=backend)
    task = asyncio.create_task(session.aclose())
    async with asyncio.timeout(30):
        await backend.delete_received.wait()
    task.cancel()
    await asyncio.sleep(0)
    waited = not task.done()
    backend.release_answers()
    await ended_by_cancellation(task)

    assert waited
    assert session.receipt.confirmed


async def test_cancelled_in_the_back_off_still_deletes(backend):
    """A cancellation between two tries of the delete does not stop the next one."""
    backend.fail_next("delete", 503)
    session = await Session.create(backend=backend)
    task = asyncio.create_task(session.aclose())
    async with asyncio.timeout(30):
        await backend.delete_received.wait()
    await asyncio.sleep(0)
    task.cancel()
    await ended_by_cancellation(task)

    assert ["s1"] == backend.deleted


async def test_hundred_cancellations_make_one_delete(backend):
    """A storm of cancellations ends the session exactly once."""
    entered = asyncio.Event()
    task = asyncio.create_task(open_and_wait(backend, entered))
    async with asyncio.timeout(30):
        await entered.wait()
    backend.hold_answers("delete")
    for _ in range(100):
        task.cancel()
        await asyncio.sleep(0)
    backend.release_answers()
    await ended_by_cancellation(task)

    assert ["s1"] == backend.deleted


async def test_cancelled_at_every_moment_leaves_nothing(backend):
    """Wherever in forty steps of open and close the cancellation falls, nothing is left."""
    for moment in range(40):
        task = asyncio.create_task(open_and_wait(backend))
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        await ended_by_cancellation(task)

    assert backend.created == backend.deleted


async def test_cancelled_before_the_first_step_sends_nothing(backend):
    """A task cancelled before it ever ran has asked for nothing."""
    task = asyncio.create_task(open_and_wait(backend))
    task.cancel()
    await ended_by_cancellation(task)

    assert [] == backend.created


async def test_nested_timeouts_end_at_their_own_level(backend):
    """The inner timeout expires and is handled; the outer one and the body go on."""
    async with asyncio.timeout(30):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as inner:
                await open_and_expire(backend, inner)
        survived = True

    assert survived
    assert 0 == asyncio.current_task().cancelling()
    assert ["s1"] == backend.deleted


async def test_wait_for_raises_timeout_after_the_delete(backend, lapse):
    """asyncio.wait_for comes back once the session is gone."""

    async def open_and_outstay():
        async with Session.create(backend=backend):
            lapse(600)
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(open_and_outstay(), 600)

    assert ["s1"] == backend.deleted


async def test_timeout_while_the_create_is_in_flight(backend):
    """A timeout that strikes during the POST ends what the POST makes."""
    backend.hold_answers("create")
    limit = asyncio.timeout(None)
    striking = asyncio.create_task(strike(backend, limit))
    with pytest.raises(TimeoutError):
        async with limit:
            await open_and_wait(backend)
    await striking

    assert ["s1"] == backend.deleted


async def test_failing_sibling_ends_every_session_of_the_group(backend):
    """In a TaskGroup one failure closes all sessions, and only that failure comes out."""
    entered = [asyncio.Event() for _ in range(5)]

    async def fail():
        for event in entered:
            await event.wait()
        raise LookupError("the sibling")

    async def run_group():
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            for event in entered:
                group.create_task(open_and_wait(backend, event))
            group.create_task(fail())

    with pytest.raises(ExceptionGroup) as caught:
        await run_group()

    assert ["the sibling"] == [str(error) for error in caught.value.exceptions]
    assert 5 == len(backend.deleted)


async def test_uncancel_by_the_canceller_works(backend):
    """Whoever cancels and takes it back finds the count as it would be around a sleep."""
    entered = asyncio.Event()
    counts = []

    async def body():
        try:
            await open_and_wait(backend, entered)
        except asyncio.CancelledError:
            counts.append(asyncio.current_task().uncancel())
        return "went on"

    task = asyncio.create_task(body())
    async with asyncio.timeout(30):
        await entered.wait()
        task.cancel()
        result = await task

    assert "went on" == result
    assert [0] == counts


async def test_anyio_move_on_after_swallows_its_own(backend):
    """An anyio deadline around a session ends as anyio promises."""
    with anyio.CancelScope() as scope:
        await open_and_expire(backend, scope)

    assert scope.cancelled_caught
    assert ["s1"] == backend.deleted


async def test_anyio_deadline_during_the_create(backend):
    """An anyio deadline that strikes during the POST ends what the POST makes."""
    backend.hold_answers("create")
    with anyio.CancelScope() as scope:
        striking = asyncio.create_task(strike(backend, scope))
        await open_and_wait(backend)
    await striking

    assert scope.cancelled_caught
    assert ["s1"] == backend.deleted


async def test_anyio_task_group_cancelled(backend):
    """Cancelling an anyio task group ends the sessions of all its tasks."""
    entered = [asyncio.Event() for _ in range(3)]
    async with anyio.create_task_group() as group:
        for event in entered:
            group.start_soon(open_and_wait, backend, event)
        for event in entered:
            await event.wait()
        group.cancel_scope.cancel()

    assert 3 == len(backend.deleted)


async def test_anyio_cancellation_does_not_burn_the_processor(backend):
    """While a level cancellation waits for a slow delete, the loop sleeps."""
    backend.hold_answers("delete")
    asyncio.get_running_loop().call_later(0.5, backend.release_answers)
    before = time.process_time()
    with anyio.CancelScope() as scope:
        await open_and_expire(backend, scope)
    used = time.process_time() - before

    # Spinning would use all of the half second.
    assert used < 0.25


async def test_native_cancellation_inside_an_anyio_scope_comes_out(backend):
    """A task cancelled natively while its anyio scope is cancelled too ends as cancelled."""
    entered = asyncio.Event()

    async def body():
        with anyio.CancelScope() as scope:
            await open_and_expire(backend, scope, entered)
        await asyncio.sleep(0)
        return "survived"

    backend.hold_answers("delete")
    task = asyncio.create_task(body())
    async with asyncio.timeout(30):
        await entered.wait()
        await backend.delete_received.wait()
    task.cancel()
    await asyncio.sleep(0)
    backend.release_answers()
    await ended_by_cancellation(task)

    assert ["s1"] == backend.deleted


async def test_cancel_all_tasks_handler_loses_nothing(backend):
    """A handler that cancels every task while a create is in flight leaks nothing."""
    backend.hold_answers("create")
    task = asyncio.create_task(open_and_wait(backend))
    async with asyncio.timeout(30):
        await backend.create_received.wait()
    for each in asyncio.all_tasks() - {asyncio.current_task()}:
        each.cancel()
    backend.release_answers()
    await ended_by_cancellation(task)

    assert ["s1"] == backend.deleted


async def test_lost_answer_is_not_asked_again(backend):
    """Cancelled or not, a create whose answer was lost is sent exactly once."""
    backend.fail_next("create", TransportError("lost", sent=True), effect=True)
    with contextlib.suppress(Exception):
        await open_and_wait(backend)
    created = list(backend.created)
    for session_id in backend.alive:
        async with backend:
            await backend.delete(session_id)

    assert ["s1"] == created


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
async def test_eager_tasks_change_nothing(backend):
    """With the eager task factory a cancelled create is still ended."""
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    for moment in range(20):
        task = asyncio.create_task(open_and_wait(backend))
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        await ended_by_cancellation(task)

    assert backend.created == backend.deleted
