"""Forked children: they use nothing of their parent's and take nothing from it."""

from __future__ import annotations

from pathlib import Path

import pytest

# Python 3.12 warns of every fork in a process with threads; that is what is tested here.
QUIET = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
"""


def test_a_child_is_an_owner_of_its_own(run):
    """
    Entries of parent and child have two owners, both alive; neither loses a row of the other's.
    """
    program = run(
        QUIET
        + """
async def plan(entry_id):
    await ledger.plan(entry(entry_id))
    return {owed.id: owed.owner for owed in await ledger.owed()}

asyncio.run(plan("parent"))
child = os.fork()
if child == 0:
    try:
        owners = asyncio.run(plan("child"))
        assert sorted(owners) == ["child", "parent"], owners
        assert len(set(owners.values())) == 2
        assert asyncio.run(ledger.living(owners.values())) == set(owners.values())
        assert not asyncio.run(ledger.claim())
        os._exit(0)
    except BaseException as error:
        say("child", repr(error))
        os._exit(1)
_, status = os.waitpid(child, 0)
owners = asyncio.run(plan("later"))
say(status, *sorted(owners), owners["parent"] == owners["later"])
"""
    )

    assert ["0", "child", "later", "parent", "True"] == program.finish()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_child_inherits_no_open_file_of_the_ledger(run):
    """
    Neither the database nor a lease is open in a forked child, so it can neither use nor close them.
    """
    program = run(
        QUIET
        + """
asyncio.run(ledger.plan(entry("parent")))

def open_files():
    paths = []
    for name in os.listdir("/proc/self/fd"):
        try:
            paths.append(os.readlink(f"/proc/self/fd/{name}"))
        except OSError:
            pass  # The listing's own.
    return sum(path.startswith(os.path.realpath(folder)) for path in paths)

before = open_files()
if os.fork() == 0:
    say(before > 1, open_files())
    os._exit(0)
os.wait()
"""
    )

    assert ["True", "0"] == program.finish()


async def test_a_child_that_lives_on_does_not_keep_its_parent_alive(run, ledger):
    """
    After the parent's death its entries can be claimed, though a forked child still runs.
    """
    program = run(
        QUIET
        + """
asyncio.run(ledger.plan(entry("parent")))
if os.fork() == 0:
    say("child", os.getpid())
    wait()
    say("bye")
    os._exit(0)

import signal
signal.pause()  # Until it is killed.
"""
    )
    program.read()
    program.kill()
    (claim,) = await ledger.claim()
    ids = [owed.id for owed in claim.entries]
    await claim.release()
    program.go_on()

    assert ["parent"] == ids
    assert ["bye"] == program.read()


def test_children_forked_while_others_write_lose_nothing(run):
    """
    Forks in the middle of writing leave parent and children with a working ledger.
    """
    program = run(
        QUIET
        + """
import threading

async def write(prefix, count):
    for number in range(count):
        await ledger.plan(entry(f"{prefix}-{number}"))

thread = threading.Thread(target=lambda: asyncio.run(write("parent", 60)))
thread.start()
children = []
for number in range(6):
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(write(f"child{number}", 10))
            os._exit(0)
        except BaseException as error:
            say("child", repr(error))
            os._exit(1)
    children.append(child)
codes = [os.waitpid(child, 0)[1] for child in children]
thread.join()
say(*codes, len(asyncio.run(ledger.owed())))
"""
    )

    assert ["0"] * 6 + ["120"] == program.finish()


def test_a_child_forked_while_the_file_could_not_be_closed_goes_without(run):
    """
    Where the writer is stuck in a transaction, the child neither uses nor closes what it inherited.
    """
    program = run(
        QUIET
        + """
from firecrawl_interact.ledger import _writer

_writer.FORK_PATIENCE = 0.01
asyncio.run(ledger.plan(entry("parent")))
(writer,) = _writer._writers.values()
with writer.busy:
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(ledger.plan(entry("child")))
        except LedgerError as error:
            say(error)
        ledger.settled_soon("parent")
        os._exit(0)
    os.waitpid(child, 0)
say(*(owed.id for owed in asyncio.run(ledger.owed())))
"""
    )
    said = program.finish()

    assert ["This", "process", "was", "forked", "while"] == said[:5]
    assert "parent" == said[-1]


def test_a_forked_child_keeps_no_claim(run, crash):
    """
    A claim is given back by its holder, though a child was forked meanwhile.
    """
    crash("a")
    program = run(
        QUIET
        + """
async def claim():
    return (await ledger.claim())[0]

claim = asyncio.run(claim())
child = os.fork()
if child == 0:
    say("child")
    asyncio.run(claim.release())
    wait()
    os._exit(0)

import signal
signal.pause()  # Until it is killed.
"""
    )
    program.read()
    program.kill()
    again = run(
        """
async def main():
    (claim,) = await ledger.claim()
    say(*(owed.id for owed in claim.entries))

asyncio.run(main())
"""
    )

    assert ["a"] == again.finish()


def test_multiprocessing_workers_each_write(run):
    """
    Workers forked by multiprocessing share the file with their parent and with each other.
    """
    program = run(
        QUIET
        + """
import multiprocessing

def work(number):
    asyncio.run(ledger.plan(entry(f"w{number}")))

asyncio.run(ledger.plan(entry("parent")))
context = multiprocessing.get_context("fork")
workers = [context.Process(target=work, args=(number,)) for number in range(4)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
say(*(worker.exitcode for worker in workers), len(asyncio.run(ledger.owed())))
"""
    )

    assert ["0", "0", "0", "0", "5"] == program.finish()
