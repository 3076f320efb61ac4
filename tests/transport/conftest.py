"""Scripted servers on loopback, and a transport that is closed with its test."""

from __future__ import annotations

import asyncio
import functools
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from firecrawl_interact.models import Request
from firecrawl_interact.transport.http import ConnectionSettings, HttpTransport


class Peer:
    """
    The server's end of one connection.

    Attributes:
        number: Which connection of its server it is, from 1.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.number = number
        self._reader = reader
        self._writer = writer

    async def read_request(self) -> bytes:
        """Return one whole request, or ``b""`` if the connection ended before."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            size = 0
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    size = int(line.partition(b":")[2])
            return head + await self._reader.readexactly(size)
        except asyncio.IncompleteReadError:
            return b""

    async def until_closed(self) -> None:
        """Wait until the client goes away."""
        try:
            await self._reader.read()
        except ConnectionError:
            return

    def send(self, data: bytes) -> None:
        self._writer.write(data)

    def answer(self, status: int = 200, body: bytes = b"{}", headers: str = "") -> None:
        head = f"HTTP/1.1 {status} Any\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self.send(head.encode() + body)

    async def relay(self, host: str, port: int) -> None:
        """Pass bytes on both ways, until one side ends."""
        reader, writer = await asyncio.open_connection(host, port)
        ways = [
            asyncio.create_task(_pump(self._reader, writer)),
            asyncio.create_task(_pump(reader, self._writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.transport.abort()

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """Close so that the client sees a reset."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except ConnectionError:
        return


Script = Callable[[Peer], Awaitable[None]]


class Servers:
    """Start scripted servers; remember what they were sent."""

    def __init__(self) -> None:
        self._servers: dict[int, asyncio.Server] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self.failures: list[BaseException] = []

    async def start(self, script: Script, **options: Any) -> int:
        """Run *script* for each connection; return the port."""
        count = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal count
            count += 1
            task = asyncio.current_task()
            assert task is not None
            self._running.add(task)
            try:
                await script(Peer(reader, writer, count))
            except asyncio.CancelledError:
                pass
            except Exception as error:  # noqa: BLE001  # boundary: told at the end of the test
                self.failures.append(error)
            finally:
                self._running.discard(task)
                writer.transport.abort()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, **options)
        port: int = server.sockets[0].getsockname()[1]
        self._servers[port] = server
        return port

    async def close(self, port: int) -> None:
        """Listen no longer; connections stay."""
        self._servers[port].close()
        await asyncio.sleep(0)

    def runs(self, task: asyncio.Task[Any]) -> bool:
        """Tell whether a task is a server's, even one that has not begun."""
        name = getattr(task.get_coro(), "__qualname__", "")
        return name.startswith(type(self).__name__) or "_accept_connection" in name

    async def idle(self) -> None:
        """Wait until every connection so far is done with."""
        while self._running:
            await asyncio.wait(self._running)

    async def stop(self) -> None:
        for server in self._servers.values():
            server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running)
        for server in self._servers.values():
            await server.wait_closed()
        await asyncio.sleep(0)


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    started = Servers()
    yield started
    await started.stop()

    assert [] == started.failures


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    """One that ignores the environment of whoever runs the tests."""
    made = HttpTransport(ConnectionSettings(trust_env=False))
    yield made
    await made.aclose()


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port where nobody listens, nor can anybody meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def post() -> Callable[..., Request]:
    """Build a create, as a provider would get it."""
    return functools.partial(_request, "POST", "/v2/interact", b"{}")


@pytest.fixture
def delete() -> Callable[..., Request]:
    """Build the end of a session, as a provider would get it."""
    return functools.partial(_request, "DELETE", "/v2/interact/s1", None)


def _request(
    method: str, path: str, body: bytes | None, port: int, *, host: str = "127.0.0.1", scheme: str = "http"
) -> Request:
    return Request(method, f"{scheme}://{host}:{port}{path}", {"authorization": "Bearer fc-0123456789"}, body)
