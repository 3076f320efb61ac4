"""Sweep: one pass over the ledger, ending what has no living owner."""

from __future__ import annotations

import asyncio
import enum
import logging
import os
import time
from typing import TYPE_CHECKING

import attrs

from firecrawl_interact.errors import InteractError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.debt import outstanding
from firecrawl_interact.lifecycle.hub import Hub
from firecrawl_interact.lifecycle.nap import Nap
from firecrawl_interact.lifecycle.paying import pay
from firecrawl_interact.lifecycle.unknown import marked, unresolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.ledger.base import Ledger
    from firecrawl_interact.ledger.entry import Entry
    from firecrawl_interact.lifecycle.layers import Layers

_log = logging.getLogger("firecrawl_interact")

_AT_ONCE = 32  # Ends under way at the same time; more would only meet the provider's rate limit.


class SweepOutcome(enum.Enum):
    """What a sweep found or did about one entry."""

    ENDED = "ended"  # Confirmed gone.
    NOTHING = "nothing"  # Its create made nothing: the mark is in no living session.
    OWED = "owed"  # Its owner is dead, and the end is not confirmed; or a dry run.
    UNKNOWN = "unknown"  # Only intended, and without a mark nobody can tell what became of it.
    NOT_OURS = "not ours"  # Another backend, address or key than the configurations given.


@attrs.frozen(kw_only=True)
class SweepItem:
    """One entry of a dead owner, and what the sweep did about it."""

    entry: Entry
    outcome: SweepOutcome


@attrs.frozen(kw_only=True)
class SweepReport:
    """Everything that one sweep saw."""

    items: tuple[SweepItem, ...] = ()

    def count(self, outcome: SweepOutcome) -> int:
        """Count the entries with that outcome."""
        return sum(item.outcome is outcome for item in self.items)


async def sweep(ledger: Ledger, backends: Sequence[Backend], *, dry_run: bool = False) -> SweepReport:
    """
    End what dead owners left, as far as the configurations given may.

    Acts only on entries whose backend, base URL and key fingerprint equal one of *backends*.

    Args:
        ledger: What to go through.

        backends: Configurations in use, each with its key.

        dry_run: Tell what would be done, and send nothing.

    Raises:
        LedgerError: The ledger cannot be used.
    """
    ours = {(b.name, b.base_url, ledger.fingerprint(b.key)): b for b in backends}
    gate = asyncio.Semaphore(_AT_ONCE)
    items: list[SweepItem] = []

    async def one(entry: Entry) -> None:
        backend = ours.get((entry.backend, entry.base_url, entry.key_print))
        if backend is None:
            outcome = SweepOutcome.NOT_OURS
        elif dry_run:
            outcome = SweepOutcome.OWED if entry.session_id or entry.mark else SweepOutcome.UNKNOWN
        else:
            async with gate:
                outcome = await _settle(entry, backend)
            if outcome in (SweepOutcome.ENDED, SweepOutcome.NOTHING):
                await ledger.settled(entry.id)
        items.append(SweepItem(entry=entry, outcome=outcome))

    claims = await ledger.claim()
    try:
        work = [one(entry) for claim in claims for entry in claim.entries]
        # All of them come to their end before any claim is released, whatever happens to one.
        for outcome in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
    finally:
        for claim in claims:
            await claim.release()
    return SweepReport(items=tuple(items))


async def _settle(entry: Entry, backend: Backend) -> SweepOutcome:
    transport = Hub.running().transport(backend)
    session_id = entry.session_id
    if session_id is None:
        search = None if entry.mark is None else backend.search(entry.mark)
        if search is None:
            return SweepOutcome.UNKNOWN
        try:
            answer = await transport.send(search.request, timeout=bounds.SEARCH_ATTEMPT)
        except InteractError:
            return SweepOutcome.OWED
        found = marked(search, answer)
        if found is None:
            return SweepOutcome.OWED
        if not found:
            # The provider may still be at it for as long as a create can take.
            still = time.time() < entry.planned_at + backend.open_timeout
            return SweepOutcome.OWED if still else SweepOutcome.NOTHING
        session_id = found[0]
    try:
        end = backend.end_request(session_id, born=entry.planned_at)
    except InteractError:
        return SweepOutcome.UNKNOWN  # An id that cannot be one is not sent anywhere.
    outcome = await pay(lambda: end, session_id, transport, Nap(), total=bounds.DELETE_TOTAL)
    return SweepOutcome.ENDED if outcome.gone else SweepOutcome.OWED


_swept: set[int] = set()  # Hashes: the configurations hold keys.


def sweep_once(hub: Hub, backend: Backend, layers: Layers) -> None:
    """Start the sweep of this process for a configuration, at its first create; it delays nothing."""
    ledger = layers.ledger
    if ledger is None:
        return
    configuration = _configuration(backend)
    if configuration in _swept:
        return
    _swept.add(configuration)
    _start(hub, ledger, backend, layers, again=bounds.SWEEP_AGAIN)


def _start(hub: Hub, ledger: Ledger, backend: Backend, layers: Layers, *, again: tuple[float, ...]) -> None:
    _ = hub.own(_sweep_quietly(hub, ledger, backend, layers, again), end_grace=bounds.SWEEP_GRACE)


async def _sweep_quietly(
    hub: Hub, ledger: Ledger, backend: Backend, layers: Layers, again: Sequence[float]
) -> None:
    try:
        report = await sweep(ledger, (backend,))
        others = again and await _others_owe(ledger, backend)
    except asyncio.CancelledError:  # Cut off with its loop: the first create in another one sweeps again.
        _swept.discard(_configuration(backend))
        raise
    except Exception as error:  # noqa: BLE001  # boundary: a ledger of the caller's own
        layers.ledger_failed(error)
        return
    ended = report.count(SweepOutcome.ENDED)
    if ended:
        _log.info("Ended %d session(s) that a process which died had left at %s.", ended, backend.name)
    if others:
        # A process that has just died may leave its lock, for an instant, to a child that it was
        # starting. A timer and not a sleep: a pending task would hold the loop's end.
        delay, *rest = again
        hub.loop.call_later(delay, lambda: _start_again(hub, ledger, backend, layers, tuple(rest)))


def _start_again(
    hub: Hub, ledger: Ledger, backend: Backend, layers: Layers, again: tuple[float, ...]
) -> None:
    if not hub.drained:
        _start(hub, ledger, backend, layers, again=again)


def _configuration(backend: Backend) -> int:
    return hash((backend.name, backend.base_url, backend.key))


async def _others_owe(ledger: Ledger, backend: Backend) -> bool:
    """Tell whether the ledger holds entries of this configuration that are not this process's own."""
    configuration = (backend.name, backend.base_url, ledger.fingerprint(backend.key))
    entries = await ledger.owed()
    mine = {debt.record.id for debt in tuple(outstanding)} | {each.record.id for each in tuple(unresolved)}
    return any(
        entry.id not in mine and (entry.backend, entry.base_url, entry.key_print) == configuration
        for entry in entries
    )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_swept.clear)
