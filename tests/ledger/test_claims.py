"""Claims: what dead owners left is taken over, and given back."""

from __future__ import annotations

import asyncio

import pytest

from firecrawl_interact.ledger import _claims, _writer, owner


async def test_leases_of_the_dead_who_left_nothing_are_removed(folder, ledger, run, entry):
    """
    A claim tidies up after processes that died owing nothing, and spares the living.
    """
    await ledger.plan(entry())
    program = run(
        "asyncio.run(ledger.plan(entry('x'))); asyncio.run(ledger.settled('x')); say('done'); wait()"
    )
    program.read()
    before = len(owner.known(folder))
    program.kill()
    await ledger.claim()

    assert (2, [owner.own_name(folder)]) == (before, owner.known(folder))


async def test_one_claim_takes_a_bounded_number_of_owners(ledger, crash, monkeypatch):
    """
    A crowd of dead owners is taken over in parts, so that descriptors last.
    """
    monkeypatch.setattr(_claims, "MAX_CLAIMS", 2)
    for name in "abc":
        crash(name)
    first = await ledger.claim()
    second = await ledger.claim()

    assert (2, 1) == (len(first), len(second))
    for claim in (*first, *second):
        await claim.release()


async def test_rows_without_a_lease_file_count_as_dead(folder, ledger, crash):
    """
    Entries whose owner has no lease file at all are claimed.
    """
    name = crash("a")
    (folder / "leases" / f"{name}.lock").unlink()
    (claim,) = await ledger.claim()

    assert ["a"] == [owed.id for owed in claim.entries]
    await claim.release()


@pytest.mark.parametrize("turns", range(3))
async def test_a_cancelled_claim_holds_nothing(ledger, crash, turns):
    """
    What a cancelled claim had taken is free for the next, at whatever moment it was cancelled.
    """
    crash("a")
    task = asyncio.create_task(ledger.claim())
    if turns == 0:
        await asyncio.sleep(0)
    elif turns == 1:
        await ledger.owed()  # Comes after the claim in the thread, so the claim is answered too.
    else:
        await asyncio.sleep(0)
        _writer._writers[ledger.folder].flush(5)  # Done on the thread, not yet known to the task.
    task.cancel()
    try:
        for claim in await task:
            await claim.release()
    except asyncio.CancelledError:
        await ledger.owed()  # What comes too late for the cancelled task is dropped before this returns.
    (claim,) = await ledger.claim()

    assert ["a"] == [owed.id for owed in claim.entries]
    await claim.release()


async def test_a_cancelled_release_is_done_all_the_same(ledger, crash):
    """
    Letting go cannot be cancelled half-way.
    """
    crash("a")
    (claim,) = await ledger.claim()
    task = asyncio.create_task(claim.release())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (again,) = await ledger.claim()
    await again.release()

    assert ["a"] == [owed.id for owed in again.entries]


async def test_a_claim_released_without_its_store_frees_the_lease(ledger, crash, folder):
    """
    The lock is let go even if the file cannot be read any more.
    """
    name = crash("a")
    (claim,) = await ledger.claim()
    await ledger.aclose()
    (folder / "ledger.sqlite3").unlink()
    (folder / "ledger.sqlite3").mkdir()
    await claim.release()
    lease = owner.seize(folder, name)

    assert lease is not None
    lease.release(forget=True)
