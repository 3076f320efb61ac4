"""What Anchor's answers mean in our words."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import quote, urlsplit

from firecrawl_interact.models import Answer, CloseReceipt, Rows, RunResult
from firecrawl_interact.wire import anchor as wire
from firecrawl_interact.wire import anchor_start as start
from firecrawl_interact.wire import anchor_tools as tools

# Status words are free text. Those known or plausible for an ended session; any other counts as alive.
OVER = frozenset({"cancelled", "completed", "ended", "failed", "terminated", "timeout"})
ROWS = Rows(("data", "items"), id_field="session_id", status_field="status", over=OVER, tags_field="tags")

_ARRIVED = frozenset({"completed", "ready"})  # What a start says once its session is there.
_CAME_TO_NOTHING = frozenset({"cancelled", "failed"})
_OUR_HOST = "api."  # Of the service's API host; its CDP host has the other in this one's place.
_CDP_HOST = "connect."
_OK = 200


def alive(status: str) -> bool:
    """Tell what a status word means."""
    return status.lower() not in OVER


def texts(tags: object) -> tuple[str, ...]:
    """Read tags; an older copy of the specification makes them an object."""
    if not isinstance(tags, list):
        return ()
    return tuple(tag for tag in cast("list[object]", tags) if isinstance(tag, str))


def number(value: object) -> float | None:
    """Read credits: a number, or a decimal text; None for ``"N/A"`` and all else."""
    try:
        found = float(value) if isinstance(value, str) else value
        if type(found) not in {int, float} or not math.isfinite(cast("float", found)):
            return None
    except (ValueError, OverflowError):
        return None
    return cast("float", found) if cast("float", found) >= 0 else None


def duration(seconds: object) -> timedelta | None:
    """Read a span of seconds; None where there is none."""
    found = number(seconds)
    try:
        return None if found is None else timedelta(seconds=found)
    except OverflowError:
        return None


def receipt(answer: Answer) -> CloseReceipt:
    """Read what an ended session has cost; what is not said, or not final yet, stays None."""
    unknown = CloseReceipt(confirmed=True)
    if answer.status != _OK:
        return unknown
    try:
        data = json.loads(answer.body)["data"]
        status = data["status"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return unknown
    if not isinstance(status, str) or alive(status):
        return unknown  # The numbers lag behind the end.
    return CloseReceipt(
        confirmed=True,
        duration=duration(data.get("duration")),
        credits_billed=number(data.get("credits_used")),
    )


def request_to_ask(answer: Answer) -> str | None:
    """Return the id of an asynchronous start whose session is still to come; None for anything else."""
    try:
        data = json.loads(answer.body)["data"]
        request_id, status = data["request_id"], data["status"].lower()
        session: Any = data.get("session")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    if not isinstance(request_id, str) or status in _CAME_TO_NOTHING:
        return None
    there = status in _ARRIVED and isinstance(session, dict) and bool(cast("Any", session).get("cdp_url"))
    return None if there else request_id


def failure(status: start.StartStatus) -> str | None:
    """Say why an asynchronous start came to nothing; None where it did not."""
    if status.status.lower() not in _CAME_TO_NOTHING:
        return None
    reason = None if status.session is None else status.session.error
    return f"The start has {status.status.lower()}" + (f": {reason}" if reason else ".")


def cdp_url(origin: str, home: str, key: str | None, session_id: str) -> str:
    """
    Build the address of a session's browser, which a look at the session does not repeat.

    The service has a host of its own for it; any other server answers at its API's address.
    A secret: it holds key and id.
    """
    parts = urlsplit(origin)
    scheme = "wss" if parts.scheme == "https" else "ws"
    host = parts.netloc
    slash = "/"
    if origin == home:
        host, slash = host.replace(_OUR_HOST, _CDP_HOST, 1), ""
    query = f"sessionId={quote(session_id, safe='')}"
    if key is not None:
        query = f"apiKey={quote(key, safe='')}&{query}"
    return f"{scheme}://{host}{slash}?{query}"


def expiry(found: wire.SessionDetail) -> datetime | None:
    """Reckon when a session ends by itself, from what it was started with; None where that is not told."""
    minutes = _configured(found, "session", "timeout", "max_duration")
    if found.created_at is None or type(minutes) is not int or minutes < 1:
        return None
    try:
        return found.created_at + timedelta(minutes=minutes)
    except OverflowError:
        return None


def needs_token(found: wire.SessionDetail) -> bool:
    """Tell whether the id alone no longer opens the session."""
    return _configured(found, "session", "scoped_access", "active") is True


def ran(reply: tools.ExecuteReply) -> RunResult:
    """Say what came of code."""
    error = None if reply.success else reply.error or reply.message or "The code failed."
    return RunResult(result=reply.output, error=error)


def prompted(reply: tools.TaskReply) -> RunResult:
    """Say what came of a prompt. The form of an outcome is documented as an object, no more."""
    data = reply.data
    if data.error is not None or (data.status or "").upper() == tools.WORKFLOW_FAILED:
        return RunResult(error=data.error or "The task failed.")
    if data.result is None:
        return RunResult(error="The agent has left no result.")
    return RunResult(output=data.result if isinstance(data.result, str) else json.dumps(data.result))


def _configured(found: wire.SessionDetail, *path: str) -> object:
    value: object = found.configuration
    for key in path:
        value = cast("Mapping[str, object]", value).get(key) if isinstance(value, dict) else None
    return value
