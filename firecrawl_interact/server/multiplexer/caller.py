"""A caller's WebSocket, as one of the connections of a switchboard."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

from aiohttp import WSCloseCode, WSMsgType, web

from firecrawl_interact.server.cdp import CdpError
from firecrawl_interact.server.gateway import (
    FLUSH_TIMEOUT,
    HANDSHAKE_TIMEOUT,
    is_websocket,
    notice_silence,
    websockets_only,
)
from firecrawl_interact.server.multiplexer.envelope import LONGEST_COMMAND
from firecrawl_interact.server.multiplexer.switchboard import Extension, Switchboard

_TEXT = 0x81  # A frame's first byte: text, and all of it.
_SHORT, _MEDIUM = 126, 1 << 16  # Bytes from which a frame's head is longer.
_COPIED = 64 * 1024  # Bytes; what is shorter is sent together with its head.


class Caller:
    """
    Somebody at a WebSocket of ours.

    Frames are written to the transport at once: a task that waits for each would double the delay, and
    what the transport keeps is all that there is to be counted.
    """

    def __init__(self) -> None:
        """Take nothing until there is a `transport`: it is asked for nothing."""
        self.transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def take(self, message: bytes) -> None:
        """Do as `Listener.take` says."""
        if self.transport is None or self.transport.is_closing() or self.ended.done():
            return
        head = _head(len(message))
        if len(message) < _COPIED:
            self.transport.write(head + message)
        else:
            self.transport.write(head)
            self.transport.write(message)

    def backlog(self) -> int:
        """Do as `Listener.backlog` says."""
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    def end(self, code: int, reason: str) -> None:
        """Do as `Listener.end` says."""
        if not self.ended.done():
            self.ended.set_result((code, reason))


async def connect(
    request: web.Request, board: Switchboard, on_activity: Callable[[], None]
) -> web.StreamResponse:
    """
    Connect a caller to a switchboard, for as long as both sides want.

    Args:
        request: An upgrade to WebSocket, already let in.

        board: Which.

        on_activity: Called for everything the caller sends; must be cheap.
    """
    if not is_websocket(request):
        return websockets_only()
    caller = Caller()
    try:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT):
            extension = await board.dial(caller)
    except (CdpError, TimeoutError):
        return web.Response(status=502, text="The browser does not answer.")
    socket = web.WebSocketResponse(
        autoping=False, compress=False, max_msg_size=LONGEST_COMMAND, timeout=FLUSH_TIMEOUT
    )
    try:
        await socket.prepare(request)
        transport = request.transport
        if transport is None:
            return socket  # Gone meanwhile.
        notice_silence(transport)
        caller.transport = transport
        await _converse(socket, caller, board, extension, on_activity)
        board.hang_up(extension)
        await _part(socket, caller)
        transport.abort()  # What is left is for nobody.
    except ConnectionResetError:
        return web.Response()  # Gone before it was connected, as nobody will be told.
    finally:
        board.hang_up(extension)
    return socket


async def _converse(
    socket: web.WebSocketResponse,
    caller: Caller,
    board: Switchboard,
    extension: Extension,
    on_activity: Callable[[], None],
) -> None:
    """Pass on what the caller sends until either side ends."""

    async def listen() -> None:
        async for message in socket:
            on_activity()
            if message.type is WSMsgType.TEXT:
                await board.send(extension, message.data)
            elif message.type is WSMsgType.BINARY:
                caller.end(WSCloseCode.UNSUPPORTED_DATA, "Commands are text.")
            elif message.type is WSMsgType.PING:
                await socket.pong(message.data)

    listening = asyncio.create_task(listen())
    try:
        await asyncio.wait((listening, caller.ended), return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
        await asyncio.wait((listening,))
    if not listening.cancelled():
        listening.exception()  # The browser has gone, which the caller is told as that.


async def _part(socket: web.WebSocketResponse, caller: Caller) -> None:
    """Say goodbye to who is still there, and let it take what is left, or not."""
    code, reason = caller.ended.result() if caller.ended.done() else (WSCloseCode.GOING_AWAY, "")
    await socket.close(code=code, message=reason.encode(), drain=False)


def _head(length: int) -> bytes:
    """Write the head of a frame that a server sends."""
    if length < _SHORT:
        return bytes((_TEXT, length))
    if length < _MEDIUM:
        return struct.pack("!BBH", _TEXT, _SHORT, length)
    return struct.pack("!BBQ", _TEXT, _SHORT + 1, length)
