"""What every ledger does, whatever it writes to."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from firecrawl_interact.ledger.base import Ledger, LedgerError
from firecrawl_interact.ledger.memory import MemoryLedger
from firecrawl_interact.ledger.sqlite import SqliteLedger


@pytest.fixture(params=["memory", "sqlite"])
def kind(request):
    return request.param


@pytest.fixture
async def any_ledger(kind: str, folder: Path):
    ledger: Ledger = MemoryLedger() if kind == "memory" else SqliteLedger(folder)
    yield ledger
    await ledger.aclose()


@pytest.fixture
def left_by_dead(any_ledger, crash, entry) -> Callable:
    """
    Entries of an owner that is dead.
    """

    async def leave(*ids: str) -> str:
        if isinstance(any_ledger, SqliteLedger):
            return await asyncio.to_thread(crash, *ids)
        for entry_id in ids:
            await any_ledger.plan(entry(entry_id))
        return any_ledger.kill_owner()

    return leave


async def test_planned_entry_comes_back_whole_with_an_owner(any_ledger, entry):
    """
    What was planned is owed, every value kept.
    """
    planned = entry(mark="fi-1", key_print="abc")
    await any_ledger.plan(planned)
    (owed,) = await any_ledger.owed()

    assert planned == attrs.evolve(owed, owner="")
    assert owed.owner


async def test_opened_adds_the_id_and_the_new_deadline(any_ledger, entry):
    """
    The provider's id and its deadline replace what was only intended.
    """
    planned = entry()
    await any_ledger.plan(planned)
    until = time.time() + 99
    await any_ledger.opened(planned.id, "s1", until)
    (owed,) = await any_ledger.owed()

    assert ("s1", until) == (owed.session_id, owed.expires_at)
    assert planned.planned_at == owed.planned_at


async def test_opened_without_a_plan_is_refused(any_ledger, entry):
    """
    An id cannot be written into an entry that is not there.
    """
    await any_ledger.plan(entry("there"))

    with pytest.raises(LedgerError, match="no such entry"):
        await any_ledger.opened("missing", "s1", time.time() + 60)


async def test_settled_entry_is_owed_no_more(any_ledger, entry):
    """
    Striking out one entry leaves the others.
    """
    await any_ledger.plan(entry("a"))
    await any_ledger.plan(entry("b"))
    await any_ledger.settled("a")

    assert ["b"] == [owed.id for owed in await any_ledger.owed()]


async def test_settling_twice_changes_nothing(any_ledger, entry):
    """
    A second settle of the same entry is silent.
    """
    await any_ledger.plan(entry("a"))
    await any_ledger.settled("a")
    await any_ledger.settled("a")

    assert [] == await any_ledger.owed()


async def test_settled_soon_from_another_thread_is_written(any_ledger, entry):
    """
    Any thread may settle without waiting.
    """
    await any_ledger.plan(entry("a"))
    thread = threading.Thread(target=any_ledger.settled_soon, args=("a",))
    thread.start()
    thread.join()

    assert [] == await any_ledger.owed()


async def test_owed_is_oldest_first(any_ledger, entry):
    """
    Entries come in the order in which they were planned.
    """
    now = time.time()
    await any_ledger.plan(entry("young", planned_at=now))
    await any_ledger.plan(entry("old", planned_at=now - 9))

    assert ["old", "young"] == [owed.id for owed in await any_ledger.owed()]


async def test_entries_long_past_their_deadline_are_forgotten(any_ledger, entry):
    """
    A minute after its deadline the provider has ended a session by itself.
    """
    now = time.time()
    await any_ledger.plan(entry("gone", planned_at=now - 700, expires_at=now - 61))
    await any_ledger.plan(entry("late", planned_at=now - 600, expires_at=now - 30))

    assert ["late"] == [owed.id for owed in await any_ledger.owed()]


async def test_entries_of_the_living_are_not_claimed(any_ledger, entry):
    """
    A living owner's entries are nobody else's business.
    """
    await any_ledger.plan(entry())

    assert [] == list(await any_ledger.claim())


async def test_entries_of_the_dead_are_claimed_once(any_ledger, left_by_dead):
    """
    A dead owner's entries go to one claimer at a time.
    """
    owner = await left_by_dead("a", "b")
    first = await any_ledger.claim()
    second = await any_ledger.claim()

    assert [[("a", owner), ("b", owner)]] == [[(e.id, e.owner) for e in claim.entries] for claim in first]
    assert [] == list(second)
    for claim in first:
        await claim.release()


async def test_what_a_claim_did_not_settle_can_be_claimed_again(any_ledger, left_by_dead):
    """
    A claim that is released gives back what is still owed, and only that.
    """
    await left_by_dead("a", "b")
    (claim,) = await any_ledger.claim()
    await any_ledger.settled("a")
    await claim.release()
    await claim.release()
    (again,) = await any_ledger.claim()

    assert ["b"] == [owed.id for owed in again.entries]
    await again.release()


async def test_a_fully_settled_claim_leaves_nothing(any_ledger, left_by_dead):
    """
    Once everything is settled and released there is nothing left to claim.
    """
    await left_by_dead("a")
    (claim,) = await any_ledger.claim()
    await any_ledger.settled("a")
    await claim.release()

    assert [] == list(await any_ledger.claim())
    assert [] == await any_ledger.owed()


async def test_each_dead_owner_is_a_claim_of_its_own(any_ledger, left_by_dead):
    """
    Two dead owners make two claims.
    """
    owners = {await left_by_dead("a"), await left_by_dead("b")}
    claims = await any_ledger.claim()

    assert owners == {owed.owner for claim in claims for owed in claim.entries}
    assert [1, 1] == [len(claim.entries) for claim in claims]
    for claim in claims:
        await claim.release()


async def test_fingerprints_tell_keys_apart_and_hide_them(any_ledger):
    """
    Equal keys have equal fingerprints, no key has none, and a fingerprint holds no part of its key.
    """
    print_ = any_ledger.fingerprint("fc-secret")

    assert print_ == any_ledger.fingerprint("fc-secret")
    assert print_ != any_ledger.fingerprint("fc-other")
    assert "" == any_ledger.fingerprint(None)
    assert "secret" not in print_


async def test_a_closed_ledger_says_so_and_still_settles(kind, folder, any_ledger, entry):
    """
    After the close every call fails but `settled_soon`, which exit sweeps use, and a second close.
    """
    await any_ledger.plan(entry("a"))
    await any_ledger.aclose()
    await any_ledger.aclose()
    any_ledger.settled_soon("a")

    with pytest.raises(LedgerError, match="closed"):
        await any_ledger.owed()
    with pytest.raises(LedgerError, match="closed"):
        await any_ledger.plan(entry())
    if kind == "sqlite":
        fresh = SqliteLedger(folder)
        assert [] == await fresh.owed()
        await fresh.aclose()


async def test_many_sessions_at_once_all_settle(any_ledger, entry):
    """
    Two hundred sessions opened and closed at the same time leave nothing, and lose nothing on the way.
    """

    async def live(number: int) -> None:
        mine = entry()
        await any_ledger.plan(mine)
        await any_ledger.opened(mine.id, f"s{number}", time.time() + 60)
        if number % 2:
            await any_ledger.settled(mine.id)

    async with asyncio.timeout(30):
        await asyncio.gather(*map(live, range(200)))

    assert {f"s{number}" for number in range(0, 200, 2)} == {e.session_id for e in await any_ledger.owed()}
