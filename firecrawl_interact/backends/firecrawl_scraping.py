"""What Firecrawl's wire has for scraped pages."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from firecrawl_interact.backends._hosted import AGAIN, GONE, ProviderBackend, fine
from firecrawl_interact.backends._refusal import read_words
from firecrawl_interact.backends.firecrawl_extras import read_scrape, scrape_body, scrape_failed
from firecrawl_interact.backends.firecrawl_runs import interact_body, scrape_run
from firecrawl_interact.backends.scraper import ScrapeRun, ScrapeTerms, Started
from firecrawl_interact.errors import ProfileBusyError
from firecrawl_interact.models import Answer, EndRequest, Profile, Request, Run, Scrape
from firecrawl_interact.options import (
    Seconds,
    country_code,
    extra_fields,
    profile_choice,
    seconds,
    switch,
)
from firecrawl_interact.wire.firecrawl import DIALECT
from firecrawl_interact.wire.firecrawl_runs import RunReply

BACKEND_FAILED = "Hangar request failed."  # Passed on from behind: at which moment it failed is not known.
SCRAPE_TIMEOUT = 60.0  # Seconds; always sent, so that our own wait can be longer than the provider's.

_PATIENCE = 30.0  # Seconds that an answer may come after the provider's own limit.
_SCRAPES = "/v2/scrape"
_NOT_FOUND = frozenset({404})
_GONE_BUT_404 = GONE - _NOT_FOUND
_AGAIN_AND_404 = AGAIN | _NOT_FOUND
_TIMED_OUT = 408
_CONFLICT = 409
_NOT_IMPLEMENTED = 501  # A server of one's own that keeps no scrapes.
_SCRAPE_AGAIN = frozenset({404, 409, 410})  # No further run can succeed with this job id.
_NO_CONTEXT = "replay context"  # Conflicts that come before a browser is started.


class FirecrawlScraping(ProviderBackend):
    """
    Scrapes, and runs in scraped pages: a `Scraper`.

    Source: docs.firecrawl.dev, "Interact after scraping", and the server's
    ``controllers/v2/scrape-browser.ts``, read 2026.
    """

    def scrape_run_request(self, terms: ScrapeTerms, run: Run) -> Request:
        """Describe a run in a scraped page; the first one starts the browser."""
        url = f"{self._scrapes_url}/{terms.job_id}/interact"
        return Request("POST", url, self._access.body_headers, interact_body(terms, run))

    def read_scrape_run(self, answer: Answer, terms: ScrapeTerms) -> ScrapeRun:  # noqa: ARG002
        """Read the answer to `scrape_run_request`. A run that failed is a result like any other."""
        if not fine(answer):
            error = self.error(answer)
            if answer.status in _SCRAPE_AGAIN and not isinstance(error, ProfileBusyError):
                error.args = (f"{error} Scrape again for a new job id.",)
            raise error
        return scrape_run(self._run_reply(answer))

    def scrape_started(self, answer: Answer) -> Started:
        """Tell whether the answer to a run proves that it started a browser, or none."""
        if fine(answer):
            return Started.YES
        words = read_words(answer)
        if not words.own:
            return Started.NO if self.refused(answer) and answer.status != _TIMED_OUT else Started.UNKNOWN
        if words.text == BACKEND_FAILED:
            return Started.YES  # Whatever its status: that is of the browser's own service.
        if answer.status == _CONFLICT:
            return Started.NO if _NO_CONTEXT in words.text.lower() else Started.YES
        refused = self.refused(answer) or answer.status == _NOT_IMPLEMENTED
        return Started.NO if refused else Started.YES

    async def scrape(
        self,
        url: str,
        *,
        formats: Sequence[str | Mapping[str, Any]] = (),
        wait_for: Seconds | None = None,
        actions: Sequence[Mapping[str, Any]] = (),
        profile: Profile | str | None = None,
        country: str | None = None,
        block_ads: bool | None = None,
        timeout: Seconds | None = None,
        zero_data_retention: bool | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Scrape:
        """
        Scrape a page, to go on in it with `Session.from_scrape`. Sent once; billed apart.

        Such a session inherits *profile*, *country* and *block_ads*, and begins with *wait_for*
        and *actions*.

        Args:
            url: The page.

            formats: What to return, such as ``"markdown"``, which is the provider's default.

            wait_for: Seconds (or a timedelta) to wait once the page is open.

            actions: What to do in it then, in the provider's own words.

            profile: Browser storage to load, by `Profile` or name; a name alone also saves.

            country: Country to browse from, two letters.

            block_ads: Whether ads and trackers are blocked.

            timeout: Seconds (or a timedelta) that the provider may take; 60 where none is given.

            zero_data_retention: Whether the provider keeps nothing. Then it may not be able to go
                on in the page either.

            extra: Merged into the request's body unchanged.

        Raises:
            InvalidOptionError: A value is of the wrong type or outside its bounds.
            BackendError: The provider refused.
            ProtocolError: The answer does not fit, or names no job.
            TransportError: The line failed.
        """
        limit = SCRAPE_TIMEOUT if timeout is None else seconds("timeout", timeout)
        body = scrape_body(
            url,
            formats=formats,
            wait_for=None if wait_for is None else seconds("wait_for", wait_for),
            actions=actions,
            profile=None if profile is None else profile_choice(profile),
            country=None if country is None else country_code(country),
            block_ads=switch("block_ads", block_ads),
            timeout=limit,
            zero_data_retention=switch("zero_data_retention", zero_data_retention),
            extra=None if extra is None else extra_fields(extra),
        )
        await self.ready()  # Before that a backend may not know its address.
        request = Request("POST", self._scrapes_url, self._access.body_headers, body)
        answer = await self.exchange(request, timeout=limit + _PATIENCE)
        if not fine(answer) or scrape_failed(answer):
            raise self.error(answer)
        return read_scrape(answer)

    # --- translation --------------------------------------------------------------------

    @property
    def _scrapes_url(self) -> str:
        return self._access.origin + _SCRAPES

    def _end_scrape(self, job_id: str, born: float | None) -> EndRequest:
        # "Not found" means gone, unless the first run may still be about to start the browser.
        young = born is not None and time.time() - born < self.open_timeout
        return EndRequest(
            Request("DELETE", f"{self._scrapes_url}/{job_id}/interact", self._access.headers),
            _GONE_BUT_404 if young else GONE,
            _AGAIN_AND_404 if young else AGAIN,
            repeat_while_field="sessionDurationMs",  # Each answer that has it has ended one browser.
        )

    def _run_reply(self, answer: Answer) -> RunReply:
        return DIALECT.loads(answer.body, RunReply, status=answer.status, id_path=("sessionId",))
