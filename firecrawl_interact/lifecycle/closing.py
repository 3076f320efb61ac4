"""Closing: how long a statement waits for the end of its session, and what comes out of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import attrs

from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.lifecycle import bounds, receipts
from firecrawl_interact.lifecycle.debt import DebtState
from firecrawl_interact.lifecycle.hub import Hub
from firecrawl_interact.lifecycle.owned import Patience
from firecrawl_interact.options import Seconds, seconds

if TYPE_CHECKING:
    from firecrawl_interact.errors import CloseError
    from firecrawl_interact.lifecycle.debt import Debt

OnUnconfirmed = Literal["raise", "log"]

_log = logging.getLogger("firecrawl_interact")


@attrs.frozen(kw_only=True)
class CloseTerms:
    """
    How leaving a session waits, and what it does without a confirmation.

    Attributes:
        timeout: Seconds to wait.

        on_unconfirmed: What to do where no confirmation came and the block ended well.
    """

    timeout: float = bounds.CLOSE_TIMEOUT
    on_unconfirmed: OnUnconfirmed = "raise"


def close_terms(close_timeout: Seconds | None, on_unconfirmed: OnUnconfirmed | None) -> CloseTerms:
    """
    Read what the caller passed.

    Raises:
        InvalidOptionError: No time, or no such thing to do.
    """
    if on_unconfirmed not in (None, "raise", "log"):
        raise InvalidOptionError(
            f'on_unconfirmed must be "raise" or "log", not {on_unconfirmed!r}.',
            option="on_unconfirmed",
            value=on_unconfirmed,
        )
    return CloseTerms(
        timeout=bounds.CLOSE_TIMEOUT if close_timeout is None else seconds("close_timeout", close_timeout),
        on_unconfirmed=on_unconfirmed or "raise",
    )


async def close_session(debt: Debt, terms: CloseTerms, *, body: BaseException | None = None) -> None:
    """
    End a session and wait for the confirmation, whatever happens.

    Cancelled, it waits `bounds.CLOSE_GRACE` from the first cancellation and hands that on; the
    delete goes on without it.

    Args:
        debt: What is owed. One that is settled already is left alone.

        terms: How to wait.

        body: The exception that ends the block. It comes out unchanged but for a note.

    Raises:
        CloseError: Not confirmed.
    """
    if debt.settled:
        return
    patience = Patience()
    await patience.settle(Hub.running().pay(debt), timeout=terms.timeout, after_cancel=bounds.CLOSE_GRACE)
    failure = None if debt.state is DebtState.PAID else _failure(debt)
    outcome = patience.caught or body
    if failure is not None and outcome is not None:
        outcome.add_note(str(failure))
    patience.hand_on()
    if failure is None and (body is None or isinstance(body, Exception)):  # Who is cancelled waits no longer.
        await receipts.complete(debt)
    if failure is None or body is not None:
        return
    if terms.on_unconfirmed == "raise":
        raise failure
    _log.warning("%s", failure)


def _failure(debt: Debt) -> CloseError:
    if debt.failure is not None:
        return debt.failure
    debt.record.hand_over()
    return debt.unconfirmed()
