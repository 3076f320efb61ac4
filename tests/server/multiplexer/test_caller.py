"""Callers' WebSockets, over a browser that is played."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import attrs
import pytest
from aiohttp import WSMsgType, web

from firecrawl_interact.server.multiplexer import caller, switchboard
from firecrawl_interact.server.multiplexer.endpoint import PipeEndpoint

if TYPE_CHECKING:
    from conftest import Scene, eventually
else:
    from tests.server.multiplexer.conftest import eventually

MEGABYTE = 1024 * 1024


@attrs.define(eq=False)
class Gate:
    """A server with nothing but the switchboard, and a client of it."""

    scene: Scene
    http: aiohttp.ClientSession
    url: str
    activity: int = 0
    ended: asyncio.Event = attrs.field(factory=asyncio.Event)

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """Connect as callers do."""
        async with self.http.ws_connect(self.url, max_msg_size=0) as socket:
            yield socket


@pytest.fixture
async def gate(played: Scene) -> AsyncIterator[Gate]:
    endpoint = PipeEndpoint(played.board)

    def on_activity() -> None:
        gate.activity += 1

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await endpoint.relay(request, on_activity)
        finally:
            gate.ended.set()

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with asyncio.timeout(30), aiohttp.ClientSession() as http:
        gate = Gate(played, http, f"http://127.0.0.1:{runner.addresses[0][1]}/")
        yield gate
    await runner.cleanup()


@pytest.mark.parametrize("size", [0, 1, 60, 125, 126, 65_000, 70_000, 5 * MEGABYTE])
async def test_messages_arrive_whole_in_both_directions(gate: Gate, size: int):
    """
    Of every size that a frame's head tells in another way; only the caller's count as activity.
    """
    async with gate.socket() as socket:
        await socket.send_json({"id": 1, "method": "a.b", "params": {"x": "y" * size}})
        told = await gate.scene.told()
        for _ in range(2):
            gate.scene.browser.say({"id": 1, "result": {"x": "z" * size}}, "ROOT0")
        answers = [(await socket.receive()).data for _ in range(2)]

    assert size == len(told["params"]["x"])
    assert [{"id": 1, "result": {"x": "z" * size}}] * 2 == [json.loads(answer) for answer in answers]
    assert 1 == gate.activity


async def test_pings_are_answered_and_are_activity(gate: Gate):
    """
    As at a port, where all bytes are: many clients send nothing else while they think.
    """
    async with gate.http.ws_connect(gate.url, autoping=False) as socket:
        await socket.ping(b"there?")
        answer = await socket.receive()
        await socket.pong(b"unasked")
        await socket.send_json({"id": 1, "method": "a.b"})
        await gate.scene.told()

    assert (WSMsgType.PONG, b"there?", 3) == (answer.type, answer.data, gate.activity)


@pytest.mark.parametrize("length", [125, 126, 127, 65_535, 65_536, 65_537])
async def test_frames_are_told_as_long_as_they_are(gate: Gate, length: int):
    """
    At each bound, to the byte.
    """
    frame = '{"m":"' + "x" * (length - 8) + '"}'
    async with gate.socket() as socket:
        await socket.send_json({"id": 1, "method": "a.b"})
        await gate.scene.told()
        gate.scene.browser.write(frame[:-1] + ',"sessionId":"ROOT0"}')
        answer = await socket.receive()

    assert (length, frame) == (len(answer.data), answer.data)


async def test_who_leaves_is_detached_and_the_browser_goes_on(gate: Gate):
    """
    With a word or without.
    """
    async with gate.socket():
        pass
    async with gate.socket() as socket:
        socket._response.connection.transport.abort()
        detached = [await gate.scene.browser.detached.get() for _ in range(2)]

    assert ["ROOT0", "ROOT1"] == detached
    assert not gate.scene.board.lost.done()


async def test_who_leaves_while_it_is_connected_is_no_error(gate: Gate, caplog: pytest.LogCaptureFixture):
    """
    Nobody is there to be told, and nothing of it stays.
    """
    gate.scene.browser.silent = True
    connecting = asyncio.create_task(gate.http.ws_connect(gate.url))
    await eventually(lambda: gate.scene.board._dialing)
    connecting.cancel()
    await asyncio.wait((connecting,))
    # Of the commands in the house, discovery was the first.
    gate.scene.browser.say({"id": 2, "result": {"sessionId": "LATE"}}, "HOUSE")
    detached = await gate.scene.browser.detached.get()
    await gate.ended.wait()

    assert ("LATE", []) == (detached, caplog.messages)


async def test_end_of_the_browser_closes_the_socket_with_a_reason(gate: Gate):
    """
    What it said last arrives before.
    """
    async with gate.socket() as socket:
        await socket.send_json({"id": 1, "method": "Browser.close"})
        await gate.scene.told()
        gate.scene.browser.say({"id": 1, "result": {}}, "ROOT0")
        gate.scene.browser.writer.close()
        answer, last = await socket.receive(), await socket.receive()
    await gate.ended.wait()

    assert {"id": 1, "result": {}} == json.loads(answer.data)
    assert (WSMsgType.CLOSE, 1001, "The browser has gone.") == (last.type, last.data, last.extra)


async def test_binary_message_ends_the_connection_with_a_reason(gate: Gate):
    """
    Commands are text.
    """
    async with gate.socket() as socket:
        await socket.send_bytes(b"\x00")
        last = await socket.receive()

    assert (WSMsgType.CLOSE, 1003) == (last.type, last.data)


async def test_message_of_more_than_the_browser_takes_ends_the_connection(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
):
    """
    It is not even kept.
    """
    monkeypatch.setattr(caller, "LONGEST_COMMAND", 100_000)
    async with gate.socket() as socket:
        await socket.send_str("x" * 200_000)
        last = await socket.receive()

    assert (WSMsgType.CLOSE, 1009) == (last.type, last.data)


async def test_caller_who_does_not_read_is_let_go_and_nobody_else_notices(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
):
    """
    Its socket is closed though it takes nothing, and what waited for it is forgotten.
    """
    monkeypatch.setattr(switchboard, "BACKLOG", MEGABYTE)
    monkeypatch.setattr(switchboard, "PATIENCE", 0.05)
    monkeypatch.setattr(caller, "FLUSH_TIMEOUT", 0.1)
    port = int(gate.url.rpartition(":")[2].strip("/"))
    with socket.create_connection(("127.0.0.1", port)) as deaf:
        deaf.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(
            deaf,
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
        )
        assert (await loop.sock_recv(deaf, 4096)).startswith(b"HTTP/1.1 101")
        async with gate.socket() as other:
            for number in range(30):
                gate.scene.browser.say({"id": number, "result": {"x": "z" * MEGABYTE}}, "ROOT0")
            await other.send_json({"id": 1, "method": "a.b"})
            await gate.scene.told()
            gate.scene.browser.say({"id": 1, "result": {}}, "ROOT1")
            answer = await other.receive()
            await gate.ended.wait()
            detached = await gate.scene.browser.detached.get()

    assert ({"id": 1, "result": {}}, "ROOT0") == (json.loads(answer.data), detached)


async def test_what_is_no_websocket_is_refused(gate: Gate):
    """
    And no connection is made for it.
    """
    async with gate.http.get(gate.url) as answer:
        status = answer.status

    assert (426, 0) == (status, gate.scene.browser.roots)


async def test_browser_that_does_not_answer_is_a_bad_gateway(gate: Gate, monkeypatch: pytest.MonkeyPatch):
    """
    Within the time that a handshake has.
    """
    monkeypatch.setattr(caller, "HANDSHAKE_TIMEOUT", 0.05)
    gate.scene.browser.silent = True
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await gate.http.ws_connect(gate.url)

    assert 502 == caught.value.status


async def test_vanished_callers_are_noticed_by_their_system(gate: Gate):
    """
    One that lost its power says no goodbye: keepalive is on, as for those at a port.
    """
    seen = []

    def notice(transport: asyncio.Transport) -> None:
        seen.append(transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    original = caller.notice_silence
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caller, "notice_silence", lambda transport: (original(transport), notice(transport)))
        async with gate.socket():
            pass
    await gate.ended.wait()

    assert [1] == seen
