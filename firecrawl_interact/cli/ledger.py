"""`firecrawl-interact ledger`: which sessions may still have to be ended, and whether somebody will."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from firecrawl_interact.cli.entries import HEADERS, cells, describe, spoken
from firecrawl_interact.cli.output import json_line, table

if TYPE_CHECKING:
    from firecrawl_interact.ledger.entry import Entry
    from firecrawl_interact.ledger.sqlite import SqliteLedger

HELP = "show which sessions may still have to be ended"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """
    Show what this user's ledger holds. Makes nothing where there is none.

    Raises:
        InteractError: The ledger cannot be read.
    """
    from firecrawl_interact.ledger.sqlite import SqliteLedger

    ledger = SqliteLedger()
    with spoken():
        owed, living = asyncio.run(_look(ledger)) if ledger.exists() else ([], frozenset[str]())
    if args.json:
        for entry in owed:
            print(json_line(describe(entry) | {"owner_alive": entry.owner in living}))
    elif owed:
        rows = ((*cells(entry), "alive" if entry.owner in living else "dead") for entry in owed)
        print(table((*HEADERS, "OWNER"), rows))
    else:
        print("Nothing is owed.")
    return 0


async def _look(ledger: SqliteLedger) -> tuple[list[Entry], frozenset[str]]:
    try:
        owed = await ledger.owed()
        return owed, await ledger.living(entry.owner for entry in owed)
    finally:
        await ledger.aclose()
