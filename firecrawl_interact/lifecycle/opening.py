"""Opening: one session from the candidates there are, whatever happens meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firecrawl_interact.errors import InteractError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.asking import Asking
from firecrawl_interact.lifecycle.failover import Refusals
from firecrawl_interact.lifecycle.owned import Patience

if TYPE_CHECKING:
    from firecrawl_interact.lifecycle.debt import Debt
    from firecrawl_interact.lifecycle.hedging import Race
    from firecrawl_interact.lifecycle.hub import Hub
    from firecrawl_interact.lifecycle.terms import OpenTerms


async def open_session(hub: Hub, terms: OpenTerms) -> Debt:
    """
    Open a session and return what is owed for it, its info included.

    Cancelled, it waits `bounds.CREATE_GRACE` for the creates under way and ends what they made,
    before it hands the cancellation on; a create that takes longer is ended when it answers.

    Raises:
        BackendError: The provider refused.
        ProtocolError: It answered in a shape we do not know; the session, if any, was ended.
        TransportError: The request surely never reached it.
        CreateUnknownError: The request was sent and the outcome is not known.
        LocalBrowserError: No local browser could be started.
        FailoverError: Several backends were asked, and each said no.
    """
    opening = _Opening(hub, terms)
    # A refused cancel alone does not abandon it: whoever waits may still want the session.
    task = hub.own(opening.run(), end_grace=bounds.CREATE_GRACE)
    patience = Patience()
    try:
        await patience.settle(task, after_cancel=bounds.CREATE_GRACE, on_cancel=opening.abandon)
        if patience.caught is not None:
            for debt in opening.debts():
                await patience.settle(hub.pay(debt), after_cancel=bounds.CLOSE_GRACE)
            patience.hand_on()
        return opening.result()
    except BaseException:
        opening.abandon()  # Nobody will enter the block: an error, Ctrl-C, or the coroutine was closed.
        raise


class _Opening:
    """One call of `open_session`, running in an owned task."""

    def __init__(self, hub: Hub, terms: OpenTerms) -> None:
        self._asking: _InTurn | Race
        if terms.hedge is None:
            self._asking = _InTurn(hub, terms)
        else:
            from firecrawl_interact.lifecycle.hedging import Race  # rarely used

            self._asking = Race(hub, terms)
        self._won: Debt | None = None
        self._error: Exception | None = None

    def abandon(self) -> None:
        """Nobody waits any more: ask nobody else, and end what was made."""
        self._asking.abandon()

    def debts(self) -> list[Debt]:
        """Return what was made and is still owed."""
        return [each.debt for each in self._asking.asked if each.debt is not None and not each.debt.settled]

    def result(self) -> Debt:
        """Return what came of it, or raise."""
        if self._error is not None:
            raise self._error
        if self._won is None:
            raise InteractError("The create was ended with its event loop before it was sent.")
        return self._won

    async def run(self) -> None:
        """
        Open the session, and leave what came of it in `result`.

        Never fails itself: `asyncio.run` reports every task that does so at its end.
        """
        try:
            self._won = await self._asking.run()
        except Exception as error:  # noqa: BLE001  # boundary: raised again where somebody waits
            self._error = error


class _InTurn:
    """
    Candidates asked one after the other.

    Attributes:
        asked: Everybody who was asked so far, in order.
    """

    def __init__(self, hub: Hub, terms: OpenTerms) -> None:
        self.asked: list[Asking] = []
        self._hub = hub
        self._terms = terms
        self._abandoned = False

    def abandon(self) -> None:
        """Nobody waits any more: ask nobody else, and end what was made."""
        self._abandoned = True
        for asking in self.asked:
            asking.abandon()

    async def run(self) -> Debt:
        """Return the session of the first that serves; a single candidate's error comes out unchanged."""
        *others, last = self._terms.candidates
        refusals = Refusals()
        for candidate in (*others, last):
            asking = Asking(self._hub, self._terms, candidate, last=candidate is last)
            self.asked.append(asking)
            try:
                return await asking.ask()
            except InteractError as error:
                more = candidate is not last
                if not others or self._abandoned or not refusals.take(candidate, error, more_follow=more):
                    raise
        raise refusals.error()
