"""Firecrawl's route that scrapes a page."""

from __future__ import annotations

import re

import attrs
from aiohttp import web

from firecrawl_interact.server.dialects import zod
from firecrawl_interact.server.dialects.firecrawl_body import read_body
from firecrawl_interact.server.dialects.firecrawl_formats import NO_MARKDOWN, Formats, read_formats
from firecrawl_interact.server.dialects.firecrawl_guard import ProblemError, bad_request, guarded
from firecrawl_interact.server.dialects.firecrawl_life import lent
from firecrawl_interact.server.keys import SCRAPES
from firecrawl_interact.server.reading import Reading, ReadingError, read
from firecrawl_interact.server.record import ProfileUse, Wish
from firecrawl_interact.wire import firecrawl as wire
from firecrawl_interact.wire.firecrawl_scrapes import ScrapeReply, ScrapeRequest

SCRAPE = "/v2/scrape"

TIMEOUT = 30.0  # Seconds for a page, where the scrape names none.
SHORTEST, LONGEST = 1.0, 300.0  # Seconds that it may name.

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)  # And not the port behind a name.
_READING_ACTIONS = frozenset({"executeJavascript", "pdf", "scrape", "screenshot"})


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [web.post(SCRAPE, guarded(_scrape, kind="scrape"))]


async def _scrape(request: web.Request, team: str) -> web.Response:
    """Read a page in a browser of its own, which has ended before the answer, and give out the job's id."""
    asked = await read_body(request, ScrapeRequest)
    formats = read_formats(asked.formats)
    url = asked.url if _SCHEME.match(asked.url) else f"http://{asked.url}"
    named = asked.profile
    profile = None if named is None else ProfileUse(name=named.name, saves=named.save_changes, alone=True)
    # It saves nothing of the profile: that is for who goes on with it.
    wish = Wish(team=team, profile=None if profile is None else attrs.evolve(profile, saves=False))
    reading = await _read(request, wish, url, asked, formats)
    scrape = request.app[SCRAPES].add(
        team,
        None if asked.zero_data_retention else url,
        wait_for=asked.wait_for or 0,
        actions=tuple(asked.actions or ()),
        profile=profile,
    )
    metadata = {**reading.about, "scrapeId": scrape.id, "sourceURL": asked.url}
    data = {**reading.parts, "metadata": metadata, **_warning(asked, formats, reading)}
    reply = ScrapeReply(success=True, data=data)
    return web.json_response({**wire.DIALECT.unstructure(reply), "scrape_id": scrape.id})


async def _read(
    request: web.Request, wish: Wish, url: str, asked: ScrapeRequest, formats: Formats
) -> Reading:
    """Read the page, or say in Firecrawl's codes why it cannot be."""
    wait_for = asked.wait_for or 0
    asked_for = TIMEOUT if asked.timeout is None else asked.timeout / 1000
    patience = min(max(asked_for, SHORTEST), LONGEST)
    try:
        async with lent(request, wish) as engine:
            return await read(
                engine,
                url,
                formats.parts,
                wait_for=wait_for,
                actions=asked.actions or (),
                full_page=formats.full_page,
                timeout=patience + wait_for / 1000,
            )
    except TimeoutError:
        text = f"The page was not read within {patience:g} s."
        raise ProblemError(408, text, code="SCRAPE_TIMEOUT") from None
    except ReadingError as error:
        raise _problem(error) from None


def _problem(error: ReadingError) -> ProblemError:
    reason = str(error)
    if "invalid URL" in reason:
        return bad_request([zod.custom("Invalid URL")])
    if "ERR_NAME_NOT_RESOLVED" in reason:  # To HTTP this is a success, as theirs.
        return ProblemError(200, f"The page cannot be read: {reason}.", code="SCRAPE_DNS_RESOLUTION_ERROR")
    code = "SCRAPE_ACTION_ERROR" if error.on_action else "SCRAPE_SITE_ERROR"
    return ProblemError(500, f"The page cannot be read: {reason}.", code=code)


def _warning(asked: ScrapeRequest, formats: Formats, reading: Reading) -> dict[str, str]:
    """Say what is missing from the answer, where something is."""
    unread = _READING_ACTIONS & {str(action.get("type")) for action in asked.actions or ()}
    said = [
        NO_MARKDOWN if formats.markdown else "",
        f"Too long, and left out: {', '.join(reading.too_long)}." if reading.too_long else "",
        f"Actions that only read were left out: {', '.join(sorted(unread))}." if unread else "",
    ]
    return {"warning": " ".join(filter(None, said))} if any(said) else {}
