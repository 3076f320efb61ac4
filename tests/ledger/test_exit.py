"""The end of the interpreter: what was promised is written, within a bound."""

from __future__ import annotations

import sqlite3

from firecrawl_interact.ledger import owner


async def ids(ledger):
    return [owed.id for owed in await ledger.owed()]


async def test_what_is_settled_soon_is_written_before_the_process_ends(ledger, run):
    """
    An ordinary end waits for the last commits, whatever the order of exit callbacks.
    """
    run(
        """
import atexit

def last_callback():  # Registered first, so that it runs after the ledger's own.
    ledger.settled_soon("early")
    os._exit(0)

from firecrawl_interact.ledger import _writer  # Imported already; its callback comes next.
atexit.unregister(_writer._flush_at_exit)
atexit.register(last_callback)
atexit.register(_writer._flush_at_exit)

async def main():
    for name in ("early", "now", "late", "kept"):
        await ledger.plan(entry(name))
    atexit.register(lambda: ledger.settled_soon("late"))  # Runs before it.
    ledger.settled_soon("now")

asyncio.run(main())
"""
    ).finish()

    assert ["kept"] == await ids(ledger)


async def test_a_process_that_owes_nothing_takes_its_lease_along(folder, run):
    """
    Nothing but the empty file and the folder stays after an orderly end.
    """
    run("asyncio.run(ledger.plan(entry('a'))); ledger.settled_soon('a')").finish()

    assert [] == owner.known(folder)
    assert ["leases", "ledger.sqlite3"] == sorted(path.name for path in folder.iterdir())


async def test_a_process_that_ends_owing_leaves_a_dead_owner(ledger, run):
    """
    An orderly end with a debt leaves it to the next claim.
    """
    run("asyncio.run(ledger.plan(entry('a')))").finish()
    (claim,) = await ledger.claim()

    assert ["a"] == [owed.id for owed in claim.entries]
    await claim.release()


async def test_the_end_of_the_interpreter_does_not_wait_for_a_locked_file(ledger, entry, run, folder):
    """
    Where another process holds the file, the end gives up within its bound instead of hanging.
    """
    await ledger.plan(entry("a"))
    program = run(
        """
from firecrawl_interact.ledger import _writer
_writer.EXIT_PATIENCE = 0.05
asyncio.run(ledger.owed())
say("ready")
wait()
ledger.settled_soon("a")
"""
    )
    program.read()
    blocker = sqlite3.connect(folder / "ledger.sqlite3", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    program.go_on()
    program.finish()
    blocker.execute("COMMIT")
    blocker.close()

    assert ["a"] == await ids(ledger)
