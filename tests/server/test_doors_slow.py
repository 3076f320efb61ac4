"""Those who take their time, come in crowds, or bring too much."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import attrs
import pytest
from aiohttp import web

from firecrawl_interact.server import listening, received
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.fake import FakeBrowsers
from firecrawl_interact.server.listening import runner_for
from firecrawl_interact.server.porter import Porter
from tests.server.conftest import KEY
from tests.server.rawhttp import exchange, head

SHOWN = {"Authorization": f"Bearer {KEY}", "anchor-api-key": KEY}
MEGABYTE = 1024 * 1024


@attrs.frozen
class House:
    """A server with little patience."""

    port: int
    runner: web.AppRunner
    porter: Porter
    browsers: FakeBrowsers

    @property
    def connections(self) -> list[web.RequestHandler]:
        """Those that are open."""
        assert self.runner.server is not None
        return self.runner.server.connections

    async def connected(self, number: int) -> None:
        """Wait until so many connections are open."""
        async with asyncio.timeout(30):
            while len(self.connections) != number:  # noqa: ASYNC110  # nothing tells
                await asyncio.sleep(0.005)


Open = Callable[..., Awaitable[House]]


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Start servers; `patience` is for bodies, whatever is thrown away, and heads unless said otherwise."""
    runners = []

    async def start(*, patience: float = 60, for_head: float | None = None, most: int = 1000) -> House:
        monkeypatch.setattr(received, "BODY_TIMEOUT", patience)
        monkeypatch.setattr(listening, "_LINGER", patience)
        browsers, porter = FakeBrowsers(), Porter(most)
        runner = runner_for(build_app(browsers=browsers, key=KEY), porter, head_timeout=for_head or patience)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return House(runner.addresses[0][1], runner, porter, browsers)

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.mark.parametrize(
    "sent", [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "]
)
async def test_who_never_ends_a_head_is_shown_out(house: Open, sent: bytes):
    """
    Whatever part of it came.
    """
    door = await house(patience=0.1)

    assert b"" == (await exchange(door.port, sent)).raw


async def test_who_sends_a_byte_at_a_time_is_shown_out(house: Open):
    """
    The time counts for the whole head: no byte buys more of it.
    """
    door = await house(patience=0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
    sent = 0
    async with asyncio.timeout(30):
        while not reader.at_eof() and reader.exception() is None:  # A reset is an end as well.
            writer.write(b"a")
            sent += 1
            await asyncio.sleep(0.01)
    writer.close()

    assert sent > 1
    assert [] == door.connections


async def test_who_asked_once_gets_no_more_time_for_a_second_head(house: Open):
    """
    A connection that is kept open is bounded as a new one is.
    """
    door = await house(patience=0.2)
    line = head("GET /healthz HTTP/1.1", {"Connection": "keep-alive"})
    reply = await exchange(door.port, line + b"GET /healthz HT")

    assert 200 == reply.status
    assert 1 == reply.raw.count(b"HTTP/1.1")


@pytest.mark.parametrize("path", ["/v2/interact", "/v1/sessions", "/dashboard/login"])
async def test_a_body_that_does_not_come_is_not_awaited_for_long(house: Open, path: str):
    """
    Neither for those who have the key nor at the one form that is read without.
    """
    door = await house(patience=0.1, for_head=60)
    headers = {**SHOWN, "Content-Length": "100", "Origin": "http://127.0.0.1"}
    reply = await exchange(door.port, head(f"POST {path} HTTP/1.1", headers) + b"{")

    assert 408 == reply.status
    assert () == door.browsers.list()


async def test_a_body_that_nobody_reads_is_not_awaited_for_long(house: Open):
    """
    Without a key the answer comes at once, and the connection ends soon after.
    """
    door = await house(patience=0.1, for_head=60)
    reply = await exchange(door.port, head("POST /v2/interact HTTP/1.1", {"Content-Length": "100"}) + b"{")

    assert 401 == reply.status


async def test_crowds_that_wait_lose_those_who_came_first(house: Open):
    """
    Whoever asks for something is served, before and after.
    """
    door = await house(most=3)
    crowd = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(10)]
    await door.connected(10)
    door.porter.look(door.connections)
    await door.connected(3)
    served = await exchange(door.port, head("GET /healthz HTTP/1.1"))
    ended = [reader.at_eof() for reader, _ in crowd]
    for _, writer in crowd:
        writer.close()

    assert 200 == served.status
    assert [True] * 7 + [False] * 3 == ended


async def test_who_is_being_answered_is_not_shown_out(house: Open):
    """
    A create takes as long as it takes, however many wait beside it.
    """
    door = await house(most=0)
    door.browsers.launcher.delay = 3600
    creating = asyncio.create_task(
        exchange(door.port, head("POST /v2/interact HTTP/1.1", {**SHOWN, "Content-Length": "0"}))
    )
    async with asyncio.timeout(30):
        while not door.browsers._starting:  # noqa: ASYNC110  # nothing tells when a request has come
            await asyncio.sleep(0)
    door.porter.look(door.connections)

    assert 1 == len(door.connections)
    await door.runner.cleanup()
    assert 503 == (await creating).status


@pytest.mark.parametrize(
    "request_",
    [
        head("GET /" + "a" * 8200 + " HTTP/1.1"),
        head("GET /?" + "a" * 8200 + " HTTP/1.1"),
        head("GET / HTTP/1.1", {"X": "a" * 8200}),
        head("GET / HTTP/1.1", {"X" * 8200: "a"}),
        head("GET / HTTP/1.1", [("X", "a")] * 200),
        head("GET / HTTP/1.1", {"Cookie": "a=b; " * 2000}),
    ],
)
async def test_heads_are_bounded(house: Open, request_: bytes):
    """
    Lines and fields of 8 kB, 128 fields.
    """
    door = await house()

    assert 400 == (await exchange(door.port, request_)).status


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (413, b" " * (10 * MEGABYTE + 1)),
        (400, b"[" * 9 * MEGABYTE),
        (400, b'{"a":' * MEGABYTE),
        (400, b'"' + b"a" * 9 * MEGABYTE),
        (400, b'{"ttl": ' + b"9" * 100_000 + b"}"),
        (400, b'{"ttl": 1e999}'),
        (400, b'["\\ud800"'),
    ],
    ids=["too long", "deep list", "deep object", "open string", "long number", "infinity", "half a letter"],
)
@pytest.mark.parametrize("path", ["/v2/interact", "/v1/sessions"])
async def test_huge_bodies_are_refused_in_words(house: Open, path: str, status: int, body: bytes):
    """
    And start nothing.
    """
    door = await house()
    headers = {**SHOWN, "Content-Length": str(len(body))}
    reply = await exchange(door.port, head(f"POST {path} HTTP/1.1", headers) + body, within=20)

    assert (status, True) == (reply.status, isinstance(json.loads(reply.body), dict))
    assert () == door.browsers.list()


async def test_a_body_that_grows_when_unpacked_is_bounded_by_what_it_becomes(house: Open):
    """
    Twenty megabytes in twenty kilobytes.
    """
    door = await house()
    body = gzip.compress(b" " * (20 * MEGABYTE))
    headers = {**SHOWN, "Content-Encoding": "gzip", "Content-Length": str(len(body))}
    reply = await exchange(door.port, head("POST /v2/interact HTTP/1.1", headers) + body)

    assert 413 == reply.status


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Encoding": "gzip", "Content-Length": "4"}, b"none"),
        ({"Content-Encoding": "deflate", "Content-Length": "4"}, b"none"),
        ({"Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}, b"4\r\nnone\r\n0\r\n\r\n"),
        ({"Transfer-Encoding": "chunked"}, b"2\r\n{}\r\nno chunk\r\n"),
    ],
)
@pytest.mark.parametrize("path", ["/v2/interact", "/v1/sessions", "/dashboard/login"])
async def test_a_body_that_is_not_what_its_headers_say_is_refused(
    house: Open, path: str, headers: dict[str, str], body: bytes
):
    """
    It is the sender's fault, and no accident of the server's.
    """
    door = await house(patience=0.5, for_head=60)
    shown = {**SHOWN, **headers, "Origin": "http://127.0.0.1"}
    reply = await exchange(door.port, head(f"POST {path} HTTP/1.1", shown) + body)

    assert 400 == reply.status


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (413, "application/x-www-form-urlencoded", b"key=" + b"a" * 5000),
        (401, "application/x-www-form-urlencoded", b"key=\xff\xfe"),
        (401, "application/x-www-form-urlencoded; charset=nonsense", b"key=%ff%00&key=2&" + b"a=&" * 1000),
        (401, "multipart/form-data", b"--x\r\n"),
        (401, "multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--"),
        (401, "", b""),
    ],
)
async def test_the_login_form_takes_a_key_and_nothing_else(house: Open, status: int, kind: str, body: bytes):
    """
    It is what strangers may send, so it is small, and broken ones are merely wrong.
    """
    door = await house()
    headers = {"Origin": "http://127.0.0.1", "Content-Type": kind, "Content-Length": str(len(body))}
    reply = await exchange(door.port, head("POST /dashboard/login HTTP/1.1", headers) + body)

    assert status == reply.status
