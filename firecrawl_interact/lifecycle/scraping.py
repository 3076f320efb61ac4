"""Scraping: the browser of one scraped page, owed from the moment its first run may be sent."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from firecrawl_interact.backends._capable import refuse_run, unsupported
from firecrawl_interact.backends.scraper import Scraper, ScrapeRun, ScrapeTerms, Started, scrape_ref
from firecrawl_interact.errors import SessionClosedError, TransportError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.debt import Debt, DebtState
from firecrawl_interact.lifecycle.hub import Hub
from firecrawl_interact.lifecycle.owned import Patience
from firecrawl_interact.lifecycle.readiness import make_ready
from firecrawl_interact.lifecycle.record import Record
from firecrawl_interact.lifecycle.running import patience
from firecrawl_interact.lifecycle.sweep import sweep_once
from firecrawl_interact.lifecycle.turns import take_turn
from firecrawl_interact.models import CreatePlan, Request, SessionInfo

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.lifecycle.layers import Layers
    from firecrawl_interact.lifecycle.owned import Owned
    from firecrawl_interact.models import Answer, Run

TTL = 600.0  # Seconds that Firecrawl gives a browser in a scraped page; nothing changes that.
LONGEST_TTL = 3600.0  # Seconds that a session which is adopted may have been given.


class Scraping:
    """
    The browser of one scraped page.

    The first run starts it, so that one is a create too: it is never sent twice, it goes on when
    whoever waits for it is cancelled, and what it may start is owed before it is sent. Unlike a
    create, its end can be described beforehand: the job is known.

    Attributes:
        terms: What was asked for.

        debt: What is owed; None while nothing can have been started.
    """

    def __init__(self, backend: Backend, layers: Layers, terms: ScrapeTerms) -> None:
        """
        Prepare; nothing is sent.

        Raises:
            UnsupportedError: The backend has no such sessions.
        """
        if not backend.capabilities.scrapes or not isinstance(backend, Scraper):
            raise unsupported(backend, "has no sessions in scraped pages", lambda it: it.scrapes)
        self.terms = terms
        self.debt: Debt | None = None
        self._backend: Backend = backend
        self._scraper: Scraper = backend
        self._layers = layers
        self._answered = False  # Once the provider has said that there is a browser, or was one.
        self._lost = False  # Once a first run was sent whose answer nobody has.
        self._closed = False

    @property
    def doubtful(self) -> bool:
        """Whether a first run was lost, and none was answered since."""
        return self._lost and not self._answered

    def close(self) -> None:
        """Start nothing any more: its owner is leaving."""
        self._closed = True

    async def run(self, run: Run) -> ScrapeRun:
        """
        Run something in the page; the first time that starts the browser. Sent once.

        First runs in one page take turns in this process: at the provider two of them at a time
        make two browsers. One that is cancelled goes on until it is answered.

        Raises:
            InteractError: As `ScrapeSession.execute` says.
        """
        refuse_run(self._backend, run)
        request = self._scraper.scrape_run_request(self.terms, run)
        if not self._answered:
            sending = await self._start(run)
            if sending is not None:
                return await self._outcome(sending)
        transport = Hub.running().transport(self._backend)
        answer = await transport.send(request, timeout=patience(run), fresh=True)
        return self._scraper.read_scrape_run(answer, self.terms)

    # --- the first run ------------------------------------------------------------------

    async def _start(self, run: Run) -> Owned[ScrapeRun | Exception] | None:
        """Wait for the turn and send the first run; None if somebody else's has been answered meanwhile."""
        place = (self._backend.connection_key(), self._backend.base_url, self.terms.job_id)
        turn = await take_turn(place, within=self._within(run))
        sending: Owned[ScrapeRun | Exception] | None = None
        try:
            if not self._answered:
                sending = await self._send_first(run)
        finally:
            if sending is None:
                turn.release()
            else:
                sending.add_done_callback(turn.release)
        return sending

    async def _send_first(self, run: Run) -> Owned[ScrapeRun | Exception]:
        hub = Hub.running()
        backend = self._backend
        await make_ready(backend, within=backend.open_timeout)
        sweep_once(hub, backend, self._layers)
        request = self._scraper.scrape_run_request(self.terms, run)  # Only now is the address known.
        within = self._within(run)
        debt = self.debt
        if debt is None:
            debt = await self._take_on(hub, within)
        if self._closed:
            self._nothing_started(debt)
            raise SessionClosedError("The session was left before its first run was sent.")
        return hub.own(self._first(hub, debt, request, within), end_grace=bounds.CREATE_GRACE)

    def _within(self, run: Run) -> float:
        """Return how many seconds the first run may take: the create, the scrape's steps, the run."""
        return self._backend.open_timeout + bounds.REPLAY + patience(run)

    async def _take_on(self, hub: Hub, within: float) -> Debt:
        """Owe the stop, and tell guardian and ledger, before anything is sent."""
        backend = self._backend
        now = time.time()
        ttl = TTL if self.terms.adopt is None else LONGEST_TTL
        ref = scrape_ref(self.terms.job_id)
        plan = CreatePlan(Request("", backend.base_url), mark=None, search=None, ttl=ttl)
        record = Record(self._layers, backend, plan, create_within=within)
        debt = Debt(
            backend=backend,
            info=SessionInfo(
                id=ref,
                backend=backend.name,
                expires_at=datetime.fromtimestamp(now + within + ttl, UTC),
                expires_at_estimated=True,
            ),
            end=backend.end_request(ref, born=now),
            record=record,
            until=now + within + ttl + bounds.EXPIRY_MARGIN,
            hub=hub,
        )
        hub.owe(debt)
        self.debt = debt
        try:
            await record.plan()
            await record.opened(debt)
        except BaseException:
            self._nothing_started(debt)
            raise
        return debt

    async def _first(self, hub: Hub, debt: Debt, request: Request, within: float) -> ScrapeRun | Exception:
        """Send it and read the answer. Never fails: `asyncio.run` reports every task that does."""
        try:
            answer = await hub.transport(self._backend).send(request, timeout=within, fresh=True)
            started = self._scraper.scrape_started(answer)
        except asyncio.CancelledError:  # Ended by the end clock, with the POST under way.
            self._lost = True
            raise
        except Exception as error:  # noqa: BLE001  # boundary: a third party's transport; raised where somebody waits
            if isinstance(error, TransportError) and not error.sent:
                self._nothing_started(debt)
            else:
                self._lost = True
            return error
        if started is Started.NO:
            self._nothing_started(debt)
        elif started is Started.YES:
            await self._known(debt)
        else:
            self._lost = True
        return self._read(answer)

    def _read(self, answer: Answer) -> ScrapeRun | Exception:
        try:
            return self._scraper.read_scrape_run(answer, self.terms)
        except Exception as error:  # noqa: BLE001  # boundary: raised again where somebody waits
            return error

    async def _known(self, debt: Debt) -> None:
        """Note that the provider has a browser, or had one: from now on "not found" means gone."""
        self._answered = True
        if debt.settled:
            return
        debt.end = self._backend.end_request(debt.info.id)
        await debt.record.opened(debt)

    def _nothing_started(self, debt: Debt) -> None:
        """Strike the debt out, if no earlier run may have started anything."""
        if self._lost or debt.settled:
            return
        if debt.state is DebtState.PAYING:
            debt.end = self._backend.end_request(debt.info.id)  # The next "not found" ends the payment.
            return
        debt.hub.release(debt, DebtState.PAID)
        debt.record.settled()
        self.debt = None

    @staticmethod
    async def _outcome(sending: Owned[ScrapeRun | Exception]) -> ScrapeRun:
        waiting = Patience()
        await waiting.settle(sending, after_cancel=0)  # Leaving the session waits for it, if anything.
        waiting.hand_on()
        if sending.cancelled():
            raise TransportError("The first run was ended with its event loop, without an answer.")
        outcome = sending.result()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
