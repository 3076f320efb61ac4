"""Entries as rows, with sums that show damage: a wrong delete is worse than a leak."""

from __future__ import annotations

import hashlib
import math
from typing import Any

from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.entry import Entry
from firecrawl_interact.ledger.owner import NAME

COLUMNS = (
    "id, owner, backend, base_url, key_print, mark, session_id, planned_at, expires_at, plan_sum, life_sum"
)
SUM_BYTES = 8
MAX_TEXT = 4096  # Characters in any one text; ours are far shorter.

Row = tuple[Any, ...]


def plan_row(entry: Entry, owner: str) -> Row:
    """Return the row of an entry, in the order of `COLUMNS`."""
    plan = (
        entry.id,
        owner,
        entry.backend,
        entry.base_url,
        entry.key_print,
        entry.mark,
        float(entry.planned_at),
    )
    life = (entry.id, entry.session_id, float(entry.expires_at))
    return (*plan[:6], entry.session_id, plan[6], life[2], _sum(plan), _sum(life))


def life_row(entry_id: str, session_id: str, expires_at: float) -> Row:
    """Return what `opened` changes: session_id, expires_at, life_sum, and last the id."""
    return (session_id, float(expires_at), _sum((entry_id, session_id, float(expires_at))), entry_id)


def read_row(row: Row) -> Entry | None:
    """Return the entry of a row; None if the row is not as it was written."""
    (
        entry_id,
        owner,
        backend,
        base_url,
        key_print,
        mark,
        session_id,
        planned_at,
        expires_at,
        plan_sum,
        life_sum,
    ) = row
    plan = (entry_id, owner, backend, base_url, key_print, mark, planned_at)
    if plan_sum != _sum(plan) or life_sum != _sum((entry_id, session_id, expires_at)):
        return None
    entry = Entry(
        id=entry_id,
        backend=backend,
        base_url=base_url,
        key_print=key_print,
        mark=mark,
        session_id=session_id,
        planned_at=planned_at,
        expires_at=expires_at,
        owner=owner,
    )
    try:
        check(entry)
    except LedgerError:
        return None
    return entry if NAME.fullmatch(owner) else None


def check(entry: Entry) -> None:
    """
    Refuse an entry that could not be read back as it is.

    Raises:
        LedgerError: A value is of the wrong type or outside its bounds.
    """
    check_texts(entry.id, entry.backend, entry.base_url)
    check_texts(*(text for text in (entry.mark, entry.session_id) if text is not None))
    if entry.key_print:
        check_texts(entry.key_print)
    check_time(entry.planned_at)
    check_time(entry.expires_at)


def check_texts(*texts: object) -> None:
    """Refuse what is no text, empty, too long or cannot be stored, without naming it: it may be a secret."""
    for text in texts:
        if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT:
            raise LedgerError(f"An entry holds 1 to {MAX_TEXT} characters in each text")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise LedgerError("An entry holds a text that cannot be encoded") from None


def check_time(instant: object) -> None:
    """Refuse what is no wall-clock instant."""
    if not isinstance(instant, int | float) or not math.isfinite(instant) or instant <= 0:
        raise LedgerError("An entry's times are positive, finite seconds")


def _sum(values: Row) -> bytes:
    return hashlib.blake2b(repr(values).encode(), digest_size=SUM_BYTES).digest()
