"""Hedged creates: the first session is kept, every other one is ended, whatever happens."""

import asyncio
import logging
import os
import signal

import pytest

from firecrawl_interact import (
    BackendError,
    CreateUnknownError,
    FailoverError,
    InvalidOptionError,
    MemoryBackend,
    Session,
    TransportError,
    UsageError,
)
from firecrawl_interact.ledger.memory import MemoryLedger
from firecrawl_interact.lifecycle.debt import outstanding

SOON = 0.01  # Seconds: asked beside almost at once.
NEVER = 60.0  # Seconds: longer than any test.


class Second(MemoryBackend):
    """Another provider in memory, told from the first by its name."""

    name = "second"


class Third(MemoryBackend):
    """One more."""

    name = "third"


@pytest.fixture
def second():
    """The backend that is asked beside; nothing of it is left when the test ends."""
    memory = Second()
    yield memory

    assert set() == memory.alive


async def ended(backend):
    """Wait until nothing of a backend runs, and nothing is owed."""
    async with asyncio.timeout(30):
        while backend.alive or outstanding:  # noqa: ASYNC110  # there is no event for "nothing is owed"
            await asyncio.sleep(0.001)


async def test_first_that_answers_is_kept_and_the_other_is_ended(backend, second):
    """A slow backend loses, and what it makes after all is ended."""
    backend.hold_answers("create")
    async with asyncio.timeout(30), Session.create(backend=[backend, second], hedge=SOON) as session:
        kept = session.backend
        late = set(backend.alive)
        backend.release_answers()
        await ended_loser(backend)
        assert {"s1"} == second.alive

    assert "second" == kept
    assert {"s1"} == late
    assert ["s1"] == backend.deleted
    assert ["s1"] == second.deleted


async def ended_loser(backend):
    """Wait until the loser's session is ended."""
    async with asyncio.timeout(30):
        await backend.delete_received.wait()


async def test_fast_first_is_the_only_one_asked(backend, second):
    """Nobody else is asked when the first answers within the delay."""
    async with asyncio.timeout(30), Session.create(backend=[backend, second], hedge=NEVER) as session:
        assert "memory" == session.backend

    assert [] == second.created


async def test_slow_first_that_answers_before_the_second_is_kept(backend, second):
    """Being asked beside somebody does not make the first one lose."""
    backend.hold_answers("create")
    second.hold_answers("create")
    task = asyncio.create_task(Session.create(backend=[backend, second], hedge=SOON)._open())
    async with asyncio.timeout(30):
        await second.create_received.wait()
        backend.release_answers()
        session = await task
        second.release_answers()
        await ended_loser(second)
        await session.aclose()

    assert "memory" == session.backend
    assert ["s1"] == second.deleted


async def test_refusal_asks_the_next_at_once(backend, second):
    """A refusal does not have to wait for the delay."""
    backend.fail_next("create", 402)
    async with asyncio.timeout(30), Session.create(backend=[backend, second], hedge=NEVER) as session:
        assert "second" == session.backend


async def test_third_is_asked_after_another_delay(second):
    """The delay counts anew from each one that is asked."""
    first, third = MemoryBackend(), Third()
    first.hold_answers("create")
    second.hold_answers("create")
    async with asyncio.timeout(30), Session.create(backend=[first, second, third], hedge=SOON) as session:
        assert "third" == session.backend
        first.release_answers()
        second.release_answers()
        await ended_loser(first)
        await ended_loser(second)

    assert [["s1"]] * 3 == [each.deleted for each in (first, second, third)]


async def test_both_at_once_keep_the_one_named_first(backend, second):
    """Where both answer at the same turn of the loop, the order of the list decides."""
    backend.hold_answers("create")
    second.hold_answers("create")
    task = asyncio.create_task(Session.create(backend=[backend, second], hedge=SOON)._open())
    async with asyncio.timeout(30):
        await second.create_received.wait()
        second.release_answers()
        backend.release_answers()
        session = await task
        await session.aclose()
        await ended(second)
        await ended(backend)

    assert "memory" == session.backend
    assert [["s1"], ["s1"]] == [backend.deleted, second.deleted]


async def test_all_refusals_come_out_together(backend, second):
    """When all say no, all are heard, as without a hedge."""
    backend.fail_next("create", 402)
    second.fail_next("create", 401)
    with pytest.raises(FailoverError) as caught:
        async with asyncio.timeout(30), Session.create(backend=[backend, second], hedge=NEVER):
            pass

    assert [402, 401] == [each.status for each in caught.value.exceptions]


async def test_unknown_outcome_asks_nobody_else(second):
    """Where a session may have been made, no further one is asked for."""
    first = MemoryBackend()
    first.fail_next("create", TransportError("reset", sent=True), effect=True)
    with pytest.raises(CreateUnknownError):
        async with asyncio.timeout(30), Session.create(backend=[first, second], hedge=NEVER):
            pass

    assert [] == second.created


async def test_bad_request_asks_nobody_else(backend, second):
    """A refusal of what was asked comes out alone."""
    backend.fail_next("create", 400)
    with pytest.raises(BackendError):
        async with asyncio.timeout(30), Session.create(backend=[backend, second], hedge=NEVER):
            pass

    assert [] == second.created


async def test_lost_create_beside_another_leaves_the_other_in_the_race(second):
    """An unknown outcome of one does not throw away the session of another that is under way."""
    first = MemoryBackend()
    first.hold_answers("create")
    first.fail_next("create", TransportError("reset", sent=True), effect=True)
    second.hold_answers("create")
    task = asyncio.create_task(Session.create(backend=[first, second], hedge=SOON)._open())
    async with asyncio.timeout(30):
        await second.create_received.wait()
        first.release_answers()
        for _ in range(20):
            await asyncio.sleep(0)
        second.release_answers()
        session = await task
        await session.aclose()

    assert "second" == session.backend


async def test_losers_unknown_outcome_is_said(second, caplog):
    """What a loser may have left behind is in the log, since nobody waits for its error."""
    first = MemoryBackend()
    first.hold_answers("create")
    first.fail_next("create", TransportError("reset", sent=True), effect=True)
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(30), Session.create(backend=[first, second], hedge=SOON):
            first.release_answers()
            while not caplog.messages:  # noqa: ASYNC110  # a log has no event
                await asyncio.sleep(0.001)

    assert "Nobody waited any more for this create." in caplog.text


async def test_loser_stands_in_the_ledger_until_it_is_ended(backend, second):
    """A loser is owed like any other: written down before it is asked, struck out when it is gone."""
    ledger = MemoryLedger()
    backend.hold_answers("create")
    async with asyncio.timeout(30):
        async with Session.create(backend=[backend, second], hedge=SOON, ledger=ledger):
            owed = [entry.backend for entry in await ledger.owed()]
            backend.release_answers()
            await ended_loser(backend)
        await ended(backend)

    assert ["memory", "second"] == owed
    assert [] == await ledger.owed()


async def test_cancelled_race_ends_all_of_them(backend, second):
    """A cancellation while both are under way ends both, before it comes out."""
    backend.hold_answers("create")
    second.hold_answers("create")
    task = asyncio.create_task(Session.create(backend=[backend, second], hedge=SOON)._open())
    async with asyncio.timeout(30):
        await second.create_received.wait()
        task.cancel("mine")
        backend.release_answers()
        second.release_answers()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task

    assert ("mine",) == caught.value.args
    assert [["s1"], ["s1"]] == [backend.deleted, second.deleted]


async def test_race_cancelled_at_every_moment_leaves_nothing(backend, second):
    """Wherever in forty steps the cancellation falls, nothing of either is left."""
    backend.fail_next("create", 402, times=20)

    async def open_and_wait():
        async with Session.create(backend=[backend, second], hedge=SOON):
            await asyncio.Event().wait()

    for moment in range(40):
        task = asyncio.create_task(open_and_wait())
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        async with asyncio.timeout(30):
            with pytest.raises(asyncio.CancelledError):
                await task
    await ended(backend)
    await ended(second)

    assert second.created == second.deleted
    assert backend.created == backend.deleted


def test_loop_that_ends_with_a_loser_under_way_ends_it_too(backend, second):
    """A program that is over sooner than the slow backend answers leaves nothing there."""
    backend.hold_answers("create")

    async def main():
        async with Session.create(backend=[backend, second], hedge=SOON):
            pass
        asyncio.get_running_loop().call_later(0.05, backend.release_answers)

    asyncio.run(main())

    assert ["s1"] == backend.deleted


def test_process_that_is_killed_amid_a_race_leaves_none_of_the_sessions(program, provider):
    """The guardian was told of every create before it was sent, the hedges among them."""
    provider.launcher.held = True
    running = program(
        """
        async def main():
            async with Session.create(backend=[anchor(), anchor(), anchor()], hedge=0.01):
                say("open")
        asyncio.run(main())
        """
    )
    for _ in range(3):
        assert provider.launcher.asked.acquire(timeout=30)
    os.kill(running.process.pid, signal.SIGKILL)
    running.end()
    provider.launcher.held = False

    assert 0 == provider.wait_for(alive=0, made=3)


@pytest.mark.parametrize("one", [MemoryBackend, lambda: [MemoryBackend()]], ids=["alone", "list"])
def test_hedge_with_one_backend_is_refused(one):
    """There is nobody to hedge with."""
    with pytest.raises(UsageError, match="hedge"):
        Session.create(backend=one(), hedge=5)


@pytest.mark.parametrize("hedge", [0, -1, "5", True], ids=str)
def test_hedge_that_is_no_time_is_refused(hedge):
    """A delay is seconds above 0."""
    with pytest.raises(InvalidOptionError, match="hedge"):
        Session.create(backend=[MemoryBackend(), Second()], hedge=hedge)
