"""Taking a session up: by id or reference, to look on or to own, and never with two owners."""

import asyncio
import json
import os
import signal
import warnings
from datetime import datetime

import pytest

from firecrawl_interact import (
    FirecrawlBackend,
    InvalidOptionError,
    MemoryBackend,
    Session,
    SessionGoneError,
    SessionNotFoundError,
    SessionRef,
    UnsupportedError,
    UsageError,
)
from firecrawl_interact.ledger.base import LedgerError, Taking
from firecrawl_interact.ledger.memory import MemoryLedger
from firecrawl_interact.lifecycle import attaching
from firecrawl_interact.lifecycle.debt import outstanding

OWNER = """
import json
async def main():
    session = await Session.create(backend=backend(), ttl=60)
    say(session.ref.to_json())
    while (word := await asyncio.to_thread(sys.stdin.readline)).strip() == "detach":
        await session.detach()
        say("detached")

asyncio.run(main())
"""

TAKER = """
async def main():
    ref = SessionRef.from_json(sys.stdin.readline())
    say("ready")
    sys.stdin.readline()
    try:
        session = await Session.attach(ref, api_key="fc-key", owned=True)
    except UsageError as error:
        say(f"refused {error}")
        sys.stdin.readline()
        return
    say(f"owned {os.getpid()}")
    sys.stdin.readline()
    await session.aclose()

asyncio.run(main())
"""


def told(program, line):
    """Give a program one line on its stdin."""
    program.process.stdin.write(f"{line}\n")
    program.process.stdin.flush()


def said(program):
    """Wait for the program's next line."""
    return program.process.stdout.readline().strip()


# --- references ------------------------------------------------------------------------------


async def test_reference_goes_through_json_whole(backend):
    """What a reference says survives JSON; the links are not in it."""
    async with Session.create(backend=backend, ttl=120) as session:
        text = session.ref.to_json()

        assert session.ref == SessionRef.from_json(text)
        assert ("memory", "s1", "memory:") == (
            session.ref.backend,
            session.ref.session_id,
            session.ref.base_url,
        )
        assert {"backend", "session_id", "base_url", "expires_at"} == set(json.loads(text))
        assert "cdp" not in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"backend": 1, "session_id": "s", "base_url": "u"}',
        '{"backend": "b", "session_id": "", "base_url": "u"}',
        '{"backend": "b", "session_id": "s", "base_url": "u", "expires_at": "soon"}',
        '{"backend": "b", "session_id": "s", "base_url": "u", "expires_at": "2026-11-20T10:00:00"}',
        '{"backend": "b", "session_id": "s", "base_url": "u", "expires_at": 5}',
        "[" * 100_000,
    ],
    ids=["empty", "list", "null", "bare", "number", "no-id", "words", "naive", "seconds", "deep"],
)
def test_text_that_is_no_reference_is_refused(text):
    """Anything but what `to_json` writes is an error of ours, and is not repeated in it."""
    with pytest.raises(InvalidOptionError, match="no JSON of a SessionRef"):
        SessionRef.from_json(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"backend": 5},
        {"session_id": None},
        {"session_id": ""},
        {"base_url": b"https://one.example"},
        {"expires_at": "soon"},
        {"expires_at": datetime(2026, 11, 20, 10, 0)},  # noqa: DTZ001  # that is what is wrong with it
    ],
    ids=["backend", "no-id", "empty", "bytes", "words", "naive"],
)
def test_reference_made_by_hand_is_checked_at_once(wrong):
    """Nothing is asked of a provider with half a reference."""
    right = {"backend": "firecrawl", "session_id": "s1", "base_url": "https://one.example"}
    with pytest.raises(InvalidOptionError, match="of a SessionRef must be"):
        SessionRef(**(right | wrong))


def test_reference_of_a_later_release_is_read():
    """A key that is not known yet does no harm."""
    ref = SessionRef.from_json('{"backend": "b", "session_id": "s", "base_url": "u", "new": 1}')

    assert SessionRef(backend="b", session_id="s", base_url="u") == ref


async def test_reference_brings_backend_and_address(provider):
    """With a reference only the key has to be at hand."""
    made = FirecrawlBackend(api_key="fc-key", base_url=provider.url)
    async with (
        Session.create(backend=made, ttl=120, guardian=False, ledger=False) as session,
        Session.attach(session.ref, api_key="fc-key") as seen,
    ):
        assert "firecrawl" == seen.backend
        assert session.id == seen.id
        assert session.cdp_url == seen.cdp_url
        assert session.expires_at == seen.expires_at


async def test_reference_of_a_session_that_tells_no_deadline_keeps_it(backend):
    """Where a provider does not say again when a session ends, who made it knew."""
    async with Session.create(backend=backend, ttl=120) as session:
        async with Session.attach(session.ref, backend=backend) as seen:
            told = seen.expires_at
        async with Session.attach(session.id, backend=backend) as seen:
            untold = seen.expires_at

        assert session.expires_at == told
        assert untold is None


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"backend": "anchor", "api_key": "k"}, "runs at firecrawl"),
        ({"backend": FirecrawlBackend(api_key="k")}, "runs at https://one.example"),
        ({"base_url": "https://two.example", "api_key": "k"}, "runs at https://one.example"),
        ({"backend": MemoryBackend()}, "runs at firecrawl"),
    ],
    ids=["backend", "configured", "base_url", "kind"],
)
def test_reference_elsewhere_is_refused(options, match):
    """A session is taken up where it runs, or not at all."""
    ref = SessionRef(backend="firecrawl", session_id="s1", base_url="https://one.example")
    with pytest.raises(UsageError, match=match):
        Session.attach(ref, **options)


@pytest.mark.parametrize(
    ("backend", "key", "address"),
    [
        ("firecrawl", "FIRECRAWL_API_KEY", "FIRECRAWL_API_URL"),
        ("anchor", "ANCHORBROWSER_API_KEY", "ANCHORBROWSER_BASE_URL"),
    ],
)
def test_key_of_the_environment_stays_where_it_belongs(monkeypatch, backend, key, address):
    """A forged reference cannot have a key sent to an address of its choice; the caller's word can."""
    ref = SessionRef(backend=backend, session_id="s1", base_url="https://one.example")
    monkeypatch.setenv(key, "fc-of-the-environment")
    with pytest.raises(UsageError, match=r"reference is of https://one\.example") as refused:
        Session.attach(ref)
    Session.attach(ref, base_url="https://one.example")
    Session.attach(ref, api_key="fc-meant-for-it")
    monkeypatch.setenv(address, "https://one.example")
    Session.attach(ref)

    assert "fc-of" not in str(refused.value)


def test_reference_to_a_server_without_keys_needs_none(monkeypatch):
    """Where there is no key, none can be lost."""
    monkeypatch.delenv("FIRECRAWL_API_KEY", raising=False)
    ref = SessionRef(backend="firecrawl", session_id="s1", base_url="https://one.example")

    assert "firecrawl" in repr(Session.attach(ref))


def test_reference_to_another_process_local_session_is_refused():
    """A local browser belongs to the process that opened it."""
    ref = SessionRef(backend="local", session_id="s9", base_url="http://127.0.0.1:9")
    with pytest.raises(UnsupportedError, match="none of this process's"):
        Session.attach(ref)


def test_reference_with_an_impossible_id_is_refused():
    """An id in a reference is no safer than any other."""
    ref = SessionRef(backend="firecrawl", session_id="a/../b", base_url="https://one.example")
    with pytest.raises(InvalidOptionError, match="session_id"):
        Session.attach(ref, api_key="k")


# --- owners ----------------------------------------------------------------------------------


async def test_own_session_cannot_be_owned_twice(backend):
    """In one process, too, a session has one owner."""
    async with Session.create(backend=backend) as session:
        with pytest.raises(UsageError, match=r"owns session s1.* already"):
            await Session.attach(session.ref, backend=backend, owned=True)

        assert {"s1"} == backend.alive
    assert ["s1"] == backend.deleted


async def test_of_two_attaches_at_once_one_owns(backend):
    """Two tasks that take up what nobody has cannot both get it."""
    session = await Session.create(backend=backend)
    ref = session.ref
    await session.detach()

    async def attach():
        return await Session.attach(ref, backend=backend, owned=True)

    outcomes = await asyncio.gather(attach(), attach(), attach(), return_exceptions=True)
    owners = [each for each in outcomes if isinstance(each, Session)]
    for each in owners:
        await each.aclose()

    assert 1 == len(owners)
    assert [UsageError] * 2 == [type(each) for each in outcomes if not isinstance(each, Session)]
    assert ["s1"] == backend.deleted


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_child_owns_whatever_its_parent_was_about_to(backend):
    """A child that was forked while another thread took a session over can take one over itself."""

    async def take_up():
        session = await Session.create(backend=backend)
        async with Session.attach(await session.detach(), backend=backend, owned=True):
            pass

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of fork beside threads.
        with attaching._owning:
            child = os.fork()
            if child == 0:
                signal.alarm(30)  # Seconds; or it would wait for ever.
                code = 1
                try:
                    asyncio.run(take_up())
                    code = 0 if backend.deleted == ["s1"] else 2
                finally:
                    os._exit(code)
    _, status = os.waitpid(child, 0)

    assert 0 == os.waitstatus_to_exitcode(status)


async def test_handed_over_in_the_ledger(backend):
    """A detach strikes the entry out before it returns; taking up writes another."""
    ledger = MemoryLedger()
    session = await Session.create(backend=backend, ledger=ledger)
    await session.detach()
    between = await ledger.owed()
    async with Session.attach(session.ref, backend=backend, owned=True, ledger=ledger):
        (entry,) = await ledger.owed()
    after = await ledger.owed()

    assert [] == between
    assert "s1" == entry.session_id
    assert [] == after


class Slow(MemoryLedger):
    """A ledger that takes a moment to strike out."""

    def __init__(self):
        super().__init__()
        self.asked, self.proceed = asyncio.Event(), asyncio.Event()

    async def settled(self, entry_id):
        self.asked.set()
        await self.proceed.wait()
        await super().settled(entry_id)


async def test_cancelled_detach_lets_go_all_the_same(backend):
    """Whoever is cancelled while giving a session up leaves no entry by which it could be ended."""
    ledger = Slow()
    session = await Session.create(backend=backend, ledger=ledger)
    async with asyncio.timeout(30):
        detaching = asyncio.create_task(session.detach())
        await ledger.asked.wait()
        detaching.cancel()
        await asyncio.sleep(0)
        ledger.proceed.set()
        with pytest.raises(asyncio.CancelledError):
            await detaching
    owed, alive = await ledger.owed(), set(backend.alive)
    async with Session.attach(session.ref, backend=backend, owned=True):
        pass

    assert ([], {"s1"}) == (owed, alive)


class Held(MemoryLedger):
    """A ledger in which a process that lives has everything."""

    async def take(self, entry):
        return Taking(held=True)


async def test_session_of_a_living_owner_is_left_alone(backend):
    """Refused, the session is neither owned nor ended."""
    session = await Session.create(backend=backend)
    await session.detach()
    with pytest.raises(UsageError, match="owned by a living process"):
        await Session.attach(session.ref, backend=backend, owned=True, ledger=Held())
    alive, owed = set(backend.alive), set(outstanding)
    async with Session.attach(session.ref, backend=backend, owned=True):
        pass

    assert {"s1"} == alive
    assert set() == owed


class Plain:
    """A third party's ledger, which knows of no owners."""

    def __init__(self):
        self._kept = MemoryLedger()

    def __getattr__(self, name):
        if name == "take":
            raise AttributeError(name)
        return getattr(self._kept, name)


class Failing(MemoryLedger):
    """A ledger that cannot be asked."""

    async def take(self, entry):
        raise LedgerError("The disk is full")


async def test_ledger_without_owners_is_told_as_before(backend):
    """A ledger that lacks the method still gets the entry."""
    ledger = Plain()
    session = await Session.create(backend=backend)
    await session.detach()
    async with Session.attach(session.ref, backend=backend, owned=True, ledger=ledger):
        (entry,) = await ledger.owed()

    assert "s1" == entry.session_id


async def test_ledger_that_fails_is_left_out(backend):
    """Without a ledger the session is taken up all the same, as one is opened."""
    session = await Session.create(backend=backend)
    await session.detach()
    async with Session.attach(session.ref, backend=backend, owned=True, ledger=Failing()):
        pass

    assert ["s1"] == backend.deleted


async def test_cancelled_attach_takes_nothing_over(backend):
    """A session whose taker was cancelled goes on as it was."""
    ledger = MemoryLedger()
    session = await Session.create(backend=backend)
    await session.detach()
    for moment in range(12):
        task = asyncio.create_task(
            Session.attach(session.ref, backend=backend, owned=True, ledger=ledger)._open()
        )
        for _ in range(moment):
            await asyncio.sleep(0)
        if task.done():
            break
        task.cancel()
        async with asyncio.timeout(30):
            with pytest.raises(asyncio.CancelledError):
                await task

        assert {"s1"} == backend.alive
        assert [] == await ledger.owed()
    else:
        task = asyncio.create_task(
            Session.attach(session.ref, backend=backend, owned=True, ledger=ledger)._open()
        )
    await (await task).aclose()

    assert ["s1"] == backend.deleted


async def test_nothing_to_take_up(backend):
    """An unknown session is not found, an ended one is gone, owned or not."""
    with pytest.raises(SessionNotFoundError):
        await Session.attach("s99", backend=backend, owned=True)
    async with Session.create(backend=backend) as session:
        pass
    with pytest.raises(SessionGoneError):
        await Session.attach(session.ref, backend=backend, owned=True)

    assert set() == outstanding


# --- several processes -----------------------------------------------------------------------


def test_owner_that_lives_is_named(program):
    """While its owner lives, another process may not own a session, and is told whose it is."""
    owner, taker = program(OWNER), program(TAKER)
    ref = said(owner)
    told(taker, ref)
    taker.expect("ready")
    told(taker, "go")

    assert f"owned by the living process {owner.process.pid}" in said(taker)


def test_handed_over_to_another_process(program, provider):
    """After a detach another process owns the session, and its end ends it."""
    owner, taker = program(OWNER), program(TAKER)
    ref = said(owner)
    told(owner, "detach")
    owner.expect("detached")
    told(taker, ref)
    taker.expect("ready")
    told(taker, "go")
    taker.expect(f"owned {taker.process.pid}")
    owner.end()
    alive = provider.alive()
    told(taker, "close")
    taker.end()

    assert 1 == alive
    assert 0 == provider.alive()


def test_new_owner_that_is_killed_leaves_nothing(program, provider):
    """The promise goes over with the session: guardian and ledger stand behind the new owner."""
    owner, taker = program(OWNER), program(TAKER)
    ref = said(owner)
    told(owner, "detach")
    owner.expect("detached")
    told(taker, ref)
    taker.expect("ready")
    told(taker, "go")
    taker.expect(f"owned {taker.process.pid}")
    taker.process.kill()

    assert 0 == provider.wait_for(alive=0)


def test_of_three_processes_at_once_one_owns(program, provider):
    """However they fall together, exactly one gets the session, and the others are told whose it is."""
    owner = program(OWNER)
    ref = said(owner)
    told(owner, "detach")
    owner.expect("detached")
    takers = [program(TAKER) for _ in range(3)]
    for each in takers:
        told(each, ref)
        each.expect("ready")
    for each in takers:
        told(each, "go")
    answers = [said(each) for each in takers]
    winners = [answer.split()[1] for answer in answers if answer.startswith("owned")]

    assert 1 == len(winners)
    assert 2 == sum(f"living process {winners[0]}" in answer for answer in answers)

    for each in takers:
        told(each, "close")
        each.end()

    assert 0 == provider.alive()
