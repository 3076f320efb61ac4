"""A receipt is completed after the end, where that costs nobody anything."""

import asyncio
from datetime import timedelta

import attrs
import pytest

from firecrawl_interact import CloseReceipt, MemoryBackend, Session
from firecrawl_interact.errors import TransportError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.models import Answer, Request
from firecrawl_interact.transport.base import Transport

FULL = CloseReceipt(confirmed=True, duration=timedelta(seconds=7), credits_billed=3)


class Asked(Transport):
    """Answers the question for the numbers as told, and everything else as memory does."""

    def __init__(self, backend, transport):
        self._backend = backend
        self._transport = transport

    async def send(self, request, *, timeout, fresh=False):
        if request.method != "RECEIPT":
            return await self._transport.send(request, timeout=timeout, fresh=fresh)
        self._backend.asked.set()
        self._backend.timeouts.append(timeout)
        self._backend.deleted_when_asked = list(self._backend.deleted)
        await self._backend.answer_now.wait()
        if self._backend.trouble is not None:
            raise self._backend.trouble
        return Answer(200, {}, b"")

    async def aclose(self):
        await self._transport.aclose()


class Telling(MemoryBackend):
    """A provider that tells the numbers on being asked."""

    def __init__(self):
        super().__init__()
        self.asked = asyncio.Event()
        self.answer_now = asyncio.Event()
        self.answer_now.set()
        self.timeouts = []
        self.trouble = None
        self.told = FULL
        self.deleted_when_asked = []

    def new_transport(self):
        return Asked(self, super().new_transport())

    def read_ended(self, answer):
        return CloseReceipt(confirmed=True)

    def receipt_request(self, session_id):
        return Request("RECEIPT", session_id)

    def read_receipt(self, answer):
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


@pytest.fixture
def telling():
    """A provider whose sessions are all gone when the test ends."""
    backend = Telling()
    yield backend

    assert set() == backend.alive


async def test_the_numbers_are_asked_for_after_the_end(telling):
    """Once, for a short time, and when the session is gone already."""
    async with asyncio.timeout(30), Session.create(backend=telling) as session:
        pass

    assert FULL == session.receipt
    assert [session.id] == telling.deleted_when_asked
    assert [bounds.RECEIPT_ANSWER] == telling.timeouts


async def test_what_the_end_has_told_already_stays(telling, monkeypatch):
    """The later answer fills gaps alone."""
    early = CloseReceipt(confirmed=True, duration=timedelta(seconds=1))
    monkeypatch.setattr(telling, "read_ended", lambda _: early)
    async with asyncio.timeout(30), Session.create(backend=telling) as session:
        pass

    assert attrs.evolve(early, credits_billed=3) == session.receipt


@pytest.mark.parametrize("told", [CloseReceipt(confirmed=True), ValueError("unreadable")])
async def test_numbers_that_are_not_told_are_not_invented(telling, told):
    """Nothing known, or nothing readable: the receipt confirms, no more."""
    telling.told = told
    async with asyncio.timeout(30), Session.create(backend=telling) as session:
        pass

    assert CloseReceipt(confirmed=True) == session.receipt


async def test_a_line_that_fails_fails_no_close(telling):
    """The end was confirmed before."""
    telling.trouble = TransportError("down")
    async with asyncio.timeout(30), Session.create(backend=telling) as session:
        pass

    assert CloseReceipt(confirmed=True) == session.receipt


async def test_a_block_that_raised_keeps_its_error(telling):
    """The numbers are asked for all the same."""
    with pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(30), Session.create(backend=telling) as session:
            raise ZeroDivisionError

    assert FULL == session.receipt


async def test_who_is_cancelled_in_the_block_waits_for_no_numbers(telling):
    """The session is ended, and the cancellation goes on."""
    telling.answer_now.clear()
    entered = asyncio.Event()

    async def stay():
        async with Session.create(backend=telling):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(stay())
    async with asyncio.timeout(30):
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert not telling.asked.is_set()


async def test_who_is_cancelled_while_asking_is_let_go(telling):
    """A cancellation ends the question; the session is gone already."""
    telling.answer_now.clear()

    async def come_and_go():
        async with Session.create(backend=telling):
            pass

    task = asyncio.create_task(come_and_go())
    async with asyncio.timeout(30):
        await telling.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert telling.created == telling.deleted
