"""Anchor's tools that run code, or follow an instruction, in a session."""

from __future__ import annotations

import json

from aiohttp import web

from firecrawl_interact.server.dialects.anchor_guard import ProblemError, guarded, read_body
from firecrawl_interact.server.keys import BROWSERS, RUNNERS
from firecrawl_interact.server.record import Browser, Status
from firecrawl_interact.server.runs import BrowserEndedError, CannotRunError, RunOutcome
from firecrawl_interact.wire import anchor_tools as wire

TOOLS = "/v1/tools"
CODE_TIMEOUT = 120.0  # Seconds; nothing is documented.
TASK_TIMEOUT = 300.0  # Seconds that each step of a task may take.

# The body of a function with these parameters, whose value is given back as JSON. There is no `anchorClient`.
_PROGRAM = """JSON.stringify(await (async (page, browser, context, sessionId) => {{
{code}
}})(page, browser, context, {session_id}))"""


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [
        web.post(TOOLS + "/execute-code", guarded(_execute)),
        web.post(TOOLS + "/perform-web-task", guarded(_perform)),
    ]


async def _execute(request: web.Request, team: str) -> wire.ExecuteReply:
    asked = await read_body(request, wire.ExecuteRequest)
    browser = _named(request, team)
    runs = request.app[RUNNERS].code
    if runs is None:
        raise ProblemError(501, "This server does not run code. To let it, start it with --allow-execute.")
    program = _PROGRAM.format(code=asked.code, session_id=json.dumps(browser.id))
    try:
        with browser.used():
            outcome = await runs.run(browser, "node", program, CODE_TIMEOUT)
    except CannotRunError as error:
        raise ProblemError(501, str(error)) from None
    except BrowserEndedError:
        raise ProblemError(404, "Session not found.") from None
    if outcome.failed:
        return wire.ExecuteReply(success=False, message="Execution failed", error=_trouble(outcome))
    return wire.ExecuteReply(success=True, message="Execution succeeded", output=outcome.result or None)


async def _perform(request: web.Request, team: str) -> wire.TaskReply:
    asked = await read_body(request, wire.TaskRequest)
    browser = _named(request, team)
    prompts = request.app[RUNNERS].prompts
    if prompts is None:
        raise ProblemError(
            501, "This server performs no tasks: there is no agent behind it. Send code instead."
        )
    if asked.async_:
        raise ProblemError(501, "This server performs tasks only while their caller waits.")
    text = asked.prompt if asked.url is None else f"Go to {asked.url} first. {asked.prompt}"
    try:
        with browser.used():
            outcome = await prompts.run(browser, text, TASK_TIMEOUT)
    except CannotRunError as error:
        raise ProblemError(501, str(error)) from None
    except BrowserEndedError:
        raise ProblemError(404, "Session not found.") from None
    if outcome.failed:
        raise ProblemError(500, _trouble(outcome))
    return wire.TaskReply(data=wire.TaskResult(result=outcome.output))


def _named(request: web.Request, team: str) -> Browser:
    """Find the running browser that the query names; none is started for a tool."""
    session_id = request.query.get("sessionId", "")
    if not session_id:
        raise ProblemError(400, "sessionId is required.")
    browser = request.app[BROWSERS].get(session_id)
    if browser is None or browser.wish.team != team or browser.status is not Status.RUNNING:
        raise ProblemError(404, "Session not found.")
    return browser


def _trouble(outcome: RunOutcome) -> str:
    return "It took too long and was killed." if outcome.killed else outcome.stderr or "It failed."
