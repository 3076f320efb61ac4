"""What stands around every route of Firecrawl's: key and rate before, its words for refusals after."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import attrs
from aiohttp import hdrs, web

from firecrawl_interact.server.dialects import zod
from firecrawl_interact.server.dialects.answer import json_answer
from firecrawl_interact.server.dialects.body import MalformedBodyError
from firecrawl_interact.server.dialects.pace import too_fast
from firecrawl_interact.server.keys import KEYRING, SETTINGS
from firecrawl_interact.wire import firecrawl as wire

PREFIXES = ("/v2/interact", "/v2/browser")  # Full aliases: its documents use the first, its SDKs the second.

Handler = Callable[[web.Request, str], Awaitable[attrs.AttrsInstance | web.StreamResponse]]

_log = logging.getLogger(__name__)


class ProblemError(Exception):
    """A refusal in Firecrawl's words."""

    def __init__(
        self,
        status: int,
        text: str,
        *,
        code: str | None = None,
        details: list[zod.Complaint] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Hold the status, the members of the body, and further headers."""
        super().__init__(text)
        self.status = status
        self.body: wire.ErrorReply = wire.ErrorReply(error=text, code=code, details=details)
        self.headers = headers


def problem(status: int, text: str) -> web.Response:
    """Word a refusal that came before any route of ours."""
    return _refusal(ProblemError(status, text))


def bad_request(details: list[zod.Complaint]) -> ProblemError:
    """Word what zod says of a body that does not fit."""
    first = details[0]  # Where it is one of Firecrawl's own rules, that is all it says.
    text = str(first["message"]) if first["code"] == "custom" else "Bad Request"
    return ProblemError(400, text, code="BAD_REQUEST", details=details)


def guarded(
    handler: Handler, *, kind: str = "call"
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Put key and rate checks before a handler, and Firecrawl's words around what it raises."""

    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            team = _authenticate(request)
            _throttle(request, team, kind)
            reply = await handler(request, team)
        except Exception as error:  # noqa: BLE001  # boundary: whatever went wrong, the caller is owed JSON
            return _refusal(error)
        return reply if isinstance(reply, web.StreamResponse) else json_answer(wire.DIALECT, reply)

    return respond


def _authenticate(request: web.Request) -> str:
    keyring = request.app[KEYRING]
    words = request.headers.get(hdrs.AUTHORIZATION, "").split(" ")
    shown = words[1] if len(words) > 1 else ""  # As theirs: the scheme's word is not looked at.
    if not keyring.open and hdrs.AUTHORIZATION not in request.headers:
        raise ProblemError(401, "Unauthorized")
    if not keyring.open and not shown:
        raise ProblemError(401, "Unauthorized: Token missing")
    team = keyring.team(shown)
    if team is None:
        raise ProblemError(401, "Unauthorized: Invalid token")
    return team


def _throttle(request: web.Request, team: str, kind: str) -> None:
    slow = too_fast(request, team, kind)
    if slow is None:
        return
    resets = datetime.fromtimestamp(slow.resets_at, UTC).strftime("%a %b %d %Y %H:%M:%S")
    text = (
        f"Rate limit exceeded. Consumed (req/min): {slow.consumed}, Remaining (req/min): 0. Upgrade your plan"
        " at https://firecrawl.dev/pricing for increased rate limits or please retry after"
        f" {slow.wait}s, resets at {resets} GMT+0000 (Coordinated Universal Time)"
    )
    raise ProblemError(
        429, text, headers={hdrs.RETRY_AFTER: str(slow.wait)} if request.app[SETTINGS].retry_after else None
    )


def _refusal(error: Exception) -> web.Response:
    match error:
        case ProblemError():
            return json_answer(wire.DIALECT, error.body, status=error.status, headers=error.headers)
        case MalformedBodyError():
            return _refusal(ProblemError(400, "Bad request, malformed JSON", code="BAD_REQUEST_INVALID_JSON"))
        case web.HTTPException():
            return problem(error.status, error.reason)
        case _:
            _log.error("A request failed.", exc_info=error)
            return _refusal(ProblemError(500, "An unexpected error occurred.", code="UNKNOWN_ERROR"))
