"""What stands around every route of Anchor's dialect: the key, the rate, and its words for a refusal."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import attrs
from aiohttp import hdrs, web

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server.browsers import NoSlotError, ShuttingDownError
from firecrawl_interact.server.dialects import anchor_body, anchor_query
from firecrawl_interact.server.dialects.answer import json_answer
from firecrawl_interact.server.dialects.body import MalformedBodyError, json_body
from firecrawl_interact.server.dialects.pace import too_fast
from firecrawl_interact.server.keys import BROWSERS, KEYRING, SETTINGS
from firecrawl_interact.server.rates import TooFast
from firecrawl_interact.server.record import Browser
from firecrawl_interact.wire import anchor as wire
from firecrawl_interact.wire._converter import Dialect, MisfitError

KEY_HEADER = "anchor-api-key"
BAD_KEY = "Invalid API Key"
BAD_KEY_OR_ID = "Invalid API Key or browser session ID"  # One text for both: its words, for DELETE.

T = TypeVar("T")
Handler = Callable[[web.Request, str], Awaitable[attrs.AttrsInstance | web.StreamResponse]]
Wording = Callable[["ProblemError"], web.Response]

_log = logging.getLogger(__name__)


class ProblemError(Exception):
    """A refusal in Anchor's words."""

    def __init__(self, status: int, text: str, *, headers: dict[str, str] | None = None) -> None:
        """Hold the status, the text, and further headers."""
        super().__init__(text)
        self.status = status
        self.headers = headers


def problem(status: int, text: str) -> web.Response:
    """Word a refusal that came before any route of ours."""
    return in_full(ProblemError(status, text))


def in_full(refusal: ProblemError) -> web.Response:
    """Word a refusal as most routes do: the status once more, and a text."""
    reply = wire.ErrorReply(error=wire.ErrorDetail(code=refusal.status, message=str(refusal)))
    return json_answer(wire.DIALECT, reply, status=refusal.status, headers=refusal.headers)


def in_short(refusal: ProblemError) -> web.Response:
    """Word a refusal as the screenshot's route does: the text alone."""
    return web.json_response({"error": str(refusal)}, status=refusal.status, headers=refusal.headers)


def guarded(
    handler: Handler, *, kind: str = "call", bad_key: str = BAD_KEY, wording: Wording = in_full
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Put key and rate checks before a handler, and Anchor's words around what it raises."""

    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            team = _authenticate(request, bad_key)
            _throttle(request, team, kind)
            reply = await handler(request, team)
        except Exception as error:  # noqa: BLE001  # boundary: whatever went wrong, the caller is owed JSON
            return wording(_refusal(error))
        return reply if isinstance(reply, web.StreamResponse) else json_answer(wire.DIALECT, reply)

    return respond


async def read_body(request: web.Request, cls: type[T], dialect: Dialect = wire.DIALECT) -> T:
    """
    Read the body as a wire class.

    Raises:
        MalformedBodyError: It is not JSON.
        MisfitError: It does not fit the class.
    """
    return dialect.structure(await json_body(request), cls)


def find(request: web.Request, team: str, *, missing: str = "Session not found.") -> Browser:
    """
    Find the browser that the path names, running or ended.

    Raises:
        ProblemError: It is not this team's; the text is *missing*.
    """
    browser = request.app[BROWSERS].get(request.match_info["session_id"])
    if browser is None or browser.wish.team != team:
        raise ProblemError(404, missing)
    return browser


def check_credits(request: web.Request) -> None:
    """
    Let those through who can pay for one more browser.

    Raises:
        ProblemError: There are no credits left.
    """
    left = request.app[SETTINGS].credits
    if left is not None and left < 1:
        raise ProblemError(402, "Insufficient credits to allocate a new browser")


async def no_route(request: web.Request, team: str) -> NoReturn:
    """Refuse what is not offered."""
    del request, team
    raise ProblemError(404, "Not Found")


def words_for(error: Exception) -> ProblemError:
    """Say why a browser could not be started."""
    match error:
        case NoSlotError():
            # Not documented; 429 is what the creation rate has, so the text must tell.
            return ProblemError(429, f"Concurrent browser limit reached ({error.limit}).")
        case ShuttingDownError():
            return ProblemError(503, "The server is shutting down.")
        case LocalBrowserError():
            return ProblemError(503, str(error))  # Nothing was made.
        case _:
            _log.error("A browser could not be started.", exc_info=error)
            return ProblemError(500, "Internal Server Error")


def _authenticate(request: web.Request, bad_key: str) -> str:
    team = request.app[KEYRING].team(request.headers.get(KEY_HEADER, ""))
    if team is None:
        raise ProblemError(401, bad_key)
    return team


def _throttle(request: web.Request, team: str, kind: str) -> None:
    slow = too_fast(request, team, kind)
    if slow is None:
        return
    text = "Session creation rate limit exceeded." if kind == "create" else "Rate limit exceeded."
    raise ProblemError(429, text, headers=_rate_headers(slow) if request.app[SETTINGS].retry_after else None)


def _rate_headers(slow: TooFast) -> dict[str, str]:
    policy = f'"{slow.limit}-in-1min"'
    return {
        "RateLimit": f"{policy}; r=0; t={slow.wait}",
        "RateLimit-Policy": f"{policy}; q={slow.limit}; w=60",
        hdrs.RETRY_AFTER: str(slow.wait),
    }


def _refusal(error: Exception) -> ProblemError:
    match error:
        case ProblemError():
            return error
        case anchor_body.BadBodyError():
            return ProblemError(400, str(error))
        case MalformedBodyError() | MisfitError():
            return ProblemError(400, "Invalid request parameters.")
        case anchor_query.BadQueryError():
            return ProblemError(400, "Invalid query parameters.")
        case web.HTTPException():
            return ProblemError(error.status, error.reason)
        case _:
            _log.error("A request failed.", exc_info=error)
            return ProblemError(500, "Internal Server Error")
