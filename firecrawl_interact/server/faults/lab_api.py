"""The control paths of a test server: look at its traffic, wait for it, let it go on."""

from __future__ import annotations

import json
from typing import Any, Protocol

from aiohttp import web

from firecrawl_interact.server.doors import LOOPBACK
from firecrawl_interact.server.faults.traffic import Traffic

PREFIX = "/_lab/"
LONGEST_WAIT = 60.0  # Seconds one call may be held.


class Controlled(Protocol):
    """What the paths control."""

    traffic: Traffic

    def release(self) -> None:
        """Let held requests go on."""

    async def begin_outage(self, seconds: float) -> None:
        """Be out of service for a while."""

    def replace_rules(self, data: Any) -> None:
        """Take other rules, given as JSON data."""


async def answer(plan: Controlled, request: web.Request) -> web.StreamResponse:
    """
    Answer a control request.

    ==========================================  ===============================================
    ``GET /_lab/state``                         all of the traffic as JSON
    ``GET /_lab/wait?event=E&count=N``          200 once event E happened N times, else 408
    ``GET /_lab/wait?live=N``                   200 once at most N sessions live and nothing is
                                                being dealt with, else 408
    ``POST /_lab/mark/NAME``                    let event ``mark.NAME`` happen
    ``POST /_lab/release``                      let held requests go on
    ``POST /_lab/outage?seconds=S``             be out of service for a while
    ``POST /_lab/rules``                        replace the rules by the body's
    ==========================================  ===============================================

    ``wait`` takes ``timeout`` in seconds (5 when not given).
    """
    # No key guards these paths: neither other hosts nor web pages (by DNS rebinding) get in.
    if request.remote not in LOOPBACK or request.url.host not in LOOPBACK:
        return web.json_response({"error": "Not found."}, status=404)
    word, _, rest = request.path.removeprefix(PREFIX).partition("/")
    try:
        match (request.method, word):
            case ("GET", "state"):
                return web.json_response(plan.traffic.as_json())
            case ("GET", "wait"):
                return await _wait(plan, request)
            case ("POST", "mark"):
                plan.traffic.happened(f"mark.{rest}")
            case ("POST", "release"):
                plan.release()
            case ("POST", "outage"):
                await plan.begin_outage(float(request.query.get("seconds", "1")))
            case ("POST", "rules"):
                plan.replace_rules(json.loads(await request.read()))
            case _:
                return web.json_response({"error": "Not found."}, status=404)
    except ValueError as error:
        return web.json_response({"error": str(error)}, status=400)
    return web.json_response({"ok": True})


async def _wait(plan: Controlled, request: web.Request) -> web.Response:
    query = request.query
    timeout = min(float(query.get("timeout", "5")), LONGEST_WAIT)
    count = int(query.get("count", "1"))
    most = int(query.get("live", "0"))

    def fulfilled(traffic: Traffic) -> bool:
        if "event" in query:
            return traffic.counts[query["event"]] >= count
        return len(traffic.live) <= most and not traffic.busy

    reached = await plan.traffic.until(fulfilled, timeout=timeout)
    return web.json_response({"reached": reached}, status=200 if reached else 408)
