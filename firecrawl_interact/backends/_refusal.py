"""What a provider's no means."""

from __future__ import annotations

import json
import re
from typing import Any, cast
from urllib.parse import urlsplit

import attrs

from firecrawl_interact.errors import (
    AuthenticationError,
    BackendError,
    ConcurrencyLimitError,
    PaymentRequiredError,
    PermissionDeniedError,
    ProfileBusyError,
    RateLimitError,
    ServerError,
    SessionGoneError,
    SessionNotFoundError,
)
from firecrawl_interact.models import Answer
from firecrawl_interact.transport.redact import redact
from firecrawl_interact.transport.retry import retry_after

_LONGEST_WAIT = 1e9  # Seconds; more is no span of time.
_LONGEST_TEXT = 300  # Characters of the provider's words that are kept.
_MOST_DETAILS = 3  # Complaints about fields that are kept.
# Headers that name a request; the first present counts.
_REQUEST_IDS = ("x-request-id", "request-id", "x-amzn-requestid", "x-amz-cf-id", "cf-ray")

_ERRORS: dict[int, type[BackendError]] = {
    401: AuthenticationError,
    402: PaymentRequiredError,
    403: PermissionDeniedError,
    404: SessionNotFoundError,
    409: ProfileBusyError,
    410: SessionGoneError,
}
_LIMIT = "ratelimit"  # In the names of headers: "ratelimit-policy", "x-ratelimit-limit" and the like.
_MOVED = frozenset({301, 302, 303, 307, 308})
_CONFLICT = 409
_TOO_MANY = 429
_SERVER_ERRORS = 500  # And all above.

# The two kinds of 429 share a status. Firecrawl's own words have changed, so match what stayed.
_TOO_MANY_SESSIONS = re.compile(
    r"maximum number of|concurren|browser limit|too many (?:active )?(?:sessions|browsers)"
)
_WAIT = re.compile(r"retry after (\d{1,6}) ?s")
# Conflicts that are not about a profile: a scrape whose context is lost, a session without retention,
# a batch that is over.
_OTHER_CONFLICT = re.compile(r"replay context|scrape context|zdr|idempotency|batch")


@attrs.frozen(kw_only=True)
class Words:
    """
    What a provider said.

    Attributes:
        text: For people; raw and perhaps secret. ``""`` if it said nothing.

        code: Its own code, or None.

        wait: Seconds it asks to wait, in the body.

        own: True if the answer is the JSON of an application, and no gateway's page.
    """

    text: str
    code: str | None = None
    wait: float | None = None
    own: bool = False


def read_words(answer: Answer) -> Words:
    """Read an error body, whichever of the shapes seen so far it has."""
    try:
        parsed: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        raw = answer.body[: 4 * _LONGEST_TEXT].decode(errors="replace")
        return Words(text=" ".join(raw.split()))
    if isinstance(parsed, str):
        return Words(text=parsed)
    holder = document = _object(parsed)
    while nested := _object(holder.get("error")):  # Some of Anchor's routes nest it twice.
        holder = nested
    order = ("error", "message") if holder is document else ("message", "error")
    text = next((found for key in order if isinstance(found := holder.get(key), str)), "")
    code = holder.get("code", document.get("code"))
    wait: Any = document.get("retry_after_seconds")
    return Words(
        text=text + _details(document.get("details")),
        code=str(code) if isinstance(code, str | int) else None,
        wait=float(wait) if type(wait) in {int, float} and 0 <= wait < _LONGEST_WAIT else None,
        own=bool(text),
    )


def refusal(
    answer: Answer, *, backend: str, session_id: str | None, secrets: tuple[str | None, ...]
) -> BackendError:
    """Turn an answer other than 2xx into the error it means."""
    words = read_words(answer)
    wait = retry_after(answer.headers)
    spoken = words.text.lower()
    if wait is None:
        wait = words.wait
    if wait is None and (found := _WAIT.search(spoken)):
        wait = float(found[1])
    text = redact(words.text, *secrets)[:_LONGEST_TEXT]
    said = f"{backend} answered {answer.status}" + (f": {text}" if text else ".")
    if answer.status in _MOVED:
        said += f" It points to {_place(answer)}, which is not followed: check base_url."
    return _error_class(answer.status, spoken)(
        said,
        backend=backend,
        status=answer.status,
        code=words.code,
        text=text,
        request_id=next((answer.headers[name] for name in _REQUEST_IDS if name in answer.headers), None),
        retry_after=wait,
        limits={name: value for name, value in answer.headers.items() if _LIMIT in name},
        session_id=session_id,
    )


def _error_class(status: int, spoken: str) -> type[BackendError]:
    if status == _TOO_MANY:
        return ConcurrencyLimitError if _TOO_MANY_SESSIONS.search(spoken) else RateLimitError
    if status == _CONFLICT and _OTHER_CONFLICT.search(spoken):
        return BackendError
    return ServerError if status >= _SERVER_ERRORS else _ERRORS.get(status, BackendError)


def _place(answer: Answer) -> str:
    """Say where a redirect leads, by its origin: the rest may be a secret."""
    try:
        parts = urlsplit(answer.headers.get("location", ""))
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return "elsewhere"
    return f"{parts.scheme}://{parts.hostname}{port}" if parts.hostname else "elsewhere"


def _details(details: object) -> str:
    """Say which fields a validation disliked; "Bad Request" alone helps nobody."""
    lines: list[str] = []
    for issue in map(_object, _array(details)[:_MOST_DETAILS]):
        message = issue.get("message")
        where = ".".join(map(str, _array(issue.get("path"))))
        if isinstance(message, str):
            lines.append(f"{where}: {message}" if where else message)
    return f" ({'; '.join(lines)})" if lines else ""


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _array(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
