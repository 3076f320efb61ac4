"""What type checkers must see of the public face; read by them, never run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_type

from firecrawl_interact import (
    Backend,
    CloseReceipt,
    FailoverError,
    FirecrawlBackend,
    InvalidOptionError,
    MemoryBackend,
    PendingSession,
    Profile,
    Session,
    SessionEnd,
    SessionInfo,
    SessionRef,
    TransportTimeoutError,
    available_backends,
    register_backend,
)


async def entered_and_awaited() -> None:
    _: PendingSession[Session] = Session.create(ttl=120)
    async with Session.create(ttl=120) as session:
        assert_type(session, Session)
    assert_type(await Session.create(), Session)
    assert_type(await Session.attach("id", backend="anchor", owned=True), Session)
    assert_type(await Session.attach(SessionRef.from_json("{}")), Session)


async def attributes(session: Session) -> None:
    assert_type(session.id, str)
    assert_type(session.backend, str)
    assert_type(session.cdp_url, str | None)
    assert_type(session.live_view_url, str | None)
    assert_type(session.interactive_live_view_url, str | None)
    assert_type(session.expires_at, datetime | None)
    assert_type(session.receipt, CloseReceipt | None)
    assert_type(await session.detach(), str)
    assert_type(session.ref.to_json(), str)
    assert_type(session.remaining, timedelta | None)
    assert_type(await session.refresh(), SessionInfo)
    assert_type(await session.ended, SessionEnd)
    assert_type(await session.wait_ended(poll=timedelta(seconds=1)), SessionEnd)
    assert_type(await session.before_expiry(30), bool)
    session.on_expiry(lambda same: same.aclose(), lead=10).cancel()
    async with session as same:
        assert_type(same, Session)


def options(backend: Backend) -> None:
    _ = Session.create(
        ttl=timedelta(minutes=2), activity_ttl=30.5, profile="name", tags=["a"], extra={"k": 1}
    )
    _ = Session.create(profile=Profile("name", save_changes=False), backend=backend, on_unconfirmed="log")
    _ = Session.create(backend=["firecrawl", backend, MemoryBackend()])
    _ = Session.create(backend=["firecrawl", "anchor"], hedge=2.5)
    _ = Session.create(ttl="120")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    _ = Session.create(on_unconfirmed="ignore")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    _ = Session.create(120)  # type: ignore[misc, call-arg, unused-ignore]  # pyright: ignore[reportCallIssue]


async def configured_backend() -> None:
    async with FirecrawlBackend(api_key="fc-...") as backend:
        assert_type(backend, FirecrawlBackend)
        assert_type(await backend.delete("id"), CloseReceipt)


def errors(error: InvalidOptionError, late: TransportTimeoutError) -> None:
    value_error: ValueError = error
    timeout_error: TimeoutError = late
    raise value_error from timeout_error


async def all_refused() -> None:
    try:
        await Session.create(backend=["firecrawl", "anchor"])
    except FailoverError as error:
        assert_type(error.exceptions[0], Exception | ExceptionGroup[Exception])


def registry() -> None:
    assert_type(available_backends(), tuple[str, ...])
    register_backend("mine", "package.module:Backend")
    register_backend("memory", MemoryBackend)
