"""ScrapeSession: a session that goes on in a page which was scraped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from firecrawl_interact.backends.base import has_network
from firecrawl_interact.backends.scraper import ScrapeTerms, check_job_id, scrape_ref
from firecrawl_interact.config import Settings
from firecrawl_interact.errors import (
    CloseError,
    InvalidOptionError,
    SessionClosedError,
    SessionGoneError,
    UsageError,
)
from firecrawl_interact.lifecycle import bounds, layers
from firecrawl_interact.lifecycle.scraping import TTL, Scraping
from firecrawl_interact.models import Scrape, SessionInfo, SessionRef, SessionState
from firecrawl_interact.pending import PendingSession
from firecrawl_interact.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.backends.scraper import ScrapeRun
    from firecrawl_interact.ledger.base import Ledger
    from firecrawl_interact.lifecycle.closing import CloseTerms
    from firecrawl_interact.models import Run, RunResult


_RUNNING = frozenset({SessionState.OPEN, SessionState.DETACHED})


class ScrapeSession(Session):
    """
    A browser in a page that Firecrawl has scraped: same address, cookies and state as the scrape.

    Get one from `Session.from_scrape`. The first `execute` or `prompt` starts the browser and
    brings it to where the scrape was, which may take minutes; leaving stops every browser of the
    scrape. Where nothing was run, nothing is sent at all.

    After the end every further run in that page is refused: scrape again for a new job id.
    """

    def __init__(
        self,
        scraping: Scraping,
        terms: CloseTerms,
        backend: Backend,
        *,
        adopted_until: datetime | None = None,
    ) -> None:
        """Prepare; not called by users."""
        self._scraping = scraping
        self._adopted_until = adopted_until
        self._told_id: str | None = None
        ref = scrape_ref(scraping.terms.job_id)
        super().__init__(SessionInfo(id=ref, backend=backend.name), None, terms, backend)

    @property
    def job_id(self) -> str:
        """The scrape."""
        return self._scraping.terms.job_id

    @property
    def id(self) -> str | None:  # type: ignore[override]  # there is none before the first run
        """The provider's id of the browser; None before the first run is answered."""
        return self._told_id

    @property
    def ref(self) -> SessionRef:
        """
        Where it runs, for `attach` in another process; holds neither key nor links.

        Raises:
            UsageError: Nothing was run yet, or the provider tells no id.
        """
        self._need_browser("ref")
        return super().ref

    @property
    def state(self) -> SessionState:
        """Where in its life it is; open from the start, though the first run makes the browser."""
        self._debt = self._scraping.debt
        if self._debt is None and self._closed is not None:
            return SessionState.CLOSED
        return super().state

    def __repr__(self) -> str:
        """Show job, backend and state; never a secret."""
        return f"<ScrapeSession job={self.job_id} backend={self.backend} state={self.state.value}>"

    async def detach(self) -> str:
        """
        Give the browser up on purpose: it lives on until its ttl, and nothing here ends it.

        Returns:
            Its id, for `Session.attach`.

        Raises:
            UsageError: Nothing was run yet, or the provider tells no id.
            SessionClosedError: It has been closed already.
        """
        self._usable("detach()")
        self._need_browser("detach()")
        return await super().detach()

    async def _run(self, run: Run) -> RunResult:
        try:
            ran = await self._scraping.run(run)
        except SessionGoneError as error:
            self._note_gone(error)
            raise
        finally:
            self._debt = self._scraping.debt
        self._take_in(ran)
        return ran.result

    def _take_in(self, ran: ScrapeRun) -> None:
        told = {
            name: value
            for name in ("cdp_url", "live_view_url", "interactive_live_view_url")
            if (value := getattr(ran, name)) is not None
        }
        if self._told_id is None:
            fresh = self._scraping.terms.adopt is None
            expires_at = datetime.now(UTC) + timedelta(seconds=TTL) if fresh else self._adopted_until
            told["expires_at"] = expires_at
            told["expires_at_estimated"] = expires_at is not None
        if ran.session_id is not None:
            self._told_id = told["id"] = ran.session_id
        self._learn(attrs.evolve(self._info, **told))

    async def _look(self) -> SessionInfo:
        self._need_browser("looking at it")
        return await super()._look()

    def _until(self, lead: float) -> float:
        self._need_browser("the expiry")
        return super()._until(lead)

    async def _end(self, reason: str, body: BaseException | None) -> None:
        self._scraping.close()
        self._debt = self._scraping.debt  # A first run that is under way has taken it on.
        if not self._scraping.doubtful:
            await super()._end(reason, body)
            return
        # "Not found" is no confirmation then, and may never become one: others go on asking.
        self._terms = attrs.evolve(self._terms, timeout=min(self._terms.timeout, bounds.DOUBT))
        try:
            await super()._end(reason, body)
        except CloseError as error:
            error.add_note("The answer to its first run was lost: the provider may still start a browser.")
            raise

    def _need_browser(self, used: str) -> None:
        if self._told_id is None:
            raise UsageError(f"{used} of {self!r} needs a browser; its first run starts one.")


def pending_scrape(
    job_id: str | Scrape,
    *,
    backends: Sequence[Backend],
    adopt: Session | SessionRef | str | None,
    zero_data_retention: bool | None,
    close: CloseTerms,
    guardian: bool | None,
    ledger: bool | Ledger | None,
) -> PendingSession[ScrapeSession]:
    """
    Do what `Session.from_scrape` says.

    Raises:
        InvalidOptionError: The job id is no UUID, or *adopt* no id.
        UnsupportedError: The backend has no such sessions.
        UsageError: Several backends are named, or *adopt* runs at another one or no more.
    """
    chosen, *others = backends
    if others:
        names = ", ".join(each.name for each in backends)
        raise UsageError(f"A scrape belongs to one backend, not to {names}: pass backend=.")
    adopted = None if adopt is None else _adopted(adopt, chosen)
    terms = ScrapeTerms(
        job_id=check_job_id(job_id.job_id if isinstance(job_id, Scrape) else job_id),
        adopt=None if adopted is None else adopted.session_id,
        zero_data_retention=zero_data_retention,
    )
    stand_behind = layers.choose(
        chosen,
        guardian=guardian,
        ledger=ledger,
        relay=False,
        settings=Settings.switches_from_env(),
    )
    scraping = Scraping(chosen, stand_behind, terms)

    async def opened() -> ScrapeSession:
        until = None if adopted is None else adopted.expires_at
        return ScrapeSession(scraping, close, chosen, adopted_until=until)

    return PendingSession(opened, chosen.name)


def _adopted(adopt: Session | SessionRef | str, backend: Backend) -> SessionRef:
    """Say which session is to be gone on in."""
    if isinstance(adopt, Session):
        if adopt.state not in _RUNNING:
            raise SessionClosedError(f"adopt must be a session that runs, not {adopt!r}.")
        adopt = adopt.ref
    if isinstance(adopt, SessionRef):
        if adopt.backend != backend.name:
            raise UsageError(f"A session of {adopt.backend} cannot be adopted at {backend.name}.")
        if _elsewhere(adopt.base_url, backend.base_url):
            raise UsageError(f"A session at {adopt.base_url} cannot be adopted at {backend.base_url}.")
    session_id = adopt.session_id if isinstance(adopt, SessionRef) else adopt
    try:
        backend.end_request(session_id)
    except InvalidOptionError as error:
        raise InvalidOptionError(
            f"adopt must be a session that runs, its ref or its id: {error}", option="adopt"
        ) from None
    if isinstance(adopt, SessionRef):
        return adopt
    return SessionRef(backend=backend.name, session_id=session_id, base_url=backend.base_url)


def _elsewhere(one: str, other: str) -> bool:
    """Tell whether two addresses differ; without a network they say nothing."""
    return one != other and has_network(one) and has_network(other)
