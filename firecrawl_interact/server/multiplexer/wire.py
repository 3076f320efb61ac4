"""Whole messages over the one connection to a browser."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

LONGEST_ANSWER = 256 * 1024 * 1024  # Bytes; at its own port, too, a browser sends no longer ones.
TAIL = 128  # Bytes kept of one that is longer: they tell whose it was.

_CHUNK = 256 * 1024  # Bytes taken at a time.
_BUFFER = 1024 * 1024  # Bytes that wait for a browser that does not read, until senders wait too.
_END = b"\0"  # Of each message, in both directions.


class Wire(asyncio.BufferedProtocol):
    """
    Our end of what a browser calls its pipe.

    Attributes:
        lost: Done when the browser has closed its end.
    """

    def __init__(self, on_message: Callable[[bytes], None], on_too_long: Callable[[bytes], None]) -> None:
        """
        Begin with `open`.

        Args:
            on_message: Called with every message; must neither wait nor raise.

            on_too_long: Called with the last bytes of every message that is longer than
                `LONGEST_ANSWER`; likewise.
        """
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._on_message = on_message
        self._on_too_long = on_too_long
        self._transport: asyncio.Transport | None = None
        self._chunk = memoryview(bytearray(_CHUNK))
        self._begun: list[bytes] = []  # What came of a message that is not complete yet.
        self._length = 0  # Of these; more than they hold if it is too long.
        self._writable = asyncio.Event()
        self._writable.set()

    async def open(self, channel: socket.socket) -> None:
        """
        Speak over a socket, which belongs to the wire from now on.

        Raises:
            OSError: It is none that can be spoken over.
        """
        loop = asyncio.get_running_loop()
        await loop.create_unix_connection(lambda: self, sock=channel)

    async def send(self, message: bytes) -> None:
        """
        Send a message, once there is room for it.

        Raises:
            ConnectionError: The browser has gone.
        """
        await self._writable.wait()
        self.post(message)

    def post(self, message: bytes) -> None:
        """
        Send a message that must not wait.

        Raises:
            ConnectionError: The browser has gone.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("The browser has gone.")
        self._transport.write(message + _END)

    def pause(self) -> None:
        """Take nothing more, so that the browser waits."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Go on taking."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    async def aclose(self) -> None:
        """Close our end, by which the browser ends. A second call does nothing."""
        if self._transport is not None:
            self._transport.abort()
            await asyncio.wait((self.lost,))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; this and what follows is for the loop to call."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(_BUFFER)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where to put what comes."""
        del sizehint
        return self._chunk

    def buffer_updated(self, nbytes: int) -> None:
        """Take what has come."""
        first, *others = bytes(self._chunk[:nbytes]).split(_END)
        if not others:
            self._begin(first)
            return
        self._complete(first)
        for message in others[:-1]:
            self._on_message(message)
        self._begin(others[-1])

    def pause_writing(self) -> None:
        """Let senders wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let them go on."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let everybody know."""
        del exc
        self._writable.set()  # Whoever waits finds the browser gone.
        self._chunk, self._begun = memoryview(b""), []  # Records of ended browsers stay.
        if not self.lost.done():
            self.lost.set_result(None)

    def _begin(self, part: bytes) -> None:
        if not part:
            return
        self._begun.append(part)
        self._length += len(part)
        if self._length > LONGEST_ANSWER:
            self._begun = [b"".join(self._begun)[-TAIL:]]

    def _complete(self, part: bytes) -> None:
        if not self._begun:
            self._on_message(part)
            return
        self._begin(part)
        message, length = b"".join(self._begun), self._length
        self._begun, self._length = [], 0
        (self._on_message if length <= LONGEST_ANSWER else self._on_too_long)(message)
