"""Hedging: a second backend is asked beside one that is slow, and one session is kept."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from firecrawl_interact.errors import InteractError, TransportError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.failover import Refusals

if TYPE_CHECKING:
    from firecrawl_interact.lifecycle.asked import Asked
    from firecrawl_interact.lifecycle.asking import Asking
    from firecrawl_interact.lifecycle.debt import Debt
    from firecrawl_interact.lifecycle.owned import Owned
    from firecrawl_interact.lifecycle.terms import Candidate


class Race:
    """
    Candidates asked one beside the other, each in an owned task of its own.

    Nobody waits for those that lose. Each goes on by itself until it is answered, with guardian
    and ledger told as of every create, and what it makes is ended then.
    """

    def __init__(self, asked: Asked) -> None:
        """Prepare; nobody is asked yet."""
        self._asked = asked
        self._running: dict[Owned[None], Asking] = {}
        self._failures: dict[Asking, Exception] = {}

    async def run(self) -> Debt:
        """
        Return the session that came first; the others are ended.

        A failure after which nobody else may be asked does not end what is under way: the session
        of one that was asked before is still good.

        Raises:
            InteractError: As `open_session` says.
        """
        asked = self._asked
        to_ask = list(asked.terms.candidates)
        refusals = Refusals()
        final: Exception | None = None
        self._ask(to_ask.pop(0))
        while self._running:
            more = bool(to_ask) and final is None and not asked.abandoned
            done, _ = await asyncio.wait(
                self._running,
                timeout=asked.terms.hedge if more else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            # In the order in which they were asked: who is named first wins a tie.
            heard = [self._running.pop(task) for task in tuple(self._running) if task in done]
            for asking in heard:
                if asking not in self._failures:
                    if not asked.abandoned and asking.debt is not None:
                        asked.keep(asking)
                        return asking.debt
                elif not refusals.take(asking.candidate, self._failures[asking], more_follow=bool(to_ask)):
                    final = final or self._failures[asking]
            if more and final is None and not asked.abandoned:
                self._ask(to_ask.pop(0))
        if asked.abandoned:
            raise TransportError("The create was given up.", sent=False)
        raise final or refusals.error()

    def _ask(self, candidate: Candidate) -> None:
        asking = self._asked.begin(candidate)
        task = self._asked.hub.own(self._hear(asking), end_grace=bounds.CREATE_GRACE)
        self._running[task] = asking

    async def _hear(self, asking: Asking) -> None:
        """Never fails: `asyncio.run` reports every task that does so at its end."""
        self._failures[asking] = InteractError("The create was ended with its event loop.")
        try:
            await asking.ask()
        except Exception as error:  # noqa: BLE001  # boundary: raised again where somebody waits
            self._failures[asking] = error
        else:
            del self._failures[asking]
