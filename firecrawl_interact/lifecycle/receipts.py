"""Receipts: ask once for the numbers that the answer to an end lacks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.hub import Hub

if TYPE_CHECKING:
    from firecrawl_interact.lifecycle.debt import Debt

_log = logging.getLogger("firecrawl_interact")


async def complete(debt: Debt) -> None:
    """
    Add to a receipt what its provider tells on being asked, if there is such a provider.

    The session is gone already, and guardian and ledger know: whatever fails in here changes
    nothing, and a cancellation simply ends it.
    """
    receipt = debt.receipt
    if receipt is None:
        return
    try:
        asking = debt.backend.receipt_request(debt.info.id)
        if asking is None:
            return
        answer = await Hub.running().transport(debt.backend).send(asking, timeout=bounds.RECEIPT_ANSWER)
        told = debt.backend.read_receipt(answer)
    except Exception as error:  # noqa: BLE001  # boundary: numbers must not turn a confirmed end into a failure
        _log.debug("The %s backend told no receipt (%s).", debt.backend.name, type(error).__name__)
        return
    debt.receipt = attrs.evolve(
        receipt,
        duration=told.duration if receipt.duration is None else receipt.duration,
        credits_billed=told.credits_billed if receipt.credits_billed is None else receipt.credits_billed,
    )
