"""Record: what guardian and ledger were told of one session."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import attrs

from firecrawl_interact.errors import TransportError
from firecrawl_interact.ledger.base import Taking
from firecrawl_interact.ledger.entry import Entry
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.transport.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.guardian.client import Guardian
    from firecrawl_interact.ledger.base import Ledger
    from firecrawl_interact.lifecycle.debt import Debt
    from firecrawl_interact.lifecycle.layers import Layers
    from firecrawl_interact.models import Answer, CreatePlan


class Record:
    """
    One session's line with the guardian and in the ledger, from before its create to its end.

    Either may be missing: switched off, or broken. Then its part is skipped.
    """

    def __init__(
        self,
        layers: Layers,
        backend: Backend,
        plan: CreatePlan,
        *,
        create_within: float,
        relayed: bool = False,
    ) -> None:
        self.id: str = secrets.token_hex(8)
        self._layers = layers
        self._backend = backend
        self._plan = plan
        self._line = backend.line()
        self._guardian: Guardian | None = layers.guardian if self._line is not None else None
        self._ledger: Ledger | None = None
        self._asked: Ledger | None = None  # It may hold our entry, though a write failed or was broken off.
        self._create_within = create_within
        self._relayed = relayed
        # Whether a ledger is meant to know: without it nobody can say what others made.
        self.ledger_expected: bool = layers.ledger is not None or layers.ledger_missing

    @property
    def guardian(self) -> Guardian | None:
        """The guardian that was told, or None."""
        return self._guardian if self._guardian is not None and self._guardian.works else None

    @property
    def ledger(self) -> Ledger | None:
        """The ledger that was told, or None."""
        return self._ledger

    @property
    def handed_to(self) -> tuple[str, ...]:
        """Who goes on with an end that was not confirmed."""
        heirs = (("process", True), ("guardian", self.guardian), ("ledger", self._ledger))
        return tuple(name for name, present in heirs if present)

    async def plan(self) -> None:
        """Tell, before the create is sent, that a session may come to be."""
        now = time.time()
        if not self._relayed:
            self._plan_with_guardian(now)
        ledger = self._asked = self._layers.ledger
        if ledger is not None and await self._write(self._plan_in(ledger, now)):
            self._ledger = ledger

    async def take(self, debt: Debt) -> Taking:
        """
        Tell of a session that runs already, unless the ledger says that a living owner has it.

        A ledger that does not know who has what is told as of a create.
        """
        ledger = self._layers.ledger
        take = getattr(ledger, "take", None)
        if ledger is None or take is None:
            await self.plan()
            await self.opened(debt)
            return Taking(held=False)
        self._asked = ledger
        now = time.time()
        taking = Taking(held=False)

        async def taken() -> None:
            nonlocal taking
            expires_at = debt.until - bounds.EXPIRY_MARGIN
            entry = attrs.evolve(self._entry(ledger, now), session_id=debt.info.id, expires_at=expires_at)
            taking = await take(entry)

        if await self._write(taken()) and not taking.held:
            self._ledger = ledger
        if not taking.held:
            self._plan_with_guardian(now)
            self._open_with_guardian(debt)
        return taking

    def _plan_with_guardian(self, now: float) -> None:
        if self._guardian is not None and self._line is not None:
            self._guardian.plan(
                self.id,
                line=self._line,
                search=self._plan.search,
                until=now + self._create_within + self._plan.ttl + bounds.EXPIRY_MARGIN,
                appears_by=now + min(self._backend.open_timeout, bounds.APPEARS_WITHIN),
            )

    def _open_with_guardian(self, debt: Debt) -> None:
        if self._guardian is not None and self._line is not None:
            self._guardian.opened(
                self.id, debt.end, line=self._line, session_id=debt.info.id, until=debt.until
            )

    def _entry(self, ledger: Ledger, now: float) -> Entry:
        return Entry(
            id=self.id,
            backend=self._backend.name,
            base_url=self._backend.base_url,
            key_print=ledger.fingerprint(self._backend.key),
            mark=self._plan.mark,
            session_id=None,
            planned_at=now,
            # The provider counts from the moment at which it has made the browser.
            expires_at=now + self._create_within + self._plan.ttl,
        )

    async def _plan_in(self, ledger: Ledger, now: float) -> None:
        await ledger.plan(self._entry(ledger, now))

    async def relay(self, *, timeout: float) -> Answer:
        """
        Have the guardian send the create.

        Raises:
            TransportError: The line or the guardian failed, as `Transport.send` says it.
        """
        plan = self._plan
        if self._guardian is None or self._line is None or plan.end is None:
            raise TransportError("This create cannot be relayed: there is no guardian for it.", sent=False)
        now = time.time()
        return await self._guardian.relay(
            self.id,
            plan.request,
            line=self._line,
            timeout=timeout,
            end=plan.end,
            id_path=plan.id_path,
            until=now + timeout + plan.ttl + bounds.EXPIRY_MARGIN,
            search=plan.search,
            appears_by=now + min(self._backend.open_timeout, bounds.APPEARS_WITHIN),
        )

    async def opened(self, debt: Debt) -> None:
        """Tell the id, as soon as the provider has."""
        self._open_with_guardian(debt)
        ledger = self._ledger
        if ledger is not None:
            expires_at = debt.until - bounds.EXPIRY_MARGIN
            if not await self._write(ledger.opened(self.id, debt.info.id, expires_at)):
                self._ledger = None

    def settled(self) -> None:
        """Tell that nothing is owed: the session is gone, or never came to be."""
        if self._guardian is not None:
            self._guardian.settled(self.id)
        self._strike_out_soon()

    async def let_go(self) -> None:
        """Tell that the session is given up on purpose, and return once that is written down."""
        if self._guardian is not None:
            self._guardian.settled(self.id)
        if self._ledger is not None:
            await self._write(self._ledger.settled(self.id))
        else:
            self._strike_out_soon()  # Or a sweep could end what was given up.

    def hand_over(self) -> None:
        """Ask the guardian to go on by itself, though its owner lives."""
        if self._guardian is not None:
            self._guardian.hand_over(self.id)

    def _strike_out_soon(self) -> None:
        """Not waited for: were it lost, the next sweep would end a session that is gone."""
        if self._asked is None:
            return
        try:
            self._asked.settled_soon(self.id)
        except Exception as error:  # noqa: BLE001  # boundary: a ledger of the caller's own
            self._layers.ledger_failed(error)

    async def _write(self, call: Awaitable[None]) -> bool:
        """Have the ledger write something, within bounds; a ledger that cannot is left out."""
        try:
            with Deadline(bounds.LEDGER_ANSWER):
                await call
        except Exception as error:  # noqa: BLE001  # boundary: a ledger of the caller's own
            self._layers.ledger_failed(error)
            return False
        return True
