"""
A provider stand-in on loopback that costs next to nothing, in a process of its own.

Speaks the create and the end of both hosted providers over kept and closed connections, and keeps
account of its sessions. ``python loopback.py`` prints its port and lives until its standard input
closes, so it dies with whoever started it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time

HEAD_END = b"\r\n\r\n"
DAY = "2030-01-01T00:00:00.000Z"


class Account:
    """Which sessions live, and how many there ever were."""

    def __init__(self) -> None:
        self.live: set[str] = set()
        self.created = 0
        self.ended = 0
        self.connections = 0
        self.last_end = 0.0  # Monotonic seconds, the same clock in every process of a machine.

    def create(self) -> str:
        self.created += 1
        session_id = f"019a1f00-7a10-7c3e-8000-{self.created:012x}"
        self.live.add(session_id)
        return session_id

    def end(self, session_id: str) -> bool:
        if session_id not in self.live:
            return False
        self.live.remove(session_id)
        self.ended += 1
        self.last_end = time.monotonic()
        return True

    def report(self) -> str:
        return json.dumps(
            {
                "live": len(self.live),
                "created": self.created,
                "ended": self.ended,
                "connections": self.connections,
                "last_end": self.last_end,
            },
        )


class Line(asyncio.Protocol):
    """One connection; parses just as much of HTTP/1.1 as the clients here send."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._account.connections += 1

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        buffer = self._buffer + data if self._buffer else data
        while True:
            end = buffer.find(HEAD_END)
            if end < 0:
                break
            head = buffer[:end].lower()
            size = _content_length(head)
            stop = end + len(HEAD_END) + size
            if len(buffer) < stop:
                break
            method, path = buffer[: buffer.index(b"\r\n")].split(b" ", 2)[:2]
            buffer = buffer[stop:]
            status, body = answer(self._account, method, path.decode())
            close = b"\r\nconnection: close" in head
            self._transport.write(_encode(status, body, close=close))
            if close:
                self._transport.close()
        self._buffer = buffer


def answer(account: Account, method: bytes, path: str) -> tuple[int, str]:
    """Do what a request asks for, and word the answer as its provider would."""
    if method == b"POST":
        return _create(account, path)
    if method == b"DELETE":
        return _end(account, path)
    if path == "/account":
        return 200, account.report()
    return 404, '{"error":"no such path"}'


def _create(account: Account, path: str) -> tuple[int, str]:
    session_id = account.create()
    if path == "/v1/sessions":
        links = f'"cdp_url":"wss://b/{session_id}","live_view_url":"https://v/{session_id}"'
        return 200, f'{{"data":{{"id":"{session_id}",{links}}}}}'
    links = f'"liveViewUrl":"https://v/{session_id}","interactiveLiveViewUrl":"https://v/i/{session_id}"'
    return 200, (
        f'{{"success":true,"id":"{session_id}","cdpUrl":"wss://b/cdp/{session_id}",{links},"expiresAt":"{DAY}"}}'
    )


def _end(account: Account, path: str) -> tuple[int, str]:
    parent, _, session_id = path.rpartition("/")
    known = account.end(session_id)
    if parent == "/v1/sessions":
        return (
            (200, '{"data":{"status":"success"}}')
            if known
            else (404, '{"error":{"message":"Session not found"}}')
        )
    if known:
        return 200, '{"success":true,"sessionDurationMs":1000,"creditsBilled":2}'
    return 404, '{"success":false,"error":"Browser session not found."}'


def _content_length(head: bytes) -> int:
    name = b"\r\ncontent-length:"
    start = head.find(name)
    if start < 0:
        return 0
    end = head.find(b"\r\n", start + len(name))
    return int(head[start + len(name) : end if end >= 0 else None])


def _encode(status: int, body: str, *, close: bool) -> bytes:
    reason = "OK" if status == 200 else "Not Found"
    connection = "close" if close else "keep-alive"
    return (
        f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: {connection}\r\n\r\n{body}"
    ).encode()


async def main() -> None:
    """Serve until standard input closes."""
    loop = asyncio.get_running_loop()
    account = Account()
    server = await loop.create_server(lambda: Line(account), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    gc.freeze()
    await loop.run_in_executor(None, sys.stdin.buffer.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
