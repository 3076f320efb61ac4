"""Interposed: a line to a provider whose creates are answered late, or never."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from firecrawl_interact.errors import TransportError

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.models import Answer, Request
    from firecrawl_interact.transport.base import Transport


class Line:
    """
    What stands between a backend and its provider.

    Attributes:
        lose: Whether the answers to creates are lost.

        answers: The answers to creates, also those that were lost.

        arrived: Set once a create was answered by the provider.

        hold: While it is not set, the answers to creates are held.
    """

    def __init__(self) -> None:
        """Begin as a line that does its work."""
        self.lose: bool = False
        self.answers: list[Answer] = []
        self.arrived: asyncio.Event = asyncio.Event()
        self.hold: asyncio.Event = asyncio.Event()
        self.hold.set()


@contextmanager
def interposed(backend: Backend) -> Generator[Line]:
    """Have what a backend sends travel on a line that can be told to misbehave."""
    line = Line()
    made = backend.new_transport
    key = backend.connection_key()
    put_in_place = {
        "new_transport": lambda: _Interposed(made(), line),
        "connection_key": lambda: (line, key),  # Nobody else's transport is taken for it.
    }
    for name, function in put_in_place.items():
        object.__setattr__(backend, name, function)  # A backend may be frozen.
    try:
        yield line
    finally:
        for name in put_in_place:
            object.__delattr__(backend, name)


class _Interposed:
    def __init__(self, transport: Transport, line: Line) -> None:
        self._transport = transport
        self._line = line

    async def send(self, request: Request, *, timeout: float, fresh: bool = False) -> Answer:
        answer = await self._transport.send(request, timeout=timeout, fresh=fresh)
        if request.method != "POST":
            return answer
        self._line.answers.append(answer)
        self._line.arrived.set()
        await self._line.hold.wait()
        if self._line.lose:
            raise TransportError("The conformance suite lost this answer.", sent=True)
        return answer

    async def aclose(self) -> None:
        await self._transport.aclose()
