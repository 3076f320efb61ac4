"""The suite that every backend passes, ours and third parties'. Needs no test runner."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from firecrawl_interact.backends.base import RESERVED_IDS
from firecrawl_interact.errors import InvalidOptionError, SessionGoneError, SessionNotFoundError, UsageError
from firecrawl_interact.models import SessionOptions, SessionState
from firecrawl_interact.session import Session

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend

IMPOSSIBLE_IDS = ("", "a/b", "a b", "a\n", *sorted(RESERVED_IDS))
_TTL = 60


async def check_backend(backend: Backend) -> None:
    """
    Check that a backend keeps its duties, by opening and ending a few real sessions with it.

    Args:
        backend: Configured and ready to be used; needs room for two sessions at a time.

    Raises:
        AssertionError: A duty is not kept; the text says which. Sessions that were opened are ended.
    """
    _identity(backend)
    _bad_input(backend)
    await _owned_session(backend)
    await _used_on_its_own(backend)


def _identity(backend: Backend) -> None:
    _expect(bool(backend.name), "name must not be empty")
    _expect(backend.open_timeout > 0, "open_timeout must be seconds above 0")
    _expect(not backend.base_url.endswith("/"), "base_url must not end with a slash")
    _expect(backend.key is None or backend.key not in repr(backend), "repr must not show the key")
    hash(backend.connection_key())


def _bad_input(backend: Backend) -> None:
    for session_id in IMPOSSIBLE_IDS:
        _refuses(partial(backend.end_request, session_id), f"end_request must refuse {session_id!r}")
    _refuses(lambda: backend.check(SessionOptions(ttl=1)), "check must refuse a ttl of 1 s")
    backend.check(SessionOptions(ttl=_TTL, activity_ttl=_TTL))


async def _owned_session(backend: Backend) -> None:
    plan = backend.prepare(SessionOptions(ttl=_TTL, activity_ttl=_TTL))
    _expect(plan.request.method == "POST", "a create must be a POST")
    _expect(plan.ttl >= _TTL, "the plan must not promise an earlier end than was asked for")
    _expect((plan.mark is None) == (plan.search is None), "a mark and its search come together")
    async with Session.create(ttl=_TTL, activity_ttl=_TTL, backend=backend) as session:
        _expect(bool(session.id), "an open session must have an id")
        _expect(bool(session.cdp_url), "an open session must have a CDP endpoint")
        _expect(session.expires_at is not None, "an open session must say when it expires")
        end = backend.end_request(session.id)
        _expect(end.request.method == "DELETE", "an end must be a DELETE, which may be repeated")
        _expect(not end.gone & end.again, "a status cannot mean both gone and ask again")
        cdp_url = session.cdp_url or ""
        _expect(cdp_url not in repr(session), "repr must not show the CDP endpoint")
    receipt = session.receipt
    _expect(session.state is SessionState.CLOSED, "leaving the block must close the session")
    _expect(receipt is not None and receipt.confirmed, "the end must be confirmed")


async def _used_on_its_own(backend: Backend) -> None:
    async with backend:
        info = await backend.create(SessionOptions(ttl=_TTL, activity_ttl=_TTL))
        try:
            seen = await backend.get(info.id)
            _expect(seen.id == info.id and seen.alive, "get must find a session that runs")
            listed = [row.id for row in await backend.list(alive=True)]
            _expect(info.id in listed, "list must show a session that runs")
        finally:
            receipt = await backend.delete(info.id)
        _expect(receipt.confirmed, "delete must confirm")
        _expect((await backend.delete(info.id)).confirmed, "a second delete must count as ended")
        listed = [row.id for row in await backend.list(alive=True)]
        _expect(info.id not in listed, "list must not show an ended session as alive")
        try:
            _expect(not (await backend.get(info.id)).alive, "an ended session must not be alive")
        except (SessionNotFoundError, SessionGoneError):
            pass  # A provider may forget what has ended.


def _refuses(call: Callable[[], object], duty: str) -> None:
    try:
        call()
    except (InvalidOptionError, UsageError):
        return
    raise AssertionError(duty)


def _expect(kept: bool, duty: str) -> None:
    if not kept:
        raise AssertionError(duty)
