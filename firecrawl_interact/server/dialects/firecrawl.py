"""The routes that speak Firecrawl's wire."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import hdrs, web

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import links
from firecrawl_interact.server.browsers import NoSlotError, ProfileInUseError, ShuttingDownError
from firecrawl_interact.server.dialects import zod
from firecrawl_interact.server.dialects.body import MalformedBodyError, json_body
from firecrawl_interact.server.dialects.instants import iso
from firecrawl_interact.server.keys import BROWSERS, KEYRING, RATES, SETTINGS
from firecrawl_interact.server.record import Browser, ProfileUse, Status, Wish
from firecrawl_interact.server.settings import Generation

PREFIXES = ("/v2/interact", "/v2/browser")  # Full aliases: its documents use the first, its SDKs the second.

TTL = (30, 3600)  # Seconds, bounds; 600 when absent.
ACTIVITY_TTL = (10, 3600)  # Seconds, bounds; 300 when absent.
PROFILE_NAME = (1, 128)  # Characters.
STOP_PATIENCE = 30.0  # Seconds a DELETE waits for the browser to be gone.
RATE = 120  # Credits an hour.
PROMPT_RATE = 420  # Credits an hour, for the whole session, once it ran a prompt.
LEAST_CREDITS = 2  # Below this balance nothing is created at all.
LIST_STATUSES = ("active", "destroyed", "error")

Reply = dict[str, Any]
Handler = Callable[[web.Request, str], Awaitable[Reply]]

_log = logging.getLogger(__name__)

_UPGRADE = " For more credits, you can upgrade your plan at https://firecrawl.dev/pricing."


class ProblemError(Exception):
    """A refusal in Firecrawl's words."""

    def __init__(self, status: int, text: str, *, headers: dict[str, str] | None = None, **more: Any) -> None:
        """Hold the status, the text, and further members of the body."""
        super().__init__(text)
        self.status = status
        self.headers = headers
        self.body = {"success": False, **more, "error": text}


def problem(status: int, text: str) -> web.Response:
    """Word a refusal that came before any route of ours."""
    return _refusal(ProblemError(status, text))


def routes() -> list[web.RouteDef]:
    """List the routes, under both prefixes; anything else under ``/v2`` is a 404 in the same words."""
    table = []
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
            return web.json_response(await handler(request, team))
        except Exception as error:  # noqa: BLE001  # boundary: whatever went wrong, the caller is owed JSON
            return _refusal(error)

    return respond


async def valid_body(request: web.Request) -> zod.Fields:
    """Read the body's fields; `check` raises what was wrong with them."""
    return zod.Fields(await json_body(request))


def check(issues: list[zod.Issue]) -> None:
    """Refuse a body that does not fit."""
    if issues:
        text = issues[0]["message"] if issues[0]["code"] == "custom" else "Bad Request"
        raise ProblemError(400, text, code="BAD_REQUEST", details=issues)


def find(request: web.Request, team: str, session_id: str) -> Browser:
    """Find a session of this team, alive or ended."""
    browser = request.app[BROWSERS].get(session_id)
    if browser is None:
        raise ProblemError(404, "Browser session not found.")
    if browser.wish.team != team:
        raise ProblemError(403, "Forbidden.")
    return browser


async def launch(request: web.Request, wish: Wish) -> Browser:
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


async def stop(request: web.Request, browser: Browser) -> Reply:
    """End a session and word the receipt."""
    try:
        async with asyncio.timeout(STOP_PATIENCE):
            gone = await request.app[BROWSERS].end(browser)
    except TimeoutError:
        raise ProblemError(502, "Browser is still stopping. Retry deletion shortly.") from None
    if not gone:
        raise ProblemError(502, "Hangar did not confirm the stop request.")
    reply: Reply = {"success": True}
    generation = request.app[SETTINGS].generation
    if generation is Generation.G1:
        return reply
    first, browser.settled = not browser.settled, True
    reply["status"] = browser.status.value if first else Status.STOPPED.value
    if generation is Generation.G2:
        reply["cleanupQueued"] = True
    if first:
        reply["sessionDurationMs"] = _milliseconds(browser.duration)
    reply["creditsBilled"] = _bill(browser)
    return reply


async def _create(request: web.Request, team: str) -> Reply:
    settings = request.app[SETTINGS]
    if settings.credits is not None and settings.credits < LEAST_CREDITS:
        text = (
            "Insufficient credits to perform this request. For more credits, you can upgrade your plan at"
            " https://firecrawl.dev/pricing or try changing the request limit to a lower value."
        )
        raise ProblemError(402, text)
    fields = await valid_body(request)
    wish = _wish(fields, team, settings.generation)
    check(fields.issues)
    if settings.generation is Generation.G3 and fields.boolean("zeroDataRetention", default=False):
        raise ProblemError(403, "Zero Data Retention is not enabled for your team.")
    browser = await launch(request, wish)
    reply = {"success": True, "id": browser.id, **_link_fields(request, browser)}
    if browser.expires_at is not None:
        reply["expiresAt"] = iso(browser.expires_at)
    if settings.generation is Generation.G2 and fields.boolean("recordSession", default=True):
        reply["playlistUrl"] = f"{links.origin(request)}{PREFIXES[0]}/{browser.id}/replay/0"
    return reply


async def _list(request: web.Request, team: str) -> Reply:
    status = request.query.get("status")
    if status is not None and status not in LIST_STATUSES:
        check([zod.invalid_choice(LIST_STATUSES)])
    rows = [_row(request, browser) for browser in request.app[BROWSERS].list(team=team)]
    return {"success": True, "sessions": [row for row in rows if status in (None, row["status"])]}


async def _status(request: web.Request, team: str) -> Reply:
    if request.app[SETTINGS].generation is Generation.G1:
        return await _no_route(request, team)
    browser = find(request, team, request.match_info["session_id"])
    reply = {
        "success": True,
        "id": browser.id,
        "status": browser.status.value,
        **_link_fields(request, browser),
    }
    if not browser.alive:
        reply |= {"sessionDurationMs": _milliseconds(browser.duration), "creditsBilled": _bill(browser)}
    return reply


async def _delete(request: web.Request, team: str) -> Reply:
    return await stop(request, find(request, team, request.match_info["session_id"]))


async def _delete_profile(request: web.Request, team: str) -> Reply:
    name = request.match_info["name"]
    if not PROFILE_NAME[0] <= len(name) <= PROFILE_NAME[1]:
        raise ProblemError(400, "Profile name must be between 1 and 128 characters.")
    if request.app[BROWSERS].saver(team, name) is not None:
        text = "A session is currently saving to this profile. Stop that session, then delete the profile."
        raise ProblemError(409, text)
    return {"success": True}


async def _no_route(request: web.Request, team: str) -> Reply:
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


def _check_balance(request: web.Request, wish: Wish, generation: Generation) -> None:
    balance = request.app[SETTINGS].credits
    needed = _credits(wish.ttl or 0, RATE)
    if balance is not None and balance < needed:
        text = f"Insufficient credits for a {wish.ttl:g}s browser session (requires ~{needed} credits)."
        raise ProblemError(402, text + (_UPGRADE if generation is Generation.G1 else ""))


def _wish(fields: zod.Fields, team: str, generation: Generation) -> Wish:
    fractions = generation is Generation.G1
    ttl = fields.integer("ttl", 600, least=TTL[0], most=TTL[1], fractions=fractions)
    least, most = ACTIVITY_TTL
    activity_ttl = fields.integer("activityTtl", 300, least=least, most=most, fractions=fractions)
    live_view = fields.boolean("streamWebView", default=True)
    fields.boolean("recordSession", default=True)
    profile = fields.group("profile")
    use = None
    if profile is not None:
        name = profile.text("name", least=PROFILE_NAME[0], most=PROFILE_NAME[1])
        use = ProfileUse(name=name, saves=profile.boolean("saveChanges", default=True), alone=True)
    if generation is Generation.G3:
        fields.boolean("blockAds", default=True)
        location = fields.group("location")
        if location is not None:
            location.text("country", "US")
        fields.boolean("zeroDataRetention", default=False)
    return Wish(team=team, ttl=ttl, activity_ttl=activity_ttl, live_view=live_view, profile=use)


def _link_fields(request: web.Request, browser: Browser) -> Reply:
    base = links.origin(request)
    live_view = browser.wish.live_view
    return {
        "cdpUrl": links.cdp_url(base, browser),
        "liveViewUrl": links.watch_url(base, browser) if live_view else "",
        "interactiveLiveViewUrl": links.control_url(base, browser) if live_view else "",
    }


def _row(request: web.Request, browser: Browser) -> Reply:
    return {
        "id": browser.id,
        "status": _list_status(browser),
        **_link_fields(request, browser),
        "streamWebView": browser.wish.live_view,
        "createdAt": iso(browser.started_at),
        "lastActivity": iso(browser.last_activity),
    }


def _list_status(browser: Browser) -> str:
    if browser.alive:
        return "active"
    return "error" if browser.status is Status.FAILED else "destroyed"


def _bill(browser: Browser) -> int:
    return _credits(browser.duration, PROMPT_RATE if browser.prompted else RATE)


def _credits(seconds: float, rate: int) -> int:
    """Round up to whole credits, and to one minute at least."""
    return max(math.ceil(rate / 60), math.ceil(_milliseconds(seconds) * rate / 3_600_000))


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _refusal(error: Exception) -> web.Response:
    match error:
        case ProblemError():
            return web.json_response(error.body, status=error.status, headers=error.headers)
        case MalformedBodyError():
            return _refusal(ProblemError(400, "Bad request, malformed JSON", code="BAD_REQUEST_INVALID_JSON"))
        case web.HTTPException():
            return problem(error.status, error.reason)
        case _:
            _log.error("A request failed.", exc_info=error)
            return _refusal(ProblemError(500, "An unexpected error occurred.", code="UNKNOWN_ERROR"))
