"""Browsers that listen at a port of their own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import aiohttp
import attrs
from aiohttp import web

from firecrawl_interact.server.address import Address
from firecrawl_interact.server.gateway import pass_through

_ASKED = b"GET /json/version HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_GOOD = b"HTTP/1.1 200 "


@attrs.frozen
class PortEndpoint:
    """
    A browser at its own debugging port.

    Attributes:
        address: Where that is.
    """

    address: Address

    @property
    def url(self) -> str:
        """Do as `Endpoint.url` says."""
        return f"ws://{self.address.host}:{self.address.port}{self.address.path}"

    @contextlib.asynccontextmanager
    async def dial(self) -> AsyncGenerator[PortLine]:
        """Do as `Endpoint.dial` says."""
        async with aiohttp.ClientSession() as client:
            try:
                socket = await client.ws_connect(self.url, max_msg_size=0)
            except aiohttp.ClientError as error:
                raise ConnectionError("The browser takes no connection.") from error
            async with socket:
                yield PortLine(client, f"http://{self.address.host}:{self.address.port}/json/list", socket)

    async def relay(self, request: web.Request, on_activity: Callable[[], None]) -> web.StreamResponse:
        """Do as `Endpoint.relay` says: bytes are passed on as they are."""
        return await pass_through(request, self.address, on_activity)

    async def beats(self) -> bool:
        """Do as `Endpoint.beats` says; the thread that serves all CDP tells the browser's version."""
        try:
            reader, writer = await asyncio.open_connection(self.address.host, self.address.port)
            try:
                writer.write(_ASKED)
                return await reader.readexactly(len(_GOOD)) == _GOOD
            finally:
                writer.transport.abort()
        except (OSError, EOFError):
            return False


@attrs.frozen
class PortLine:
    """A WebSocket to a browser, which somebody else closes."""

    _client: aiohttp.ClientSession
    _list_url: str = attrs.field(repr=False)
    _socket: aiohttp.ClientWebSocketResponse

    async def send(self, message: str) -> None:
        """Do as `Line.send` says."""
        await self._socket.send_str(message)

    async def __aiter__(self) -> AsyncIterator[str]:
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                yield message.data

    async def pages(self) -> list[str]:
        """Do as `Line.pages` says. Over HTTP: the WebSocket's own list has no order."""
        try:
            async with self._client.get(self._list_url) as answer:
                targets = await answer.json(content_type=None)
        except aiohttp.ClientError as error:
            raise ConnectionError("The browser has gone.") from error
        return [target["id"] for target in targets if target["type"] == "page"]
