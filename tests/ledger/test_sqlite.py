"""The SQLite ledger: durability, loops and threads, the end of the interpreter."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
import time

import pytest

from firecrawl_interact.ledger import _store, _writer, owner
from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.sqlite import SqliteLedger


async def ids(ledger):
    return [owed.id for owed in await ledger.owed()]


async def test_an_entry_outlives_a_killed_process(ledger, crash):
    """
    What a process planned is there after its SIGKILL.
    """
    crash("a", "b")

    assert ["a", "b"] == await ids(ledger)


async def test_files_are_for_us_alone(folder, ledger, entry):
    """
    Nothing in the folder can be read by others while it is in use.
    """
    await ledger.plan(entry())
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}

    assert {0o600} == modes
    assert {"ledger.sqlite3", "ledger.sqlite3-wal"} <= {path.name for path in folder.iterdir()}


def test_commits_survive_a_power_cut_as_far_as_sqlite_can_promise(folder):
    """
    The file is written ahead and synchronised at every commit.
    """
    store = _store.Store(folder)
    store.entries()
    pragmas = [
        store._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
    ]
    store.close()

    assert ["wal", 2] == pragmas


async def test_no_key_is_in_any_file(folder, ledger, entry):
    """
    The key cannot be found in what is on disk.
    """
    await ledger.plan(entry(key_print=ledger.fingerprint("fc-very-secret")))
    await ledger.aclose()

    assert [] == [
        path for path in folder.rglob("*") if path.is_file() and b"very-secret" in path.read_bytes()
    ]


async def test_nothing_is_made_before_the_first_call(folder):
    """
    A ledger that is never used leaves no folder, not even when it is closed.
    """
    await SqliteLedger(folder).aclose()

    assert not folder.exists()


async def test_the_default_folder_is_the_users_state_folder(tmp_path, monkeypatch, entry):
    """
    Without a path the ledger lives where the platform keeps state.
    """
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home" / "state"))
    ledger = SqliteLedger()
    await ledger.plan(entry("a"))

    assert tmp_path / "home" / "state" / "firecrawl-interact" == ledger.folder
    assert ["a"] == await ids(ledger)
    await ledger.aclose()


async def test_two_ledgers_of_one_folder_share_file_and_owner(folder, entry):
    """
    Closing one ledger does not hurt another of the same folder, whatever its spelling.
    """
    one, other = SqliteLedger(folder), SqliteLedger(str(folder.parent / "x" / ".." / folder.name))
    await one.plan(entry("a"))
    await other.plan(entry("b"))
    await one.aclose()

    assert ["a", "b"] == await ids(other)
    assert 1 == len({owed.owner for owed in await other.owed()})
    await other.aclose()


async def test_a_closed_file_leaves_no_log_behind(folder, ledger, entry):
    """
    The last to close folds the write-ahead log into the file.
    """
    await ledger.plan(entry())
    await ledger.aclose()

    assert ["leases", "ledger.sqlite3"] == sorted(path.name for path in folder.iterdir())


async def test_entries_stay_owned_after_the_close(folder, ledger, entry):
    """
    A closed ledger's process still lives, so nobody may take its entries.
    """
    await ledger.plan(entry("a"))
    await ledger.aclose()
    other = SqliteLedger(folder)

    assert [] == list(await other.claim())
    assert {owner.own_name(folder)} == await other.living(owed.owner for owed in await other.owed())
    await other.aclose()


def test_loops_in_several_threads_share_the_writer(folder, entry):
    """
    Event loops of four threads write through one ledger.
    """
    ledger = SqliteLedger(folder)

    async def write():
        await asyncio.gather(*(ledger.plan(entry()) for _ in range(25)))

    threads = [threading.Thread(target=asyncio.run, args=(write(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 100 == len(asyncio.run(ids(ledger)))
    assert 1 == sum(thread.name == "firecrawl-interact-ledger" for thread in _new_threads(folder))


def _new_threads(folder):
    writer = _writer._writers[folder.resolve()]
    return [thread for thread in threading.enumerate() if getattr(thread, "_target", None) == writer._run]


async def test_one_loop_is_woken_once_for_a_whole_commit(folder, entry, monkeypatch):
    """
    Everything that one commit made durable is delivered by one call into the loop.
    """
    ledger = SqliteLedger(folder)
    await ledger.plan(entry())
    writer = _writer._writers[ledger.folder]
    loop = asyncio.get_running_loop()
    calls, real = [], loop.call_soon_threadsafe
    monkeypatch.setattr(
        loop, "call_soon_threadsafe", lambda *args, **kw: calls.append(args) or real(*args, **kw)
    )

    with writer.busy:  # Let the jobs gather as they do during a commit.
        waiting = [asyncio.ensure_future(ledger.plan(entry())) for _ in range(50)]
        await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await asyncio.gather(*waiting)

    # The job that the thread had taken already may have been committed before the others came.
    assert len(calls) <= 2
    await ledger.aclose()


async def test_a_cancelled_plan_is_written_all_the_same(ledger, entry):
    """
    A cancellation ends the wait, not the write: the caller settles what it planned.
    """
    task = asyncio.create_task(ledger.plan(entry("a")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert ["a"] == await ids(ledger)


@pytest.mark.parametrize("method", ["opened", "settled", "owed", "living", "aclose"])
async def test_a_cancelled_call_leaves_the_ledger_usable(ledger, entry, method):
    """
    Every coroutine may be cancelled in flight.
    """
    await ledger.plan(entry("a"))
    arguments = {"opened": ("a", "s1", time.time() + 9), "settled": ("a",), "living": ([],)}
    task = asyncio.create_task(getattr(ledger, method)(*arguments.get(method, ())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ledger.plan(entry("b"))

    assert "b" in await ids(ledger)


def test_a_loop_that_ends_before_its_answer_harms_nobody(folder, entry):
    """
    The answer to a loop that is closed is dropped, and the thread goes on.
    """
    ledger = SqliteLedger(folder)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(ledger.plan(entry("a")))
    writer = _writer._writers[ledger.folder]
    with writer.busy:
        task = loop.create_task(ledger.plan(entry("b")))
        loop.run_until_complete(asyncio.sleep(0))
        task.cancel()
        loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        loop.close()

    assert ["a", "b"] == asyncio.run(ids(ledger))


@pytest.mark.parametrize(
    "values",
    [
        {"planned_at": float("nan")},
        {"expires_at": float("inf")},
        {"expires_at": -1.0},
        {"backend": ""},
        {"base_url": "x" * 5000},
        {"session_id": "\udc80"},
        {"mark": 7},
        {"planned_at": "now"},
    ],
)
async def test_values_that_could_not_be_read_back_are_refused(ledger, entry, values):
    """
    A bad value fails its own call, before it is written, and its text is not told.
    """
    await ledger.plan(entry("good"))
    with pytest.raises(LedgerError, match="An entry"):
        await ledger.plan(entry("bad", **values))

    assert ["good"] == await ids(ledger)


async def test_a_session_id_may_be_any_text(ledger, entry):
    """
    An id is opaque: whatever can be encoded comes back as it was.
    """
    await ledger.plan(entry("a"))
    await ledger.opened("a", "sé\0ssion/'\"; --", time.time() + 60)

    assert "sé\0ssion/'\"; --" == (await ledger.owed())[0].session_id


async def test_the_session_id_is_not_in_the_repr(entry):
    """
    An id that alone opens a browser is not printed with its entry.
    """
    assert "s-secret" not in repr(entry(session_id="s-secret"))


def test_a_file_that_stays_locked_is_an_error_within_the_bound(folder, entry, monkeypatch):
    """
    Another program's endless transaction makes a LedgerError, and the ledger works when it is over.
    """
    monkeypatch.setattr(_store, "BUSY_LIMIT", 0.05)
    ledger = SqliteLedger(folder)
    asyncio.run(ledger.plan(entry("a")))
    blocker = sqlite3.connect(folder / "ledger.sqlite3", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="locked"):
        asyncio.run(ledger.plan(entry("b")))
    blocker.execute("COMMIT")
    blocker.close()
    asyncio.run(ledger.plan(entry("c")))

    assert ["a", "c"] == asyncio.run(ids(ledger))


def test_sqlite_is_not_imported_before_it_is_used():
    """
    Importing the ledger costs neither sqlite3 nor platformdirs.
    """
    code = (
        "import sys, firecrawl_interact.ledger.sqlite as s; s.SqliteLedger()\n"
        "print([name for name in ('sqlite3', 'platformdirs') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "[]" == said.strip()


async def test_a_surprise_on_the_thread_is_an_error_and_not_its_end(ledger, entry, monkeypatch):
    """
    Whatever goes wrong on the thread becomes a LedgerError, and the next call works.
    """
    await ledger.plan(entry("a"))
    with monkeypatch.context() as patch:
        patch.setattr(_store.Store, "entries", lambda _self: 1 / 0)
        with pytest.raises(LedgerError, match="ZeroDivisionError"):
            await ledger.owed()

    assert ["a"] == await ids(ledger)
