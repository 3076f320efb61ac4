"""What comes out of a block whose session could not be confirmed as ended, and what stays."""

import asyncio
import logging

import pytest

from firecrawl_interact import CloseError, MemoryBackend, Session, SessionState, TransportError
from firecrawl_interact.guardian import answers
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.models import Answer


@pytest.fixture
def refusing():
    """A provider that refuses to end anything for now."""
    backend = MemoryBackend()
    backend.fail_next("delete", 403, times=1)
    return backend


async def test_unconfirmed_close_raises_where_the_block_ended_well(refusing):
    """A block that ended well says that the end of its session is not confirmed."""
    with pytest.raises(CloseError) as caught:
        async with Session.create(backend=refusing) as session:
            pass

    assert 403 == caught.value.status
    assert "s1" == caught.value.session_id
    assert ("process",) == caught.value.handed_to
    assert SessionState.UNCONFIRMED is session.state
    assert session.receipt.confirmed is False


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Answer(418), r"not confirmed \(memory answered 418\.\)"),
        (418, r"not confirmed \(HTTP 418: Scripted"),
        (OSError("wss://h/cdp?token=hush is odd"), r"not confirmed \(no answer: wss://\*\*\* is odd\)"),
    ],
    ids=str,
)
async def test_unconfirmed_close_says_why_once_and_quotes_no_link(fault, told):
    """A refusal by its words or its status; what somebody else's code raised without what opens a browser."""
    backend = MemoryBackend()
    backend.fail_next("delete", fault)
    with pytest.raises(CloseError, match=told) as caught:
        async with Session.create(backend=backend):
            pass

    assert "hush" not in f"{caught.value}{caught.value.text}"


async def test_unconfirmed_close_can_be_logged_instead(refusing, caplog):
    """With on_unconfirmed="log" the block ends well and a WARNING tells."""
    with caplog.at_level(logging.WARNING, "firecrawl_interact"):
        async with Session.create(backend=refusing, on_unconfirmed="log"):
            pass

    assert ["WARNING"] == [record.levelname for record in caplog.records]


async def test_bodys_exception_wins_and_carries_a_note(refusing):
    """The block's own exception comes out unchanged, with a note about the close."""
    with pytest.raises(LookupError) as caught:
        async with Session.create(backend=refusing):
            raise LookupError("the body")

    assert "the body" == str(caught.value)
    assert "was not confirmed" in caught.value.__notes__[0]


async def test_cancellation_wins_over_an_unconfirmed_close(refusing):
    """A cancelled block ends as cancelled, whatever became of the delete."""
    entered = asyncio.Event()

    async def body():
        async with Session.create(backend=refusing):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    async with asyncio.timeout(30):
        await entered.wait()
        task.cancel("mine")
        with pytest.raises(asyncio.CancelledError) as caught:
            await task

    assert ("mine",) == caught.value.args


async def test_living_process_tries_again_later(refusing, monkeypatch):
    """An end that was not confirmed is sent again by a timer, until it is."""
    monkeypatch.setattr(bounds, "LATER", (0.01,))
    with pytest.raises(CloseError):
        async with Session.create(backend=refusing) as session:
            pass
    async with asyncio.timeout(30):
        while session.state is not SessionState.CLOSED:  # noqa: ASYNC110  # nobody is told of a later try
            await asyncio.sleep(0.01)

    assert ["s1"] == refusing.deleted
    assert session.receipt.confirmed


async def test_close_timeout_bounds_the_statement(backend):
    """A delete that hangs holds the block only for close_timeout, and goes on behind it."""
    backend.hold_answers("delete")
    session = await Session.create(backend=backend, close_timeout=0.05)
    async with asyncio.timeout(30):
        with pytest.raises(CloseError):
            await session.aclose()
    backend.release_answers()
    async with asyncio.timeout(30):
        while session.state is not SessionState.CLOSED:  # noqa: ASYNC110  # nobody is told of the late answer
            await asyncio.sleep(0)

    assert session.receipt.confirmed


@pytest.mark.parametrize(
    "fault",
    [
        503,
        429,
        408,
        502,
        TransportError("reset", sent=True),
        TransportError("refused", sent=False),
        Answer(429, {"retry-after": "0"}, b""),
    ],
    ids=["503", "429", "408", "502", "reset", "refused", "retry-after"],
)
async def test_delete_is_sent_again_after_a_passing_failure(backend, fault):
    """Failures that may pass are asked again within the same statement."""
    backend.fail_next("delete", fault, times=2)
    async with asyncio.timeout(30), Session.create(backend=backend) as session:
        pass

    assert session.receipt.confirmed
    assert ["s1"] == backend.deleted


@pytest.mark.parametrize(
    "answer",
    [Answer(204), Answer(200, {}, b"<html>"), Answer(200, {}, b'{"succ'), Answer(410)],
    ids=["204", "html", "truncated", "410"],
)
async def test_gone_is_gone_whatever_the_body(backend, answer):
    """A status that means gone confirms, readable or not."""
    backend.fail_next("delete", answer, effect=True)
    async with Session.create(backend=backend) as session:
        pass

    assert session.receipt.confirmed
    assert session.receipt.credits_billed is None


async def test_lagging_404_is_asked_again(backend, monkeypatch):
    """A 404 right after the create is doubted: a replica may lag behind."""
    monkeypatch.setattr(answers, "NOT_FOUND_AGE", 60.0)  # Right after, however slow the machine.
    backend.fail_next("delete", 404, times=2)
    async with asyncio.timeout(30), Session.create(backend=backend) as session:
        pass

    assert session.receipt.confirmed
    assert ["s1"] == backend.deleted


async def test_two_closes_at_once_share_one_delete(backend):
    """However many wait for the end of a session, it is asked for once."""
    session = await Session.create(backend=backend)
    backend.hold_answers("delete")
    closes = [asyncio.create_task(session.aclose()) for _ in range(3)]
    async with asyncio.timeout(30):
        await backend.delete_received.wait()
        backend.release_answers()
        await asyncio.gather(*closes)

    assert ["s1"] == backend.deleted


async def test_second_close_is_silent(refusing):
    """A close after a failed one does not fail again."""
    session = await Session.create(backend=refusing)
    with pytest.raises(CloseError):
        await session.aclose()
    await session.aclose()

    assert SessionState.UNCONFIRMED is session.state
