"""Misbehaving parts, handlers and clocks: found by trying to break the promise."""

import asyncio
import contextlib
import gc
import time
import warnings
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import attrs
import pytest

from firecrawl_interact import (
    AnchorBackend,
    CloseError,
    CreateUnknownError,
    FirecrawlBackend,
    InvalidOptionError,
    MemoryBackend,
    RateLimitError,
    Session,
    SessionClosedError,
    SessionState,
    UsageError,
)
from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.memory import MemoryLedger
from firecrawl_interact.lifecycle import bounds, layers
from firecrawl_interact.lifecycle.debt import given_up, outstanding
from firecrawl_interact.models import Answer

JSON = {"content-type": "application/json"}


@pytest.fixture(autouse=True)
def _own_warning(monkeypatch):
    """Give every test a process that has not yet warned of its ledger."""
    monkeypatch.setattr(layers, "_default", type(layers._default)())


async def test_cancel_all_but_the_waiter_leaves_a_living_session(backend):
    """A handler that cancels every other task does not hand out a session that is being ended."""
    backend.hold_answers("create")

    async def cancel_others(me):
        await backend.create_received.wait()
        for task in asyncio.all_tasks() - {me, asyncio.current_task()}:
            task.cancel()
        backend.release_answers()

    helper = asyncio.create_task(cancel_others(asyncio.current_task()))
    async with asyncio.timeout(30), Session.create(backend=backend) as session:
        await asyncio.sleep(0)

        assert SessionState.OPEN is session.state
        assert {"s1"} == backend.alive
    await helper


async def test_forgotten_session_is_ended_where_warnings_are_errors(backend):
    """Under -W error the warning of a forgotten session is an exception, and the session is ended first."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with contextlib.suppress(ResourceWarning), warnings.catch_warnings(record=True):
            await Session.create(backend=backend)
            gc.collect()
        async with asyncio.timeout(30):
            await backend.delete_received.wait()

    assert ["s1"] == backend.deleted


class Ledger(MemoryLedger):
    """A ledger that can be told to break."""

    broken = MappingProxyType({})

    async def plan(self, entry):
        await self.break_at("plan")
        await super().plan(entry)

    async def opened(self, *args):
        await self.break_at("opened")
        await super().opened(*args)

    async def take(self, entry):
        await self.break_at("take")
        return await super().take(entry)

    async def break_at(self, verb):
        fault = self.broken.get(verb)
        if fault == "hang":
            await asyncio.Event().wait()
        if fault is not None:
            raise fault


def broken_ledger(**faults):
    """A ledger whose verbs fail as told."""
    ledger = Ledger()
    ledger.broken = faults
    return ledger


@pytest.mark.parametrize("verb", ["plan", "opened"])
@pytest.mark.parametrize(
    "fault", [OSError("disk"), LedgerError("full"), RuntimeError("bug"), "hang"], ids=str
)
async def test_ledger_that_breaks_costs_no_session(monkeypatch, backend, verb, fault):
    """Whatever a ledger raises, or if it never answers, the session opens and is ended."""
    monkeypatch.setattr(bounds, "LEDGER_ANSWER", 0.05)
    async with asyncio.timeout(30):
        async with Session.create(backend=backend, ledger=broken_ledger(**{verb: fault})) as session:
            assert SessionState.OPEN is session.state

    assert ["s1"] == backend.deleted


class Slow(MemoryLedger):
    """A ledger that writes, and is not heard of in time."""

    def __init__(self, lapse):
        super().__init__()
        self._lapse = lapse

    async def opened(self, entry_id, session_id, expires_at):
        await super().opened(entry_id, session_id, expires_at)
        self._lapse(bounds.LEDGER_ANSWER)
        await asyncio.Event().wait()


async def test_given_up_session_is_struck_out_of_a_ledger_that_was_left_out(backend, lapse):
    """What a slow ledger has written all the same must not have a sweep end what was given up."""
    ledger = Slow(lapse)
    async with asyncio.timeout(30):
        session = await Session.create(backend=backend, ledger=ledger)
        written = [entry.session_id for entry in await ledger.owed()]
        await session.detach()
    owed = await ledger.owed()
    async with backend:
        await backend.delete(session.id)

    assert (["s1"], []) == (written, owed)


async def test_ledger_that_cannot_forget_costs_no_close(backend):
    """A ledger's error while the session ends is no reason to call the end unconfirmed."""

    class Stubborn(MemoryLedger):
        def settled_soon(self, entry_id):
            raise RuntimeError("bug")

    async with Session.create(backend=backend, ledger=Stubborn()) as session:
        pass

    assert session.receipt.confirmed


class BrokenReader(MemoryBackend):
    """A backend that cannot read what it gets."""

    def read_created(self, answer, options):
        raise KeyError("id")


async def test_backend_that_cannot_read_leaves_the_outcome_open():
    """An error of ours while reading an answer is no proof that nothing was made: nobody asks again."""
    broken, other = BrokenReader(), MemoryBackend()
    with pytest.raises(CreateUnknownError):
        async with Session.create(backend=[broken, other]):
            pass

    assert ["s1"] == broken.created
    assert [] == other.created


async def test_id_that_cannot_be_sent_back_is_never_asked_for_again():
    """An answer with an impossible id leaves the outcome open, and no second create is sent."""
    broken, other = MemoryBackend(), MemoryBackend()
    broken.fail_next("create", Answer(200, JSON, b'{"success": true, "id": "a b"}'), effect=True)
    with pytest.raises(CreateUnknownError):
        async with Session.create(backend=[broken, other]):
            pass

    assert [] == other.created


@pytest.mark.parametrize("ttl", [10**9, 10**12, 10**400])
def test_ttl_beyond_all_reason_is_refused(ttl):
    """A ttl that no date can hold is refused before anything is sent."""
    with pytest.raises(InvalidOptionError, match="ttl"):
        Session.create(ttl=ttl, backend=AnchorBackend(api_key="k"))


@pytest.mark.parametrize(
    "header", [".-5", "-", "1e400", "Mon, 01 Jan 2024 00:00:99999999999999999999 GMT", "9" * 400]
)
async def test_senseless_retry_after_changes_nothing(backend, header):
    """A Retry-After that means nothing is as good as none."""
    backend.fail_next("delete", Answer(503, {"retry-after": header}, b""))
    backend.fail_next(
        "create", Answer(429, {**JSON, "retry-after": header}, b'{"error": "Rate limit exceeded."}')
    )
    with pytest.raises(RateLimitError):
        await Session.create(backend=backend, open_timeout=20)
    async with asyncio.timeout(30), Session.create(backend=backend) as session:
        pass

    assert session.receipt.confirmed


class FastClock(MemoryBackend):
    """A provider whose clock is half an hour behind ours."""

    def read_created(self, answer, options):
        info = super().read_created(answer, options)
        return attrs.evolve(info, expires_at=datetime.now(UTC) - timedelta(minutes=30))


async def test_clocks_that_differ_do_not_end_the_tries(monkeypatch):
    """A provider's clock behind ours makes no debt expire before its ttl by our own."""
    monkeypatch.setattr(bounds, "LATER", (0.01,))
    backend = FastClock()
    backend.fail_next("delete", 403)
    with pytest.raises(CloseError):
        async with Session.create(backend=backend) as session:
            pass
    async with asyncio.timeout(30):
        while session.state is not SessionState.CLOSED:  # noqa: ASYNC110  # nobody is told of a later try
            await asyncio.sleep(0.01)

    assert ["s1"] == backend.deleted


class BrokenLine:
    """A transport with a bug."""

    def __init__(self, transport, method):
        self.transport = transport
        self.method = method

    async def send(self, request, *, timeout, fresh=False):
        if request.method == self.method:
            self.method = None
            raise RuntimeError("a bug")
        return await self.transport.send(request, timeout=timeout, fresh=fresh)

    async def aclose(self):
        raise RuntimeError("another bug")


class BrokenLineBackend(MemoryBackend):
    """A backend over such a transport."""

    method = "DELETE"

    def new_transport(self):
        return BrokenLine(super().new_transport(), self.method)


async def test_transport_with_a_bug_is_tried_again_later(monkeypatch):
    """Any exception of a transport leaves the session owed, and the living process tries again."""
    monkeypatch.setattr(bounds, "LATER", (0.01,))
    backend = BrokenLineBackend()
    with pytest.raises(CloseError):
        async with Session.create(backend=backend) as session:
            pass
    async with asyncio.timeout(30):
        while session.state is not SessionState.CLOSED:  # noqa: ASYNC110  # nobody is told of a later try
            await asyncio.sleep(0.01)

    assert ["s1"] == backend.deleted


async def test_transport_with_a_bug_at_the_create_leaves_the_outcome_open():
    """Any exception of a transport during the create may have come after its sending."""
    backend = BrokenLineBackend()
    backend.method = "POST"
    with pytest.raises(CreateUnknownError):
        await Session.create(backend=backend)

    assert [] == backend.created


async def test_cancelled_detach_has_detached(backend, lapse):
    """A detach that is cancelled while the ledger hangs has happened all the same."""
    ledger = Ledger()
    writing = asyncio.Event()

    async def hang(_):
        writing.set()
        await asyncio.Event().wait()

    ledger.settled = hang
    session = await Session.create(backend=backend, ledger=ledger)
    task = asyncio.create_task(session.detach())
    async with asyncio.timeout(30):
        await writing.wait()
        task.cancel()
        lapse(bounds.LEDGER_ANSWER)
        with pytest.raises(asyncio.CancelledError):
            await task
    alive = set(backend.alive)
    async with Session.attach("s1", backend=backend, owned=True):
        pass

    assert {"s1"} == alive
    assert SessionState.DETACHED is session.state


async def test_session_whose_end_is_under_way_cannot_be_detached(backend):
    """What is being ended is not given away."""
    session = await Session.create(backend=backend)
    backend.hold_answers("delete")
    closing = asyncio.create_task(session.aclose())
    async with asyncio.timeout(30):
        await backend.delete_received.wait()
    with pytest.raises(SessionClosedError):
        await session.detach()
    backend.release_answers()
    await closing


async def test_sessions_given_up_long_ago_are_forgotten(backend):
    """A process that hands sessions over for ever remembers those that may still live, and no others."""
    first = await (await Session.create(backend=backend)).detach()
    second = await (await Session.create(backend=backend)).detach()
    given_up[first] = time.time() - 1
    third = await (await Session.create(backend=backend)).detach()
    remembered = {first, second, third} & given_up.keys()
    async with backend:
        for session_id in (first, second, third):
            await backend.delete(session_id)

    assert {second, third} == remembered


async def test_cancelled_attach_takes_nothing_over(monkeypatch, backend):
    """An attach that is cancelled before it is done leaves the session as it was."""
    session = await Session.create(backend=backend)
    await session.detach()
    with monkeypatch.context() as patch:
        ledger = broken_ledger(take="hang")
        patch.setattr(layers, "_ledger", lambda _: ledger)
        task = asyncio.create_task(attach(backend))
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    owed = len(outstanding)
    alive = set(backend.alive)
    await (await attach(backend)).aclose()

    assert 0 == owed
    assert {"s1"} == alive


async def attach(backend):
    """Take the first session over."""
    return await Session.attach("s1", backend=backend, owned=True)


def test_relay_where_the_guardian_cannot_go_is_refused():
    """relay=True with an SSL context of one's own, which no other process can use, is refused at the call."""
    import ssl

    backend = FirecrawlBackend(api_key="fc-x", ssl=ssl.create_default_context())
    with pytest.raises(UsageError, match="relay"):
        Session.create(backend=backend, relay=True)


def test_attach_needs_one_backend(monkeypatch):
    """Several backends in the environment cannot all have the session."""
    monkeypatch.setenv("FIRECRAWL_INTERACT_BACKEND", "memory,local")
    with pytest.raises(UsageError, match="memory, local"):
        Session.attach("s1")


def test_loop_whose_transport_cannot_close_still_ends(caplog):
    """A transport that fails or hangs at the end of the loop holds nothing up."""
    backend = BrokenLineBackend()
    backend.method = None

    async def main():
        async with Session.create(backend=backend):
            pass

    asyncio.run(main())

    assert ["s1"] == backend.deleted
    assert "could not be closed" in caplog.text
