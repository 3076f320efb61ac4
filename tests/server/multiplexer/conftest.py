"""A browser at the other end of the pipe, played by the test."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest

from firecrawl_interact.server.multiplexer.switchboard import Switchboard

Messages = list[dict[str, Any]]


class Ear:
    """A listener that keeps what it is told, and reads as little as the test wants."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.unread = 0
        self.ended: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def take(self, message: bytes) -> None:
        self.heard.append(message)

    def backlog(self) -> int:
        return self.unread

    def end(self, code: int, reason: str) -> None:
        self.ended.set_result((code, reason))

    @property
    def messages(self) -> Messages:
        return [json.loads(message) for message in self.heard]


@attrs.define(eq=False)
class Actor:
    """What plays the browser: it answers what begins and ends connections, the test says the rest."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: asyncio.Queue[dict[str, Any]] = attrs.field(factory=asyncio.Queue)
    detached: asyncio.Queue[str] = attrs.field(factory=asyncio.Queue)
    roots: int = 0
    silent: bool = False

    async def play(self) -> None:
        """Read until the other side closes."""
        while True:
            self._hear(json.loads((await self.reader.readuntil(b"\0"))[:-1]))

    def say(self, message: dict[str, Any], session: str | None = None) -> None:
        """Say something, in a session or in none."""
        self.write(json.dumps(message | ({"sessionId": session} if session else {}), separators=(",", ":")))

    def write(self, text: str) -> None:
        """Say just that."""
        self.writer.write(text.encode() + b"\0")

    def attach(self, session: str, parent: str) -> None:
        """Let a session begin in another."""
        self.say({"method": "Target.attachedToTarget", "params": {"sessionId": session}}, parent)

    def detach(self, session: str, parent: str) -> None:
        """Let it end."""
        self.say({"method": "Target.detachedFromTarget", "params": {"sessionId": session}}, parent)

    def _hear(self, message: dict[str, Any]) -> None:
        house = message.get("sessionId") == "HOUSE"
        if message["method"] == "Target.attachToBrowserTarget" and (house or "sessionId" not in message):
            if self.silent:
                return
            session = f"ROOT{self.roots}" if house else "HOUSE"
            self.roots += house
            self.say({"id": message["id"], "result": {"sessionId": session}}, "HOUSE" if house else None)
        elif message["method"] == "Target.detachFromTarget" and house:
            self.detached.put_nowait(message["params"]["sessionId"])
        elif house:
            self.say({"id": message["id"], "result": {"targetInfos": []}}, "HOUSE")
        else:
            self.heard.put_nowait(message)


@attrs.frozen
class Scene:
    """A switchboard and the browser that is played for it."""

    board: Switchboard
    browser: Actor

    async def told(self) -> dict[str, Any]:
        """Wait for what the browser is told next."""
        async with asyncio.timeout(30):
            return await self.browser.heard.get()

    async def heard(self, ear: Ear, number: int) -> Messages:
        """Wait until a listener has heard so many messages."""
        await eventually(lambda: len(ear.heard) >= number)
        return ear.messages


async def eventually(condition: Callable[[], object]) -> None:
    """Wait for what no event tells."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # see above
            await asyncio.sleep(0.001)


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """Open a switchboard to a browser that is played."""
    ours, theirs = socket.socketpair()
    actor = Actor(*await asyncio.open_unix_connection(sock=theirs, limit=2**26))
    playing = asyncio.create_task(actor.play())
    board = Switchboard()
    try:
        async with asyncio.timeout(30):
            await board.open(ours)
        yield Scene(board, actor)
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        await board.aclose()
        actor.writer.close()


@pytest.fixture
async def played() -> AsyncIterator[Scene]:
    async with scene() as played:
        yield played
