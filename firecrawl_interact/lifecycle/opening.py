"""Opening: one session from the candidates there are, whatever happens meanwhile."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from firecrawl_interact.errors import InteractError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.asking import Asking
from firecrawl_interact.lifecycle.failover import all_refused, passes_on
from firecrawl_interact.lifecycle.owned import Patience

if TYPE_CHECKING:
    from firecrawl_interact.lifecycle.debt import Debt
    from firecrawl_interact.lifecycle.hub import Hub
    from firecrawl_interact.lifecycle.terms import OpenTerms

_log = logging.getLogger("firecrawl_interact")


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
        self._hub = hub
        self._terms = terms
        self._asked: list[Asking] = []
        self._won: Debt | None = None
        self._error: Exception | None = None
        self._abandoned = False

    def abandon(self) -> None:
        """Nobody waits any more: ask nobody else, and end what was made."""
        self._abandoned = True
        for asking in self._asked:
            asking.abandon()

    def debts(self) -> list[Debt]:
        """Return what was made and is still owed."""
        return [each.debt for each in self._asked if each.debt is not None and not each.debt.settled]

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
            self._won = await self._in_turn()
        except Exception as error:  # noqa: BLE001  # boundary: raised again where somebody waits
            self._error = error

    async def _in_turn(self) -> Debt:
        """Ask one after the other."""
        candidates = self._terms.candidates
        refusals: list[tuple[str, InteractError]] = []
        for candidate in candidates:
            asking = Asking(self._hub, self._terms, candidate, last=candidate is candidates[-1])
            self._asked.append(asking)
            try:
                return await asking.ask()
            except InteractError as error:
                if len(candidates) == 1 or self._abandoned or not passes_on(error):
                    raise
                refusals.append((candidate.backend.name, error))
                if candidate is not candidates[-1]:
                    _log.warning(
                        "The %s backend could not open a session (%s); trying the next.",
                        candidate.backend.name,
                        type(error).__name__,
                    )
        raise all_refused(refusals)
