"""Bytes between a caller and a browser, through the gateway."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from firecrawl_interact.server import gateway
from firecrawl_interact.server.address import Address

PATH = "/devtools/browser/0123"
MEGABYTE = 1024 * 1024
TCP_REPAIR = 19  # Of setsockopt(2); Python has no name for it.

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_browser(connected: Connected) -> AsyncIterator[Address]:
    """
    A browser's port, played by a function that gets the bare connection.
    """
    tasks = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError):
                await connected(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield Address(host="127.0.0.1", port=server.sockets[0].getsockname()[1], path=PATH)
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, then: bytes = b"") -> bytes:
    """
    Accept a WebSocket by hand; return the request.
    """
    request = await reader.readuntil(b"\r\n\r\n")
    key = next(line for line in request.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key: "))[19:]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    writer.write(
        b"HTTP/1.1 101 WebSocket Protocol Handshake\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + then
    )
    return request


class Gate:
    """A server with nothing but the gateway, and what it was told."""

    def __init__(self) -> None:
        self.activity = 0
        self.ended = asyncio.Event()
        self.url = ""
        self.request: web.Request | None = None


@asynccontextmanager
async def gate(address: Address) -> AsyncIterator[Gate]:
    """
    Serve the gateway to one browser.
    """
    gate = Gate()

    def on_activity() -> None:
        gate.activity += 1

    async def handle(request: web.Request) -> web.StreamResponse:
        gate.request = request
        try:
            return await gateway.pass_through(request, address, on_activity)
        finally:
            gate.ended.set()

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gate.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield gate
    finally:
        await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        yield session


async def websocket_browser(handle: Callable[[web.WebSocketResponse], Awaitable[None]]) -> web.AppRunner:
    """
    Run a browser's port, played by a function that gets the WebSocket.
    """

    async def accept(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        await handle(socket)
        return socket

    app = web.Application()
    app.router.add_get(PATH, accept)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


@asynccontextmanager
async def joined(
    http: aiohttp.ClientSession, handle: Callable[[web.WebSocketResponse], Awaitable[None]]
) -> AsyncIterator[tuple[aiohttp.ClientWebSocketResponse, Gate]]:
    """
    Connect a caller through the gateway to a browser played by *handle*.
    """
    runner = await websocket_browser(handle)
    endpoint = Address(host="127.0.0.1", port=runner.addresses[0][1], path=PATH)
    try:
        async with gate(endpoint) as door, http.ws_connect(door.url, max_msg_size=0) as socket:
            yield socket, door
    finally:
        await runner.cleanup()


async def send_back(socket: web.WebSocketResponse) -> None:
    """
    Play a browser that answers with what it was sent.
    """
    async for message in socket:
        await socket.send_str(message.data)


async def test_messages_arrive_whole_in_both_directions(http: aiohttp.ClientSession):
    """
    Small and large messages come back as they were sent, in order, and count as activity.
    """
    messages = ["a", "", "x" * 125, "y" * 70_000, "z" * (5 * MEGABYTE), "end"]
    async with joined(http, send_back) as (socket, door):
        received = []
        for message in messages:
            await socket.send_str(message)
            received.append((await socket.receive()).data)

    assert messages == received
    assert door.activity >= len(messages)


async def test_only_the_caller_counts_as_activity(http: aiohttp.ClientSession):
    """
    What the browser says by itself keeps no session alive.
    """

    async def chatter(socket: web.WebSocketResponse) -> None:
        for _ in range(10):
            await socket.send_str("event")
        await socket.receive()

    async with joined(http, chatter) as (socket, door):
        for _ in range(10):
            await socket.receive()

        assert 0 == door.activity


async def test_handshake_is_relayed_without_what_the_browser_must_not_see(http: aiohttp.ClientSession):
    """
    The browser gets key, version and protocol; no origin, cookie, compression, host or token of ours.
    """
    requests = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append((await shake_hands(reader, writer)).decode())

    async with raw_browser(connected) as endpoint, gate(endpoint) as door:
        headers = {"Origin": "http://evil.test", "Cookie": "a=b", "Authorization": "Bearer fc-secret"}
        async with http.ws_connect(door.url + "?token=secret", headers=headers, compress=15) as socket:
            await socket.receive()
    lines = requests[0].strip().split("\r\n")

    assert f"GET {PATH} HTTP/1.1" == lines[0]
    names = {line.partition(":")[0] for line in lines[1:]}
    assert {"Host", "Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"} == names
    assert f"Host: 127.0.0.1:{endpoint.port}" in lines


async def test_what_the_browser_says_with_its_handshake_arrives(http: aiohttp.ClientSession):
    """
    Bytes in the same segment as the browser's answer are not lost.
    """

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer, then=b"\x81\x05hello")
        await reader.read(1)  # Until the caller closes.

    async with (
        raw_browser(connected) as endpoint,
        gate(endpoint) as door,
        http.ws_connect(door.url) as socket,
    ):
        message = await socket.receive()

    assert "hello" == message.data


async def test_browser_that_leaves_with_its_handshake_ends_the_connection(http: aiohttp.ClientSession):
    """
    Its last words arrive, then the caller's connection ends.
    """

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer, then=b"\x81\x03bye")

    async with (
        raw_browser(connected) as endpoint,
        gate(endpoint) as door,
        http.ws_connect(door.url) as socket,
    ):
        kinds = [(await socket.receive()).type, (await socket.receive()).type]
        await door.ended.wait()

    assert [WSMsgType.TEXT, WSMsgType.CLOSED] == kinds


async def test_callers_close_reaches_the_browser(http: aiohttp.ClientSession):
    """
    A caller that closes gets its answer from the browser itself.
    """
    codes = []

    async def note_close(socket: web.WebSocketResponse) -> None:
        async for _ in socket:
            pass
        codes.append(socket.close_code)

    async with joined(http, note_close) as (socket, door):
        await socket.close(code=4321)
        await door.ended.wait()

    assert [4321] == codes


async def test_browsers_close_reaches_the_caller(http: aiohttp.ClientSession):
    """
    A browser that closes is heard with its code.
    """

    async def close(socket: web.WebSocketResponse) -> None:
        await socket.close(code=4321)

    async with joined(http, close) as (socket, door):
        message = await socket.receive()
        await door.ended.wait()

    assert (WSMsgType.CLOSE, 4321) == (message.type, message.data)


async def test_caller_that_vanishes_ends_the_browsers_connection(http: aiohttp.ClientSession):
    """
    A caller that is cut off without a word leaves no connection to the browser.
    """
    left = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer)
        await reader.read()
        left.set()

    async with raw_browser(connected) as endpoint, gate(endpoint) as door:
        socket = await http.ws_connect(door.url)
        socket._response.connection.transport.abort()
        await left.wait()
        await door.ended.wait()
        await socket.close()

    assert left.is_set()


@pytest.mark.skipif(not hasattr(socket, "TCP_KEEPIDLE"), reason="cannot say how often to ask")
async def test_caller_that_leaves_during_the_handshake_is_no_error(
    http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
):
    """
    Nobody is there to be told, and the browser's connection is closed.
    """
    asked, left, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def browser(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await left.wait()
        await shake_hands(reader, writer)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        closed.set()

    async with raw_browser(browser) as address, gate(address) as entrance:
        connecting = asyncio.create_task(http.ws_connect(entrance.url))
        await asked.wait()
        connecting.cancel()
        while entrance.request is None or entrance.request.transport is not None:  # noqa: ASYNC110  # No event tells.
            await asyncio.sleep(0.001)
        left.set()
        await closed.wait()
        await entrance.ended.wait()

    assert [] == caplog.messages


async def test_caller_that_lost_its_power_is_noticed(http: aiohttp.ClientSession, monkeypatch):
    """
    A caller whose end nobody was told of is asked whether it is still there, and found to be gone.
    """
    monkeypatch.setattr(gateway, "SILENCE", 1)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer)
        await reader.read()

    async with raw_browser(connected) as endpoint, gate(endpoint) as door:
        caller = await http.ws_connect(door.url)
        connection = caller._response.connection.transport.get_extra_info("socket")
        try:
            connection.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)  # Its end says nothing from now on.
        except PermissionError:
            pytest.skip("only root can cut a connection without a word")
        caller._response.connection.transport.abort()
        async with asyncio.timeout(30):
            await door.ended.wait()
        await caller.close()

    assert door.ended.is_set()


async def test_slow_caller_holds_the_browser_back(http: aiohttp.ClientSession):
    """
    What nobody reads is not piled up here: the browser is kept from sending it.
    """
    sent = 0
    stuck = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await shake_hands(reader, writer)
        writer.transport.set_write_buffer_limits(MEGABYTE)
        block = b"\x82\x7f" + (65536).to_bytes(8, "big") + bytes(65536)
        while sent < 256 * MEGABYTE:
            writer.write(block)
            sent += len(block)
            if not await _drained(writer):
                stuck.set()
                await writer.drain()

    async with (
        raw_browser(flood) as endpoint,
        gate(endpoint) as door,
        http.ws_connect(door.url, max_msg_size=0) as socket,
    ):
        socket._response.connection.transport.pause_reading()
        await stuck.wait()
        socket._response.connection.transport.abort()
        await door.ended.wait()

    assert sent < 64 * MEGABYTE


async def _drained(writer: asyncio.StreamWriter) -> bool:
    """
    Tell whether what was written went out before long.
    """
    try:
        async with asyncio.timeout(0.5):
            await writer.drain()
    except TimeoutError:
        return False
    return True


async def test_slow_browser_holds_the_caller_back(http: aiohttp.ClientSession):
    """
    What the browser does not read is not piled up here: the caller is kept from sending it.
    """
    release = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer)
        reader._transport.pause_reading()
        await release.wait()

    sent = 0
    async with (
        raw_browser(deaf) as endpoint,
        gate(endpoint) as door,
        http.ws_connect(door.url) as socket,
    ):
        with contextlib.suppress(TimeoutError):
            while sent < 256:
                async with asyncio.timeout(0.5):
                    await socket.send_bytes(bytes(MEGABYTE))
                sent += 1
        socket._response.connection.transport.abort()
        release.set()
        await door.ended.wait()

    assert sent < 64


async def test_plain_request_is_told_to_upgrade(http: aiohttp.ClientSession):
    """
    A GET without an upgrade gets a 426.
    """
    async with gate(Address(host="127.0.0.1", port=9, path=PATH)) as door, http.get(door.url) as answer:
        assert 426 == answer.status


async def test_browser_that_takes_no_connection_is_a_502(http: aiohttp.ClientSession):
    """
    A port where nobody listens is the gateway's fault in the caller's eyes, and nothing hangs.
    """
    with socket.socket() as held:  # Nobody else can listen there meanwhile.
        held.bind(("127.0.0.1", 0))
        async with gate(Address(host="127.0.0.1", port=held.getsockname()[1], path=PATH)) as door:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await http.ws_connect(door.url)

    assert 502 == caught.value.status


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 404 Not Found\r\n\r\n", b"HTTP/1.1 500 101 \r\n\r\n", b"x" * 100_000],
    ids=["nothing", "404", "500", "no end"],
)
async def test_refused_handshake_is_a_502(http: aiohttp.ClientSession, answer: bytes):
    """
    Whatever the browser answers but 101, the caller gets a 502.
    """

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async with raw_browser(connected) as endpoint, gate(endpoint) as door:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await http.ws_connect(door.url)

    assert 502 == caught.value.status


async def test_silent_browser_is_a_502(http: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch):
    """
    A browser that takes the connection and says nothing is given up.
    """
    monkeypatch.setattr(gateway, "HANDSHAKE_TIMEOUT", 0.1)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        await reader.read()

    async with raw_browser(connected) as endpoint, gate(endpoint) as door:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await http.ws_connect(door.url)

    assert 502 == caught.value.status


async def test_ending_server_cuts_the_connection(http: aiohttp.ClientSession):
    """
    A handler that is cancelled leaves neither side connected.
    """
    left = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await shake_hands(reader, writer)
        await reader.read()
        left.set()

    async with raw_browser(connected) as endpoint:
        async with gate(endpoint) as door:
            socket = await http.ws_connect(door.url)
        message = await socket.receive()
        await left.wait()

    assert WSMsgType.CLOSED == message.type
