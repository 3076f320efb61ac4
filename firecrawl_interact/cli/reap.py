"""`firecrawl-interact reap`: end the sessions whose owners are dead, with the keys that are set."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from firecrawl_interact.cli.entries import HEADERS, cells, describe, spoken
from firecrawl_interact.cli.output import json_line, table
from firecrawl_interact.config import Settings
from firecrawl_interact.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.ledger.sqlite import SqliteLedger
    from firecrawl_interact.lifecycle.sweep import SweepItem

HELP = "end the sessions whose owners are dead"

_NOT_OURS = (
    "Those that are not ours need the key and the address that they were opened with: set both, then reap."
)

MAX_PASSES = 100  # One pass takes a bounded number of owners; this bounds a whole run.


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be ended")
    parser.add_argument("--backend", metavar="NAME", help="only sessions of this backend")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """
    Sweep this user's ledger once; 1 if a dead owner's session is still owed.

    Raises:
        UsageError: The backend named has no key, or its sessions end with their process.
        InteractError: The ledger cannot be used.
    """
    from firecrawl_interact.ledger.sqlite import SqliteLedger
    from firecrawl_interact.lifecycle.sweep import SweepOutcome

    # Before anything is looked at: a name that cannot work is misuse, whatever is owed.
    named = _named(args.backend) if args.backend is not None else None
    ledger = SqliteLedger()
    with spoken():
        items = asyncio.run(_reap(ledger, named, dry_run=args.dry_run)) if ledger.exists() else []
    if args.json:
        for item in items:
            print(json_line(describe(item.entry) | {"outcome": item.outcome.value}))
    elif items:
        print(table((*HEADERS, "OUTCOME"), ((*cells(item.entry), item.outcome.value) for item in items)))
    else:
        print("Nothing to reap.")
    if any(item.outcome is SweepOutcome.NOT_OURS for item in items):
        print(_NOT_OURS, file=sys.stderr)
    return 0 if all(_is_over(item) for item in items) else 1


async def _reap(ledger: SqliteLedger, named: Backend | None, *, dry_run: bool) -> list[SweepItem]:
    from firecrawl_interact.lifecycle.sweep import sweep

    seen: dict[str, SweepItem] = {}
    try:
        names = {entry.backend for entry in await ledger.owed()}
        backends = _configured(names) if named is None else [named]
        for _ in range(1 if dry_run else MAX_PASSES):
            report = await sweep(ledger, backends, dry_run=dry_run)
            seen.update((item.entry.id, item) for item in report.items)
            if not any(_is_over(item) for item in report.items):
                break  # Another pass would only meet the same entries.
    finally:
        await ledger.aclose()
    return [item for item in seen.values() if named is None or item.entry.backend == named.name]


def _named(name: str) -> Backend:
    from firecrawl_interact.backends._registry import resolve

    (backend,) = resolve(name, settings=Settings.from_env())
    if not backend.hosted:
        raise UsageError(f"Sessions of the {name} backend end with their process; there is nothing to reap.")
    return backend


def _configured(names: Iterable[str]) -> list[Backend]:
    """Return those of the backends that there is a key for; the others' entries are not ours to end."""
    backends: list[Backend] = []
    for name in sorted(names):
        try:
            backends.append(_named(name))
        except UsageError:  # No key, no such package, or no hosted backend.
            continue
    return backends


def _is_over(item: SweepItem) -> bool:
    from firecrawl_interact.lifecycle.sweep import SweepOutcome

    return item.outcome in {SweepOutcome.ENDED, SweepOutcome.NOTHING}
