"""What a browser says to somebody in this process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator


class Mailbox:
    """Messages in the order of their coming, for one reader."""

    def __init__(self) -> None:
        """Be empty."""
        self._messages: deque[bytes] = deque()
        self._length = 0
        self._ended = False
        self._news = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._messages:
                message = self._messages.popleft()
                self._length -= len(message)
                yield message
            if self._ended:
                return
            self._news.clear()
            await self._news.wait()

    def take(self, message: bytes) -> None:
        """Do as `Listener.take` says."""
        self._messages.append(message)
        self._length += len(message)
        self._news.set()

    def backlog(self) -> int:
        """Do as `Listener.backlog` says."""
        return self._length

    def end(self, code: int, reason: str) -> None:
        """Do as `Listener.end` says: what has come is still read."""
        del code, reason
        self._ended = True
        self._news.set()
