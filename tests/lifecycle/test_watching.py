"""Sessions kept in view: what is asked, what is told, and that nothing is left waiting."""

import asyncio
import gc
import logging
import threading
import warnings
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from firecrawl_interact import (
    AuthenticationError,
    InvalidOptionError,
    MemoryBackend,
    Session,
    SessionGoneError,
    TransportError,
    UsageError,
)
from firecrawl_interact.lifecycle.ended import Ended
from firecrawl_interact.models import Capabilities, Request, RunResult


class Runner(MemoryBackend):
    """A provider in memory whose sessions run code, unless they have ended."""

    name = "runner"
    capabilities = Capabilities(languages=frozenset({"node"}), prompts=True)

    def run_request(self, session_id, run):
        return Request("GET", f"memory:/v2/interact/{session_id}")

    def read_run(self, answer, run, *, session_id):
        if session_id not in self.alive:
            raise SessionGoneError("It has ended.", backend=self.name, status=410)
        return RunResult()


def expiring(session, seconds):
    """Let a session's ttl run out so many seconds from now."""
    session._info = attrs.evolve(session._info, expires_at=datetime.now(UTC) + timedelta(seconds=seconds))


async def end_elsewhere(backend, session):
    """End a session behind its owner's back."""
    async with backend:
        await backend.delete(session.id)


# --- refresh ---------------------------------------------------------------------------------


async def test_refresh_tells_the_status_and_keeps_what_is_not_repeated(backend):
    """The provider's word comes in, and the deadline it does not repeat stays."""
    async with Session.create(backend=backend, ttl=120) as session:
        before = session.expires_at
        info = await session.refresh()

        assert ("running", True, before) == (info.status, info.alive, info.expires_at)
        assert session.expires_at == before
        assert session.ended.end is None


async def test_refresh_of_an_ended_session_is_no_error(backend):
    """A session that the provider has ended is marked, and its block still ends in peace."""
    async with Session.create(backend=backend) as session:
        await end_elsewhere(backend, session)
        info = await session.refresh()

        assert info.alive is False
        assert "gone" == session.ended.end.why
        assert "stopped" in session.ended.end.text


@pytest.mark.parametrize("status", [404, 410])
async def test_refresh_of_a_forgotten_session_is_no_error(backend, status):
    """A session that the provider knows no more is marked, too."""
    async with Session.create(backend=backend) as session:
        backend.fail_next("get", status)
        info = await session.refresh()

        assert info.alive is False
        assert str(status) in session.ended.end.text


async def test_refresh_that_is_refused_says_so(backend):
    """A bad key says nothing about the session."""
    async with Session.create(backend=backend) as session:
        backend.fail_next("get", 401)
        with pytest.raises(AuthenticationError):
            await session.refresh()

        assert not session.ended.is_set()


async def test_cancelled_refresh_changes_nothing(backend):
    """A refresh that nobody waits for leaves the session as it was, and ends nothing early."""
    async with Session.create(backend=backend) as session:
        backend.hold_answers("get")
        task = asyncio.create_task(session.refresh())
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        backend.release_answers()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert not session.ended.is_set()
    assert ["s1"] == backend.deleted


# --- ended -----------------------------------------------------------------------------------


async def test_close_wakes_those_who_wait(backend):
    """Whoever awaits the end is told that it was closed, and by what."""
    session = await Session.create(backend=backend)
    waiting = asyncio.create_task(anext_end(session))
    await asyncio.sleep(0)
    await session.aclose()
    async with asyncio.timeout(30):
        end = await waiting

    assert ("closed", "aclose() was called") == (end.why, end.text)


async def anext_end(session):
    """Await the end."""
    return await session.ended


async def test_end_is_told_after_the_close_too(backend):
    """Nobody has to ask before the close to be told after it."""
    async with Session.create(backend=backend) as session:
        pass

    assert "closed" == (await session.ended).why
    assert "its block was left" == session.ended.end.text


async def test_run_that_meets_a_gone_session_marks_it():
    """Code that comes too late gets its error, and the session knows why."""
    backend = Runner()
    async with Session.create(backend=backend) as session:
        await session.execute("1")
        before = session.ended.is_set()
        await end_elsewhere(backend, session)
        with pytest.raises(SessionGoneError):
            await session.execute("1")

        assert before is False
        assert ("gone", True) == (session.ended.end.why, "410" in session.ended.end.text)


async def test_prompt_that_meets_a_gone_session_marks_it():
    """So does a prompt."""
    backend = Runner()
    async with Session.create(backend=backend) as session:
        await end_elsewhere(backend, session)
        with pytest.raises(SessionGoneError):
            await session.prompt("Look.")

        assert "gone" == session.ended.end.why


async def test_ttl_that_ran_out_needs_nobody_to_say_so(backend):
    """The deadline alone ends the wait, at its own instant."""
    async with Session.create(backend=backend) as session:
        expiring(session, 0.02)
        expires_at = session.expires_at
        async with asyncio.timeout(30):
            end = await session.ended

    assert ("expired", expires_at) == (end.why, end.at)


async def test_waiting_goes_by_the_instant_that_is_told_later(backend, monkeypatch):
    """Who waits already for the end is told when the ttl runs out sooner than was known."""
    soon = datetime.now(UTC) + timedelta(seconds=0.02)
    get = backend.get

    async def get_with_deadline(session_id):
        return attrs.evolve(await get(session_id), expires_at=soon)

    monkeypatch.setattr(backend, "get", get_with_deadline)
    async with Session.create(backend=backend) as session:
        waiting = asyncio.create_task(anext_end(session))
        await asyncio.sleep(0)
        await session.refresh()
        async with asyncio.timeout(30):
            end = await waiting

    assert ("expired", soon) == (end.why, end.at)


async def test_first_reason_stays(backend):
    """A session that was gone is not closed afterwards: the close only confirms it."""
    async with Session.create(backend=backend) as session:
        await end_elsewhere(backend, session)
        await session.refresh()

    assert "gone" == session.ended.end.why


async def test_wait_with_a_bound_gives_up(backend):
    """A bounded wait comes back without an end."""
    async with Session.create(backend=backend) as session:
        assert await session.ended.wait(0.01) is None


def test_end_reaches_another_loop():
    """The end is told to waiters of other threads' loops."""
    ended = Ended(None)
    waiting, told = threading.Event(), []

    async def wait():
        asyncio.get_running_loop().call_soon(waiting.set)
        async with asyncio.timeout(30):
            told.append(await ended)

    thread = threading.Thread(target=lambda: asyncio.run(wait()))
    thread.start()
    assert waiting.wait(30)
    ended.note("gone", "it broke")
    thread.join(30)

    assert ["gone"] == [end.why for end in told]


def test_end_after_a_waiters_loop_was_closed():
    """A waiter whose loop has been closed is passed over."""
    ended = Ended(None)
    loop = asyncio.new_event_loop()
    task = loop.create_task(ended.wait())
    loop.run_until_complete(asyncio.sleep(0))
    waiters = set(ended._waiting)
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    ended._waiting = waiters
    ended.note("closed", "late")

    assert "<Ended closed>" == repr(ended)


# --- wait_ended ------------------------------------------------------------------------------


async def test_waiting_finds_out_by_asking(backend):
    """Code whose socket has closed is told why, once the provider says so."""
    async with Session.create(backend=backend) as session:
        task = asyncio.create_task(session.wait_ended(poll=0.005))
        await asyncio.sleep(0)
        await end_elsewhere(backend, session)
        async with asyncio.timeout(30):
            end = await task

    assert "gone" == end.why


async def test_waiting_outlasts_what_may_pass(backend):
    """No answer, a rate limit and a broken server say nothing about the session."""
    backend.fail_next("get", TransportError("reset", sent=True))
    async with Session.create(backend=backend) as session:
        task = asyncio.create_task(session.wait_ended(poll=0.005))
        await asyncio.sleep(0.02)
        await end_elsewhere(backend, session)
        async with asyncio.timeout(30):
            end = await task

    assert "gone" == end.why


async def test_waiting_ends_with_a_refusal(backend):
    """With a key that is bad, asking for ever would tell nothing."""
    async with Session.create(backend=backend) as session:
        backend.fail_next("get", 401)
        with pytest.raises(AuthenticationError):
            await session.wait_ended()


async def test_waiting_is_over_at_once_with_the_close(backend):
    """A long pause between two questions does not delay the news of the close."""
    session = await Session.create(backend=backend)
    task = asyncio.create_task(session.wait_ended(poll=600))
    for _ in range(10):
        await asyncio.sleep(0)
    await session.aclose()
    async with asyncio.timeout(30):
        end = await task

    assert "closed" == end.why


@pytest.mark.parametrize("poll", [0, -1, "5"], ids=str)
async def test_pause_that_is_none_is_refused(backend, poll):
    """A pause is seconds above 0: the provider is not to be flooded."""
    async with Session.create(backend=backend) as session:
        with pytest.raises(InvalidOptionError, match="poll"):
            await session.wait_ended(poll=poll)


# --- before the expiry -----------------------------------------------------------------------


async def test_remaining_counts_down_and_not_below_zero(backend):
    """What is left of the ttl, and nothing after it."""
    async with Session.create(backend=backend, ttl=120) as session:
        before = datetime.now(UTC)
        remaining = session.remaining
        after = datetime.now(UTC)

        assert session.expires_at - after <= remaining <= session.expires_at - before

        expiring(session, -5)

        assert timedelta(0) == session.remaining
        session._info = attrs.evolve(session._info, expires_at=None)

        assert session.remaining is None


async def test_nothing_remains_of_what_has_ended(backend):
    """A ttl that still runs is no use to a session that is gone, or closed."""
    async with Session.create(ttl=120, backend=backend) as session:
        async with backend:
            await backend.delete(session.id)
        await session.refresh()

        assert timedelta(0) == session.remaining

    async with Session.create(ttl=120, backend=backend) as session:
        pass

    assert timedelta(0) == session.remaining


async def test_wait_before_expiry_comes_back_in_time(backend):
    """The wait ends before the session does."""
    async with Session.create(backend=backend) as session:
        expiring(session, 600.02)
        async with asyncio.timeout(30):
            came = await session.before_expiry(600)

        assert came is True
        assert session.remaining > timedelta(seconds=570)


async def test_wait_before_expiry_ends_with_the_session(backend):
    """A session that ends sooner has no moment before its expiry any more."""
    session = await Session.create(backend=backend)
    task = asyncio.create_task(session.before_expiry(30))
    await asyncio.sleep(0)
    await session.aclose()
    async with asyncio.timeout(30):
        came = await task

    assert came is False


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_callback_is_called_in_time_with_the_session(backend, kind):
    """Both kinds of callback are called once, before the deadline."""
    called = asyncio.Queue()

    async def tell(session):
        called.put_nowait(session)

    async with Session.create(backend=backend) as session:
        expiring(session, 30.01)
        session.on_expiry(called.put_nowait if kind == "plain" else tell, lead=30)
        async with asyncio.timeout(30):
            got = await called.get()

        assert got is session
        assert called.empty()


async def test_callback_of_a_session_that_is_late_already_is_called_at_once(backend):
    """A lead longer than what is left is no reason to say nothing."""
    called = asyncio.Event()
    async with Session.create(backend=backend, ttl=60) as session:
        session.on_expiry(lambda _: called.set(), lead=600)
        async with asyncio.timeout(30):
            await called.wait()


async def test_callback_is_taken_back_by_the_close(backend, lapse):
    """Nobody is called about a session that is over."""
    called = []
    async with Session.create(backend=backend) as session:
        expiring(session, 90)
        session.on_expiry(called.append, lead=30)
    lapse(60)
    await asyncio.sleep(0.01)  # Timers that were due before are called before.

    assert [] == called


async def test_callback_of_a_session_that_is_gone_is_not_called(backend):
    """There is nothing left to prepare for where the provider has said that it is over."""
    called, other = [], asyncio.Event()
    async with Session.create(backend=backend) as session:
        backend.fail_next("get", 410)
        await session.refresh()
        session.on_expiry(called.append, lead=600)
        asyncio.get_running_loop().call_later(0, lambda: asyncio.get_running_loop().call_soon(other.set))
        async with asyncio.timeout(30):
            await other.wait()

    assert [] == called


@pytest.mark.parametrize("callback", [None, 5, "print"])
async def test_callback_that_cannot_be_called_is_refused_at_once(backend, callback):
    """Nobody should learn shortly before the expiry that nothing happens then."""
    async with Session.create(backend=backend) as session:
        with pytest.raises(InvalidOptionError, match="callback must be callable"):
            session.on_expiry(callback)


async def test_callback_can_be_cancelled(backend):
    """Whoever registered it can take it back."""
    called = []
    async with Session.create(backend=backend) as session:
        call = session.on_expiry(called.append, lead=600)
        call.cancel()
        await asyncio.sleep(0.01)

    assert [] == called


@pytest.mark.parametrize("kind", ["plain", "async"])
async def test_callback_that_fails_is_logged(backend, caplog, kind):
    """A callback's error is said, and breaks nothing."""
    failed = asyncio.Event()

    def fail(_):
        asyncio.get_running_loop().call_soon(failed.set)
        raise ValueError("mine")

    async def fail_later(_):
        fail(_)

    async with asyncio.timeout(30), Session.create(backend=backend) as session:
        with caplog.at_level(logging.ERROR):
            session.on_expiry(fail if kind == "plain" else fail_later, lead=600)
            await failed.wait()
            await asyncio.sleep(0)

    assert "A callback before the expiry of a session failed." in caplog.text
    assert "ValueError: mine" in caplog.text


async def test_callback_may_close_the_session(backend):
    """The likeliest thing to do before the expiry is to end it."""
    done = asyncio.Event()

    async def close(session):
        await session.aclose()
        done.set()

    session = await Session.create(backend=backend)
    session.on_expiry(close, lead=600)
    async with asyncio.timeout(30):
        await done.wait()

    assert ["s1"] == backend.deleted


@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_callback_keeps_no_forgotten_session(backend):
    """A session that nobody holds is ended, whoever would have been called about it."""
    session = await Session.create(backend=backend)
    session.on_expiry(print, lead=1)
    del session
    gc.collect()
    async with asyncio.timeout(30):
        await backend.delete_received.wait()

    assert ["s1"] == backend.deleted


async def test_without_a_deadline_nobody_can_be_called(backend):
    """Where it is not known when a session expires, that is said at the call."""
    async with Session.create(backend=backend) as session:
        session._info = attrs.evolve(session._info, expires_at=None)
        with pytest.raises(UsageError, match="not known when"):
            session.on_expiry(print)
        with pytest.raises(UsageError, match="not known when"):
            await session.before_expiry()


def test_loop_ends_in_peace_with_everything_pending(backend):
    """Timers and waiters hold up no loop's end, and warn about nothing."""

    async def main():
        async with Session.create(backend=backend) as session:
            session.on_expiry(print, lead=1)
            _ = asyncio.create_task(session.wait_ended(poll=60))  # noqa: RUF006  # left to the loop's end
            __ = asyncio.create_task(session.before_expiry(1))  # noqa: RUF006
            await asyncio.sleep(0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main())

    assert ["s1"] == backend.deleted
