"""The file behind the ledger: one SQLite table, used by one thread at a time."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import attrs

from firecrawl_interact.ledger import _folder
from firecrawl_interact.ledger._rows import COLUMNS, Row, read_row
from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.entry import Entry

T = TypeVar("T")

VERSION = 1  # Of the schema. A newer one belongs to a newer release and is left untouched.
BUSY_LIMIT = 5.0  # Seconds to wait for another process's transaction, which takes milliseconds.
BUSY_POLL = 0.001  # Seconds between tries; SQLite's own handler sleeps up to 100 ms at a time.
FORGET_AFTER = 60.0  # Seconds past its deadline at which the provider has surely ended a session.

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

# By version: what leads to it from the one before.
_MIGRATIONS = {
    1: (
        """
        CREATE TABLE session (
            id TEXT PRIMARY KEY, owner TEXT NOT NULL, backend TEXT NOT NULL, base_url TEXT NOT NULL,
            key_print TEXT NOT NULL, mark TEXT, session_id TEXT, planned_at REAL NOT NULL,
            expires_at REAL NOT NULL, plan_sum BLOB NOT NULL, life_sum BLOB NOT NULL
        ) WITHOUT ROWID
        """,
    ),
}

_log = logging.getLogger("firecrawl_interact")


@attrs.define(eq=False)
class Store:
    """
    The ledger's table on disk. Every method blocks, for `BUSY_LIMIT` at most, and may raise `LedgerError`.

    The file is opened on first use, and again after an error, after a fork, and when it is found
    to be no longer the one under its name.
    """

    folder: Path
    _connection: sqlite3.Connection | None = attrs.field(default=None, init=False)
    _inode: int = attrs.field(default=0, init=False)
    _said: set[str] = attrs.field(factory=set[str], init=False)

    @property
    def _path(self) -> Path:
        return self.folder / _folder.FILE

    # --- what the ledger does -----------------------------------------------------------

    def change(self, plans: Sequence[Row], lives: Sequence[Row], settled: Iterable[str]) -> list[str]:
        """
        Write many changes in one durable transaction; of one entry they come in the order of its life.

        Returns:
            Ids of *lives* that are in no row.
        """

        def work(connection: sqlite3.Connection) -> list[str]:
            if plans:
                marks = ", ".join("?" * len(plans[0]))
                connection.executemany(f"INSERT OR REPLACE INTO session ({COLUMNS}) VALUES ({marks})", plans)  # noqa: S608  # constants
            missing: list[str] = []
            update = "UPDATE session SET session_id = ?, expires_at = ?, life_sum = ? WHERE id = ?"
            if connection.executemany(update, lives).rowcount < len(lives):
                here = "SELECT 1 FROM session WHERE id = ?"
                ids = [life[-1] for life in lives]
                missing = [
                    entry_id for entry_id in ids if not connection.execute(here, (entry_id,)).fetchone()
                ]
            connection.executemany("DELETE FROM session WHERE id = ?", ((entry_id,) for entry_id in settled))
            return missing

        return self._transact(work)

    def take(self, row: Row, held: Callable[[Entry], bool]) -> Entry | None:
        """
        Write the row of a session that runs already, in place of all others of that session.

        Returns:
            The first of those others that is *held*; then nothing is changed.
        """
        _, _, backend, base_url, _, _, session_id, *_ = row
        query = f"SELECT {COLUMNS} FROM session WHERE session_id = ? AND backend = ? AND base_url = ?"  # noqa: S608

        def work(connection: sqlite3.Connection) -> Entry | None:
            others = self._read(connection.execute(query, (session_id, backend, base_url)).fetchall())
            for other in others:
                if held(other):
                    return other
            connection.executemany("DELETE FROM session WHERE id = ?", ((other.id,) for other in others))
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT OR REPLACE INTO session ({COLUMNS}) VALUES ({marks})", row)  # noqa: S608
            return None

        return self._transact(work)

    def entries(self) -> list[Entry]:
        """Forget what is past its deadline; return the rest, oldest first."""

        def work(connection: sqlite3.Connection) -> list[Row]:
            connection.execute(
                "DELETE FROM session WHERE expires_at < ? OR typeof(expires_at) <> 'real'",
                (time.time() - FORGET_AFTER,),
            )
            return connection.execute(f"SELECT {COLUMNS} FROM session ORDER BY planned_at, id").fetchall()  # noqa: S608

        return self._read(self._transact(work))

    def entries_of(self, owner: str) -> list[Entry]:
        """Return the entries of one owner, oldest first."""
        query = f"SELECT {COLUMNS} FROM session WHERE owner = ? ORDER BY planned_at, id"  # noqa: S608
        return self._read(self._transact(lambda connection: connection.execute(query, (owner,)).fetchall()))

    def owes(self, owner: str) -> bool:
        """Tell whether there is any row of this owner, a damaged one included."""
        query = "SELECT 1 FROM session WHERE owner = ? LIMIT 1"
        return self._transact(lambda connection: connection.execute(query, (owner,)).fetchone()) is not None

    def close(self) -> None:
        """Close the file, if it is open. The next use opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                _log.debug("The ledger's file did not close in order.", exc_info=True)

    # --- transactions -------------------------------------------------------------------

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        deadline = time.monotonic() + BUSY_LIMIT
        while True:
            try:
                connection = self._connected()
                connection.execute("BEGIN IMMEDIATE")
                result = work(connection)
                connection.execute("COMMIT")
            except (sqlite3.Error, UnicodeDecodeError) as error:
                if not self._may_repeat(error, deadline):
                    raise self._failure(error) from error
            except BaseException:
                self.close()
                raise
            else:
                if self._in_place():
                    return result
                # Another process has moved a damaged file aside, or somebody removed it: what was
                # just written is where nobody will look.
                self.close()
                if time.monotonic() > deadline:
                    raise LedgerError(f"{self._path} does not stay in its place")
            time.sleep(BUSY_POLL)

    def _may_repeat(self, error: Exception, deadline: float) -> bool:
        if _code(error) not in _BUSY or time.monotonic() > deadline:
            return False
        if self._connection is not None and self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                self.close()
        return True

    def _failure(self, error: Exception) -> LedgerError:
        path = self._path
        self.close()
        if _code(error) in _DAMAGED:
            moved = _folder.set_aside((Path(f"{path}-wal"), Path(f"{path}-shm"), path), inode=self._inode)
            return LedgerError(f"{path} is damaged ({error})" + (f"; moved to {moved.name}" if moved else ""))
        return LedgerError(f"{path} cannot be used: {error}")

    def _in_place(self) -> bool:
        try:
            return os.stat(self._path).st_ino == self._inode  # noqa: PTH116  # after every commit
        except OSError:
            return False

    # --- opening ------------------------------------------------------------------------

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            path = self._path
            _folder.prepare(self.folder)
            _folder.place(path)
            try:
                self._inode = path.stat().st_ino
            except OSError as error:
                raise LedgerError(f"{path} cannot be used: {error.strerror}") from error
            # The thread that forks closes what the writer thread opened; a lock keeps them apart.
            self._connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
            self._connection.text_factory = _text
            self._prepare(self._connection)
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        try:
            for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "synchronous = FULL"):
                connection.execute(f"PRAGMA {pragma}")
            version = self._version(connection)  # Before anything is changed.
            self._choose_journal(connection)
            self._check_structure(connection)
            if version < VERSION:
                self._migrate(connection)
        except BaseException:
            self.close()  # Half prepared is not open.
            raise

    def _version(self, connection: sqlite3.Connection) -> int:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if not tables:
            return 0
        row = None
        if "meta" in tables:
            row = connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        if row is None or not isinstance(row[0], int):
            raise _DamageError("no schema version")
        if row[0] > VERSION:
            raise LedgerError(f"{self._path} was written by a newer release (schema {row[0]})")
        return row[0]

    def _check_structure(self, connection: sqlite3.Connection) -> None:
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise _DamageError("its structure does not hold together")

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        have = self._version(connection)  # Again: two processes start at once.
        if have == 0:
            connection.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID")
        for version in range(have + 1, VERSION + 1):
            for statement in _MIGRATIONS[version]:
                connection.execute(statement)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('version', ?)", (VERSION,))
        connection.execute("COMMIT")

    def _choose_journal(self, connection: sqlite3.Connection) -> None:
        """Write ahead where shared memory works; on a network file system it does not."""
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if _code(error) in _BUSY:
                raise
            mode = ""
        if mode != "wal":
            connection.execute("PRAGMA journal_mode = TRUNCATE")
            self._warn_once(
                "No write-ahead log in %s (a network file system?): the ledger is slower.", self.folder
            )

    # --- reading ------------------------------------------------------------------------

    def _read(self, rows: list[Row]) -> list[Entry]:
        entries = [entry for row in rows if (entry := read_row(row)) is not None]
        if len(entries) < len(rows):
            self._warn_once("Damaged entries in %s are left alone until their time is up.", self._path)
        return entries

    def _warn_once(self, text: str, path: Path) -> None:
        if text not in self._said:
            self._said.add(text)
            _log.warning(text, path)


class _DamageError(sqlite3.DatabaseError):
    """Damage that SQLite itself does not see."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def _code(error: Exception) -> int:
    """Return the primary result code."""
    if isinstance(error, UnicodeDecodeError):  # SQLite complains of a damaged schema in its own words.
        return sqlite3.SQLITE_CORRUPT
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _text(raw: bytes) -> str:
    """Read a damaged text too: its sum will tell."""
    return raw.decode(errors="replace")
