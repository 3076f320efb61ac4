"""Taking over: from owners that are dead, or what nobody has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firecrawl_interact.ledger import _rows, owner
from firecrawl_interact.ledger.base import Taking
from firecrawl_interact.ledger.entry import Entry
from firecrawl_interact.ledger.owner import Lease

if TYPE_CHECKING:
    from firecrawl_interact.ledger._store import Store

MAX_CLAIMS = 64  # Owners in one claim: each holds a descriptor until its release.
MAX_TIDIED = 256  # Empty leases removed in one claim.

Found = tuple[Lease, tuple[Entry, ...]]


def claim_dead(store: Store) -> list[Found]:
    """
    Lock the lease of each dead owner that left entries, and remove leases of those that left none.

    Raises:
        LedgerError: The store cannot be used; nothing stays locked.
    """
    found: list[Found] = []
    try:
        owing = dict.fromkeys(entry.owner for entry in store.entries())
        own = owner.own_name(store.folder)
        for name in owing:
            if len(found) < MAX_CLAIMS and name != own:
                _take(store, name, found)
        idle = [name for name in owner.known(store.folder) if name not in owing and name != own]
        for name in idle[:MAX_TIDIED]:
            lease = owner.seize(store.folder, name)
            if lease is not None:
                let_go(store, lease)
    except BaseException:
        drop(found)
        raise
    return found


def take(store: Store, entry: Entry) -> Taking:
    """Write down a session that runs already, unless a living owner has it; one process at a time."""
    own = owner.own(store.folder).name  # Locked before it is written: others see at once that it lives.
    other = store.take(
        _rows.plan_row(entry, own),
        lambda rival: rival.id != entry.id and owner.is_alive(store.folder, rival.owner),
    )
    if other is None:
        return Taking(held=False)
    return Taking(held=True, pid=owner.pid_of(store.folder, other.owner))


def drop(found: list[Found]) -> None:
    """Unlock what was claimed and nobody wants any more; it is for the next claim."""
    for lease, _ in found:
        lease.release(forget=False)


def let_go(store: Store, lease: Lease) -> None:
    """Release a lease; its file goes too if its owner owes nothing any more."""
    forget = False
    try:
        forget = not store.owes(lease.name)
    finally:
        lease.release(forget=forget)


def retire(store: Store) -> None:
    """End this process's own lease if it owes nothing, and close the file: the process ends."""
    name = owner.own_name(store.folder)
    try:
        if name is not None and not store.owes(name):
            owner.disown(store.folder)
    finally:
        store.close()


def _take(store: Store, name: str, found: list[Found]) -> None:
    lease = owner.seize(store.folder, name)
    if lease is None:
        return  # Its owner lives, or somebody else has just claimed it.
    entries: tuple[Entry, ...] = ()
    try:
        # Read again under the lock: another sweeper may have settled them all meanwhile.
        entries = tuple(store.entries_of(name))
    finally:
        if entries:
            found.append((lease, entries))
        else:
            lease.release(forget=False)
