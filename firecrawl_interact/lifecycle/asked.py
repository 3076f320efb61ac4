"""Asked: everybody who was asked for one session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firecrawl_interact.lifecycle.asking import Asking

if TYPE_CHECKING:
    from firecrawl_interact.lifecycle.debt import Debt
    from firecrawl_interact.lifecycle.hub import Hub
    from firecrawl_interact.lifecycle.terms import Candidate, OpenTerms


class Asked:
    """
    Everybody who was asked for one session so far, in order.

    Attributes:
        hub: Where the session is opened.

        terms: How.

        abandoned: True once nobody waits for the session any more: then nobody else is to be asked.
    """

    def __init__(self, hub: Hub, terms: OpenTerms) -> None:
        """Begin with nobody."""
        self.hub = hub
        self.terms = terms
        self.abandoned: bool = False
        self._askings: list[Asking] = []

    def begin(self, candidate: Candidate) -> Asking:
        """Prepare to ask one more."""
        asking = Asking(self.hub, self.terms, candidate, last=candidate is self.terms.candidates[-1])
        self._askings.append(asking)
        return asking

    def keep(self, winner: Asking) -> None:
        """End what all others made, and what they are still to make."""
        for asking in self._askings:
            if asking is not winner:
                asking.abandon()

    def abandon(self) -> None:
        """Nobody waits any more: end what was made, and what is still to come."""
        self.abandoned = True
        for asking in self._askings:
            asking.abandon()

    def debts(self) -> list[Debt]:
        """Return what was made and is still owed."""
        return [each.debt for each in self._askings if each.debt is not None and not each.debt.settled]
