"""The routes that speak Anchor's wire."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from typing import NoReturn

import attrs
from aiohttp import hdrs, web

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import links
from firecrawl_interact.server.browsers import NoSlotError, ShuttingDownError
from firecrawl_interact.server.dialects import anchor_body, anchor_query
from firecrawl_interact.server.dialects.answer import instant, json_answer
from firecrawl_interact.server.dialects.body import MalformedBodyError, json_body
from firecrawl_interact.server.keys import BROWSERS, KEYRING, RATES, SETTINGS
from firecrawl_interact.server.rates import TooFast
from firecrawl_interact.server.record import Browser, Status
from firecrawl_interact.wire import anchor as wire
from firecrawl_interact.wire._converter import MisfitError

SESSIONS = "/v1/sessions"
KEY_HEADER = "anchor-api-key"
STOP_PATIENCE = 30.0  # Seconds the end of a session waits for the browser to be gone.
CREDITS_PER_MINUTE = 0.01  # Ours; so that receipts have something to read.

Handler = Callable[[web.Request, str], Awaitable[attrs.AttrsInstance]]

_log = logging.getLogger(__name__)

_STATUS = {Status.STOPPED: "completed", Status.FAILED: "failed"}  # Any other is "running".
_BAD_KEY = "Invalid API Key"
_BAD_KEY_OR_ID = "Invalid API Key or browser session ID"  # One text for both: its words, for DELETE.


class ProblemError(Exception):
    """A refusal in Anchor's words."""

    def __init__(self, status: int, text: str, *, headers: dict[str, str] | None = None) -> None:
        """Hold the status, the text, and further headers."""
        super().__init__(text)
        self.status = status
        self.headers = headers


def problem(status: int, text: str, *, headers: dict[str, str] | None = None) -> web.Response:
    """Word a refusal."""
    reply = wire.ErrorReply(error=wire.ErrorDetail(code=status, message=text))
    return json_answer(wire.DIALECT, reply, status=status, headers=headers)


def routes() -> list[web.RouteDef]:
    """
    List the routes; anything else under ``/v1`` is a 404 in the same words.

    Reserved words stand before ids. Neither ``/v1/sessions/`` nor anything but the word itself is "all".
    """
    one = SESSIONS + "/{session_id}"
    return [
        web.post(SESSIONS, _guarded(_start, kind="create")),
        web.get(SESSIONS, _guarded(_list)),
        web.get(SESSIONS + "/all/status", _guarded(_status_of_all)),
        web.delete(SESSIONS + "/all", _guarded(_end_all)),
        *(
            web.route(hdrs.METH_ANY, f"{SESSIONS}/{word}", _guarded(_no_route))
            for word in ("all", "async", "history", "pending-interventions")
        ),
        web.get(one, _guarded(_get)),
        web.delete(one, _guarded(_end, bad_key=_BAD_KEY_OR_ID)),
        web.get(one + "/tags", _guarded(_tags)),
        web.put(one + "/tags", _guarded(_put_tags)),
        web.delete(one + "/tags", _guarded(_delete_tags)),
        web.route(hdrs.METH_ANY, "/v1/{tail:.*}", _guarded(_no_route)),
    ]


def _guarded(
    handler: Handler, *, kind: str = "call", bad_key: str = _BAD_KEY
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Put key and rate checks before a handler, and Anchor's words around what it raises."""

    async def respond(request: web.Request) -> web.Response:
        try:
            team = _authenticate(request, bad_key)
            _throttle(request, team, kind)
            return json_answer(wire.DIALECT, await handler(request, team))
        except Exception as error:  # noqa: BLE001  # boundary: whatever went wrong, the caller is owed JSON
            return _refusal(error)

    return respond


async def _start(request: web.Request, team: str) -> wire.CreateReply:
    settings = request.app[SETTINGS]
    wish = anchor_body.read_wish(await json_body(request), team=team, minute=settings.anchor_minute)
    if settings.credits is not None and settings.credits < 1:
        raise ProblemError(402, "Insufficient credits to allocate a new browser")
    try:
        browser = await request.app[BROWSERS].create(wish)
    except NoSlotError as error:
        # Not documented; 429 is what the creation rate has, so the text must tell.
        raise ProblemError(429, f"Concurrent browser limit reached ({error.limit}).") from None
    except ShuttingDownError:
        raise ProblemError(503, "The server is shutting down.") from None
    except LocalBrowserError as error:
        raise ProblemError(500, str(error)) from error
    base = links.origin(request)
    view = links.watch_url if wish.read_only else links.control_url
    # A link with a token of its own where Anchor's own holds the caller's key.
    created = wire.Created(
        id=browser.id, cdp_url=links.cdp_url(base, browser), live_view_url=view(base, browser)
    )
    return wire.CreateReply(data=created)


async def _get(request: web.Request, team: str) -> wire.GetReply:
    browser = _find(request, team)
    detail = wire.SessionDetail(
        session_id=browser.id,
        team_id=team,
        duration=int(browser.duration),
        status=_status(browser),
        credits_used=_credits(browser),
        configuration=browser.wish.configuration,
        proxy_bytes=0,
        tokens={},
        steps=0,
        tags=list(browser.tags),
        created_at=instant(browser.started_at),
    )
    return wire.GetReply(data=detail)


async def _list(request: web.Request, team: str) -> wire.ListReply:
    rows = anchor_query.select(request.app[BROWSERS].list(team=team), request.query, _status)
    page = anchor_query.page(rows, request.query)
    sessions = [_row(browser) for browser in page.rows]
    data = wire.ListPage(sessions=sessions, total=page.total, page=page.number, total_pages=page.pages)
    return wire.ListReply(data=data)


async def _status_of_all(request: web.Request, team: str) -> wire.StatusReply:
    # Whether ended sessions appear is not documented: here they do, so that callers must look at the status.
    query = {name: value for name, value in request.query.items() if name not in ("status", "search")}
    rows = anchor_query.select(request.app[BROWSERS].list(team=team), query, _status)
    items = [
        wire.StatusRow(
            session_id=browser.id,
            status=_status(browser),
            tags=list(browser.tags),
            created_at=instant(browser.started_at),
        )
        for browser in rows
    ]
    return wire.StatusReply(data=wire.StatusItems(count=len(items), items=items))


async def _end(request: web.Request, team: str) -> wire.EndReply:
    browser = request.app[BROWSERS].get(request.match_info["session_id"])
    if browser is None or browser.wish.team != team:
        raise ProblemError(401, _BAD_KEY_OR_ID)
    if not browser.alive:
        status = request.app[SETTINGS].anchor_second_end
        if status != 200:  # noqa: PLR2004
            raise ProblemError(status, _BAD_KEY_OR_ID if status == 401 else "Session not found.")  # noqa: PLR2004
        return wire.EndReply(data=wire.Ended(status="success"))
    await _stop(request, browser)
    return wire.EndReply(data=wire.Ended(status="success"))


async def _end_all(request: web.Request, team: str) -> wire.EndReply:
    mine = request.app[BROWSERS].list(team=team, alive=True)
    await asyncio.gather(*(_stop(request, browser) for browser in mine))
    return wire.EndReply(data=wire.Ended(status="success"))


async def _tags(request: web.Request, team: str) -> wire.TagsReply:
    return wire.TagsReply(tags=list(_find(request, team).tags) or None)


async def _put_tags(request: web.Request, team: str) -> wire.TagsChanged:
    browser = _find(request, team)
    asked = wire.DIALECT.structure(await json_body(request), wire.TagsRequest)
    browser.tags = tuple(asked.tags)
    return wire.TagsChanged(success=True, message="Tags updated")


async def _delete_tags(request: web.Request, team: str) -> wire.TagsChanged:
    _find(request, team).tags = ()
    return wire.TagsChanged(success=True, message="Tags deleted")


async def _no_route(request: web.Request, team: str) -> NoReturn:
    del request, team
    raise ProblemError(404, "Not Found")


async def _stop(request: web.Request, browser: Browser) -> None:
    try:
        async with asyncio.timeout(STOP_PATIENCE):
            gone = await request.app[BROWSERS].end(browser)
    except TimeoutError:
        gone = False
    if not gone:
        raise ProblemError(500, "Internal Server Error")


def _find(request: web.Request, team: str) -> Browser:
    browser = request.app[BROWSERS].get(request.match_info["session_id"])
    if browser is None or browser.wish.team != team:
        raise ProblemError(404, "Session not found.")
    return browser


def _authenticate(request: web.Request, bad_key: str) -> str:
    team = request.app[KEYRING].team(request.headers.get(KEY_HEADER, ""))
    if team is None:
        raise ProblemError(401, bad_key)
    return team


def _throttle(request: web.Request, team: str, kind: str) -> None:
    settings = request.app[SETTINGS]
    limit = settings.creates_per_minute if kind == "create" else settings.calls_per_minute
    slow = request.app[RATES].take(team, kind, limit, request.app[BROWSERS].clock())
    if slow is None:
        return
    text = "Session creation rate limit exceeded." if kind == "create" else "Rate limit exceeded."
    raise ProblemError(429, text, headers=_rate_headers(slow) if settings.retry_after else None)


def _rate_headers(slow: TooFast) -> dict[str, str]:
    policy = f'"{slow.limit}-in-1min"'
    return {
        "RateLimit": f"{policy}; r=0; t={slow.wait}",
        "RateLimit-Policy": f"{policy}; q={slow.limit}; w=60",
        hdrs.RETRY_AFTER: str(slow.wait),
    }


def _row(browser: Browser) -> wire.ListRow:
    asked = wire.DIALECT.structure(browser.wish.configuration, wire.CreateRequest)
    session, part = asked.session or wire.SessionPart(), asked.browser or wire.BrowserPart()
    return wire.ListRow(
        id=browser.id,
        status=_status(browser),
        tags=list(browser.tags),
        headless=part.headless is not None and part.headless.active,
        recording=session.recording is None or session.recording.active,
        used_credits="N/A" if browser.alive else _credits(browser),
        proxy_bytes=0,
        proxy_type=None if session.proxy is None else session.proxy.type,
        steps=0,
        duration=int(browser.duration),
        created_at=instant(browser.started_at),
        user_configuration=browser.wish.configuration,
        task_initiated=False,
        task_executions_count=0,
        api_key_name="default",
        browser_ip="127.0.0.1",
        domains=[],
    )


def _status(browser: Browser) -> str:
    return _STATUS.get(browser.status, "running")


def _credits(browser: Browser) -> float:
    return 0.0 if browser.alive else round(math.ceil(browser.duration / 60) * CREDITS_PER_MINUTE, 2)


def _refusal(error: Exception) -> web.Response:
    match error:
        case ProblemError():
            return problem(error.status, str(error), headers=error.headers)
        case anchor_body.BadBodyError():
            return problem(400, str(error))
        case MalformedBodyError() | MisfitError():
            return problem(400, "Invalid request parameters.")
        case anchor_query.BadQueryError():
            return problem(400, "Invalid query parameters.")
        case web.HTTPException():
            return problem(error.status, error.reason)
        case _:
            _log.error("A request failed.", exc_info=error)
            return problem(500, "Internal Server Error")
