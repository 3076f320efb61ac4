"""Firecrawl's route for code in a standalone session."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from firecrawl_interact.server.dialects.firecrawl_bill import PROMPT_RATE, credits_for
from firecrawl_interact.server.dialects.firecrawl_body import read_body
from firecrawl_interact.server.dialects.firecrawl_guard import PREFIXES, ProblemError, guarded
from firecrawl_interact.server.dialects.firecrawl_life import find
from firecrawl_interact.server.keys import RUNNERS, SETTINGS
from firecrawl_interact.server.record import Browser, Status
from firecrawl_interact.server.runs import BrowserEndedError, CannotRunError, RunOutcome
from firecrawl_interact.server.settings import Generation
from firecrawl_interact.wire.firecrawl_runs import ExecuteRequest, RunReply

ENDED = "Browser session has been destroyed."
NO_CODE = "This server does not run code. To let it, start it with --allow-execute."
NO_PROMPTS = "This server follows no prompts: there is no agent behind it. Send code instead."


def routes() -> list[web.RouteDef]:
    """List the routes, under both prefixes."""
    return [web.post(prefix + "/{session_id}/execute", guarded(_execute)) for prefix in PREFIXES]


async def run_code(
    request: web.Request, browser: Browser, code: str, language: str, timeout: float
) -> RunOutcome:
    """Run a program in a session that is alive, or refuse in words that say what is missing."""
    runs = request.app[RUNNERS].code
    if runs is None:
        raise ProblemError(501, NO_CODE)
    if browser.status is not Status.RUNNING:
        raise ProblemError(410, ENDED)
    try:
        with browser.used():
            return await runs.run(browser, language, code, timeout)
    except CannotRunError as error:
        # Not 502, on which the official SDKs send again what may have run.
        raise ProblemError(501, str(error)) from None
    except BrowserEndedError:
        raise ProblemError(410, ENDED) from None


async def run_prompt(request: web.Request, browser: Browser, prompt: str, timeout: float) -> RunOutcome:
    """Follow an instruction in a session that is alive; the whole session costs more from then on."""
    prompts = request.app[RUNNERS].prompts
    if prompts is None:
        raise ProblemError(501, NO_PROMPTS)
    if not browser.alive:
        raise ProblemError(410, ENDED)
    if browser.status is not Status.RUNNING:
        raise ProblemError(410, "Browser session is no longer accepting prompts.")
    balance = request.app[SETTINGS].credits
    if balance is not None and balance < credits_for(browser.wish.ttl or 0, PROMPT_RATE):
        raise ProblemError(402, "Insufficient credits for a browser prompt session.")
    browser.prompted = True
    try:
        with browser.used():
            return await prompts.run(browser, prompt, timeout)
    except CannotRunError as error:
        raise ProblemError(501, str(error)) from None
    except BrowserEndedError:
        raise ProblemError(410, ENDED) from None


def outcome_fields(outcome: RunOutcome, generation: Generation) -> dict[str, Any]:
    """List what both kinds of run answer, as the wire class spells it."""
    return {
        "output": outcome.output or None,
        "stdout": outcome.stdout,
        "result": outcome.result,
        "stderr": outcome.stderr,
        "exit_code": outcome.exit_code,
        "killed": outcome.killed,
        "truncated": True if outcome.truncated and generation > Generation.G1 else None,
        "error": (outcome.stderr or "Execution failed") if outcome.failed else None,
    }


async def _execute(request: web.Request, team: str) -> RunReply:
    asked = await read_body(request, ExecuteRequest)
    browser = find(request, team, request.match_info["session_id"])
    if not browser.alive:
        raise ProblemError(410, ENDED)
    outcome = await run_code(request, browser, asked.code, asked.language, asked.timeout)
    return RunReply(success=True, **outcome_fields(outcome, request.app[SETTINGS].generation))
