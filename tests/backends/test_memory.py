"""MemoryBackend is a provider that can be scripted, for several loops one after another."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from firecrawl_interact.backends.memory import MemoryBackend, Signal
from firecrawl_interact.errors import (
    ConcurrencyLimitError,
    CreateUnknownError,
    InvalidOptionError,
    RateLimitError,
    ServerError,
    SessionGoneError,
    SessionNotFoundError,
    TransportError,
    TransportTimeoutError,
    UnsupportedError,
)
from firecrawl_interact.models import Answer, RunResult, SessionOptions
from firecrawl_interact.session import Session

OPTIONS = SessionOptions(ttl=60, activity_ttl=30)


@pytest.fixture
def backend():
    """
    A provider without sessions.
    """
    return MemoryBackend()


async def test_sessions_are_made_and_ended_in_order(backend):
    """Ids count up, and both lists keep the order."""
    async with backend:
        first, second = await backend.create(OPTIONS), await backend.create(OPTIONS)
        await backend.delete(second.id)
        alive = backend.alive
        await backend.delete(first.id)

    assert ["s1", "s2"] == backend.created
    assert ["s2", "s1"] == backend.deleted
    assert ({"s1"}, set()) == (alive, backend.alive)


async def test_a_session_has_links_and_an_expiry(backend):
    """It looks like a hosted session, under addresses that lead nowhere."""
    before = datetime.now(UTC)
    async with backend:
        info = await backend.create(OPTIONS)
        blind = await backend.create(SessionOptions(live_view=False))

    assert ("memory", "memory://cdp/s1", "memory://live/s1") == (
        info.backend,
        info.cdp_url,
        info.live_view_url,
    )
    assert "memory://live/s1?interactive=true" == info.interactive_live_view_url
    assert (None, None) == (blind.live_view_url, blind.interactive_live_view_url)
    assert timedelta(seconds=59) <= info.expires_at - before
    assert not info.expires_at_estimated


async def test_sessions_are_looked_up_and_listed(backend):
    """Newest first; ended ones stay listed."""
    async with backend:
        for _ in range(2):
            await backend.create(OPTIONS)
        await backend.delete("s1")
        listed = {
            alive: [info.id for info in await backend.list(alive=alive)] for alive in (None, True, False)
        }
        found = await backend.get("s1")
        with pytest.raises(SessionNotFoundError):
            await backend.get("s3")

    assert {None: ["s2", "s1"], True: ["s2"], False: ["s1"]} == listed
    assert (False, "stopped") == (found.alive, found.status)


async def test_a_second_delete_is_confirmed_and_counts_once(backend):
    """Only the first answer has a duration, as at Firecrawl."""
    async with backend:
        await backend.create(OPTIONS)
        first, second = await backend.delete("s1"), await backend.delete("s1")

    assert ["s1"] == backend.deleted
    assert (True, None, 2) == (second.confirmed, second.duration, second.credits_billed)
    assert first.duration is not None


def test_bounds_are_firecrawls(backend):
    """What passes here passes there."""
    with pytest.raises(InvalidOptionError, match="30 to 3600"):
        backend.check(SessionOptions(ttl=29))
    with pytest.raises(UnsupportedError):
        backend.check(SessionOptions(tags=("a",)))


async def test_a_held_answer_comes_after_its_effect(backend):
    """The session is there when the create was received, its answer is not."""
    backend.hold_answers()
    async with backend, asyncio.timeout(30):
        creating = asyncio.create_task(backend.create(OPTIONS))
        await backend.create_received.wait()
        seen = (backend.alive, creating.done())
        backend.release_answers()
        info = await creating

    assert ({"s1"}, False) == seen
    assert "s1" == info.id


async def test_only_the_named_verbs_are_held(backend):
    """A held delete does not hold the create before it."""
    backend.hold_answers("delete")
    async with backend, asyncio.timeout(30):
        await backend.create(OPTIONS)
        deleting = asyncio.create_task(backend.delete("s1"))
        await backend.delete_received.wait()
        pending = not deleting.done()
        backend.release_answers("delete")
        receipt = await deleting

    assert pending
    assert receipt.confirmed


async def test_a_held_answer_times_out_on_the_callers_bound(backend):
    """Whoever sends decides how long to wait; the session stays."""
    backend.hold_answers("create")
    transport = backend.new_transport()
    async with asyncio.timeout(30):
        with pytest.raises(TransportTimeoutError) as caught:
            await transport.send(backend.prepare(OPTIONS).request, timeout=0.01)

    assert caught.value.sent
    assert {"s1"} == backend.alive


@pytest.mark.parametrize(("fault", "error"), [(429, RateLimitError), (402, Exception), (503, ServerError)])
async def test_a_scripted_status_is_answered_without_effect(backend, fault, error):
    """The next create fails, the one after it does not."""
    backend.fail_next("create", fault)
    async with backend:
        with pytest.raises(error):
            await backend.create(OPTIONS)
        made = await backend.create(OPTIONS)

    assert ("s1", ["s1"]) == (made.id, backend.created)


async def test_a_lost_answer_leaves_the_session(backend):
    """An error after the effect is the orphan that all is about."""
    backend.fail_next("create", TransportError("Lost.", sent=True), effect=True)
    async with backend:
        with pytest.raises(CreateUnknownError):
            await backend.create(OPTIONS)

    assert {"s1"} == backend.alive


async def test_a_connection_that_fails_makes_nothing(backend):
    """An error before the effect is raised as it is."""
    backend.fail_next("create", TransportError("Refused.", sent=False))
    async with backend:
        with pytest.raises(TransportError) as caught:
            await backend.create(OPTIONS)

    assert (False, []) == (caught.value.sent, backend.created)


async def test_faults_queue_up_and_count(backend):
    """Two failures of a delete, then success."""
    backend.fail_next("delete", 503, times=2)
    async with backend, asyncio.timeout(30):
        await backend.create(OPTIONS)
        receipt = await backend.delete("s1")

    assert receipt.confirmed
    assert ["s1"] == backend.deleted


async def test_a_whole_answer_can_be_scripted(backend):
    """Words decide between the two kinds of 429."""
    body = b'{"success": false, "error": "You have reached the maximum number of concurrent jobs (2)."}'
    backend.fail_next("create", Answer(429, {}, body))
    async with backend:
        with pytest.raises(ConcurrencyLimitError):
            await backend.create(OPTIONS)


async def test_a_closed_transport_sends_nothing(backend):
    """Closing twice is silent, using it afterwards is not."""
    transport = backend.new_transport()
    await transport.aclose()
    await transport.aclose()
    with pytest.raises(TransportError) as caught:
        await transport.send(backend.prepare(OPTIONS).request, timeout=1)

    assert (False, []) == (caught.value.sent, backend.created)


def test_one_provider_serves_one_loop_after_another(backend):
    """Sessions outlive the loop that made them, signals work in each."""

    async def use(verb, *arguments):
        backend.hold_answers(verb)
        async with backend, asyncio.timeout(30):
            task = asyncio.create_task(getattr(backend, verb)(*arguments))
            await (backend.create_received if verb == "create" else backend.delete_received).wait()
            backend.release_answers(verb)
            return await task

    asyncio.run(use("create", OPTIONS))
    thread = threading.Thread(target=lambda: asyncio.run(use("delete", "s1")))
    thread.start()
    thread.join(30)

    assert (["s1"], ["s1"]) == (backend.created, backend.deleted)


async def test_a_signal_wakes_from_another_thread():
    """Set in a thread, awaited in a loop."""
    signal = Signal()
    thread = threading.Timer(0.01, signal.set)
    thread.start()
    async with asyncio.timeout(30):
        happened = await signal.wait()
    thread.join(30)

    assert (True, True) == (happened, signal.is_set())


async def test_a_cancelled_waiter_is_forgotten():
    """Setting a signal nobody waits for any more disturbs nobody."""
    signal = Signal()
    task = asyncio.create_task(signal.wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    signal.set()

    assert await signal.wait()


def test_memory_is_not_hosted_and_out_of_reach_for_other_processes(backend):
    """No guardian, no ledger, no key."""
    assert (False, None, None, "memory:") == (backend.hosted, backend.line(), backend.key, backend.base_url)
    assert backend.connection_key() != MemoryBackend().connection_key()


@pytest.mark.parametrize(
    ("verb", "fault"),
    [("nope", 402), ("create", "x"), ("create", 200), ("create", None), ("create", LookupError)],
    ids=str,
)
def test_script_that_means_nothing_is_refused(verb, fault):
    """A misspelt verb or a fault that is none is told at once, not found out later."""
    with pytest.raises(InvalidOptionError):
        MemoryBackend().fail_next(verb, fault)


def test_holding_an_unknown_verb_is_refused():
    """The same for what is held."""
    with pytest.raises(InvalidOptionError, match="'nope'"):
        MemoryBackend().hold_answers("nope")


# --- runs and scraped pages -----------------------------------------------------------------


async def test_scripted_results_come_in_order():
    """What a run comes to can be said beforehand, by a result or by a function of the run."""
    memory = MemoryBackend()
    memory.results.extend([RunResult(result="1"), lambda run: RunResult(result=run.code.upper())])
    async with Session.create(backend=memory) as session:
        results = [(await session.execute(code)).result for code in ("a", "b", "c")]

    assert ["1", "B", ""] == results
    assert ["a", "b", "c"] == [run.code for run in memory.runs]


async def test_run_in_an_ended_session_is_refused():
    """Memory knows, as the provider does, that there is no browser any more."""
    memory = MemoryBackend()
    async with Session.create(backend=memory) as session:
        async with memory:
            await memory.delete(session.id)
        with pytest.raises(SessionGoneError):
            await session.execute("1")


async def test_run_can_be_held_and_failed():
    """Runs are scripted to misbehave like every other verb."""
    memory = MemoryBackend()
    memory.fail_next("run", 502)
    memory.hold_answers("run")
    async with asyncio.timeout(30), Session.create(backend=memory) as session:
        running = asyncio.create_task(session.execute("1"))
        await memory.run_received.wait()

        assert [] == memory.runs

        memory.release_answers("run")
        with pytest.raises(ServerError):
            await running


async def test_scraped_page_is_gone_on_in_and_stopped():
    """The whole life of a scrape-bound session needs no network."""
    memory = MemoryBackend()
    memory.results.append(RunResult(output="42"))
    scrape = await memory.scrape("https://example.com")
    async with Session.from_scrape(scrape, backend=memory) as session:
        result = await session.prompt("find the answer")

        assert "42" == result.output
        assert {session.id} == memory.alive

    assert ["s1"] == memory.deleted


async def test_adopted_session_is_the_one_that_runs():
    """Memory makes no second browser where one is adopted."""
    memory = MemoryBackend()
    scrape = await memory.scrape("https://example.com")
    async with (
        Session.create(backend=memory) as own,
        Session.from_scrape(scrape, backend=memory, adopt=own) as session,
    ):
        await session.execute("1")

        assert own.id == session.id

    assert ["s1"] == memory.deleted
