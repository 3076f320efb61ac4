"""Sessions in scraped pages are stopped, whatever happens to their first run."""

import asyncio
import gc
import logging
import pickle
import time
import warnings

import aiohttp
import anyio
import pytest
from aiohttp.test_utils import TestServer

from firecrawl_interact import (
    CloseError,
    FirecrawlBackend,
    InvalidOptionError,
    PermissionDeniedError,
    Scrape,
    ServerError,
    Session,
    SessionClosedError,
    SessionGoneError,
    SessionNotFoundError,
    SessionState,
    TransportError,
    UnsupportedError,
    UsageError,
)
from firecrawl_interact.backends.anchor import AnchorBackend
from firecrawl_interact.backends.scraper import scrape_ref
from firecrawl_interact.ledger.entry import Entry
from firecrawl_interact.ledger.memory import MemoryLedger
from firecrawl_interact.lifecycle.sweep import sweep
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.fake import FakeBrowsers, FakePrompts, FakeRuns
from firecrawl_interact.server.faults import FaultPlan
from firecrawl_interact.server.runs import RunOutcome

NO_JOB = "019a1f01-1111-7222-8333-444455550000"


class Provider:
    """A real server over browsers that are none, which can be made to misbehave."""

    def __init__(self):
        self.runs = FakeRuns()
        self.plan = FaultPlan()
        self.browsers = FakeBrowsers()
        app = build_app(
            browsers=self.browsers, faults=self.plan, runs=self.runs, prompts=FakePrompts(self.runs)
        )
        self._server = TestServer(app)

    async def __aenter__(self):
        await self._server.start_server()
        self.backend = FirecrawlBackend("fc-TEST", str(self._server.make_url("")))
        return self

    async def __aexit__(self, *_):
        await self._server.close()

    async def end(self, session_id):
        """End a browser as a stranger would."""
        async with self.backend:
            await self.backend.delete(session_id)

    async def was_asked(self, kind):
        """Wait until such a request has come in."""
        assert await self.plan.traffic.until(lambda _: self.asked(kind) > 0, timeout=30)

    def misbehave(self, **rule):
        self.plan.rules = FaultPlan.from_json({"rules": [rule]}).rules

    async def scrape(self):
        return await self.backend.scrape("https://example.com")

    def pending(self, job, **options):
        options = {"backend": self.backend, "guardian": False, "ledger": False, **options}
        return Session.from_scrape(job, **options)

    @property
    def alive(self):
        return [browser.id for browser in self.browsers.list(alive=True)]

    def asked(self, kind):
        return self.plan.traffic.counts[f"{kind}.received"]


class Forgetful(FirecrawlBackend):
    """A backend whose line breaks under a first run that the provider goes on with."""

    def __init__(self, *args):
        super().__init__(*args)
        self.lost = []

    def new_transport(self):
        transport = super().new_transport()
        send = transport.send

        async def forget(request, **how):
            if request.method != "POST":
                return await send(request, **how)
            self.lost.append(asyncio.ensure_future(send(request, **how)))
            raise TransportError("The line broke.", sent=True)

        transport.send = forget
        return transport


@pytest.fixture
async def provider():
    """
    A provider of scrapes; nothing of it runs when the test ends.
    """
    async with Provider() as provider:
        yield provider

        assert [] == provider.alive


@pytest.fixture
async def job(provider):
    """
    A page that was scraped.
    """
    return (await provider.scrape()).job_id


# --- the ordinary life ----------------------------------------------------------------------


async def test_scrape_tells_the_job_and_what_was_asked_for(provider):
    """A scrape knows the id that sessions go on with."""
    scrape = await provider.scrape()

    assert isinstance(scrape, Scrape)
    assert scrape.job_id == scrape.metadata["scrapeId"]


async def test_nothing_is_sent_for_a_session_in_which_nothing_is_run(provider, job):
    """Entering and leaving alone asks the provider for nothing."""
    async with provider.pending(job) as session:
        assert (job, None, None, None) == (
            session.job_id,
            session.id,
            session.cdp_url,
            session.interactive_live_view_url,
        )
        assert SessionState.OPEN is session.state

    assert SessionState.CLOSED is session.state
    assert (0, 0) == (provider.asked("run"), provider.asked("stop"))
    assert session.receipt is None


async def test_first_run_starts_the_browser_and_leaving_stops_it(provider, job):
    """The id and the links come with the first answer, and the stop is repeated until nothing is left."""
    provider.runs.outcomes.append(RunOutcome(result="Example Domain"))
    async with provider.pending(job) as session:
        result = await session.execute("await page.title()")

        assert "Example Domain" == result.result
        assert provider.alive == [session.id]
        assert session.cdp_url.startswith("ws")
        assert session.remaining is not None

        again = await session.prompt("click the button")

        assert not again.failed
        assert provider.alive == [session.id]

    assert SessionState.CLOSED is session.state
    assert session.receipt.confirmed
    assert session.receipt.duration is not None
    assert provider.asked("stop") == 2


async def test_a_failed_run_is_a_result_and_still_leaves_a_browser_to_stop(provider, job):
    """Code that fails is no error of the session's."""
    provider.runs.outcomes.append(RunOutcome(stderr="Error: boom", exit_code=1))
    async with provider.pending(job) as session:
        result = await session.execute("throw new Error('boom')")

        assert (True, 1) == (result.failed, result.exit_code)
        assert provider.alive == [session.id]


async def test_awaited_session_is_closed_once(provider, job):
    """A second close is silent and asks nothing."""
    session = await provider.pending(job)
    await session.execute("1")
    await session.aclose()
    stops = provider.asked("stop")
    await session.aclose()

    assert stops == provider.asked("stop")
    with pytest.raises(SessionClosedError):
        await session.execute("1")


async def test_a_scrape_itself_is_taken_for_its_job(provider):
    """What `scrape` returns can be passed on."""
    scrape = await provider.scrape()
    async with provider.pending(scrape) as session:
        assert scrape.job_id == session.job_id


async def test_repr_shows_no_secret(provider, job):
    """Job, backend and state are shown, links are not."""
    async with provider.pending(job) as session:
        await session.execute("1")

        assert repr(session) == f"<ScrapeSession job={job} backend=firecrawl state=open>"


# --- refusals before anything is sent ---------------------------------------------------------


@pytest.mark.parametrize("bad", ["", "s1", "../x", "{" + NO_JOB + "}", NO_JOB + "\n", 7, None, "x" * 500])
def test_what_is_no_uuid_is_refused_at_the_call(bad):
    """A job id that cannot be one never gets into an address."""
    with pytest.raises(InvalidOptionError, match="job_id"):
        Session.from_scrape(bad, backend=FirecrawlBackend("fc-TEST"))


def test_backends_without_scrapes_are_refused_at_the_call():
    """The refusal names who can."""
    with pytest.raises(UnsupportedError, match="firecrawl"):
        Session.from_scrape(NO_JOB, backend=AnchorBackend("sk-TEST"))


def test_several_backends_are_refused_at_the_call():
    """A scrape is somewhere."""
    with pytest.raises(UsageError, match="one backend"):
        Session.from_scrape(NO_JOB, backend=[FirecrawlBackend("fc-1"), FirecrawlBackend("fc-2")])


async def test_bad_code_starts_nothing(provider, job):
    """Bounds are checked before a browser is made."""
    async with provider.pending(job) as session:
        for wrong in ("", "ä" * 50_001):
            with pytest.raises(InvalidOptionError):
                await session.execute(wrong)
        with pytest.raises(InvalidOptionError):
            await session.prompt("x" * 10_001)
        with pytest.raises(InvalidOptionError):
            await session.execute("1", timeout=301)

    assert (0, 0) == (provider.asked("run"), provider.asked("stop"))


async def test_what_needs_a_browser_is_refused_before_the_first_run(provider, job):
    """There is nothing to give up or to look at yet."""
    async with provider.pending(job) as session:
        for use in (session.detach, session.refresh, session.before_expiry):
            with pytest.raises(UsageError, match="first run"):
                await use()
        with pytest.raises(UsageError, match="first run"):
            _ = session.ref


# --- refusals of the provider -----------------------------------------------------------------


async def test_unknown_job_is_an_error_that_says_what_to_do_and_owes_nothing(provider):
    """Nothing was started, so nothing is stopped."""
    async with provider.pending(NO_JOB) as session:
        with pytest.raises(SessionNotFoundError, match="Scrape again"):
            await session.execute("1")

    assert 0 == provider.asked("stop")


async def test_refused_first_run_owes_nothing(provider, job):
    """A job of somebody else's is neither run nor stopped."""
    body = '{"success": false, "error": "Forbidden."}'
    provider.misbehave(
        on="run", do="status", status=403, body=body, headers={"Content-Type": "application/json"}
    )
    async with provider.pending(job) as session:
        with pytest.raises(PermissionDeniedError):
            await session.execute("1")

    assert 0 == provider.asked("stop")


async def test_run_after_the_stop_says_to_scrape_again(provider, job):
    """A job whose browser was stopped is of no use any more."""
    async with provider.pending(job) as session:
        await session.execute("1")
    async with provider.pending(job) as late:
        with pytest.raises(SessionGoneError, match="Scrape again for a new job id") as caught:
            await late.execute("1")

    assert 410 == caught.value.status
    assert 410 == pickle.loads(pickle.dumps(caught.value)).status


async def test_session_that_ended_under_its_owner_is_noted_as_ended(provider, job):
    """The next run meets the end, and `ended` says so."""
    async with provider.pending(job) as session:
        await session.execute("1")
        await provider.end(session.id)
        with pytest.raises(SessionGoneError):
            await session.execute("1")

        assert session.ended.is_set()


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_failed_first_run_that_made_a_browser_is_stopped(provider, job, status):
    """A server that breaks after it made the browser leaves it to the stop."""
    provider.misbehave(on="run", do="html", when="after", status=status)
    async with provider.pending(job) as session:
        with pytest.raises(ServerError):
            await session.execute("1")

        assert 1 == len(provider.alive)

    assert SessionState.CLOSED is session.state


# --- lost answers and cancellations -----------------------------------------------------------


@pytest.mark.parametrize("how", ["drop", "reset", "truncate"])
async def test_lost_first_answer_is_not_sent_again_and_its_browser_is_stopped(provider, job, how):
    """What the first run may have started is owed before it is sent."""
    provider.misbehave(on="run", do=how, when="after")
    async with provider.pending(job) as session:
        with pytest.raises(TransportError):
            await session.execute("1")

    assert (1, []) == (provider.asked("run"), provider.alive)


async def test_no_connection_at_all_owes_nothing():
    """A first run that surely never left starts nothing."""
    backend = FirecrawlBackend("fc-TEST", "http://127.0.0.1:9")
    async with Session.from_scrape(NO_JOB, backend=backend, guardian=False, ledger=False) as session:
        with pytest.raises(TransportError) as caught:
            await session.execute("1")

        assert not caught.value.sent

    assert SessionState.CLOSED is session.state


async def test_cancelled_first_run_is_stopped_by_leaving(provider, job):
    """The cancellation comes out at once and unchanged, and the browser is stopped."""
    provider.runs.proceed.clear()

    async def work():
        async with provider.pending(job) as session:
            await session.execute("1")

    async with asyncio.timeout(30):
        task = asyncio.create_task(work())
        await provider.runs.started.wait()
        task.cancel("mine")
        with pytest.raises(asyncio.CancelledError, match="mine"):
            await task

    assert [] == provider.alive


async def test_first_run_in_a_cancelled_scope_is_stopped(provider, job):
    """Anyio cancels again at every turn of the loop, and the browser is stopped all the same."""
    provider.runs.proceed.clear()
    with anyio.fail_after(30), anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks, provider.pending(job) as session:
            tasks.start_soon(session.execute, "1")
            await provider.runs.started.wait()
            scope.cancel()

    assert scope.cancelled_caught
    assert [] == provider.alive


async def test_first_run_that_takes_too_long_leaves_a_usable_session(provider, job):
    """A time limit around the first run ends the waiting; the next run finds the browser."""
    provider.runs.proceed.clear()
    async with asyncio.timeout(30), provider.pending(job) as session:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await session.execute("1")
        provider.runs.proceed.set()
        await session.execute("2")

        assert [session.id] == provider.alive


async def test_first_run_cancelled_while_the_browser_is_being_made_is_stopped(provider, job):
    """A stop that finds nothing yet is repeated until the browser is there."""
    provider.browsers.launcher.delay = 0.3

    async def work():
        async with provider.pending(job) as session:
            await session.execute("1")

    async with asyncio.timeout(30):
        task = asyncio.create_task(work())
        await provider.was_asked("run")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert 1 == len(provider.browsers.list())
    assert [] == provider.alive


async def test_lost_first_answer_with_a_browser_to_come_is_stopped(provider, job):
    """Not found is no proof while a lost first run may still be about to make its browser."""
    provider.browsers.launcher.delay = 0.4
    backend = Forgetful("fc-TEST", provider.backend.base_url)
    async with asyncio.timeout(30), provider.pending(job, backend=backend) as session:
        with pytest.raises(TransportError):
            await session.execute("1")
    await asyncio.gather(*backend.lost)

    assert 1 == len(provider.browsers.list())
    assert [] == provider.alive


async def test_lost_first_run_that_made_nothing_is_not_confirmed_and_handed_on(provider, job):
    """Nobody can tell what will come of it, so leaving says so, and others go on."""
    provider.misbehave(on="run", do="drop", when="before")
    with pytest.raises(CloseError, match="not confirmed"):  # noqa: PT012  # the block is what is left
        async with asyncio.timeout(30), provider.pending(job, close_timeout=0.5) as session:
            with pytest.raises(TransportError):
                await session.execute("1")

    assert SessionState.CLOSING is session.state

    provider.misbehave(on="stop", do="status", status=200, body='{"success": true}', times=None)
    await session.aclose()

    assert SessionState.CLOSED is session.state
    assert provider.asked("stop") >= 2


async def test_refused_run_during_the_stop_ends_it(provider):
    """A first run that is refused late settles what its cancellation left open."""
    provider.misbehave(on="run", do="hold")

    async def work():
        async with provider.pending(NO_JOB) as session:
            await session.execute("1")

    async with asyncio.timeout(30):
        task = asyncio.create_task(work())
        await provider.was_asked("run")
        task.cancel()
        await provider.was_asked("stop")
        provider.plan.release()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert [] == provider.alive


async def test_cancelled_before_its_turn_sends_nothing(provider, job):
    """Whoever waits for somebody else's first run can simply go."""
    provider.runs.proceed.clear()
    async with asyncio.timeout(30), provider.pending(job) as one, provider.pending(job) as other:
        first = asyncio.create_task(one.execute("1"))
        await provider.runs.started.wait()
        second = asyncio.create_task(other.execute("2"))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        provider.runs.proceed.set()
        await first

        assert 1 == provider.asked("run")


async def test_parallel_first_runs_make_one_browser(provider, job):
    """First runs in one page take turns, across sessions of the same page too."""
    async with provider.pending(job) as one, provider.pending(job) as other:
        await asyncio.gather(*(each.execute("1") for each in (one, other, one, other)))

        assert one.id == other.id
        assert [one.id] == provider.alive


async def test_leaving_keeps_a_waiting_run_from_starting_anything(provider, job):
    """A run whose session is left before its turn came is refused."""
    provider.runs.proceed.clear()
    one = await provider.pending(job)
    other = await provider.pending(job)
    async with asyncio.timeout(30):
        first = asyncio.create_task(one.execute("1"))
        await provider.runs.started.wait()
        second = asyncio.create_task(other.execute("2"))
        await asyncio.sleep(0)
        await other.aclose()
        provider.runs.proceed.set()
        await first
        with pytest.raises(SessionClosedError):
            await second
        await one.aclose()


async def test_cancelled_stop_still_stops(provider, job):
    """A cancellation while leaving is handed on once the browser is stopped."""
    provider.misbehave(on="stop", do="hold")

    async def work():
        async with provider.pending(job) as session:
            await session.execute("1")

    async with asyncio.timeout(30):
        task = asyncio.create_task(work())
        await provider.was_asked("stop")
        task.cancel()
        await asyncio.sleep(0)
        provider.plan.release()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert [] == provider.alive


async def test_forgotten_session_is_stopped_with_a_warning(provider, job):
    """A session that nobody closed is stopped once it is collected."""
    session = await provider.pending(job)
    await session.execute("1")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del session
        gc.collect()

    assert await provider.plan.traffic.until(lambda _: provider.asked("stop") == 2, timeout=30)
    assert [ResourceWarning] == [each.category for each in caught]


# --- several browsers, adoption, giving up ----------------------------------------------------


async def test_two_browsers_of_one_page_are_both_stopped_and_counted(provider, job):
    """The receipt adds up what each stop has ended."""
    raced = await asyncio.gather(*(_interact_raw(provider, job) for _ in range(2)))
    async with provider.pending(job) as session:
        await session.execute("1")

        assert 2 == len(set(raced))
        assert set(raced) == set(provider.alive)

    assert provider.asked("stop") == 3
    assert 4 == session.receipt.credits_billed


async def test_adopted_session_is_stopped_with_the_page(provider, job):
    """The provider binds the session to the scrape, so both ends agree."""
    async with (
        Session.create(backend=provider.backend, guardian=False, ledger=False) as own,
        provider.pending(job, adopt=own) as session,
    ):
        await session.execute("1")

        assert own.id == session.id
        assert [own.id] == provider.alive


async def test_adopting_from_another_backend_is_refused(provider, job):
    """A session can only go on where it runs."""
    async with Session.create(backend="memory") as elsewhere:
        with pytest.raises(UsageError, match="memory"):
            provider.pending(job, adopt=elsewhere)


async def test_adopting_at_another_address_is_refused(provider, job):
    """Two servers that speak the same wire know nothing of each other's sessions."""
    elsewhere = FirecrawlBackend("fc-TEST", "http://127.0.0.1:1")
    async with Session.create(backend=provider.backend, guardian=False, ledger=False) as own:
        for adopt in (own, own.ref):
            with pytest.raises(UsageError, match=r"127\.0\.0\.1:1"):
                provider.pending(job, adopt=adopt, backend=elsewhere)


async def test_session_to_adopt_must_have_a_browser(provider, job):
    """One that was closed has none any more, and one in a scraped page none before its first run."""
    async with Session.create(backend=provider.backend, guardian=False, ledger=False) as own:
        pass
    with pytest.raises(SessionClosedError, match="adopt"):
        provider.pending(job, adopt=own)
    async with provider.pending(job) as session:
        with pytest.raises(UsageError, match="first run"):
            provider.pending(job, adopt=session)


@pytest.mark.parametrize("bad", ["", "all", "a/b", 7])
def test_what_cannot_be_adopted_is_refused_by_the_arguments_name(bad):
    """Nobody looks for a session id that they never passed."""
    with pytest.raises(InvalidOptionError, match=r"^adopt must"):
        Session.from_scrape(NO_JOB, backend=FirecrawlBackend("fc-TEST"), adopt=bad)


async def test_adopted_session_expires_as_it_did(provider, job):
    """Going on in it gives it no new ttl; a reference knows as much."""
    async with Session.create(ttl=120, backend=provider.backend, guardian=False, ledger=False) as own:
        for adopt in (own, own.ref):
            async with provider.pending(await provider.scrape(), adopt=adopt) as session:
                await session.execute("1")
                await session.detach()

                assert own.expires_at == session.expires_at


async def test_detached_browser_lives_on(provider, job):
    """Whoever gives it up gets the id to take it up again."""
    async with provider.pending(job) as session:
        await session.execute("1")
        session_id = await session.detach()

    assert SessionState.DETACHED is session.state
    assert [session_id] == provider.alive

    await provider.end(session_id)


# --- ledger -----------------------------------------------------------------------------------


async def test_ledger_knows_the_stop_before_the_first_run_is_answered(provider, job):
    """Whoever inherits the entry can stop what the first run may have made."""
    ledger = MemoryLedger()
    provider.runs.proceed.clear()
    async with asyncio.timeout(30), provider.pending(job, ledger=ledger) as session:
        running = asyncio.create_task(session.execute("1"))
        await provider.runs.started.wait()

        assert [scrape_ref(job)] == [entry.session_id for entry in await ledger.owed()]

        provider.runs.proceed.set()
        await running

    assert [] == await ledger.owed()


async def test_sweep_stops_what_a_dead_owner_left(provider, job):
    """The entry alone is enough to build the stop."""
    ledger = MemoryLedger()
    await _interact_raw(provider, job)
    await _leave(ledger, provider, job)
    report = await sweep(ledger, (provider.backend,))

    assert ["ended"] == [item.outcome.value for item in report.items]
    assert [] == provider.alive


async def test_refused_first_run_is_struck_out(provider):
    """The ledger keeps nothing of a run that started nothing."""
    ledger = MemoryLedger()
    async with provider.pending(NO_JOB, ledger=ledger) as session:
        with pytest.raises(SessionNotFoundError):
            await session.execute("1")

        assert [] == await ledger.owed()


async def test_links_are_in_no_log(provider, job, caplog):
    """What opens the browser is never written anywhere."""
    caplog.set_level(logging.DEBUG, "firecrawl_interact")
    async with provider.pending(job) as session:
        await session.execute("1")
        secret = session.cdp_url

    assert secret not in caplog.text


async def _interact_raw(provider, job):
    """Run something as a client without turns does."""
    url = f"{provider.backend.base_url}/v2/scrape/{job}/interact"
    async with (
        aiohttp.ClientSession(headers={"Authorization": "Bearer fc-TEST"}) as client,
        client.post(url, json={"code": "1"}) as answer,
    ):
        return (await answer.json())["sessionId"]


async def _leave(ledger, provider, job):
    """Write an entry as an owner does that has died since."""
    now = time.time()
    entry = Entry(
        id="0" * 16,
        backend="firecrawl",
        base_url=provider.backend.base_url,
        key_print=ledger.fingerprint(provider.backend.key),
        mark=None,
        session_id=None,
        planned_at=now,
        expires_at=now + 600,
    )
    await ledger.plan(entry)
    await ledger.opened(entry.id, scrape_ref(job), now + 600)
    ledger.kill_owner()
