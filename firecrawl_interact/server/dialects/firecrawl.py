"""The routes that speak Firecrawl's wire."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NoReturn

import attrs
from aiohttp import hdrs, web

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import links
from firecrawl_interact.server.browsers import NoSlotError, ProfileInUseError, ShuttingDownError
from firecrawl_interact.server.dialects import zod
from firecrawl_interact.server.dialects.answer import instant, json_answer
from firecrawl_interact.server.dialects.body import MalformedBodyError, json_body
from firecrawl_interact.server.dialects.firecrawl_bill import bill, credits_for, milliseconds
from firecrawl_interact.server.keys import BROWSERS, KEYRING, RATES, SETTINGS
from firecrawl_interact.server.record import Browser, ProfileUse, Status, Wish
from firecrawl_interact.server.settings import Generation
from firecrawl_interact.wire import firecrawl as wire
from firecrawl_interact.wire._converter import MisfitError

PREFIXES = ("/v2/interact", "/v2/browser")  # Full aliases: its documents use the first, its SDKs the second.

STOP_PATIENCE = 30.0  # Seconds a DELETE waits for the browser to be gone.
LEAST_CREDITS = 2  # Below this balance nothing is created at all.
LIST_STATUSES = ("active", "destroyed", "error")
NEWER_FIELDS = frozenset({"blockAds", "location", "zeroDataRetention"})  # Unknown to G1 and G2.
TIMES = ("ttl", "activityTtl")
LONGEST_PROFILE_NAME = 128  # Characters.

Handler = Callable[[web.Request, str], Awaitable[attrs.AttrsInstance]]

_log = logging.getLogger(__name__)

_UPGRADE = " For more credits, you can upgrade your plan at https://firecrawl.dev/pricing."


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


def routes() -> list[web.RouteDef]:
    """List the routes, under both prefixes; anything else under ``/v2`` is a 404 in the same words."""
    table: list[web.RouteDef] = []
    for prefix in PREFIXES:
        table += [
            web.post(prefix, guarded(_create, kind="create")),
            web.get(prefix, guarded(_list)),
            web.delete(prefix + "/profiles/{name}", guarded(_delete_profile)),
            web.get(prefix + "/{session_id}", guarded(_status)),
            web.delete(prefix + "/{session_id}", guarded(_delete)),
        ]
    return [*table, web.route(hdrs.METH_ANY, "/v2/{tail:.*}", guarded(_no_route))]


def guarded(handler: Handler, *, kind: str = "call") -> Callable[[web.Request], Awaitable[web.Response]]:
    """Put key and rate checks before a handler, and Firecrawl's words around what it raises."""

    async def respond(request: web.Request) -> web.Response:
        try:
            team = _authenticate(request)
            _throttle(request, team, kind)
            return json_answer(wire.DIALECT, await handler(request, team))
        except Exception as error:  # noqa: BLE001  # boundary: whatever went wrong, the caller is owed JSON
            return _refusal(error)

    return respond


def find(request: web.Request, team: str, session_id: str) -> Browser:
    """Find a session of this team, alive or ended."""
    browser = request.app[BROWSERS].get(session_id)
    if browser is None:
        raise ProblemError(404, "Browser session not found.")
    if browser.wish.team != team:
        raise ProblemError(403, "Forbidden.")
    return browser


async def _create(request: web.Request, team: str) -> wire.CreateReply:
    settings = request.app[SETTINGS]
    if settings.credits is not None and settings.credits < LEAST_CREDITS:
        text = (
            "Insufficient credits to perform this request. For more credits, you can upgrade your plan at"
            " https://firecrawl.dev/pricing or try changing the request limit to a lower value."
        )
        raise ProblemError(402, text)
    asked = await _create_request(request, settings.generation)
    if asked.zero_data_retention:
        raise ProblemError(403, "Zero Data Retention is not enabled for your team.")
    browser = await _launch(request, _wish(asked, team))
    expires_at = browser.expires_at
    playlist = settings.generation is Generation.G2 and asked.record_session is not False
    return wire.CreateReply(
        success=True,
        id=browser.id,
        **_link_fields(request, browser),
        expires_at=None if expires_at is None else instant(expires_at),
        playlist_url=f"{links.origin(request)}{PREFIXES[0]}/{browser.id}/replay/0" if playlist else None,
    )


async def _list(request: web.Request, team: str) -> wire.ListReply:
    status = request.query.get("status")
    if status is not None and status not in LIST_STATUSES:
        raise _bad_request([zod.invalid_choice(LIST_STATUSES)])
    rows = [_row(request, browser) for browser in request.app[BROWSERS].list(team=team)]
    return wire.ListReply(success=True, sessions=[row for row in rows if status in (None, row.status)])


async def _status(request: web.Request, team: str) -> wire.GetReply:
    if request.app[SETTINGS].generation is Generation.G1:
        raise ProblemError(404, "Not Found")
    browser = find(request, team, request.match_info["session_id"])
    return wire.GetReply(
        success=True,
        id=browser.id,
        status=browser.status.value,
        **_link_fields(request, browser),
        session_duration_ms=None if browser.alive else milliseconds(browser.duration),
        credits_billed=None if browser.alive else bill(browser),
    )


async def _delete(request: web.Request, team: str) -> wire.DeleteReply:
    return await _stop(request, find(request, team, request.match_info["session_id"]))


async def _delete_profile(request: web.Request, team: str) -> wire.DeleteReply:
    name = request.match_info["name"]
    if len(name) > LONGEST_PROFILE_NAME:
        raise ProblemError(400, "Profile name must be between 1 and 128 characters.")
    if request.app[BROWSERS].saver(team, name) is not None:
        text = "A session is currently saving to this profile. Stop that session, then delete the profile."
        raise ProblemError(409, text)
    return wire.DeleteReply(success=True)


async def _no_route(request: web.Request, team: str) -> NoReturn:
    del request, team
    raise ProblemError(404, "Not Found")


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
    settings = request.app[SETTINGS]
    limit = settings.creates_per_minute if kind == "create" else settings.calls_per_minute
    slow = request.app[RATES].take(team, kind, limit, request.app[BROWSERS].clock())
    if slow is None:
        return
    resets = datetime.fromtimestamp(slow.resets_at, UTC).strftime("%a %b %d %Y %H:%M:%S")
    text = (
        f"Rate limit exceeded. Consumed (req/min): {slow.consumed}, Remaining (req/min): 0. Upgrade your plan"
        " at https://firecrawl.dev/pricing for increased rate limits or please retry after"
        f" {slow.wait}s, resets at {resets} GMT+0000 (Coordinated Universal Time)"
    )
    raise ProblemError(
        429, text, headers={hdrs.RETRY_AFTER: str(slow.wait)} if settings.retry_after else None
    )


async def _launch(request: web.Request, wish: Wish) -> Browser:
    """Start a browser, or refuse as Firecrawl does."""
    generation = request.app[SETTINGS].generation
    _check_balance(request, wish, generation)
    try:
        return await request.app[BROWSERS].create(wish)
    except ProfileInUseError:
        text = "Browser operation conflicts with the current session or profile state."
        if generation is Generation.G1:
            text = (
                "Another session is currently writing to this profile. Only one writer is allowed at a time."
                " You can still access it with saveChanges: false, or try again later."
            )
        raise ProblemError(409, text) from None
    except NoSlotError as error:
        text = f"You have reached the maximum number of concurrent jobs ({error.limit})."
        if generation is Generation.G1:
            text += (
                " Please wait for existing jobs to complete or destroy browser sessions"
                " before creating new ones."
            )
        raise ProblemError(429, text) from None
    except ShuttingDownError:
        raise ProblemError(503, "The server is shutting down.") from None
    except LocalBrowserError as error:
        # Not Firecrawl's 502: its SDKs send a create again on that. 503 says that nothing was made.
        raise ProblemError(503, str(error), code="LOCAL_BROWSER") from error


async def _stop(request: web.Request, browser: Browser) -> wire.DeleteReply:
    """End a session and word the receipt."""
    try:
        async with asyncio.timeout(STOP_PATIENCE):
            gone = await request.app[BROWSERS].end(browser)
    except TimeoutError:
        raise ProblemError(502, "Browser is still stopping. Retry deletion shortly.") from None
    if not gone:
        raise ProblemError(502, "Hangar did not confirm the stop request.")
    generation = request.app[SETTINGS].generation
    if generation is Generation.G1:
        return wire.DeleteReply(success=True)
    first, browser.settled = not browser.settled, True
    return wire.DeleteReply(
        success=True,
        status=(browser.status if first else Status.STOPPED).value,
        cleanup_queued=True if generation is Generation.G2 else None,
        session_duration_ms=milliseconds(browser.duration) if first else None,
        credits_billed=bill(browser),
    )


def _check_balance(request: web.Request, wish: Wish, generation: Generation) -> None:
    balance = request.app[SETTINGS].credits
    needed = credits_for(wish.ttl or 0)
    if balance is not None and balance < needed:
        text = f"Insufficient credits for a {wish.ttl:g}s browser session (requires ~{needed} credits)."
        raise ProblemError(402, text + (_UPGRADE if generation is Generation.G1 else ""))


async def _create_request(request: web.Request, generation: Generation) -> wire.CreateRequest:
    body = await json_body(request)
    nulls: list[zod.Complaint] = []
    if isinstance(body, dict):
        body = _as_understood(body, generation)
        nulls = zod.nulls(body, wire.CreateRequest)
    try:
        asked = wire.DIALECT.structure(body, wire.CreateRequest)
    except MisfitError as misfit:
        raise _bad_request(zod.complaints(misfit)) from None
    if nulls:
        raise _bad_request(nulls)
    return asked


def _as_understood(body: dict[str, Any], generation: Generation) -> dict[str, Any]:
    """Drop what an older server does not know, and read the fractions that G1 took."""
    if generation < Generation.G3:
        body = {name: value for name, value in body.items() if name not in NEWER_FIELDS}
    if generation is Generation.G1:
        # Nobody can tell them from the next whole second.
        body |= {name: math.ceil(body[name]) for name in TIMES if _is_fraction(body.get(name))}
    return body


def _is_fraction(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _bad_request(details: list[zod.Complaint]) -> ProblemError:
    return ProblemError(400, "Bad Request", code="BAD_REQUEST", details=details)


def _wish(asked: wire.CreateRequest, team: str) -> Wish:
    profile = asked.profile
    return Wish(
        team=team,
        ttl=asked.ttl,
        activity_ttl=asked.activity_ttl,
        live_view=asked.stream_web_view is not False,
        profile=None
        if profile is None
        else ProfileUse(name=profile.name, saves=profile.save_changes, alone=True),
    )


def _link_fields(request: web.Request, browser: Browser) -> dict[str, str]:
    base = links.origin(request)
    live_view = browser.wish.live_view
    return {
        "cdp_url": links.cdp_url(base, browser),
        "live_view_url": links.watch_url(base, browser) if live_view else "",
        "interactive_live_view_url": links.control_url(base, browser) if live_view else "",
    }


def _row(request: web.Request, browser: Browser) -> wire.SessionRow:
    return wire.SessionRow(
        id=browser.id,
        status=_list_status(browser),
        **_link_fields(request, browser),
        stream_web_view=browser.wish.live_view,
        created_at=instant(browser.started_at),
        last_activity=instant(browser.last_activity),
    )


def _list_status(browser: Browser) -> str:
    if browser.alive:
        return "active"
    return "error" if browser.status is Status.FAILED else "destroyed"


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
