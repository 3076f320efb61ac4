"""Scraper: what a backend needs for sessions that go on in a scraped page."""

from __future__ import annotations

import enum
import re
from typing import Protocol, runtime_checkable

import attrs

from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.models import Answer, Request, Run, RunResult

_REF = "scrape/"  # No session id holds a slash, so nothing else can look like this.
_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@attrs.frozen(kw_only=True)
class ScrapeTerms:
    """
    What a session in a scraped page is asked for.

    Attributes:
        job_id: The scrape.

        adopt: Id of a running session to go on in, instead of a new one.

        zero_data_retention: Whether the provider keeps nothing; None leaves it to the provider.
    """

    job_id: str
    adopt: str | None = None
    zero_data_retention: bool | None = None


@attrs.frozen(kw_only=True)
class ScrapeRun:
    """
    What came of a run in a scraped page, and what was told of its browser on the way.

    Attributes:
        result: What the run left behind.

        session_id: The provider's id of the browser; None where it tells none.

        cdp_url: As in `SessionInfo`, as the two that follow.
    """

    result: RunResult
    session_id: str | None = None
    cdp_url: str | None = attrs.field(default=None, repr=False)
    live_view_url: str | None = attrs.field(default=None, repr=False)
    interactive_live_view_url: str | None = attrs.field(default=None, repr=False)


class Started(enum.Enum):
    """What the answer to a run says of the browser it may have started."""

    NO = "no"  # Refused before anything was started.
    YES = "yes"  # There is one, or there was: from now on "not found" means gone.
    UNKNOWN = "unknown"  # No word of the provider's own: one may still come.


@runtime_checkable
class Scraper(Protocol):
    """
    A backend whose scraped pages can be gone on in.

    Its `Backend.end_request` takes what `scrape_ref` makes of a job id, and ends every browser
    that the job has.
    """

    def scrape_run_request(self, terms: ScrapeTerms, run: Run) -> Request:
        """
        Describe a run in a scraped page; the first one starts the browser. It is sent once.

        Raises:
            InvalidOptionError: The text is empty or too long, or the timeout outside its bounds.
        """
        ...

    def read_scrape_run(self, answer: Answer, terms: ScrapeTerms) -> ScrapeRun:
        """
        Read the answer. A run that failed is a result like any other.

        Raises:
            BackendError: Any status but 2xx.
            ProtocolError: A 2xx that does not fit.
        """
        ...

    def scrape_started(self, answer: Answer) -> Started:
        """Tell whether the answer to a run proves that it started a browser, or none."""
        ...


def scrape_ref(job_id: str) -> str:
    """
    Name the browsers of a scrape in place of a session id: for `Backend.end_request`, ledger, guardian.

    Raises:
        InvalidOptionError: The job id is no UUID.
    """
    return _REF + check_job_id(job_id)


def job_of(ref: object) -> str | None:
    """Return the job id that `scrape_ref` was given, or None for a session's id."""
    if not isinstance(ref, str) or not ref.startswith(_REF):
        return None
    job_id = ref.removeprefix(_REF)
    return job_id if _JOB_ID.fullmatch(job_id) else None


def check_job_id(job_id: object) -> str:
    """
    Refuse what cannot name a scrape.

    Raises:
        InvalidOptionError: It is no UUID.
    """
    if isinstance(job_id, str) and _JOB_ID.fullmatch(job_id):
        return job_id
    shown = f"text of {len(job_id)} characters" if isinstance(job_id, str) else type(job_id).__name__
    raise InvalidOptionError(f"job_id must be the UUID of a scrape, not {shown}.", option="job_id")
