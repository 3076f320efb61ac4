"""Firecrawl's routes for what was scraped: go on in the page, stop."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from firecrawl_interact.server.dialects import zod
from firecrawl_interact.server.dialects.firecrawl_body import read_body
from firecrawl_interact.server.dialects.firecrawl_guard import ProblemError, bad_request, guarded
from firecrawl_interact.server.dialects.firecrawl_life import find, launch, link_fields, stop
from firecrawl_interact.server.dialects.firecrawl_reading import SCRAPE
from firecrawl_interact.server.dialects.firecrawl_runs import (
    ENDED,
    NO_CODE,
    NO_PROMPTS,
    outcome_fields,
    run_code,
    run_prompt,
)
from firecrawl_interact.server.keys import BROWSERS, RUNNERS, SCRAPES, SETTINGS
from firecrawl_interact.server.record import Browser, EndReason, Wish
from firecrawl_interact.server.reopening import ReopeningError, reopen
from firecrawl_interact.server.scrapes import Scrape
from firecrawl_interact.server.settings import Generation
from firecrawl_interact.wire import firecrawl as wire
from firecrawl_interact.wire.firecrawl_runs import InteractRequest, RunReply

INTERACT = SCRAPE + "/{job_id}/interact"

TTL, ACTIVITY_TTL = 600, 300  # Seconds, always: the body of a run cannot choose them.

_NO_SESSION = "Browser session not found."
_NO_ADDRESS_BEFORE = (
    "Replay context is unavailable for this scrape job because the source URL was not retained."
)
_NO_ADDRESS = (
    "Replay context is unavailable. Supply url or an existingSessionId"
    " to continue without retained scrape context."
)
_NOT_REOPENED = (
    "Failed to initialize browser session from the original scrape context."
    " Please rerun the scrape and try again."
)


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [
        web.post(INTERACT, guarded(_interact)),
        web.delete(INTERACT, guarded(_stop)),
    ]


async def _interact(request: web.Request, team: str) -> RunReply:
    _check_job_id(request)
    asked = await read_body(request, InteractRequest)
    if asked.code is None and asked.prompt is None:
        raise bad_request([zod.custom("Either 'code' or 'prompt' must be provided.")])
    if asked.zero_data_retention:
        raise ProblemError(403, "Zero Data Retention is not enabled for your team.")
    # Before a browser is started for it.
    if asked.code is not None and request.app[RUNNERS].code is None:
        raise ProblemError(501, NO_CODE)
    if asked.code is None and request.app[RUNNERS].prompts is None:
        raise ProblemError(501, NO_PROMPTS)
    scrape = _find_scrape(request, team)
    browser = await _browser(request, team, scrape, asked)
    if asked.code is not None:
        outcome = await run_code(request, browser, asked.code, asked.language, asked.timeout)
    else:
        outcome = await run_prompt(request, browser, asked.prompt or "", asked.timeout)
    generation = request.app[SETTINGS].generation
    fields: dict[str, Any] = {"session_id": browser.id, **link_fields(request, browser)}
    if generation is Generation.G1:
        del fields["session_id"], fields["cdp_url"]
    return RunReply(success=not outcome.failed, **fields, **outcome_fields(outcome, generation))


async def _stop(request: web.Request, team: str) -> wire.DeleteReply:
    _check_job_id(request)
    try:
        browser = _find_scrape(request, team).owed
    except ProblemError as problem:
        if problem.status != web.HTTPNotFound.status_code:
            raise
        browser = None
    if browser is None:
        raise ProblemError(404, _NO_SESSION)
    return await stop(request, browser)


def _check_job_id(request: web.Request) -> None:
    try:
        request.app[SCRAPES].get(request.match_info["job_id"])
    except ValueError:
        raise ProblemError(400, "Invalid job ID format. Job ID must be a valid UUID.") from None


def _find_scrape(request: web.Request, team: str) -> Scrape:
    scrape = request.app[SCRAPES].get(request.match_info["job_id"])
    if scrape is None:
        raise ProblemError(404, "Job not found.")
    if scrape.team != team:
        raise ProblemError(403, "Forbidden.")
    return scrape


async def _browser(request: web.Request, team: str, scrape: Scrape, asked: InteractRequest) -> Browser:
    """Find the browser that goes on with a scrape; the first call makes or adopts one."""
    browser = scrape.current
    if browser is None and asked.existing_session_id is not None:
        browser = find(request, team, asked.existing_session_id)
        if browser.alive:
            scrape.browsers.append(browser)
    if browser is None:
        return await _reopened(request, team, scrape, asked.url)
    if not browser.alive:
        raise ProblemError(410, ENDED)
    return browser


async def _reopened(request: web.Request, team: str, scrape: Scrape, other_url: str | None) -> Browser:
    """
    Start a browser and open the page in it.

    Of two first calls at once each starts one, as at Firecrawl: clients must live with that.
    """
    latest = request.app[SETTINGS].generation is Generation.G3
    url = scrape.url or (other_url if latest else None)
    if url is None:
        raise ProblemError(409, _NO_ADDRESS if latest else _NO_ADDRESS_BEFORE)
    wish = Wish(team=team, ttl=TTL, activity_ttl=ACTIVITY_TTL, profile=scrape.profile)
    browser = await launch(request, wish)
    scrape.browsers.append(browser)
    try:
        with browser.used():
            await reopen(browser, url, scrape.wait_for, scrape.actions)
    except ReopeningError:
        scrape.browsers.remove(browser)
        await request.app[BROWSERS].end(browser, EndReason.ASKED)
        raise ProblemError(409, _NOT_REOPENED) from None
    return browser
