"""HTTP by hand, for what no client library would send."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

UPGRADE = {
    "Connection": "Upgrade, close",  # So that a refusal ends it.
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@attrs.frozen
class Reply:
    """What came back until the server closed: the status, 0 for none, and all bytes."""

    status: int
    raw: bytes

    @property
    def body(self) -> bytes:
        """What follows the head."""
        return self.raw.partition(b"\r\n\r\n")[2]


def head(
    line: str | bytes, headers: dict[str, str] | Iterable[tuple[str, str]] = (), *, host: str = "127.0.0.1"
) -> bytes:
    """Write a request's head; an empty *host* leaves that header out."""
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    if host:
        pairs.insert(0, ("Host", host))
    if not any(name == "Connection" for name, _ in pairs):
        pairs.append(("Connection", "close"))
    start = line if isinstance(line, bytes) else line.encode(errors="surrogateescape")
    lines = [f"{name}: {value}".encode(errors="surrogateescape") for name, value in pairs]
    return b"\r\n".join([start, *lines]) + b"\r\n\r\n"


async def exchange(port: int, request: bytes, *, within: float = 30) -> Reply:
    """Send bytes, and read until the server closes, or fail."""
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        raw = b""
        with contextlib.suppress(ConnectionError):
            writer.write(request)
            while data := await reader.read(65536):
                raw += data
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    if raw.startswith(b"HTTP/1.1 100 "):
        raw = raw.partition(b"\r\n\r\n")[2]
    words = raw.split(b" ", 2)
    return Reply(int(words[1]) if raw.startswith(b"HTTP/1") else 0, raw)
