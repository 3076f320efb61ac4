"""Attaching: take up a session that runs already, and the debt for it where the caller wants to own it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from firecrawl_interact.errors import SessionGoneError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.debt import Debt, DebtState
from firecrawl_interact.lifecycle.record import Record
from firecrawl_interact.models import CreatePlan, Request

if TYPE_CHECKING:
    from firecrawl_interact.lifecycle.hub import Hub
    from firecrawl_interact.lifecycle.terms import Candidate
    from firecrawl_interact.models import SessionInfo

LONGEST_LIFE = 3600.0  # Seconds a session of unknown deadline is taken to live: Firecrawl's highest ttl.


async def attach_session(
    hub: Hub, candidate: Candidate, session_id: str, *, owned: bool
) -> tuple[SessionInfo, Debt | None]:
    """
    Look a session up, and take its debt on if *owned*.

    Raises:
        SessionNotFoundError: The provider knows no such session.
        SessionGoneError: It has ended.
    """
    backend = candidate.backend
    await backend.ready()
    async with backend:
        info = await backend.get(session_id)
    if not info.alive:
        raise SessionGoneError(
            f"Session {session_id} at {backend.name} has ended ({info.status}).",
            backend=backend.name,
            session_id=session_id,
        )
    if not owned:
        return info, None
    expires = time.time() + LONGEST_LIFE if info.expires_at is None else info.expires_at.timestamp()
    end = backend.end_request(session_id)
    plan = CreatePlan(Request("", backend.base_url), mark=None, search=None, ttl=expires - time.time())
    record = Record(candidate.layers, backend, plan, create_within=0.0)
    debt = Debt(
        backend=backend, info=info, end=end, record=record, until=expires + bounds.EXPIRY_MARGIN, hub=hub
    )
    hub.owe(debt)
    try:
        await record.plan()
        await record.opened(debt)
    except BaseException:
        # Cancelled before the caller has it: it is not taken over, and goes on as it was.
        hub.release(debt, DebtState.RELEASED)
        record.settled()
        raise
    return info, debt
