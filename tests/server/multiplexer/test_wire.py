"""Whole messages over a socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import attrs
import pytest

from firecrawl_interact.server.multiplexer import wire as module
from firecrawl_interact.server.multiplexer.wire import TAIL, Wire


@attrs.define
class Ends:
    """A wire and who is at its other end."""

    wire: Wire
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    messages: asyncio.Queue[bytes]
    too_long: asyncio.Queue[bytes]


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    messages: asyncio.Queue[bytes] = asyncio.Queue()
    too_long: asyncio.Queue[bytes] = asyncio.Queue()
    ours, theirs = socket.socketpair()
    wire = Wire(messages.put_nowait, too_long.put_nowait)
    await wire.open(ours)
    reader, writer = await asyncio.open_unix_connection(sock=theirs, limit=2**24)
    async with asyncio.timeout(30):
        yield Ends(wire, reader, writer, messages, too_long)
        writer.close()
        await wire.aclose()


@pytest.mark.parametrize("size", [1, 7, 1000, 30_000])
async def test_messages_arrive_whole_however_they_are_cut(ends: Ends, size: int):
    """
    Several in one piece, one in several pieces, and empty ones.
    """
    sent = [b"a", b"", b"bc", b"d" * 300 * size, b"e" * 2 * size, b"f"]
    data = b"".join(message + b"\0" for message in sent)
    for start in range(0, len(data), size):
        ends.writer.write(data[start : start + size])
        await ends.writer.drain()
        await asyncio.sleep(0)
    received = [await ends.messages.get() for _ in sent]

    assert sent == received


async def test_message_that_is_too_long_is_left_out_but_for_its_end(
    ends: Ends, monkeypatch: pytest.MonkeyPatch
):
    """
    The end tells whose it was; the next message is read as ever.
    """
    monkeypatch.setattr(module, "LONGEST_ANSWER", 1_000_000)
    ends.writer.write(b"x" * 3_000_000 + b"end\0next\0")
    ending, following = await ends.too_long.get(), await ends.messages.get()

    assert (b"next", True) == (following, ending.endswith(b"xend"))
    assert len(ending) >= TAIL


async def test_sender_waits_for_a_browser_that_does_not_read(ends: Ends):
    """
    What waits is bounded; it arrives once the browser reads again.
    """
    piece = b"p" * 8_000_000  # More than either side keeps.
    sending = [asyncio.create_task(ends.wire.send(piece)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting = [task for task in sending if not task.done()]
    received = [await ends.reader.readuntil(b"\0") for _ in sending]
    await asyncio.gather(*sending)

    assert waiting
    assert [len(piece) + 1] * 3 == [len(message) for message in received]


@pytest.mark.parametrize("who", ["browser", "us"])
async def test_nothing_can_be_sent_once_either_side_has_gone(ends: Ends, who: str):
    """
    Whoever tries is told.
    """
    if who == "browser":
        ends.writer.close()
        await ends.wire.lost
    else:
        await ends.wire.aclose()
    with pytest.raises(ConnectionError):
        await ends.wire.send(b"late")

    assert ends.wire.lost.done()


async def test_sender_that_waits_is_told_of_the_end(ends: Ends):
    """
    It does not wait for a browser that has gone.
    """
    await ends.wire.send(b"p" * 5_000_000)
    sending = asyncio.create_task(ends.wire.send(b"q"))
    await asyncio.sleep(0)
    ends.writer.transport.abort()

    with pytest.raises(ConnectionError):
        await sending


async def test_paused_wire_takes_nothing_until_it_goes_on(ends: Ends):
    """
    So the browser waits, in place of our memory.
    """
    ends.wire.pause()
    ends.writer.write(b"m" * 3_000_000 + b"\0")
    draining = asyncio.create_task(ends.writer.drain())
    await asyncio.sleep(0.05)
    held = not draining.done() and ends.messages.empty()
    ends.wire.resume()
    message = await ends.messages.get()
    await draining

    assert (True, 3_000_000) == (held, len(message))
