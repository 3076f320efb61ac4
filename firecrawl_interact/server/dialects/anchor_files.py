"""Anchor's files of a session, which this server does not keep: refused in its words."""

from __future__ import annotations

from typing import NoReturn

from aiohttp import web

from firecrawl_interact.server.dialects.anchor_guard import ProblemError, find, guarded
from firecrawl_interact.wire import anchor_files as wire

SESSION = "/v1/sessions/{session_id}"


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [
        web.get(SESSION + "/recordings", guarded(_recordings)),
        web.post(SESSION + "/recordings/pause", guarded(_not_recording)),
        web.post(SESSION + "/recordings/resume", guarded(_not_recording)),
        web.get(SESSION + "/recordings/primary/fetch", guarded(_no_recording)),
        web.delete(SESSION + "/recordings/{recording_id}", guarded(_not_recording)),
        web.get(SESSION + "/downloads", guarded(_no_files)),
        web.post(SESSION + "/uploads", guarded(_no_files)),
    ]


async def _recordings(request: web.Request, team: str) -> wire.RecordingsReply:
    find(request, team)
    return wire.RecordingsReply(data=wire.RecordingItems(count=0, items=[]))


async def _not_recording(request: web.Request, team: str) -> NoReturn:
    find(request, team)
    raise ProblemError(400, "Recording is not enabled for this session.")


async def _no_recording(request: web.Request, team: str) -> NoReturn:
    find(request, team)
    raise ProblemError(404, "Recording not found.")


async def _no_files(request: web.Request, team: str) -> NoReturn:
    find(request, team)
    raise ProblemError(501, "This server keeps no files of its sessions: take and give them over CDP.")
