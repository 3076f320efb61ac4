"""One pass over the ledger: what dead owners left is ended, everything else is left alone."""

import asyncio
import logging
import time

import attrs
import pytest

from firecrawl_interact import AnchorBackend, FirecrawlBackend, MemoryBackend, Session
from firecrawl_interact.ledger.entry import Entry
from firecrawl_interact.ledger.memory import MemoryLedger
from firecrawl_interact.lifecycle import bounds, layers
from firecrawl_interact.lifecycle.sweep import SweepOutcome, sweep
from firecrawl_interact.models import SessionOptions


@pytest.fixture
def ledger():
    """A ledger whose owner can be told to die."""
    return MemoryLedger()


@pytest.fixture(params=[FirecrawlBackend, AnchorBackend], ids=["firecrawl", "anchor"])
def backend(request, provider):
    """Both hosted backends, at the provider on loopback."""
    return request.param(api_key="fc-key", base_url=provider.url)


async def left_behind(ledger, backend, changes=None):
    """Open a session as a process would that dies afterwards; return its id."""
    plan = backend.prepare(SessionOptions())
    transport = backend.new_transport()
    info = backend.read_created(await transport.send(plan.request, timeout=5), SessionOptions())
    await transport.aclose()
    now = time.time()
    entry = Entry(
        id=info.id[-16:].replace("-", "0"),
        backend=backend.name,
        base_url=backend.base_url,
        key_print=ledger.fingerprint(backend.key),
        mark=plan.mark,
        session_id=info.id,
        planned_at=now,
        expires_at=now + 600,
    )
    await ledger.plan(attrs.evolve(entry, **(changes or {})))
    return info.id


async def swept(ledger, backend, **options):
    """Sweep; return the outcomes."""
    report = await sweep(ledger, [backend], **options)
    return [item.outcome for item in report.items]


async def test_session_of_a_dead_owner_is_ended(ledger, backend, provider):
    """What a dead owner left is ended and struck out."""
    await left_behind(ledger, backend)
    ledger.kill_owner()

    assert [SweepOutcome.ENDED] == await swept(ledger, backend)
    assert 0 == provider.alive()
    assert [] == await ledger.owed()


async def test_session_of_a_living_owner_is_left_alone(ledger, backend, provider):
    """What a living owner holds is its own business."""
    await left_behind(ledger, backend)

    assert [] == await swept(ledger, backend)
    assert 1 == provider.alive()


@pytest.mark.parametrize(
    "changes",
    [{"backend": "other"}, {"base_url": "http://127.0.0.1:1"}, {"key_print": "another"}],
    ids=["backend", "base_url", "key"],
)
async def test_entry_of_another_configuration_is_not_ours(ledger, backend, provider, changes):
    """Backend, address and key must all be the same before anything is sent."""
    await left_behind(ledger, backend, changes)
    ledger.kill_owner()

    assert [SweepOutcome.NOT_OURS] == await swept(ledger, backend)
    assert 1 == provider.alive()
    assert 1 == len(await ledger.owed())


async def test_dry_run_sends_nothing(ledger, backend, provider):
    """A dry run tells what is owed and leaves everything as it is."""
    await left_behind(ledger, backend)
    ledger.kill_owner()

    assert [SweepOutcome.OWED] == await swept(ledger, backend, dry_run=True)
    assert 1 == provider.alive()
    assert [SweepOutcome.ENDED] == await swept(ledger, backend)


async def test_intent_with_a_mark_is_searched(ledger, provider):
    """An owner that died during the POST left a mark, and by that its session is found."""
    anchor = AnchorBackend(api_key="fc-key", base_url=provider.url)
    await left_behind(ledger, anchor, {"session_id": None})
    ledger.kill_owner()

    assert [SweepOutcome.ENDED] == await swept(ledger, anchor)
    assert 0 == provider.alive()


async def test_intent_without_a_mark_stays_unknown(ledger, provider):
    """Without a mark nobody can tell which session it was; none is touched."""
    firecrawl = FirecrawlBackend(api_key="fc-key", base_url=provider.url)
    await left_behind(ledger, firecrawl, {"session_id": None})
    ledger.kill_owner()

    assert [SweepOutcome.UNKNOWN] == await swept(ledger, firecrawl)
    assert 1 == provider.alive()
    assert 1 == len(await ledger.owed())


async def test_two_sweeps_at_once_end_it_once(ledger, backend, provider):
    """Two sweepers share the work, never an entry."""
    await left_behind(ledger, backend)
    ledger.kill_owner()
    outcomes = await asyncio.gather(swept(ledger, backend), swept(ledger, backend))

    assert [SweepOutcome.ENDED] == outcomes[0] + outcomes[1]
    assert 0 == provider.alive()


async def test_first_create_of_a_process_sweeps(ledger, backend, provider):
    """Opening a session ends what an earlier process left, without waiting for it."""
    await left_behind(ledger, backend)
    ledger.kill_owner()
    async with Session.create(backend=backend, ledger=ledger, guardian=False):
        async with asyncio.timeout(30):
            while len(await ledger.owed()) > 1:  # noqa: ASYNC110  # nobody is told of a sweep's end
                await asyncio.sleep(0.01)
        alive = provider.alive()

    assert (1, 0) == (alive, provider.alive())
    assert [] == await ledger.owed()


async def test_ledger_that_fails_is_left_out_with_one_warning(
    monkeypatch, tmp_path, backend, provider, caplog
):
    """A state folder that cannot be used costs one WARNING, not a session."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(layers, "_default", type(layers._default)())
    with caplog.at_level(logging.WARNING, "firecrawl_interact"):
        for _ in range(3):
            async with Session.create(backend=backend, guardian=False) as session:
                pass

    assert session.receipt.confirmed
    assert ["WARNING"] == [record.levelname for record in caplog.records]
    assert 0 == provider.alive()


async def test_lock_that_outlives_its_owner_for_an_instant_is_looked_at_again(
    monkeypatch, ledger, backend, provider
):
    """An owner that seems to live at the first look is swept at a later one, once it is seen to be dead."""
    monkeypatch.setattr(bounds, "SWEEP_AGAIN", (0.05,) * 50)
    await left_behind(ledger, backend)
    owner = ledger.kill_owner()
    ledger._dead.discard(owner)
    async with Session.create(backend=backend, ledger=ledger, guardian=False):
        await asyncio.sleep(0.02)  # The first look is over, or will find it dead: either way it must go.
        ledger._dead.add(owner)
        async with asyncio.timeout(30):
            while provider.alive() > 1:  # noqa: ASYNC110  # the provider lives in another thread
                await asyncio.sleep(0.01)

    assert 0 == provider.alive()


class HangingLedger(MemoryLedger):
    """A ledger whose first claim never comes."""

    def __init__(self):
        super().__init__()
        self.claims = 0

    async def claim(self):
        """Hang, the first time."""
        self.claims += 1
        if self.claims == 1:
            await asyncio.Event().wait()
        return await super().claim()


def test_sweep_that_was_cut_off_with_its_loop_is_made_in_the_next(monkeypatch):
    """A process whose first loop ends amid the sweep sweeps at the next create: it may live for long."""
    monkeypatch.setattr(bounds, "SWEEP_GRACE", 0.01)
    monkeypatch.setattr("firecrawl_interact.lifecycle.sweep._swept", set())
    ledger, backend = HangingLedger(), MemoryBackend()
    asyncio.run(left_behind(ledger, backend))
    ledger.kill_owner()

    async def use(until):
        async with Session.create(backend=backend, ledger=ledger, guardian=False), asyncio.timeout(30):
            while not until():  # noqa: ASYNC110  # nothing tells of a claim, or of an end
                await asyncio.sleep(0.01)

    asyncio.run(use(lambda: ledger.claims == 1))

    assert {"s1"} == backend.alive

    asyncio.run(use(lambda: "s1" in backend.deleted))

    assert 2 == ledger.claims
