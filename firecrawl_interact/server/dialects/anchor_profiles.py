"""Anchor's profiles: made from running sessions, listed, forgotten."""

from __future__ import annotations

import contextlib

from aiohttp import web

from firecrawl_interact.server.dialects.anchor_guard import ProblemError, guarded, read_body
from firecrawl_interact.server.dialects.answer import instant
from firecrawl_interact.server.keys import BROWSERS
from firecrawl_interact.server.profiles import ProfileExistsError, ProfileInUseError, SavedProfile
from firecrawl_interact.server.record import Browser, Status
from firecrawl_interact.wire import anchor_profiles as wire

PROFILES = "/v1/profiles"
PROFILE = PROFILES + "/{name}"

_TAKEN = "Profile name already exists."
_MISSING = "Profile not found."
_UNREACHABLE = "Session not found or unreachable."


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [
        web.post(PROFILES, guarded(_make)),
        web.get(PROFILES, guarded(_list)),
        web.get(PROFILE, guarded(_get)),
        web.delete(PROFILE, guarded(_delete)),
    ]


async def _make(request: web.Request, team: str) -> wire.ProfileChangedReply:
    browsers = request.app[BROWSERS]
    asked = await read_body(request, wire.ProfileRequest)
    if asked.dedicated_sticky_ip:
        raise ProblemError(501, "This server has no addresses to dedicate to profiles.")
    if await browsers.profiles.get(team, asked.name) is not None:
        raise ProblemError(409, _TAKEN)
    browser = None if asked.source is None else _source(request, team, asked.session_id)
    profile = SavedProfile(
        team=team,
        name=asked.name,
        created_at=browsers.clock(),
        description=asked.description,
        source=asked.source,
        session_id=None if browser is None else browser.id,
    )
    try:
        await browsers.profiles.create(profile)
    except ProfileExistsError:
        raise ProblemError(409, _TAKEN) from None  # Meanwhile.
    if browser is not None and not browsers.save_to(browser, asked.name):
        with contextlib.suppress(ProfileInUseError):  # Somebody else will fill it.
            await browsers.profiles.delete(team, asked.name)
        raise ProblemError(404, _UNREACHABLE)  # Since a moment ago.
    return wire.ProfileChangedReply(data=wire.ProfileChanged(status="success"))


async def _list(request: web.Request, team: str) -> wire.ProfileListReply:
    items = [_item(profile) for profile in await request.app[BROWSERS].profiles.list(team)]
    return wire.ProfileListReply(data=wire.ProfileItems(count=len(items), items=items))


async def _get(request: web.Request, team: str) -> wire.ProfileReply:
    profile = await request.app[BROWSERS].profiles.get(team, request.match_info["name"])
    if profile is None:
        raise ProblemError(404, _MISSING)
    return wire.ProfileReply(data=_item(profile))


async def _delete(request: web.Request, team: str) -> wire.ProfileChangedReply:
    try:
        there_was = await request.app[BROWSERS].delete_profile(team, request.match_info["name"])
    except ProfileInUseError:
        raise ProblemError(409, "A session is saving to this profile.") from None
    if not there_was:
        raise ProblemError(404, _MISSING)
    return wire.ProfileChangedReply(data=wire.ProfileChanged(status="success"))


def _source(request: web.Request, team: str, session_id: str | None) -> Browser:
    """Find the session whose storage is to be kept."""
    if session_id is None:
        raise ProblemError(400, "session_id is required when source is session.")
    browser = request.app[BROWSERS].get(session_id)
    if browser is None or browser.wish.team != team or browser.status is not Status.RUNNING:
        raise ProblemError(404, _UNREACHABLE)
    if browser.wish.profile is not None and browser.wish.profile.saves:
        raise ProblemError(400, "The session saves to another profile already.")
    return browser


def _item(profile: SavedProfile) -> wire.ProfileItem:
    return wire.ProfileItem(
        name=profile.name,
        description=profile.description,
        source=profile.source,
        session_id=profile.session_id,
        status="pending" if profile.source and profile.saved_at is None else "ready",
        created_at=instant(profile.created_at),
    )
