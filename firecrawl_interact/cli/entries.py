"""How an entry of the ledger is shown: no key, no link, and of an id only the beginning."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from firecrawl_interact.errors import InteractError
from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.entry import Entry
from firecrawl_interact.transport.redact import redact

SHOWN = 8  # Characters of a session's id: enough to find it, too few to open an Anchor browser.
HEADERS = ("BACKEND", "BASE URL", "SESSION", "SINCE", "UNTIL")


def describe(entry: Entry) -> dict[str, Any]:
    """Return what may be known of an entry, for JSON."""
    return {
        "entry": entry.id,
        "backend": entry.backend,
        "base_url": redact(entry.base_url),
        "session_id_begins": _beginning(entry),
        "since": datetime.fromtimestamp(entry.planned_at, UTC),
        "until": datetime.fromtimestamp(entry.expires_at, UTC),
    }


def cells(entry: Entry) -> tuple[object, ...]:
    """Return the cells below `HEADERS`."""
    shown = describe(entry)
    begins = shown["session_id_begins"]
    session = "not known" if begins is None else f"{begins}..."
    return (entry.backend, shown["base_url"], session, shown["since"], shown["until"])


@contextmanager
def spoken() -> Generator[None]:
    """Turn what a ledger complains of into an error of the command."""
    try:
        yield
    except LedgerError as error:
        raise InteractError(f"{error}.") from error


def _beginning(entry: Entry) -> str | None:
    if entry.session_id is None:
        return None  # Only intended: no answer to its create was written down.
    return entry.session_id[: min(SHOWN, len(entry.session_id) // 2)]
