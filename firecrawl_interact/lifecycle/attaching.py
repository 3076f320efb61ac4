"""Attaching: take up a session that runs already, and the debt for it where the caller wants to own it."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING

import attrs

from firecrawl_interact.backends._links import check_links
from firecrawl_interact.backends._registry import resolve
from firecrawl_interact.backends.base import has_network
from firecrawl_interact.errors import SessionGoneError, UnsupportedError, UsageError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.debt import Debt, DebtState, given_up, outstanding
from firecrawl_interact.lifecycle.record import Record
from firecrawl_interact.models import CreatePlan, Request, SessionRef
from firecrawl_interact.redaction import short_id

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.ledger.base import Taking
    from firecrawl_interact.lifecycle.hub import Hub
    from firecrawl_interact.lifecycle.terms import Candidate
    from firecrawl_interact.models import SessionInfo

LONGEST_LIFE = 3600.0  # Seconds a session of unknown deadline is taken to live: Firecrawl's highest ttl.

_LOCAL = "local"

_owning = threading.Lock()  # Loops of two threads must not both find that nobody here owns a session.


def locate(
    session: str | SessionRef,
    *,
    backend: str | Backend | None,
    api_key: str | None,
    base_url: str | None,
) -> tuple[Backend, SessionRef]:
    """
    Find the backend that a session runs at. Sends nothing.

    Args:
        session: What names it: an id, or a reference that brings backend and address.

        backend: As `Session.attach` takes it.

        api_key: The same.

        base_url: The same.

    Raises:
        InvalidOptionError: The id cannot be one.
        UnsupportedError: The session belongs to another process's local server.
        UsageError: The reference is of another backend or address, or several backends are named.
    """
    if isinstance(session, SessionRef):
        chosen = _backend_of(session, backend, api_key, base_url)
        ref = session
        chosen.end_request(ref.session_id)  # Refuses what cannot be an id.
    else:
        chosen, *others = resolve(backend, api_key=api_key, base_url=base_url)
        if others:
            names = ", ".join(each.name for each in (chosen, *others))
            raise UsageError(f"A session is attached at one backend, not at {names}: pass backend=.")
        chosen.end_request(session)  # The same, before a reference is made of it.
        ref = SessionRef(backend=chosen.name, session_id=session, base_url=chosen.base_url)
    if chosen.name == _LOCAL and not _is_known_here(ref.session_id):
        raise UnsupportedError(
            f"Session {ref.session_id!r} is none of this process's local sessions; a local browser lives "
            "and dies with the process that opened it, so another cannot take it up."
        )
    return chosen, ref


async def attach_session(
    hub: Hub, candidate: Candidate, ref: SessionRef, *, owned: bool
) -> tuple[SessionInfo, Debt | None]:
    """
    Look a session up, and take its debt on if *owned*.

    Raises:
        SessionNotFoundError: The provider knows no such session.
        SessionGoneError: It has ended.
        UsageError: It is to be owned, and has an owner already, here or in another process.
    """
    backend = candidate.backend
    if owned:
        _refuse_second_owner(backend, ref.session_id)
    await backend.ready()
    async with backend:
        info = await backend.get(ref.session_id)
    check_links(backend, info)
    if not info.alive:
        raise SessionGoneError(
            f"{_title(ref)} at {backend.name} has ended ({info.status}).",
            backend=backend.name,
            session_id=ref.session_id,
        )
    if info.expires_at is None and ref.expires_at is not None:
        info = attrs.evolve(info, expires_at=ref.expires_at, expires_at_estimated=True)
    if not owned:
        return info, None
    return info, await _take_over(hub, candidate, info)


async def _take_over(hub: Hub, candidate: Candidate, info: SessionInfo) -> Debt:
    backend = candidate.backend
    expires = time.time() + LONGEST_LIFE if info.expires_at is None else info.expires_at.timestamp()
    end = backend.end_request(info.id)
    plan = CreatePlan(Request("", backend.base_url), mark=None, search=None, ttl=expires - time.time())
    record = Record(candidate.layers, backend, plan, create_within=0.0)
    debt = Debt(
        backend=backend, info=info, end=end, record=record, until=expires + bounds.EXPIRY_MARGIN, hub=hub
    )
    with _owning:
        _refuse_second_owner(backend, info.id)
        hub.owe(debt)
    try:
        taking = await record.take(debt)
        # The guardian is told at the end of this pass of the loop: the caller's code, which may
        # block the loop, comes after it.
        await asyncio.sleep(0)
    except BaseException:
        # Cancelled before the caller has it: it is not taken over, and goes on as it was.
        hub.release(debt, DebtState.RELEASED)
        record.settled()
        raise
    if taking.held:
        hub.release(debt, DebtState.RELEASED)
        raise _has_owner(info.id, taking)
    given_up.pop(info.id, None)
    return debt


def _refuse_second_owner(backend: Backend, session_id: str) -> None:
    for debt in tuple(outstanding):
        if debt.info.id == session_id and _same_place(debt.backend, backend):
            raise UsageError(
                f"This process owns session {short_id(session_id)} already; it is ended by whoever opened it,"
                " or can be given up there with detach().",
                session_id=session_id,
            )


def _has_owner(session_id: str, taking: Taking) -> UsageError:
    who = "a living process" if taking.pid is None else f"the living process {taking.pid}"
    return UsageError(
        f"Session {short_id(session_id)} is owned by {who}: only after a detach() there can it be owned here."
        " Attach with owned=False to look on.",
        session_id=session_id,
    )


def _backend_of(
    ref: SessionRef, backend: str | Backend | None, api_key: str | None, base_url: str | None
) -> Backend:
    """Make sure that what the caller names is where the session runs."""
    address = ref.base_url if ref.backend != _LOCAL and has_network(ref.base_url) else None
    if backend is None or isinstance(backend, str):
        name = backend or ref.backend
        (chosen,) = resolve(
            name, api_key=api_key, base_url=base_url or (address if name == ref.backend else None)
        )
        if api_key is None and base_url is None and address is not None:
            _keep_key_at_home(chosen, name)
    else:
        chosen, *_ = resolve(backend, api_key=api_key, base_url=base_url)
    if chosen.name != ref.backend:
        raise UsageError(f"The session runs at {ref.backend}, and cannot be attached at {chosen.name}.")
    if address is not None and chosen.base_url != address:
        raise UsageError(f"The session runs at {address}, and cannot be attached at {chosen.base_url}.")
    return chosen


def _keep_key_at_home(chosen: Backend, name: str) -> None:
    """Refuse to send the environment's key to an address that only a reference names: it may be forged."""
    if chosen.key is None:
        return
    (meant,) = resolve(name)
    if chosen.base_url != meant.base_url:
        raise UsageError(
            f"The reference is of {chosen.base_url}, but the key in the environment is for {meant.base_url}. "
            "If it is meant for the former, pass base_url= or api_key=."
        )


def _same_place(one: Backend, other: Backend) -> bool:
    if (one.name, one.base_url) != (other.name, other.base_url):
        return False
    # Without a network the address says nothing.
    return has_network(one.base_url) or one.connection_key() == other.connection_key()


def _is_known_here(session_id: str) -> bool:
    return session_id in given_up or any(debt.info.id == session_id for debt in tuple(outstanding))


def _title(ref: SessionRef) -> str:
    return f"Session {short_id(ref.session_id)}"


def _after_fork_in_child() -> None:
    globals()["_owning"] = threading.Lock()  # Another thread of the parent may have held it.


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
