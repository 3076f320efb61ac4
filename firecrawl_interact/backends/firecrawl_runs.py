"""Runs in Firecrawl's words."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from firecrawl_interact.backends._options import whole
from firecrawl_interact.backends.scraper import ScrapeRun, ScrapeTerms
from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.models import Run, RunResult
from firecrawl_interact.wire._bounds import OutOfBoundsError
from firecrawl_interact.wire.firecrawl import DIALECT
from firecrawl_interact.wire.firecrawl_runs import ExecuteRequest, InteractRequest, RunReply

_SECRET = frozenset({"code", "prompt"})  # May hold passwords, so errors do not repeat them.


def execute_body(run: Run) -> bytes:
    """
    Write the body of a run in a standalone session.

    Raises:
        InvalidOptionError: A value is outside its bounds.
    """
    try:
        request = ExecuteRequest(
            code=run.code,  # type: ignore[arg-type]  # the class refuses None
            language=run.language,
            timeout=whole(run.timeout),  # type: ignore[arg-type]  # and fractions
        )
    except OutOfBoundsError as error:
        raise _invalid(error) from None
    return DIALECT.dumps(request)


def interact_body(terms: ScrapeTerms, run: Run) -> bytes:
    """
    Write the body of a run in a scraped page.

    Raises:
        InvalidOptionError: A value is outside its bounds, or there is nothing to run.
    """
    if run.code is None and run.prompt is None:
        raise InvalidOptionError("code or prompt must be given.", option="code")
    try:
        request = InteractRequest(
            code=run.code,
            prompt=run.prompt,
            language=run.language,
            timeout=whole(run.timeout),
            existing_session_id=terms.adopt,
            zero_data_retention=terms.zero_data_retention,
        )
    except OutOfBoundsError as error:
        raise _invalid(error) from None
    return DIALECT.dumps(request)


def run_result(reply: RunReply) -> RunResult:
    """
    Translate what came of a run.

    Whether it failed is told by exit code, *killed* and *error*; ``success`` means something
    else for standalone sessions than for scraped pages.
    """
    failure = reply.error or None
    if failure is None and not reply.success and reply.exit_code in (0, None) and not reply.killed:
        failure = "Firecrawl says that it failed, and not why."
    return RunResult(
        stdout=reply.stdout or "",
        stderr=reply.stderr or "",
        result=_as_text(reply.result),
        exit_code=reply.exit_code,
        killed=bool(reply.killed),
        truncated=bool(reply.truncated),
        output=_as_text(reply.output),
        error=failure,
    )


def scrape_run(reply: RunReply) -> ScrapeRun:
    """Translate what came of a run in a scraped page, and what was told of its browser."""
    return ScrapeRun(
        result=run_result(reply),
        session_id=reply.session_id or None,
        cdp_url=_link(reply.cdp_url, "ws", "wss"),
        live_view_url=_link(reply.live_view_url, "http", "https"),
        interactive_live_view_url=_link(reply.interactive_live_view_url, "http", "https"),
    )


def _as_text(value: object) -> str | None:
    """Return what a run came to as text: as JSON where it is no text."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _link(url: str | None, *schemes: str) -> str | None:
    """Leave out what is no link of the kind: the run's outcome is worth more than a refusal."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return url if parts.scheme in (*schemes, "memory") and parts.netloc else None


def _invalid(error: OutOfBoundsError) -> InvalidOptionError:
    value = None if error.field in _SECRET else error.value
    return InvalidOptionError(f"{error}.", option=error.field, value=value)
