"""CDP bytes, in and out, without looking at them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from aiohttp import hdrs, web

from firecrawl_interact.server.address import Address

HANDSHAKE_TIMEOUT = 10.0  # Seconds the browser has to take a connection.
FLUSH_TIMEOUT = 5.0  # Seconds one side has to take what is left when the other has gone.

SILENCE = 60  # Seconds without a byte until the caller's system is asked whether it is still there.

_ASK_AGAIN = 15  # Seconds without its answer until it is asked again.
_ASK_MOST = 4  # Times; then it has gone. One that lost its power says no goodbye.
_BUFFER = 1024 * 1024  # Bytes that wait for a slow reader before its opposite is held back.
_CHUNK = 256 * 1024  # Bytes taken at a time.
_LONGEST_HEAD = 16 * 1024  # Bytes of the browser's answer to the handshake.
_HEAD_END = b"\r\n\r\n"

# Extensions are left out: compression costs more than loopback does, and what is not negotiated
# needs no care. Origin is too: the browser refuses foreign ones, and ours was checked at the door.
_ASKED = (hdrs.SEC_WEBSOCKET_KEY, hdrs.SEC_WEBSOCKET_VERSION, hdrs.SEC_WEBSOCKET_PROTOCOL)
_ANSWERED = (hdrs.SEC_WEBSOCKET_ACCEPT, hdrs.SEC_WEBSOCKET_PROTOCOL)


async def pass_through(
    request: web.Request, address: Address, on_activity: Callable[[], None]
) -> web.StreamResponse:
    """
    Join the caller's WebSocket to the browser's: the handshake is relayed, then bytes.

    Frame by frame, a proxy costs three times the delay. Whoever reads slowly holds back whoever
    sends to it; when one side goes, so does the other.

    Args:
        request: An upgrade to WebSocket, already let in.

        address: Where to.

        on_activity: Called for everything the caller sends; must be cheap.
    """
    if not is_websocket(request):
        return websockets_only()
    try:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT):
            browser = await _knock(request, address)
    except (OSError, TimeoutError):
        return web.Response(status=502, text="The browser does not answer.")
    try:
        if browser.head.split(b" ", 2)[1:2] != [b"101"]:
            return web.Response(status=502, text="The browser did not accept this handshake.")
        response = web.StreamResponse(status=101, headers=_answer(browser.head))
        await response.prepare(request)
        await _join(request, browser, on_activity)
    except ConnectionResetError:
        return web.Response()  # Gone during the handshake, as nobody will be told.
    finally:
        browser.transport.abort()
    return response


def is_websocket(request: web.Request) -> bool:
    """Tell whether a request asks to become a WebSocket."""
    return request.method == hdrs.METH_GET and request.headers.get(hdrs.UPGRADE, "").lower() == "websocket"


def websockets_only() -> web.Response:
    """Refuse what is no such request."""
    return web.Response(status=426, headers={hdrs.UPGRADE: "websocket"}, text="WebSockets only.")


def notice_silence(transport: asyncio.Transport) -> None:
    """Let the system ask as often as the constants say; its own default is two hours."""
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    values = {"TCP_KEEPIDLE": SILENCE, "TCP_KEEPINTVL": _ASK_AGAIN, "TCP_KEEPCNT": _ASK_MOST}
    for name, value in values.items():
        option = getattr(socket, name, None)  # Not every system has all of them.
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


class _Handshake(asyncio.Protocol):
    """The browser's side until it has answered; what it says at once afterwards is kept."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.head = b""
        self.rest = b""
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.rest += data
        if not self.answered.done():
            head, end, rest = self.rest.partition(_HEAD_END)
            if end:
                self.head, self.rest = head + end, rest
                self.answered.set_result(None)
            elif len(head) > _LONGEST_HEAD:
                self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if not self.answered.done():
            self.answered.set_exception(exc or ConnectionResetError("closed during the handshake"))


class _Side(asyncio.BufferedProtocol):
    """
    One side of a joined pair: what arrives here is written there.

    Into a buffer of its own: asyncio's own reading allocates and frees one of this size for every chunk,
    which halves the speed of small messages.
    """

    def __init__(
        self,
        other: asyncio.Transport,
        *,
        on_data: Callable[[], None] | None = None,
        on_lost: Callable[[Exception | None], None] | None = None,
    ) -> None:
        self._other = other
        self._write = other.write
        self._chunk = memoryview(bytearray(_CHUNK))
        self._on_data = on_data
        self._on_lost = on_lost
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._chunk

    def buffer_updated(self, nbytes: int) -> None:
        self._write(bytes(self._chunk[:nbytes]))  # A copy: what cannot be sent at once is kept.
        if self._on_data is not None:
            self._on_data()

    def pause_writing(self) -> None:
        self._other.pause_reading()

    def resume_writing(self) -> None:
        self._other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._other.close()  # Once it has taken what is left.
        if self._on_lost is not None:
            self._on_lost(exc)
        if not self.gone.done():
            self.gone.set_result(None)


async def _knock(request: web.Request, address: Address) -> _Handshake:
    """
    Offer the caller's handshake to the browser.

    Raises:
        OSError: It takes no connection, or closed it without an answer.
    """
    lines = [f"GET {address.path} HTTP/1.1", f"Host: {address.host}:{address.port}"]
    lines += ["Connection: Upgrade", "Upgrade: websocket"]
    lines += [f"{name}: {request.headers[name]}" for name in _ASKED if name in request.headers]
    loop = asyncio.get_running_loop()
    transport, browser = await loop.create_connection(_Handshake, address.host, address.port)
    try:
        # Header bytes need not be UTF-8.
        transport.write("\r\n".join(lines).encode(errors="surrogateescape") + _HEAD_END)
        await browser.answered
    except BaseException:
        transport.abort()
        raise
    return browser


def _answer(head: bytes) -> dict[str, str]:
    """Return the headers of the browser's answer that the caller must see."""
    found: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(":")
        found[name.strip().lower()] = value.strip()
    shown = {str(name): found[name.lower()] for name in _ANSWERED if name.lower() in found}
    return {"Upgrade": "websocket", "Connection": "Upgrade", **shown}


async def _join(request: web.Request, browser: _Handshake, on_activity: Callable[[], None]) -> None:
    """Connect the two sides until one has gone, and the other has taken what was left for it."""
    caller = request.transport
    if caller is None:
        return  # Gone meanwhile.
    notice_silence(caller)
    # aiohttp's own protocol is not needed any more, but must hear of the end of its connection.
    theirs = _Side(browser.transport, on_data=on_activity, on_lost=request.protocol.connection_lost)
    ours = _Side(caller)
    for transport in (caller, browser.transport):
        transport.set_write_buffer_limits(_BUFFER)
    caller.set_protocol(theirs)
    browser.transport.set_protocol(ours)
    if browser.rest:
        caller.write(browser.rest)
    if browser.lost:  # Before it could tell the side that listens now.
        ours.connection_lost(None)
    try:
        await asyncio.wait((theirs.gone, ours.gone), return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((theirs.gone, ours.gone), timeout=FLUSH_TIMEOUT)
    finally:
        caller.abort()
