"""Damaged and foreign files: an error, or the truth; never a wrong entry."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3

import pytest

from firecrawl_interact.ledger import _folder, _store
from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.sqlite import SqliteLedger

FILE = "ledger.sqlite3"


async def ids(ledger):
    return [owed.id for owed in await ledger.owed()]


@pytest.fixture
def written(folder, entry):
    """
    The files of a killed process, the file after an orderly close, and all that was ever written.
    """

    async def write():
        ledger = SqliteLedger(folder)
        known = set()
        for number in range(40):
            await ledger.plan(entry(f"{number:016x}", mark="m" * 200))
            known.update(await ledger.owed())  # A log that is cut shows an earlier state.
            await ledger.opened(f"{number:016x}", f"session-{number}", 4e9)
            known.update(await ledger.owed())
        store = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        await ledger.aclose()
        closed = (folder / FILE).read_bytes()
        return store, closed, known

    return asyncio.run(write())


def read_all(folder):
    """Return the entries, or None where the ledger refuses."""

    store = _store.Store(folder)
    try:
        return store.entries()
    except LedgerError:
        return None
    finally:
        store.close()


def test_a_truncated_file_gives_no_wrong_entry(tmp_path, written):
    """
    Cut anywhere, file or log, the ledger reads only entries that were written, or refuses.
    """
    store, closed, known = written
    dice = random.Random(7)
    outcomes = []
    for number in range(200):
        folder = tmp_path / f"cut{number}"
        folder.mkdir(0o700)
        files = {FILE: closed} if number % 2 else dict(store)
        name = dice.choice(sorted(files))
        files[name] = files[name][: dice.randrange(len(files[name]))]
        for path, content in files.items():
            (folder / path).write_bytes(content)
        outcomes.append(read_all(folder))

    assert set() == {entry for outcome in outcomes if outcome for entry in outcome} - known
    assert any(outcome is None for outcome in outcomes)
    assert any(outcome for outcome in outcomes)


def test_noise_in_the_file_gives_no_wrong_entry(tmp_path, written):
    """
    With bytes overwritten anywhere, the ledger reads only entries that were written, or refuses.
    """
    store, closed, known = written
    dice = random.Random(11)
    outcomes = []
    for number in range(200):
        folder = tmp_path / f"noise{number}"
        folder.mkdir(0o700)
        files = {FILE: bytearray(closed)} if number % 2 else {k: bytearray(v) for k, v in store.items()}
        content = files[dice.choice(sorted(files))]
        for _ in range(dice.choice((1, 8, 200))):
            content[dice.randrange(len(content))] = dice.randrange(256)
        for path, noisy in files.items():
            (folder / path).write_bytes(noisy)
        outcomes.append(read_all(folder))

    assert set() == {entry for outcome in outcomes if outcome for entry in outcome} - known
    assert any(outcome is None for outcome in outcomes)
    # Damage inside a text keeps SQLite's structure whole: only the sums tell.
    assert any(outcome and len(outcome) < 40 for outcome in outcomes)


async def test_a_damaged_file_is_moved_aside_and_the_next_use_works(folder, ledger, entry):
    """
    Noise in place of the file is an error that names where it went; then the layer works again.
    """
    folder.mkdir(0o700)
    (folder / FILE).write_bytes(os.urandom(5000))
    with pytest.raises(LedgerError, match=r"is damaged .*; moved to ledger\.sqlite3\.broken-"):
        await ledger.owed()
    await ledger.plan(entry("a"))

    assert ["a"] == await ids(ledger)
    assert [5000] == [path.stat().st_size for path in folder.glob("*.broken-*")]


async def test_a_good_file_that_replaced_a_damaged_one_is_not_moved(folder):
    """
    Two processes find the damage; the slower one must not move what the faster one made.
    """
    folder.mkdir(0o700)
    (folder / FILE).write_bytes(b"damaged")
    damaged = (folder / FILE).stat().st_ino
    first = _folder.set_aside([folder / FILE], inode=damaged)
    (folder / FILE).write_bytes(b"good")

    assert first is not None
    assert _folder.set_aside([folder / FILE], inode=damaged) is None
    assert b"good" == (folder / FILE).read_bytes()


async def test_a_disk_that_damages_everything_is_not_filled(folder, monkeypatch):
    """
    After a number of damaged files no more are kept.
    """
    monkeypatch.setattr(_folder, "MAX_BROKEN", 1)
    folder.mkdir(0o700)
    (folder / f"{FILE}.broken-1").write_bytes(b"")
    (folder / FILE).write_bytes(b"noise" * 200)
    ledger = SqliteLedger(folder)

    with pytest.raises(LedgerError, match="is damaged"):
        await ledger.owed()
    assert 2 == len(list(folder.glob(f"{FILE}*")))


async def test_a_row_changed_behind_our_back_is_left_alone(folder, ledger, entry, caplog):
    """
    A row whose sum does not fit is not acted upon, and that is said once.
    """
    for name in "abcde":
        await ledger.plan(entry(name))
    with contextlib.closing(sqlite3.connect(folder / FILE)) as other, other:
        other.execute("UPDATE session SET session_id = 's-other' WHERE id = 'a'")
        other.execute("UPDATE session SET base_url = 'https://evil.example' WHERE id = 'b'")
        other.execute("UPDATE session SET owner = '../../x' WHERE id = 'c'")
        other.execute("UPDATE session SET backend = x'ff00' WHERE id = 'd'")

    assert ["e"] == await ids(ledger)
    assert ["e"] == await ids(ledger)
    assert ["WARNING"] == [record.levelname for record in caplog.records]


async def test_a_damaged_deadline_does_not_stay_for_ever(folder, ledger, entry):
    """
    A row whose deadline is no number any more is forgotten.
    """
    await ledger.plan(entry("a"))
    with contextlib.closing(sqlite3.connect(folder / FILE)) as other, other:
        other.execute("UPDATE session SET expires_at = x'00'")
    await ledger.owed()
    with contextlib.closing(sqlite3.connect(folder / FILE)) as other:
        rows = other.execute("SELECT count(*) FROM session").fetchone()

    assert (0,) == rows


async def test_a_newer_schema_is_left_untouched(folder, ledger, entry):
    """
    A file of a newer release is an error, and not a byte of it changes.
    """
    await ledger.plan(entry())
    await ledger.aclose()
    with contextlib.closing(sqlite3.connect(folder / FILE)) as other, other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("UPDATE meta SET value = 99")
    before = (folder / FILE).read_bytes()
    fresh = SqliteLedger(folder)
    with pytest.raises(LedgerError, match=r"newer release \(schema 99\)"):
        await fresh.plan(entry())

    assert before == (folder / FILE).read_bytes()
    assert [] == list(folder.glob("*.broken-*"))


async def test_another_programs_database_is_moved_aside_whole(folder, ledger, entry):
    """
    A database without our version is no ledger; it is kept under another name.
    """
    folder.mkdir(0o700)
    with contextlib.closing(sqlite3.connect(folder / FILE)) as other, other:
        other.execute("CREATE TABLE theirs (x)")
        other.execute("INSERT INTO theirs VALUES (7)")
    with pytest.raises(LedgerError, match="no schema version"):
        await ledger.plan(entry())
    (moved,) = folder.glob("*.broken-*")
    with contextlib.closing(sqlite3.connect(moved)) as other:
        kept = other.execute("SELECT x FROM theirs").fetchall()

    assert [(7,)] == kept


async def test_a_removed_folder_is_made_again_and_entries_are_seen_by_others(folder, ledger, entry):
    """
    Somebody removes the whole folder: what is planned afterwards is where others look, under a living owner.
    """
    await ledger.plan(entry("a"))
    shutil.rmtree(folder)
    await ledger.plan(entry("b"))
    with contextlib.closing(sqlite3.connect(folder / FILE)) as other:
        seen = other.execute("SELECT id FROM session").fetchall()

    assert [("b",)] == seen
    assert 1 == len(await ledger.living(owed.owner for owed in await ledger.owed()))
