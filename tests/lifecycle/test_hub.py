"""Event loops that end in every way, with sessions open."""

import asyncio
import gc
import multiprocessing
import os
import sys
import threading
import warnings
from datetime import UTC, datetime

import pytest
import uvloop

from firecrawl_interact import MemoryBackend, Session, SessionClosedError, SessionState
from firecrawl_interact.lifecycle.debt import outstanding
from firecrawl_interact.lifecycle.hub import Hub, _hubs


def run(main, loop_factory=None):
    """Run a coroutine in a loop of its own, ended as asyncio.run ends it."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(main)


@pytest.fixture(params=[None, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop_factory(request):
    """Both loops."""
    return request.param


def test_session_never_left_is_drained_at_loop_end(backend, loop_factory):
    """A session still held when its loop ends is ended silently, and says so afterwards."""

    async def main():
        return await Session.create(backend=backend)

    session = run(main(), loop_factory)

    assert ["s1"] == backend.deleted
    assert SessionState.CLOSED is session.state
    with pytest.raises(SessionClosedError, match="event loop"):
        _ = session.cdp_url


def test_forgotten_session_warns_and_is_ended_at_once(backend):
    """A session that was lost without a close warns, and its browser goes while the loop lives."""

    async def main():
        await Session.create(backend=backend)  # Nobody keeps it.
        gc.collect()
        async with asyncio.timeout(30):
            await backend.delete_received.wait()

    with pytest.warns(ResourceWarning, match="Unclosed session: <Session s1"):
        run(main())

    assert ["s1"] == backend.deleted


def test_create_in_flight_at_loop_end_is_waited_for(backend, loop_factory):
    """asyncio.run's own cancellation cannot cut a POST off; what it makes is ended."""

    async def main():
        backend.hold_answers("create")
        task = asyncio.create_task(use(backend))
        await backend.create_received.wait()
        asyncio.get_running_loop().call_later(0.05, backend.release_answers)
        return task

    task = run(main(), loop_factory)

    assert task.cancelled()
    assert ["s1"] == backend.deleted


async def use(backend):
    """Stay in a session's block for ever."""
    async with Session.create(backend=backend):
        await asyncio.Event().wait()


def test_hung_create_holds_the_loops_end_for_its_end_clock_only(backend, monkeypatch):
    """A POST that never answers is given up when the loop ends, not waited for."""
    monkeypatch.setattr("firecrawl_interact.lifecycle.bounds.CREATE_GRACE", 0.05)

    async def main():
        backend.hold_answers("create")
        task = asyncio.create_task(use(backend))
        await backend.create_received.wait()
        return task

    task = run(main())
    assert task.cancelled()
    assert ["s1"] == backend.created
    backend._sessions["s1"].alive = False  # Its ttl, as the provider would.


def test_abandoned_generator_with_a_session_inside(backend, loop_factory):
    """A generator left at its yield is closed by the loop, and its session with it."""

    async def pages():
        async with Session.create(backend=backend):
            yield 1
            yield 2

    async def main():
        generator = pages()
        await anext(generator)
        return generator

    run(main(), loop_factory)

    assert ["s1"] == backend.deleted


def test_three_runs_in_one_process(backend, loop_factory):
    """Each asyncio.run has its own hub, and leaves nothing of it."""

    async def main():
        async with Session.create(backend=backend):
            pass

    for _ in range(3):
        run(main(), loop_factory)

    assert 3 == len(backend.deleted)
    assert set() == outstanding
    assert all(not loop.is_closed() for loop in _hubs)


def test_loops_in_threads_keep_to_themselves(backend):
    """Two loops in two threads open and close sessions at the same time."""
    barrier = threading.Barrier(2)

    async def main():
        barrier.wait(30)
        for _ in range(10):
            async with Session.create(backend=backend):
                await asyncio.sleep(0)

    threads = [threading.Thread(target=run, args=(main(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert 20 == len(backend.deleted)


def test_next_loop_pays_for_one_that_was_merely_closed(backend):
    """A loop closed without its proper end leaves its debts to the next one of the process."""
    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(opened(backend))
    loop.close()

    async def main():
        Hub.running()

    run(main())

    assert ["s1"] == backend.deleted
    assert SessionState.CLOSED is session.state


async def opened(backend):
    """Open a session and hand it out."""
    return await Session.create(backend=backend)


def test_session_closed_from_another_loop(backend):
    """A session may be closed in another loop than the one that opened it."""
    loop = asyncio.new_event_loop()
    session = loop.run_until_complete(opened(backend))

    async def main():
        await session.aclose()

    run(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()

    assert ["s1"] == backend.deleted


def test_failing_delete_does_not_hold_the_loops_end(backend):
    """At the end of the loop each debt is tried once; what fails does not go round for ever."""
    backend.fail_next("delete", 403)

    async def main():
        return await Session.create(backend=backend)

    session = run(main())

    assert SessionState.OPEN is session.state
    outstanding.clear()
    backend._sessions["s1"].alive = False
    session._note_closed("given up by the test", datetime.now(UTC))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_deletes_nothing_of_its_parents(backend):
    """A child that was forked inside a block may leave it, and its parent's session lives on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of fork beside threads.

        async def main():
            async with Session.create(backend=backend) as session:
                parent = os.getpid()
                reader, writer = os.pipe()
                child = os.fork()
                if child == 0:
                    code = 1
                    try:
                        await session.aclose()
                        code = 0 if backend.alive == {"s1"} and os.getpid() != parent else 2
                    finally:
                        os._exit(code)
                os.close(reader)
                os.close(writer)
                _, status = os.waitpid(child, 0)  # noqa: ASYNC222  # the loop has nothing else to do
                return os.waitstatus_to_exitcode(status), set(backend.alive)

        code, alive = run(main())

    assert 0 == code
    assert {"s1"} == alive


def _child_opens_its_own(queue):
    async def main():
        memory = MemoryBackend()
        async with Session.create(backend=memory):
            pass
        return memory.deleted

    queue.put(run(main()))


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_child_process_opens_sessions_of_its_own(backend, method):
    """A child made by multiprocessing has a hub of its own, whatever its parent holds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context = multiprocessing.get_context(method)
        queue = context.SimpleQueue()

        async def main():
            async with Session.create(backend=backend):
                child = context.Process(target=_child_opens_its_own, args=(queue,))
                child.start()
                child.join(60)
                return child.exitcode

        code = run(main())

    assert 0 == code
    assert ["s1"] == queue.get()


@pytest.fixture
def never_left(backend):
    """A list that keeps sessions which are looked at once the loop of the test has ended."""
    kept = []
    yield kept

    assert backend.created == backend.deleted
    assert [SessionState.CLOSED] == [session.state for session in kept]


async def test_loop_of_a_test_ends_the_session_that_is_never_left(never_left, backend):
    """Under pytest-asyncio a session that is never left is drained with the loop of its test."""
    never_left.append(await Session.create(backend=backend))

    assert {"s1"} == backend.alive
