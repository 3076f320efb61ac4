"""MemoryLedger: survives nothing; for tests."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence

import attrs

from firecrawl_interact.ledger import _fingerprint
from firecrawl_interact.ledger.base import Claim, LedgerError, Taking
from firecrawl_interact.ledger.entry import Entry

FORGET_AFTER = 60.0  # Seconds past its deadline at which the provider has surely ended a session.


@attrs.define(eq=False)
class MemoryLedger:
    """
    A ledger in a dict, with an owner that can be told to die.

    Attributes:
        owner: Who writes the entries from now on; read-only, see `kill_owner`.
    """

    owner: str = attrs.field(factory=lambda: os.urandom(16).hex(), init=False)
    _entries: dict[str, Entry] = attrs.field(factory=dict[str, Entry], init=False, repr=False)
    _dead: set[str] = attrs.field(factory=set[str], init=False, repr=False)
    _claimed: set[str] = attrs.field(factory=set[str], init=False, repr=False)
    _salt: bytes = attrs.field(factory=lambda: os.urandom(_fingerprint.SALT_BYTES), init=False, repr=False)
    _guard: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False)
    _closed: bool = attrs.field(default=False, init=False, repr=False)

    def kill_owner(self) -> str:
        """Let the owner of the entries so far be dead, as after a crash; return its name."""
        dead, self.owner = self.owner, os.urandom(16).hex()
        self._dead.add(dead)
        return dead

    def fingerprint(self, key: str | None) -> str:
        """Return a fingerprint of the API key under this ledger's own salt; ``""`` for None."""
        return _fingerprint.fingerprint(key, self._salt)

    async def plan(self, entry: Entry) -> None:
        """Write down, before a create is sent, that it may come to be owed. The owner is set here."""
        self._check_open()
        with self._guard:
            self._entries[entry.id] = attrs.evolve(entry, owner=self.owner)

    async def opened(self, entry_id: str, session_id: str, expires_at: float) -> None:
        """Write down the provider's id; a missing entry is a `LedgerError`."""
        self._check_open()
        with self._guard:
            entry = self._entries.get(entry_id)
            if entry is None:
                raise LedgerError("The ledger holds no such entry")
            self._entries[entry_id] = attrs.evolve(entry, session_id=session_id, expires_at=expires_at)

    async def settled(self, entry_id: str) -> None:
        """Strike an entry out; a missing one is no error."""
        self._check_open()
        self.settled_soon(entry_id)

    def settled_soon(self, entry_id: str) -> None:
        """Strike an entry out, from any thread, after `aclose` too. Never raises."""
        with self._guard:
            self._entries.pop(entry_id, None)

    async def owed(self) -> list[Entry]:
        """Return every entry, of all owners, oldest first; those past their deadline are forgotten first."""
        self._check_open()
        return self._owed()

    async def take(self, entry: Entry) -> Taking:
        """Write down a session that runs already, unless a living owner has it."""
        self._check_open()
        with self._guard:
            others = [
                other
                for other in self._entries.values()
                if (other.session_id, other.backend, other.base_url)
                == (entry.session_id, entry.backend, entry.base_url)
            ]
            if any(other.owner not in self._dead or other.owner in self._claimed for other in others):
                return Taking(held=True, pid=os.getpid())
            for other in others:
                del self._entries[other.id]
            self._entries[entry.id] = attrs.evolve(entry, owner=self.owner)
        return Taking(held=False)

    async def claim(self) -> Sequence[Claim]:
        """Take over the entries of owners that `kill_owner` killed and nobody has claimed."""
        self._check_open()
        with self._guard:
            owed = self._owed()
            owners = dict.fromkeys(entry.owner for entry in owed)
            free = [owner for owner in owners if owner in self._dead - self._claimed]
            self._claimed.update(free)
        return [
            MemoryClaim(tuple(entry for entry in owed if entry.owner == owner), owner, self._claimed)
            for owner in free
        ]

    async def aclose(self) -> None:
        """Close. A second call does nothing."""
        self._closed = True

    def _owed(self) -> list[Entry]:
        cutoff = time.time() - FORGET_AFTER
        with self._guard:
            for entry in tuple(self._entries.values()):
                if entry.expires_at < cutoff:
                    del self._entries[entry.id]
            return sorted(self._entries.values(), key=lambda entry: (entry.planned_at, entry.id))

    def _check_open(self) -> None:
        if self._closed:
            raise LedgerError("The ledger was closed")


@attrs.define(eq=False)
class MemoryClaim:
    """The entries of one dead owner, held until the release."""

    entries: Sequence[Entry]
    _owner: str = attrs.field(repr=False)
    _claimed: set[str] = attrs.field(repr=False)
    _released: bool = attrs.field(default=False, init=False, repr=False)

    async def release(self) -> None:
        """Let go. A second call does nothing."""
        if not self._released:
            self._released = True
            self._claimed.discard(self._owner)
