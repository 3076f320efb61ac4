"""The routes of Firecrawl's standalone sessions."""

from __future__ import annotations

import math
from typing import Any, NoReturn

from aiohttp import hdrs, web

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import links
from firecrawl_interact.server.dialects import zod
from firecrawl_interact.server.dialects.answer import instant
from firecrawl_interact.server.dialects.firecrawl_bill import bill, milliseconds
from firecrawl_interact.server.dialects.firecrawl_body import read_body
from firecrawl_interact.server.dialects.firecrawl_guard import PREFIXES, ProblemError, bad_request, guarded
from firecrawl_interact.server.dialects.firecrawl_life import find, launch, link_fields, stop
from firecrawl_interact.server.keys import BROWSERS, SETTINGS
from firecrawl_interact.server.profiles import ProfileInUseError
from firecrawl_interact.server.record import Browser, ProfileUse, Status, Wish
from firecrawl_interact.server.settings import Generation
from firecrawl_interact.wire import firecrawl as wire
from firecrawl_interact.wire.firecrawl_replays import DeleteProfileReply

LEAST_CREDITS = 2  # Below this balance nothing is created at all.
LIST_STATUSES = ("active", "destroyed", "error")
NEWER_FIELDS = frozenset({"blockAds", "location", "zeroDataRetention"})  # Unknown to G1 and G2.
TIMES = ("ttl", "activityTtl")
LONGEST_PROFILE_NAME = 128  # Characters.


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
    rest = "/v2/{tail:(?s:.*)}"  # A line's end is part of it.
    return [*table, web.route(hdrs.METH_ANY, rest, guarded(_no_route))]


async def _create(request: web.Request, team: str) -> wire.CreateReply:
    settings = request.app[SETTINGS]
    if settings.credits is not None and settings.credits < LEAST_CREDITS:
        text = (
            "Insufficient credits to perform this request. For more credits, you can upgrade your plan at"
            " https://firecrawl.dev/pricing or try changing the request limit to a lower value."
        )
        raise ProblemError(402, text)
    asked = await read_body(
        request, wire.CreateRequest, understood=lambda body: _as_understood(body, settings.generation)
    )
    if asked.zero_data_retention:
        raise ProblemError(403, "Zero Data Retention is not enabled for your team.")
    browser = await launch(request, _wish(asked, team))
    expires_at = browser.expires_at
    playlist = settings.generation is Generation.G2 and asked.record_session is not False
    return wire.CreateReply(
        success=True,
        id=browser.id,
        **link_fields(request, browser),
        expires_at=None if expires_at is None else instant(expires_at),
        playlist_url=f"{links.origin(request)}{PREFIXES[0]}/{browser.id}/replay/0" if playlist else None,
    )


async def _list(request: web.Request, team: str) -> wire.ListReply:
    status = request.query.get("status")
    if status is not None and status not in LIST_STATUSES:
        raise bad_request([zod.invalid_choice(LIST_STATUSES)])
    # Of the many that have ended, no row is made that is not asked for.
    found = request.app[BROWSERS].list(team=team, alive=None if status is None else status == "active")
    rows = [_row(request, browser) for browser in found if status in (None, _list_status(browser))]
    return wire.ListReply(success=True, sessions=rows)


async def _status(request: web.Request, team: str) -> wire.GetReply:
    if request.app[SETTINGS].generation is Generation.G1:
        raise ProblemError(404, "Not Found")
    browser = find(request, team, request.match_info["session_id"])
    return wire.GetReply(
        success=True,
        id=browser.id,
        status=browser.status.value,
        **link_fields(request, browser),
        session_duration_ms=None if browser.alive else milliseconds(browser.duration),
        credits_billed=None if browser.alive else bill(browser),
    )


async def _delete(request: web.Request, team: str) -> wire.DeleteReply:
    return await stop(request, find(request, team, request.match_info["session_id"]))


async def _delete_profile(request: web.Request, team: str) -> DeleteProfileReply:
    name = request.match_info["name"]
    if len(name) > LONGEST_PROFILE_NAME:
        raise ProblemError(400, "Profile name must be between 1 and 128 characters.")
    try:
        await request.app[BROWSERS].delete_profile(team, name)
    except ProfileInUseError:
        text = "A session is currently saving to this profile. Stop that session, then delete the profile."
        raise ProblemError(409, text) from None
    except (OSError, LocalBrowserError):
        raise ProblemError(502, "Failed to delete profile.") from None
    return DeleteProfileReply(success=True)


async def _no_route(request: web.Request, team: str) -> NoReturn:
    del request, team
    raise ProblemError(404, "Not Found")


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


def _wish(asked: wire.CreateRequest, team: str) -> Wish:
    profile = asked.profile
    return Wish(
        team=team,
        ttl=asked.ttl,
        activity_ttl=asked.activity_ttl,
        live_view=asked.stream_web_view is not False,
        record=asked.record_session is True,  # Theirs records unless told not to; here pictures cost a disk.
        profile=None
        if profile is None
        else ProfileUse(name=profile.name, saves=profile.save_changes, alone=True),
    )


def _row(request: web.Request, browser: Browser) -> wire.SessionRow:
    return wire.SessionRow(
        id=browser.id,
        status=_list_status(browser),
        **link_fields(request, browser),
        stream_web_view=browser.wish.live_view,
        created_at=instant(browser.started_at),
        last_activity=instant(browser.last_activity),
    )


def _list_status(browser: Browser) -> str:
    if browser.alive:
        return "active"
    return "error" if browser.status is Status.FAILED else "destroyed"
