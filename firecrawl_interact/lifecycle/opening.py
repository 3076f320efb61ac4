"""Opening: one session from the candidates there are, whatever happens meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firecrawl_interact.errors import InteractError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.asked import Asked
from firecrawl_interact.lifecycle.failover import Refusals
from firecrawl_interact.lifecycle.owned import Patience

if TYPE_CHECKING:
    from firecrawl_interact.lifecycle.debt import Debt
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
    asked = Asked(hub, terms)
    opening = _Opening(asked)
    # A refused cancel alone does not abandon it: whoever waits may still want the session.
    task = hub.own(opening.run(), end_grace=bounds.CREATE_GRACE)
    patience = Patience()
    try:
        await patience.settle(task, after_cancel=bounds.CREATE_GRACE, on_cancel=asked.abandon)
        if patience.caught is not None:
            for debt in asked.debts():
                await patience.settle(hub.pay(debt), after_cancel=bounds.CLOSE_GRACE)
            patience.hand_on()
        return opening.result()
    except BaseException:
        asked.abandon()  # Nobody will enter the block: an error, Ctrl-C, or the coroutine was closed.
        raise


class _Opening:
    """One call of `open_session`, running in an owned task."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._won: Debt | None = None
        self._error: Exception | None = None

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
            self._won = await self._ask()
        except Exception as error:  # noqa: BLE001  # boundary: raised again where somebody waits
            self._error = error

    async def _ask(self) -> Debt:
        if self._asked.terms.hedge is None:
            return await _in_turn(self._asked)
        from firecrawl_interact.lifecycle.hedging import Race  # rarely used

        return await Race(self._asked).run()


async def _in_turn(asked: Asked) -> Debt:
    """Ask one after the other; return the session of the first that serves. One alone fails as it failed."""
    *others, last = asked.terms.candidates
    refusals = Refusals()
    for candidate in (*others, last):
        try:
            return await asked.begin(candidate).ask()
        except InteractError as error:
            more = candidate is not last
            if not others or asked.abandoned or not refusals.take(candidate, error, more_follow=more):
                raise
    raise refusals.error()
