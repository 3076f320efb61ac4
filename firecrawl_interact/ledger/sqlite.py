"""SqliteLedger: for all processes of one user on one host; survives a crash."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from firecrawl_interact.ledger import _claims, _fingerprint, _folder, _rows, _writer
from firecrawl_interact.ledger._jobs import Ask, Job, Opened, Plan, Settled
from firecrawl_interact.ledger.base import Claim, LedgerError, Taking
from firecrawl_interact.ledger.entry import Entry
from firecrawl_interact.ledger.owner import Lease, is_alive

if TYPE_CHECKING:
    from firecrawl_interact.ledger._store import Store


@attrs.define(eq=False)
class SqliteLedger:
    """
    A ledger in one SQLite file, written by one thread per process for all its event loops.

    Nothing is made or opened before the first call. All ledgers of one folder in a process share
    thread and file. The process is one owner there, alive until it ends, whatever is closed.

    Args:
        path: The state folder; None means the user's own (``platformdirs.user_state_path``).
    """

    path: str | os.PathLike[str] | None = None
    _resolved: Path | None = attrs.field(default=None, init=False, repr=False)
    _closed: bool = attrs.field(default=False, init=False, repr=False)

    @property
    def folder(self) -> Path:
        """
        The state folder, absolute. It need not exist.

        Raises:
            LedgerError: This user has no place for one, or this system no flock.
        """
        if self._resolved is None:
            if sys.platform == "win32":
                raise LedgerError("This system has no flock, which tells a dead owner from a living one")
            self._resolved = _folder.resolve(self.path)
        return self._resolved

    def exists(self) -> bool:
        """Tell whether anything was ever written in this folder; makes nothing."""
        return (self.folder / _folder.FILE).exists()

    def fingerprint(self, key: str | None) -> str:
        """Return a fingerprint of the API key under the folder's own salt; ``""`` for None."""
        return "" if key is None else _fingerprint.fingerprint(key, _fingerprint.salt_of(self.folder))

    async def plan(self, entry: Entry) -> None:
        """Write down, before a create is sent, that it may come to be owed. The owner is set here."""
        _rows.check(entry)
        await self._do(Plan(entry))

    async def opened(self, entry_id: str, session_id: str, expires_at: float) -> None:
        """Write down the provider's id; a missing entry is a `LedgerError`."""
        _rows.check_texts(entry_id, session_id)
        _rows.check_time(expires_at)
        await self._do(Opened(entry_id, session_id, expires_at))

    async def settled(self, entry_id: str) -> None:
        """Strike an entry out; a missing one is no error."""
        _rows.check_texts(entry_id)
        await self._do(Settled(entry_id))

    def settled_soon(self, entry_id: str) -> None:
        """
        Strike an entry out without waiting, from any thread, after `aclose` too. Never raises.

        While the interpreter ends it waits for the commit, for less than a second in all.
        """
        # Were it lost, the entry stays, and a sweep finds its session gone.
        with contextlib.suppress(LedgerError):
            _rows.check_texts(entry_id)
            _writer.hand_over(self.folder, Settled(entry_id))

    async def owed(self) -> list[Entry]:
        """Return every entry, of all owners, oldest first; those past their deadline are forgotten first."""
        entries: list[Entry] = await self._ask(_owed)
        return entries

    async def take(self, entry: Entry) -> Taking:
        """Write down a session that runs already, unless a living owner has it."""
        _rows.check(entry)
        taking: Taking = await self._ask(
            functools.partial(_claims.take, entry=entry),
            unwanted=lambda _: self.settled_soon(entry.id),
        )
        return taking

    async def living(self, owners: Iterable[str]) -> frozenset[str]:
        """Return those of *owners* that are alive."""
        alive: frozenset[str] = await self._ask(functools.partial(_living, names=frozenset(owners)))
        return alive

    async def claim(self) -> Sequence[Claim]:
        """Take over the entries of dead owners, of `_claims.MAX_CLAIMS` at most."""
        found: list[_claims.Found] = await self._ask(_claims.claim_dead, unwanted=_claims.drop)
        return [SqliteClaim(entries, lease, self.folder) for lease, entries in found]

    async def aclose(self) -> None:
        """
        Write out what waits and close the file. A second call does nothing.

        Another ledger of the same folder is not hurt: its next call opens the file again.
        """
        if not self._closed and self._resolved is not None and _writer.is_running(self._resolved):
            await self._ask(_close)
        self._closed = True

    async def _ask(
        self, question: Callable[[Store], Any], *, unwanted: Callable[[Any], object] | None = None
    ) -> Any:
        return await self._do(Ask(question, unwanted=unwanted))

    async def _do(self, job: Job) -> Any:
        if self._closed:
            raise LedgerError("The ledger was closed")
        return await _writer.do(self.folder, job)


@attrs.define(eq=False)
class SqliteClaim:
    """The entries of one dead owner, whose lease is locked by us until the release."""

    entries: Sequence[Entry]
    _lease: Lease = attrs.field(repr=False)
    _folder: Path = attrs.field(repr=False)
    _released: bool = attrs.field(default=False, init=False, repr=False)

    async def release(self) -> None:
        """Let go; the lease file goes too if nothing is owed any more. A second call does nothing."""
        if self._released:
            return
        self._released = True
        # Where the store fails, the lease file stays; the lock is let go in any case.
        with contextlib.suppress(LedgerError):
            await _writer.do(self._folder, Ask(functools.partial(_claims.let_go, lease=self._lease)))


def _owed(store: Store) -> list[Entry]:
    return store.entries()


def _living(store: Store, names: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in names if is_alive(store.folder, name))


def _close(store: Store) -> None:
    store.close()
