"""Ledger: the durable list of ends we may owe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs

from firecrawl_interact.ledger.entry import Entry


class Claim(Protocol):
    """
    The entries of one dead owner, taken over: until `release` nobody else can claim them.

    What is not settled at the release stays in the ledger, for the next claim.
    """

    @property
    def entries(self) -> Sequence[Entry]:
        """What the dead owner left."""
        ...

    async def release(self) -> None:
        """Let go. A second call does nothing."""


class Ledger(Protocol):
    """
    Remember what may be owed past the death of this process.

    A method that returns has made its change durable. None of them ever blocks the loop for
    longer than a hand-over to a thread. A ledger may be used from several event loops at once.

    Raises:
        LedgerError: From any method: the store is broken, full, locked or read-only. The
            caller goes on without this layer.
    """

    def fingerprint(self, key: str | None) -> str:
        """Return a salted fingerprint of the API key, equal for equal keys here; ``""`` for None."""
        ...

    async def plan(self, entry: Entry) -> None:
        """Write down, before a create is sent, that it may come to be owed."""

    async def opened(self, entry_id: str, session_id: str, expires_at: float) -> None:
        """Write down the provider's id."""

    async def settled(self, entry_id: str) -> None:
        """Strike an entry out: its session is gone, or never came to be."""

    def settled_soon(self, entry_id: str) -> None:
        """The same without waiting, from any thread, at interpreter exit too. Never raises."""

    async def owed(self) -> list[Entry]:
        """Return every entry, of all owners, oldest first; those past their deadline are forgotten first."""
        ...

    async def claim(self) -> Sequence[Claim]:
        """Take over the entries of owners that are dead. No owner is claimed twice at a time."""
        ...

    async def aclose(self) -> None:
        """Write out what waits and close. A second call does nothing."""


@attrs.frozen(kw_only=True)
class Taking:
    """
    What came of taking a session over.

    Attributes:
        held: True if a living owner has the session; then nothing was written.

        pid: That owner's process id, as it saw it itself; None where it is not known.
    """

    held: bool
    pid: int | None = None


class SharedLedger(Ledger, Protocol):
    """A ledger that also knows who has a session, so that it never has two owners."""

    async def take(self, entry: Entry) -> Taking:
        """
        Write down a session that runs already, unless a living owner has it.

        Of those who ask at the same time, in whatever process, exactly one gets it. What a dead
        owner wrote of the session is struck out: it is ours now.
        """
        ...


class LedgerError(Exception):
    """The ledger cannot be used; internal, turned into one WARNING by lifecycle."""
