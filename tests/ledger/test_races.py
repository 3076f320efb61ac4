"""Several processes on one ledger at the same time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter

from firecrawl_interact.ledger import _store
from firecrawl_interact.ledger.sqlite import SqliteLedger

WRITER = """
async def main():
    say("ready")
    wait()
    for number in range(20):
        mine = entry(f"{words[0]}-{number}")
        await ledger.plan(mine)
        await ledger.opened(mine.id, "s" + mine.id, time.time() + 60)
        if number % 2:
            await ledger.settled(mine.id)

asyncio.run(main())
"""

CLAIMER = """
async def main():
    await ledger.owed()
    say("ready")
    wait()
    claims = []
    for _ in range(20):
        claims += await ledger.claim()
    say("claimed", *(owed.id for claim in claims for owed in claim.entries))
    wait()
    for claim in claims:
        for owed in claim.entries:
            await ledger.settled(owed.id)
        await claim.release()

asyncio.run(main())
"""


async def test_two_first_starts_at_once_make_one_ledger(run, ledger):
    """
    Processes that all find no folder agree on one file with one schema.
    """
    starters = [run("asyncio.run(ledger.plan(entry(words[0])))", f"p{number}") for number in range(4)]
    for starter in starters:
        starter.finish()

    assert {"p0", "p1", "p2", "p3"} == {owed.id for owed in await ledger.owed()}


def test_a_schema_made_while_we_looked_is_kept(folder, monkeypatch, entry):
    """
    Another process makes the tables between our look at an empty file and our own making.
    """
    real = _store.Store._check_structure

    def other_process_starts(store, connection):
        monkeypatch.setattr(_store.Store, "_check_structure", real)
        asyncio.run(_plan(folder, entry("theirs")))
        real(store, connection)

    monkeypatch.setattr(_store.Store, "_check_structure", other_process_starts)
    store = _store.Store(folder)

    assert ["theirs"] == [owed.id for owed in store.entries()]
    store.close()


async def _plan(folder, entry):
    ledger = SqliteLedger(folder)
    await ledger.plan(entry)
    await ledger.aclose()


async def test_eight_processes_on_one_ledger_lose_nothing(run, ledger):
    """
    What eight processes write at once is all there, and what they settle is gone.
    """
    writers = [run(WRITER, f"w{number}") for number in range(8)]
    for writer in writers:
        writer.read()
    for writer in writers:
        writer.go_on()
    for writer in writers:
        writer.finish()

    expected = {f"w{writer}-{number}" for writer in range(8) for number in range(0, 20, 2)}
    assert expected == {owed.id for owed in await ledger.owed()}


async def test_sweepers_at_once_never_claim_the_same_owner(run, crash, ledger):
    """
    Six dead owners and four sweepers: each owner is claimed once, and afterwards nothing is left.
    """
    left = {entry_id for number in range(6) for entry_id in (f"d{number}-x", f"d{number}-y")}
    for number in range(6):
        crash(f"d{number}-x", f"d{number}-y")
    sweepers = [run(CLAIMER) for _ in range(4)]
    for sweeper in sweepers:
        sweeper.read()
    for sweeper in sweepers:
        sweeper.go_on()
    claimed = Counter(entry_id for sweeper in sweepers for entry_id in sweeper.read()[1:])
    for sweeper in sweepers:
        sweeper.go_on()
    for sweeper in sweepers:
        sweeper.finish()

    assert dict.fromkeys(left, 1) == claimed
    assert [] == await ledger.owed()


async def test_a_sweeper_that_dies_gives_its_claim_back(run, crash, ledger):
    """
    What a killed sweeper had claimed and not settled is claimed by the next.
    """
    crash("a", "b")
    sweeper = run(CLAIMER)
    sweeper.read()
    sweeper.go_on()
    taken = sweeper.read()[1:]
    during = list(await ledger.claim())
    sweeper.kill()
    (claim,) = await ledger.claim()

    assert ["a", "b"] == taken
    assert [] == during
    assert ["a", "b"] == [owed.id for owed in claim.entries]
    await claim.release()


async def test_a_suspended_owner_is_not_swept(run, owner_program, ledger):
    """
    A process that is merely stopped keeps its entries: there is no heartbeat to miss.
    """
    program = run(owner_program, "a")
    program.read()
    os.kill(program.pid, signal.SIGSTOP)
    claims = list(await ledger.claim())
    os.kill(program.pid, signal.SIGCONT)

    assert [] == claims
    program.go_on()
    program.finish()
