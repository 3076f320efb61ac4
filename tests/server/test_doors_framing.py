"""Requests of which two readers could think differently: where they end, and what they say."""

from __future__ import annotations

import asyncio
import json
import re
import tracemalloc
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.server.conftest import KEY
from tests.server.rawhttp import exchange

if TYPE_CHECKING:
    from tests.server.conftest import Serve, Server

SHOWN = b"Host: 127.0.0.1\r\nAuthorization: Bearer " + KEY.encode() + b"\r\n"
CREATE = b"POST /v2/interact HTTP/1.1\r\n" + SHOWN
LOOK = b"GET /healthz HTTP/1.1\r\n"
# What would be a request of its own if the one before it ended where a reader may think it does.
SECOND = b"POST /v2/interact HTTP/1.1\r\n" + SHOWN + b"Content-Length: 2\r\n\r\n{}"
LAST = b"GET /nowhere HTTP/1.1\r\n" + SHOWN + b"Connection: close\r\n\r\n"  # Its answer is a 404.
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@attrs.frozen
class Door:
    """A server and its port."""

    server: Server
    port: int

    @property
    def browsers(self) -> int:
        """How many run."""
        return len(self.server.browsers.list(alive=True))


@pytest.fixture
async def door(serve: Serve) -> Door:
    """A server, and where to reach it."""
    server = await serve()
    return Door(server, int(server.base.rpartition(":")[2]))


def answers(raw: bytes) -> list[int]:
    """Return the statuses of all answers on a connection."""
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", raw)]


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(CREATE + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n", id="length and chunks"),
        pytest.param(CREATE + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n", id="chunks and length"),
        pytest.param(CREATE + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}", id="two lengths"),
        pytest.param(CREATE + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", id="one length twice"),
        pytest.param(CREATE + b"Content-Length: 2, 2\r\n\r\n{}", id="list of lengths"),
        pytest.param(CREATE + b"Content-Length: +2\r\n\r\n{}", id="length with a sign"),
        pytest.param(CREATE + b"Content-Length: -1\r\n\r\n{}", id="negative length"),
        pytest.param(CREATE + b"Content-Length: 0x2\r\n\r\n{}", id="length in hexadecimal"),
        pytest.param(CREATE + b"Content-Length: 2_0\r\n\r\n{}", id="length as Python reads it"),
        pytest.param(CREATE + b"Content-Length:\r\n\r\n{}", id="no length"),
        pytest.param(CREATE + b"Content-Length : 2\r\n\r\n{}", id="blank before the colon"),
        pytest.param(CREATE + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", id="blank before chunks"),
        pytest.param(CREATE + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", id="unknown encoding"),
        pytest.param(CREATE + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", id="hidden encoding"),
        pytest.param(CREATE + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", id="chunks not last"),
        pytest.param(CREATE + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", id="two encodings"),
        pytest.param(
            CREATE + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}", id="encoding and length"
        ),
        pytest.param(CREATE + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", id="folded encoding"),
        pytest.param(LOOK + SHOWN + b"X: a\r\n b\r\n\r\n", id="folded field"),
        pytest.param(LOOK + b" " + SHOWN + b"\r\n", id="folded first field"),
        pytest.param((LOOK + SHOWN + b"\r\n").replace(b"\r\n", b"\n"), id="bare line feeds"),
        pytest.param(LOOK + SHOWN + b"X: a\nContent-Length: 0\r\n\r\n", id="bare line feed in a field"),
        pytest.param(LOOK + SHOWN + b"X: a\rContent-Length: 0\r\n\r\n", id="bare return in a field"),
        pytest.param(LOOK + SHOWN + b"\n", id="bare line feed at the end"),
        pytest.param(LOOK + SHOWN + b"X: a\0b\r\n\r\n", id="zero byte in a field"),
        pytest.param(LOOK + SHOWN + b"nothing\r\n\r\n", id="field without a colon"),
        pytest.param(LOOK + SHOWN + b"Host: evil.example\r\n\r\n", id="two hosts"),
        pytest.param(LOOK + b"Host: evil.example\r\n" + SHOWN + b"\r\n", id="two hosts, ours last"),
        pytest.param(CREATE + CHUNKED + b"\r\n2\n{}\r\n0\r\n\r\n", id="bare line feed after a size"),
        pytest.param(
            CREATE + CHUNKED + b"\r\n2;a\nb\r\n{}\r\n0\r\n\r\n", id="bare line feed in an extension"
        ),
        pytest.param(CREATE + CHUNKED + b"\r\n2\r\n{}\n0\r\n\r\n", id="bare line feed after a chunk"),
        pytest.param(CREATE + CHUNKED + b"\r\n2\r\n{}xx\r\n0\r\n\r\n", id="chunk longer than it says"),
        pytest.param(CREATE + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n", id="size with a prefix"),
        pytest.param(CREATE + CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n", id="negative size"),
        pytest.param(CREATE + CHUNKED + b"\r\n 2\r\n{}\r\n0\r\n\r\n", id="size after a blank"),
        pytest.param(
            CREATE + CHUNKED + b"\r\n2\r\n{}\r\n0\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", id="huge trailer"
        ),
        pytest.param(
            CREATE + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n" + b"X: a\r\n" * 20_000 + b"\r\n", id="many trailers"
        ),
    ],
)
async def test_a_request_that_can_be_read_in_two_ways_is_refused_and_nothing_after_it_is_read(
    door: Door, request_: bytes
):
    """
    One answer, 400, and the end of the connection: no request can hide in another.
    """
    reply = await exchange(door.port, request_ + SECOND, within=20)

    assert ([400], 0) == (answers(reply.raw), door.browsers)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(
            LOOK + SHOWN + b"Content-Length: %d\r\n\r\n" % len(SECOND) + SECOND, 200, id="body of a GET"
        ),
        pytest.param(
            CREATE + b"Content-Length: %d\r\n\r\n" % len(SECOND) + SECOND, 400, id="body of a create"
        ),
        pytest.param(
            CREATE + CHUNKED + b"\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(SECOND), SECOND), 400, id="chunk"
        ),
        pytest.param(
            LOOK + SHOWN + CHUNKED + b"\r\n2" + b";a=b" * 99 + b"\r\n{}\r\n0\r\n\r\n", 200, id="extension"
        ),
    ],
)
async def test_a_body_is_no_request(door: Door, request_: bytes, status: int):
    """
    Whatever stands in it, on a route that reads it and on one that does not: what follows it is the next.
    """
    reply = await exchange(door.port, request_ + LAST)

    assert ([status, 404], 0) == (answers(reply.raw), door.browsers)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(LOOK + SHOWN + CHUNKED + b"\r\n0\r\nHost: evil.example\r\n\r\n", id="trailer"),
        pytest.param(LOOK + SHOWN + b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n", id="upgrade not taken"),
    ],
)
async def test_what_nobody_asked_for_is_passed_over(serve: Serve, request_: bytes):
    """
    The request is served as if it were not there, and the connection ends as nothing more comes.
    """
    server = await serve(patience=1)
    reply = await exchange(int(server.base.rpartition(":")[2]), request_)

    assert [200] == answers(reply.raw)


async def test_what_stands_beside_chunks_takes_no_memory(door: Door):
    """
    Sixteen megabytes of one chunk's extension are read away or refused, and not kept.
    """
    piece = b"a" * 65_536
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    tracemalloc.start()
    async with asyncio.timeout(30):
        writer.write(CREATE + CHUNKED + b"\r\n2;")
        try:
            for _ in range(256):
                writer.write(piece)
                await writer.drain()
            writer.write(b"\r\n{}\r\n0\r\n\r\n")
            status = (await reader.readline()).split(b" ")[1]
        except ConnectionError:
            status = b"400"  # Refused before all was sent.
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    writer.close()

    assert status in {b"200", b"400"}
    assert peak < 4 * 1024 * 1024


@pytest.mark.parametrize("path", [b"/v2/interact", b"/v1/sessions", b"/healthz", b"/nowhere"])
@pytest.mark.parametrize("expected", [b"\xff", b"nothing", b"100-continue, more", b"100-continue\xc3"])
async def test_what_nobody_can_expect_is_refused(
    door: Door, path: bytes, expected: bytes, caplog: pytest.LogCaptureFixture
):
    """
    417 in words of ours, also for what is no text; it is no accident, and nothing is started.
    """
    line = b"POST " + path + b" HTTP/1.1\r\n"
    reply = await exchange(
        door.port, line + SHOWN + b"Expect: " + expected + b"\r\nContent-Length: 2\r\n\r\n{}" + LAST
    )

    assert ([417, 404], 0) == (answers(reply.raw), door.browsers)
    assert expected not in reply.raw.replace(b"100-continue.", b"")
    assert [] == [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]


@pytest.mark.parametrize("expected", [b"100-continue", b"100-Continue", b""])
async def test_who_may_go_on_is_told_so(door: Door, expected: bytes):
    """
    A create whose body waits for leave is a create.
    """
    close = b"Connection: close\r\n"
    reply = await exchange(
        door.port, CREATE + close + b"Expect: " + expected + b"\r\nContent-Length: 2\r\n\r\n{}"
    )

    assert (200, True) == (reply.status, json.loads(reply.body)["success"])
    assert 1 == door.browsers
