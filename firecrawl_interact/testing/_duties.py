"""The duties of a backend, one function each; its docstring is the duty."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

from firecrawl_interact.backends._capable import refuse_run
from firecrawl_interact.backends.base import RESERVED_IDS
from firecrawl_interact.errors import (
    BackendError,
    CreateUnknownError,
    InvalidOptionError,
    SessionGoneError,
    SessionNotFoundError,
    UnsupportedError,
    UsageError,
)
from firecrawl_interact.models import Answer, Option, Profile, Run, SessionOptions, SessionState
from firecrawl_interact.session import Session
from firecrawl_interact.testing._interposed import interposed

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.models import Language
    from firecrawl_interact.pending import PendingSession

IMPOSSIBLE_IDS = ("", "a/b", "a b", "a\n", "a?b", "a%2fb", *sorted(RESERVED_IDS))

_TTL = 60  # Seconds: what a session lives that could not be ended, whatever went wrong here.
_ASKED = SessionOptions(ttl=_TTL, activity_ttl=_TTL)
_OPTIONS: dict[Option, SessionOptions] = {
    "profile": SessionOptions(profile=Profile("conformance", save_changes=False)),
    "live_view": SessionOptions(live_view=True),
    "no_live_view": SessionOptions(live_view=False),
    "record": SessionOptions(record=True),
    "block_ads": SessionOptions(block_ads=True),
    "no_block_ads": SessionOptions(block_ads=False),
    "country": SessionOptions(country="DE"),
    "tags": SessionOptions(tags=("conformance",)),
}
_PROGRAMS: dict[Language, str] = {
    "node": 'console.log("kept")',
    "python": 'print("kept")',
    "bash": "echo kept",
}


class Skip(Exception):  # noqa: N818  # it is no error
    """A duty that this backend does not have."""


async def identity(backend: Backend) -> None:
    """Name, address and bounds are set, and repr shows no key."""
    expect(bool(backend.name), "name must not be empty")
    expect(backend.open_timeout > 0, "open_timeout must be seconds above 0")
    expect(not backend.base_url.endswith("/"), "base_url must not end with a slash")
    expect(backend.key is None or backend.key not in repr(backend), "repr must not show the key")
    hash(backend.connection_key())


async def impossible_ids(backend: Backend) -> None:
    """An id that would lead to another route gets into no URL."""
    for session_id in IMPOSSIBLE_IDS:
        refuses(partial(backend.end_request, session_id), f"end_request must refuse {session_id!r}")
        if backend.capabilities.languages or backend.capabilities.prompts:
            ask = partial(backend.run_request, session_id, _a_run(backend))
            refuses(ask, f"run_request must refuse {session_id!r}")
    async with backend:
        for session_id in IMPOSSIBLE_IDS:
            for name, verb in (("get", backend.get), ("delete", backend.delete)):
                await refuses_later(verb(session_id), f"{name} must refuse {session_id!r}")


async def options(backend: Backend) -> None:
    """Options are taken or refused as the capabilities say, before anything is sent."""
    backend.check(_ASKED)
    for option, asked in _OPTIONS.items():
        able = option in backend.capabilities.options
        try:
            backend.check(asked)
            backend.prepare(asked)
        except UnsupportedError:
            expect(not able, f"{option} is among the capabilities, so it must not be refused")
        except InvalidOptionError:
            expect(able, f"{option} must be refused with UnsupportedError")
        else:
            expect(able, f"{option} is not among the capabilities, so check or prepare must refuse it")
    refuses(lambda: backend.check(SessionOptions(ttl=1)), "check must refuse a ttl of 1 s")


async def create_plan(backend: Backend) -> None:
    """A create is a POST with an honest end; a mark can be searched for."""
    await backend.ready()
    plan = backend.prepare(_ASKED)
    expect(plan.request.method == "POST", "a create must be a POST")
    expect(plan.ttl >= _TTL, "the plan must not promise an earlier end than was asked for")
    expect((plan.mark is None) == (plan.search is None), "a mark and its search come together")
    if plan.mark is not None:
        expect(plan.mark != backend.prepare(_ASKED).mark, "each create must have a mark of its own")


async def refusals(backend: Backend) -> None:
    """Refusals become errors with their status, and repeat no key."""
    said = f"no, {backend.key}".encode()
    for status in (400, 401, 402, 403, 404, 409, 429):
        answer = Answer(status, {"content-type": "application/json"}, b'{"error": "%s"}' % said)
        expect(backend.refused(answer), f"a {status} proves that nothing was made")
        error = backend.error(answer)
        expect(
            isinstance(error, BackendError) and error.status == status,
            f"error must make a BackendError of a {status}, with its status",
        )
        expect(
            backend.key is None or backend.key not in f"{error} {error!r}", "an error must not show the key"
        )
    for answer in (Answer(500, {}, b"{}"), Answer(502, {}, b"<html>"), Answer(503, {}, b"<html>")):
        expect(not backend.refused(answer), f"a {answer.status} of a gateway proves nothing")


async def owned_session(backend: Backend) -> None:
    """A session opens, tells what it must, and its end is confirmed."""
    async with _opened(backend) as session:
        expect(bool(session.id), "an open session must have an id")
        expect(bool(session.cdp_url), "an open session must have a CDP endpoint")
        expect(session.expires_at is not None, "an open session must say when it expires")
        end = backend.end_request(session.id)
        expect(end.request.method == "DELETE", "an end must be a DELETE, which may be repeated")
        expect(not end.gone & end.again, "a status cannot mean both gone and ask again")
        expect((session.cdp_url or "") not in repr(session), "repr must not show the CDP endpoint")
    receipt = session.receipt
    expect(session.state is SessionState.CLOSED, "leaving the block must close the session")
    expect(receipt is not None and receipt.confirmed, "the end must be confirmed")


async def used_on_its_own(backend: Backend) -> None:
    """Create, get, list and delete agree with each other, and an end may be repeated."""
    async with backend:
        info = await backend.create(_ASKED)
        try:
            seen = await backend.get(info.id)
            expect(seen.id == info.id and seen.alive, "get must find a session that runs")
            listed = [row.id for row in await backend.list(alive=True)]
            expect(info.id in listed, "list must show a session that runs")
        finally:
            receipt = await backend.delete(info.id)
        expect(receipt.confirmed, "delete must confirm")
        expect((await backend.delete(info.id)).confirmed, "a second delete must count as ended")
        expect(not await _lives(backend, info.id), "an ended session must not be alive in get or list")


async def kept_in_view(backend: Backend) -> None:
    """A session is found by its reference, and one that was ended elsewhere is noticed."""
    async with _opened(backend) as session:
        async with Session.attach(session.ref, backend=backend) as seen:
            expect(seen.id == session.id, "attach must find the session by its ref")
        expect((await session.refresh()).alive, "refresh must say that a running session is alive")
        async with backend:
            await backend.delete(session.id)
        expect(not (await session.refresh()).alive, "refresh must notice an end")
        expect(session.ended.is_set(), "a session that is gone must be marked as ended")


async def lost_answer(backend: Backend) -> None:
    """A create whose answer is lost is not sent again; a session with a mark is found and ended."""
    with interposed(backend) as line:
        line.lose = True
        try:
            async with _opened(backend, alone=True):
                raise AssertionError("a lost answer must not open a session")
        except CreateUnknownError as error:
            unknown = error
    (answer, *others) = line.answers
    made = backend.read_created(answer, _ASKED)
    async with backend:
        alive = await _lives(backend, made.id)
        if alive:
            await backend.delete(made.id)
    expect(not others, "a create that may have arrived must not be sent again")
    if unknown.mark is not None:
        expect(not alive, "the session of a lost create must be found by its mark and ended")
        expect(unknown.recovered == (made.id,), "the error must tell the id that was found")


async def cancelled_create(backend: Backend) -> None:
    """A create that is cancelled in flight leaves no session."""

    async def enter() -> None:
        async with _opened(backend, alone=True):
            await asyncio.Event().wait()

    with interposed(backend) as line:
        line.hold.clear()
        task = asyncio.create_task(enter())
        arriving = asyncio.create_task(line.arrived.wait())
        await asyncio.wait((task, arriving), return_when=asyncio.FIRST_COMPLETED)
        arriving.cancel()
        task.cancel()
        line.hold.set()
        await asyncio.wait((task,))
    expect(task.cancelled(), "the cancellation must come out")
    async with backend:
        for answer in line.answers:
            session_id = backend.read_created(answer, _ASKED).id
            if await _lives(backend, session_id):
                await backend.delete(session_id)
                raise AssertionError("a session whose create was cancelled must be ended")


async def runs(backend: Backend) -> None:
    """Code is run in the languages that the capabilities name, and in no other."""
    able = backend.capabilities.languages
    for language, program in _PROGRAMS.items():
        if language not in able:
            refuses(partial(refuse_run, backend, Run(code=program, language=language)), f"no {language} here")
    if not able:
        raise Skip("runs no code")
    async with _opened(backend) as session:
        for language, program in _PROGRAMS.items():
            if language in able:
                result = await session.execute(program, language=language, timeout=30)
                expect(not result.failed, f"a {language} program that ends well must not count as failed")
                # Not every provider returns what is printed.
                expect(
                    not result.stdout or "kept" in result.stdout, f"stdout must be what {language} printed"
                )


Duty = Callable[["Backend"], Coroutine[Any, Any, None]]

DUTIES: tuple[Duty, ...] = (
    identity,
    impossible_ids,
    options,
    create_plan,
    refusals,
    owned_session,
    used_on_its_own,
    kept_in_view,
    lost_answer,
    cancelled_create,
    runs,
)


def expect(kept: bool, duty: str) -> None:
    """Raise what a duty says, unless it is kept."""
    if not kept:
        raise AssertionError(duty)


def refuses(call: Callable[[], object], duty: str) -> None:
    """Expect an error of the caller's."""
    try:
        call()
    except UsageError:
        return
    raise AssertionError(duty)


async def refuses_later(call: Awaitable[object], duty: str) -> None:
    """Expect an error of the caller's."""
    try:
        await call
    except UsageError:
        return
    raise AssertionError(duty)


def _opened(backend: Backend, *, alone: bool = False) -> PendingSession[Session]:
    """Describe a session; *alone* leaves guardian and ledger out of what is done to it on purpose."""
    layer = False if alone else None
    return Session.create(ttl=_TTL, activity_ttl=_TTL, backend=backend, guardian=layer, ledger=layer)


async def _lives(backend: Backend, session_id: str) -> bool:
    """Tell whether a session lives, by the list and by itself; a provider may forget what has ended."""
    if session_id in [row.id for row in await backend.list(alive=True)]:
        return True
    try:
        return (await backend.get(session_id)).alive
    except (SessionNotFoundError, SessionGoneError):
        return False


def _a_run(backend: Backend) -> Run:
    able = backend.capabilities
    for language, program in _PROGRAMS.items():
        if language in able.languages:
            return Run(code=program, language=language)
    return Run(prompt="Look.")
