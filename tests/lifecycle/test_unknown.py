"""Creates whose answer was lost: only what is provably ours is ended, strangers always survive."""

import asyncio
import json
import time

import pytest

from firecrawl_interact import AnchorBackend, CreateUnknownError, FirecrawlBackend, Session, TransportError
from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.entry import Entry
from firecrawl_interact.ledger.memory import MemoryLedger
from firecrawl_interact.lifecycle import bounds, unknown
from firecrawl_interact.lifecycle.record import Record
from firecrawl_interact.models import Answer, SessionOptions


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch):
    """
    Let a stalled machine's list count, and its creates fall into one window: that of a second is for users.
    """
    monkeypatch.setattr(unknown, "_WINDOW_SLACK", 20.0)


class Lossy:
    """A transport that loses the answers to creates, after they took effect."""

    def __init__(self, transport):
        self.transport = transport

    async def send(self, request, *, timeout, fresh=False):
        answer = await self.transport.send(request, timeout=timeout, fresh=fresh)
        if request.method == "POST":
            raise TransportError("The answer was lost.", sent=True)
        return answer

    async def aclose(self):
        await self.transport.aclose()


class LossyFirecrawl(FirecrawlBackend):
    """Firecrawl over a line that loses the answers to creates."""

    def connection_key(self):
        return ("lossy", super().connection_key())

    def new_transport(self):
        return Lossy(super().new_transport())


class LossyAnchor(AnchorBackend):
    """Anchor over the same line."""

    def connection_key(self):
        return ("lossy", super().connection_key())

    def new_transport(self):
        return Lossy(super().new_transport())


async def open_lost(backend, **options):
    """Open a session whose answer is lost; return the error."""
    options = {"guardian": False, "ledger": False, **options}
    with pytest.raises(CreateUnknownError) as caught:
        async with asyncio.timeout(30), Session.create(backend=backend, **options):
            raise AssertionError("Nobody should be in here.")
    return caught.value


async def foreign(provider, backend=FirecrawlBackend):
    """Open a session of somebody else's on the same key; return its id."""
    async with backend(api_key="fc-key", base_url=provider.url) as stranger:
        return (await stranger.create(SessionOptions())).id


def living(provider):
    """Ids of the browsers that run."""
    return {browser.id for browser in provider.browsers.list(alive=True)}


async def test_anchors_mark_finds_exactly_ours(provider):
    """At Anchor the session of a lost create is found by its tag and ended; a stranger's lives."""
    stranger = await foreign(provider, AnchorBackend)
    error = await open_lost(LossyAnchor(api_key="fc-key", base_url=provider.url))

    assert 1 == len(error.recovered)
    assert error.mark.startswith("fi-")
    assert error.may_live_until is None
    assert {stranger} == living(provider)


class Scripted:
    """A transport that answers a create and the search for it."""

    def __init__(self, row):
        self.row = row

    async def send(self, request, *, timeout, fresh=False):
        if request.method == "POST":
            raise TransportError("The answer was lost.", sent=True)
        row = {"session_id": self.row, "status": "running", "tags": [request.url.rpartition("=")[2]]}
        return Answer(200, {}, json.dumps({"data": {"count": 1, "items": [row]}}).encode())

    async def aclose(self):
        pass


@pytest.mark.parametrize("odd", ["a/b", "all"])
async def test_id_that_cannot_be_sent_back_leaves_the_outcome_open(odd):
    """A session that is found by its tag and cannot be ended is no mistake of the caller's."""
    backend = AnchorBackend(api_key="sk-key", base_url="http://127.0.0.1:1")
    backend.new_transport = lambda: Scripted(odd)
    error = await open_lost(backend)

    assert () == error.recovered
    assert isinstance(error.__cause__, TransportError)


class Deaf:
    """A transport that loses the answer to a create, and gets none to the search for it."""

    def __init__(self):
        self.searching = asyncio.Event()

    async def send(self, request, *, timeout, fresh=False):
        if request.method == "POST":
            raise TransportError("The answer was lost.", sent=True)
        self.searching.set()
        await asyncio.Event().wait()

    async def aclose(self):
        pass


def test_search_that_the_loops_end_breaks_off_is_left_to_the_guardian(monkeypatch, caplog):
    """Where the loop ends while a lost create is looked for, that is said, and others go on looking."""
    monkeypatch.setattr(bounds, "CREATE_GRACE", 0.01)
    handed_over = []
    monkeypatch.setattr(Record, "hand_over", lambda record: handed_over.append(record.id))
    backend = AnchorBackend(api_key="sk-key", base_url="http://127.0.0.1:1")

    async def leave_amid_the_search():
        deaf = Deaf()
        backend.new_transport = lambda: deaf
        pending = Session.create(backend=backend, guardian=False, ledger=False)
        opening = asyncio.ensure_future(pending.__aenter__())
        async with asyncio.timeout(30):
            await deaf.searching.wait()
        return opening

    asyncio.run(leave_amid_the_search())

    assert 1 == len(handed_over)
    assert "Nobody waited any more for this create." in caplog.text


async def test_firecrawl_leaves_a_lost_create_alone(provider):
    """At Firecrawl nothing proves whose it is, so it is left to its ttl."""
    error = await open_lost(LossyFirecrawl(api_key="fc-key", base_url=provider.url))

    assert () == error.recovered
    assert error.mark is None
    assert 1 == provider.alive()


async def test_exclusive_key_ends_the_only_candidate(provider):
    """With the caller's word that the key is exclusive the one session of that moment is ended."""
    error = await open_lost(LossyFirecrawl(api_key="fc-key", base_url=provider.url), exclusive_key=True)

    assert 1 == len(error.recovered)
    assert set() == living(provider)


async def test_exclusive_key_spares_sessions_of_another_moment(provider):
    """A session from before the create's window is never taken for its own."""
    provider.browsers.clock = lambda: time.time() - 60
    stranger = await foreign(provider)
    provider.browsers.clock = time.time
    error = await open_lost(LossyFirecrawl(api_key="fc-key", base_url=provider.url), exclusive_key=True)

    assert 1 == len(error.recovered)
    assert {stranger} == living(provider)


async def test_exclusive_key_with_a_twin_touches_nothing(provider):
    """Two candidates in the window prove the word wrong: neither is ended."""
    await foreign(provider)
    error = await open_lost(LossyFirecrawl(api_key="fc-key", base_url=provider.url), exclusive_key=True)

    assert () == error.recovered
    assert 2 == provider.alive()


async def test_exclusive_key_spares_this_processs_own_sessions(provider):
    """Sessions that this process knows are no candidates."""
    good = FirecrawlBackend(api_key="fc-key", base_url=provider.url)
    async with Session.create(backend=good, guardian=False, ledger=False) as mine:
        error = await open_lost(LossyFirecrawl(api_key="fc-key", base_url=provider.url), exclusive_key=True)
        left = living(provider)

    assert 1 == len(error.recovered)
    assert {mine.id} == left


async def test_exclusive_key_spares_what_the_ledger_knows(provider):
    """A session of another process in the same ledger is no candidate."""
    ledger = MemoryLedger()
    theirs = await foreign(provider)
    await ledger.plan(entry(provider, ledger, session_id=theirs))
    backend = LossyFirecrawl(api_key="fc-key", base_url=provider.url)
    error = await open_lost(backend, exclusive_key=True, ledger=ledger)

    assert 1 == len(error.recovered)
    assert {theirs} == living(provider)


async def test_exclusive_key_waits_for_rival_intents(provider):
    """While another process's create is open in the ledger, the session may be its own."""
    ledger = MemoryLedger()
    await ledger.plan(entry(provider, ledger, session_id=None))
    backend = LossyFirecrawl(api_key="fc-key", base_url=provider.url)
    error = await open_lost(backend, exclusive_key=True, ledger=ledger)

    assert () == error.recovered
    assert 1 == provider.alive()


async def test_two_lost_creates_at_once_touch_nothing(provider):
    """Two lost creates of one moment cannot be told apart."""
    backend = LossyFirecrawl(api_key="fc-key", base_url=provider.url)
    errors = await asyncio.gather(*(open_lost(backend, exclusive_key=True) for _ in range(2)))

    assert [(), ()] == [error.recovered for error in errors]
    assert 2 == provider.alive()


async def test_exclusive_key_spares_what_was_detached(provider):
    """A session that this process gave up on purpose is no candidate."""
    good = FirecrawlBackend(api_key="fc-key", base_url=provider.url)
    session = await Session.create(backend=good, guardian=False, ledger=False)
    await session.detach()
    error = await open_lost(LossyFirecrawl(api_key="fc-key", base_url=provider.url), exclusive_key=True)

    assert 1 == len(error.recovered)
    assert {session.id} == living(provider)


async def test_exclusive_key_without_its_ledger_touches_nothing(provider):
    """A ledger that failed can no longer tell what others made, so nothing is proved."""

    class Broken(MemoryLedger):
        async def plan(self, entry):
            raise LedgerError("locked")

    backend = LossyFirecrawl(api_key="fc-key", base_url=provider.url)
    error = await open_lost(backend, exclusive_key=True, ledger=Broken())

    assert () == error.recovered
    assert 1 == provider.alive()


async def test_exclusive_key_distrusts_a_slow_list(provider, monkeypatch):
    """A list that came late says too little about the provider's clock."""
    monkeypatch.setattr(unknown, "_WINDOW_SLACK", -1.0)
    error = await open_lost(LossyFirecrawl(api_key="fc-key", base_url=provider.url), exclusive_key=True)

    assert () == error.recovered
    assert 1 == provider.alive()


def entry(provider, ledger, *, session_id):
    """An entry of another process."""
    now = time.time()
    return Entry(
        id="0" * 16,
        backend="firecrawl",
        base_url=provider.url,
        key_print=ledger.fingerprint("fc-key"),
        mark=None,
        session_id=session_id,
        planned_at=now,
        expires_at=now + 600,
    )
