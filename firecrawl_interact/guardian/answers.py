"""What a provider's answer says about a debt: one judge for every layer, standard library only."""

from __future__ import annotations

import enum
import json
import re

TYPE_CHECKING = False  # The helper process does without `typing`: 4 ms of its start.
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

    from firecrawl_interact.models import EndRequest, Rows, Verify

OK = 200
NOT_FOUND = 404
NOT_FOUND_PAUSE = 0.3  # Seconds between a 404 that may lag and the next try.
NOT_FOUND_TRIES = 2  # How many 404 answers to a young session are doubted.
NOT_FOUND_AGE = 3.0  # Seconds after its birth for which a session's 404 is doubted.

PAUSE_FIRST = 0.05  # Seconds: the longest pause after the first try; doubled for each further one.
PAUSE_LONGEST = 2.0  # Seconds: where the doubling ends.
RETRY_AFTER_LONGEST = 60.0  # Seconds: a provider that asks for more is asked again sooner.

LATER = frozenset({408, 425, 429}) | frozenset(range(500, 600))  # A list refused so may come next time.

# Ids that would turn the end of one session into a route of its own, worst of all the end of
# everybody's. The backends' list, repeated because nothing of ours can be imported here.
RESERVED_IDS = frozenset({".", "..", "all", "async", "history", "pending-interventions", "profiles"})


class Verdict(enum.Enum):
    """What to do after an answer."""

    GONE = "gone"  # The session has ended. Nothing is owed.
    AGAIN = "again"  # Still owed, or not known: ask again.
    FINAL = "final"  # Refused for good: asking again changes nothing.
    VERIFY = "verify"  # Gone or a bad key: read the list, then ask `judge_list`.


def judge(end: EndRequest, status: int, body: bytes, *, now: float, not_found: int = 0) -> Verdict:
    """
    Judge the answer to the end of a session.

    Args:
        end: What was sent.

        status: HTTP status of the answer.

        body: Its body; read only where *end* asks for it.

        now: Wall-clock seconds.

        not_found: How many 404 answers came before this one.
    """
    if end.verify is not None and status == end.verify.status:
        return Verdict.VERIFY
    if status in end.gone:
        lagging = (
            status == NOT_FOUND
            and end.born is not None
            and now - end.born < NOT_FOUND_AGE
            and not_found < NOT_FOUND_TRIES
        )
        if lagging or _holds(body, end.repeat_while_field):
            return Verdict.AGAIN
        return Verdict.GONE
    return Verdict.AGAIN if status in end.again else Verdict.FINAL


def judge_list(verify: Verify, status: int, body: bytes, session_id: str) -> Verdict:
    """
    Judge the list that was read because the end of *session_id* got a doubtful status.

    Returns:
        FINAL if the list is refused as well, GONE if the session is not among the living,
        AGAIN if it is or if the list cannot be read.
    """
    if status == verify.status:
        return Verdict.FINAL
    if status != OK:
        return Verdict.AGAIN if status in LATER else Verdict.FINAL
    try:
        living = live_ids(verify.rows, body)
    except ValueError:
        return Verdict.AGAIN
    return Verdict.AGAIN if session_id in living else Verdict.GONE


def live_ids(rows: Rows, body: bytes, mark: str | None = None) -> list[str]:
    """
    Read the ids of the sessions that still run.

    Args:
        rows: Where the list is in the document, and how its rows are read.

        body: The provider's answer.

        mark: Keep only rows that carry this tag.

    Raises:
        ValueError: The body is no such list.
    """
    try:
        table = found = json.loads(body)
        for key in rows.path:
            table = found = found[key]
    except (LookupError, TypeError, RecursionError):
        raise ValueError("The answer holds no list of sessions.") from None
    if not isinstance(table, list):
        raise ValueError("The answer holds no list of sessions.")  # noqa: TRY004  # the document's fault
    return [row[rows.id_field] for row in found if _lives(rows, row) and _carries(rows, row, mark)]


def find_id(path: Collection[str], body: bytes) -> str | None:
    """Read the id at *path* of the answer to a create; None if there is none."""
    try:
        found = json.loads(body)
        for key in path:
            found = found[key]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return found if isinstance(found, str) and found else None


def fill(template: str, session_id: str) -> str | None:
    """
    Put an id in place of ``{id}`` in a URL.

    Returns:
        None if the id would not stay one path segment, or names another route.
    """
    if session_id.lower() in RESERVED_IDS or not re.fullmatch(r"[A-Za-z0-9._~-]+", session_id):
        return None
    return template.replace("{id}", session_id)


def pause(attempt: int, after: float | None = None, *, longest: float = PAUSE_LONGEST) -> float:
    """
    Choose how many seconds to wait before the next try: full jitter.

    Args:
        attempt: How many tries have failed before this one; 0 after the first.

        after: What the provider asked for; the jitter comes on top.

        longest: Where the doubling ends.
    """
    import random  # 1 MB that the idle helper process does not need

    ceiling = min(longest, PAUSE_FIRST * 2.0 ** min(attempt, 10))
    asked = 0.0 if after is None else min(after, RETRY_AFTER_LONGEST)
    return asked + random.uniform(0.0, ceiling)  # noqa: S311  # not cryptography


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Read how many seconds the provider asks to wait; None if it does not say. Names are in lower case."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?", text):
        return float(text)
    if not text:
        return None
    # Rare, and slow to import.
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
        # HTTP's dates are in UTC, whatever our own zone.
        return max(0.0, (date.replace(tzinfo=UTC) if date.tzinfo is None else date).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _holds(body: bytes, field: str | None) -> bool:
    if field is None:
        return False
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and field in document


def _lives(rows: Rows, row: Any) -> bool:
    fields = row  # Still Any where `row` is narrowed to a dict of who knows what.
    if not isinstance(row, dict) or not isinstance(fields.get(rows.id_field), str):
        return False
    return str(fields.get(rows.status_field)).lower() not in rows.over


def _carries(rows: Rows, row: dict[str, Any], mark: str | None) -> bool:
    if mark is None:
        return True
    tags = None if rows.tags_field is None else row.get(rows.tags_field)
    return isinstance(tags, list) and mark in tags
