"""Taking a session over: one owner at a time, whoever asks and however many at once."""

from __future__ import annotations

import asyncio
import os

import pytest

from firecrawl_interact.ledger.base import Taking
from firecrawl_interact.ledger.memory import MemoryLedger
from firecrawl_interact.ledger.sqlite import SqliteLedger

TAKER = """
async def main():
    say("ready")
    await asyncio.to_thread(wait)
    taking = await ledger.take(entry(words[0], session_id="s1"))
    say("held" if taking.held else "taken", taking.pid or 0)
    await asyncio.to_thread(wait)

asyncio.run(main())
"""


async def test_session_that_nobody_has_is_taken(ledger, entry):
    """
    What is in no ledger, or was struck out, is free.
    """
    taking = await ledger.take(entry("a1", session_id="s1"))
    (owed,) = await ledger.owed()

    assert Taking(held=False) == taking
    assert ("a1", "s1") == (owed.id, owed.session_id)


@pytest.mark.parametrize("make", [MemoryLedger, SqliteLedger], ids=["memory", "sqlite"])
async def test_session_of_this_very_process_is_held(make, entry, folder):
    """
    Two owners in one process are two owners.
    """
    ledger = make() if make is MemoryLedger else make(folder)
    await ledger.take(entry("a1", session_id="s1"))
    again = await ledger.take(entry("a2", session_id="s1"))
    other = await ledger.take(entry("a3", session_id="s2"))
    elsewhere = await ledger.take(entry("a4", session_id="s1", base_url="https://other.example"))
    owed = {each.id for each in await ledger.owed()}
    await ledger.aclose()

    assert Taking(held=True, pid=os.getpid()) == again
    assert [False, False] == [other.held, elsewhere.held]
    assert {"a1", "a3", "a4"} == owed


async def test_session_of_a_living_process_is_held_and_names_it(ledger, run, entry):
    """
    The owner's process id is told; nothing is changed.
    """
    program = run(TAKER, "b1")
    program.read()
    program.go_on()
    program.read()
    taking = await ledger.take(entry("a1", session_id="s1"))

    assert Taking(held=True, pid=program.pid) == taking
    assert ["b1"] == [each.id for each in await ledger.owed()]


async def test_session_of_a_dead_process_is_taken_over(ledger, run, entry):
    """
    What the dead owner wrote is struck out, or the next sweep would end a session that is ours.
    """
    program = run(TAKER, "b1")
    program.read()
    program.go_on()
    program.read()
    program.kill()
    taking = await ledger.take(entry("a1", session_id="s1"))

    assert Taking(held=False) == taking
    assert ["a1"] == [each.id for each in await ledger.owed()]
    assert [] == [claim for claim in await ledger.claim() if claim.entries]


async def test_session_that_a_sweeper_is_ending_is_held(entry):
    """
    Whoever has claimed a dead owner's entries is about to end its sessions.
    """
    ledger = MemoryLedger()
    await ledger.take(entry("a1", session_id="s1"))
    ledger.kill_owner()
    (claim,) = await ledger.claim()
    during = await ledger.take(entry("a2", session_id="s1"))
    await claim.release()
    after = await ledger.take(entry("a2", session_id="s1"))

    assert during.held
    assert not after.held


async def test_of_four_processes_at_once_one_takes_it(ledger, run):
    """
    However the takers fall together, exactly one of them has the session.
    """
    programs = [run(TAKER, f"b{number}") for number in range(4)]
    for program in programs:
        program.read()
    for program in programs:
        program.go_on()
    said = [program.read() for program in programs]
    taken = [program.pid for program, (word, _) in zip(programs, said, strict=True) if word == "taken"]

    assert ["held", "held", "held", "taken"] == sorted(word for word, _ in said)
    assert {str(taken[0])} == {pid for word, pid in said if word == "held"}
    assert 1 == len(await ledger.owed())


async def test_taking_that_is_cancelled_leaves_nothing(ledger, entry):
    """
    A taker that was cancelled has not taken anything.
    """
    task = asyncio.create_task(ledger.take(entry("a1", session_id="s1")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(30):
        while await ledger.owed():  # noqa: ASYNC110  # what is undone on a thread has no event
            await asyncio.sleep(0.001)

    assert not (await ledger.take(entry("a2", session_id="s1"))).held


async def test_session_that_another_process_is_ending_names_nobody(ledger, run, entry):
    """
    While a sweeper holds a dead owner's entries, the dead owner's process id is not told as living.
    """
    program = run(TAKER, "b1")
    program.read()
    program.go_on()
    program.read()
    program.kill()
    (claim,) = await ledger.claim()
    during = await ledger.take(entry("a1", session_id="s1"))
    await claim.release()
    after = await ledger.take(entry("a1", session_id="s1"))

    assert Taking(held=True, pid=None) == during
    assert Taking(held=False) == after
