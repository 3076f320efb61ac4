"""Many CDP connections over one."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any, Protocol

import attrs

from firecrawl_interact.server.cdp import Cdp, CdpError
from firecrawl_interact.server.multiplexer import envelope
from firecrawl_interact.server.multiplexer.mailbox import Mailbox
from firecrawl_interact.server.multiplexer.sessions import Sessions
from firecrawl_interact.server.multiplexer.wire import Wire

GONE, TOO_SLOW, TOO_LONG = 1001, 1008, 1009  # Why a line ends, as WebSockets number it.

BACKLOG = 64 * 1024 * 1024  # Bytes that may wait for one listener until the browser waits for it.
PATIENCE = 5.0  # Seconds it has then to take half of them while others wait, too.

_HOUSE = 1  # Extension that is our own.
_LOOK = 0.01  # Seconds between two looks whether it has: transports tell only their own protocol.
_BROWSER_GONE = "The browser has gone."
_PAGES_ONLY = ({"type": "page"},)


class Listener(Protocol):
    """Who is at our end of a line."""

    def take(self, message: bytes) -> None:
        """Take what the browser says; must neither wait nor raise."""

    def backlog(self) -> int:
        """Tell how many bytes it was given and has not passed on."""
        ...

    def end(self, code: int, reason: str) -> None:
        """Hear that nothing more will come; must neither wait nor raise."""


@attrs.frozen(eq=False)
class Extension:
    """
    One of the many connections.

    Attributes:
        root: Id of the browser-level session that it is on the wire.

        listener: Who is at our end.
    """

    root: str = attrs.field(repr=False)
    listener: Listener = attrs.field(repr=False)


class Switchboard:
    """
    Let many drive one browser, each as if alone, over the one connection that it has.

    Each gets a session with the browser itself. What it sends without naming a session is sent in that
    one; what it sends in another is let through if that began in one of its own. What the browser says
    goes to the owner of the session in which it does, so numbers of commands need not be unique.

    The first such session, the house, is the server's own: in it the others begin and end, so that what
    the browser says in no session can be nobody's.
    """

    def __init__(self) -> None:
        """Begin with `open`."""
        self._wire = Wire(self._take, self._too_long)
        self._sessions: Sessions[Extension] = Sessions()
        self._extensions: set[Extension] = set()
        self._pages: dict[str, None] = {}  # Ids, in the order of their opening.
        self._first: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._house_root = ""
        self._house: Cdp | None = None
        self._dialing = 0
        self._holding: asyncio.Task[None] | None = None
        self._hurried = False

    @property
    def lost(self) -> asyncio.Future[None]:
        """Done when the browser has closed its end."""
        return self._wire.lost

    @property
    def holding(self) -> bool:
        """Whether the browser is made to wait for somebody who does not listen."""
        return self._holding is not None

    async def open(self, channel: socket.socket) -> None:
        """
        Wait until a browser that was just started answers.

        Args:
            channel: Connection to it; it belongs to the switchboard from now on.

        Raises:
            CdpError: It has gone, or takes no commands.
        """
        await self._wire.open(channel)
        self.lost.add_done_callback(self._gone)
        self._wire.post(envelope.dump({"id": 0, "method": "Target.attachToBrowserTarget"}))
        await asyncio.wait((self._first, self.lost), return_when=asyncio.FIRST_COMPLETED)
        if not self._first.done():
            raise CdpError("it ended")
        mailbox = Mailbox()
        self._house_root = self._first.result()
        extension = self._extend(self._house_root, mailbox)
        self._house = Cdp(PipeLine(self, extension, mailbox), self._notice)
        await self._house.call("Target.setDiscoverTargets", {"discover": True, "filter": _PAGES_ONLY})

    async def dial(self, listener: Listener) -> Extension:
        """
        Add a connection; whoever gets it hangs up.

        Raises:
            CdpError: The browser has gone, or does not answer.
        """
        beginning = asyncio.create_task(self.ask("Target.attachToBrowserTarget"))
        self._dialing += 1
        try:
            reply = await asyncio.shield(beginning)
        except asyncio.CancelledError:
            beginning.add_done_callback(self._unwanted)
            raise
        finally:
            self._dialing -= 1
        if self.lost.done():  # Its last words: nobody would tell the listener of the end.
            raise CdpError("the browser has gone")
        return self._extend(reply["sessionId"], listener)

    def hang_up(self, extension: Extension) -> None:
        """End a connection, and in the browser all that began in it. A second call does nothing."""
        if extension in self._extensions:
            self._extensions.discard(extension)
            self._sessions.remove(extension.root)
            self._detach(extension.root)

    async def send(self, extension: Extension, text: str) -> None:
        """
        Send what somebody says, or answer it as a browser would that refuses it.

        Raises:
            ConnectionError: The browser has gone, or the connection has ended.
        """
        if extension not in self._extensions:
            raise ConnectionError(_BROWSER_GONE)
        try:
            data = self._addressed(extension, text)
        except envelope.MalformedError as error:
            extension.listener.take(error.answer)
        else:
            await self._wire.send(data)

    def hurry(self) -> None:
        """Wait for nobody slow any more, as when the browser is about to be ended."""
        self._hurried = True

    async def ask(self, method: str, **params: Any) -> Any:
        """
        Send a command of the server's own and wait for its result.

        Raises:
            CdpError: See there.
        """
        if self._house is None:
            raise CdpError("it does not listen")
        return await self._house.call(method, params)

    async def pages(self) -> list[str]:
        """
        Return the target ids of the pages, the one that was opened last first.

        Raises:
            ConnectionError: The browser has gone.
        """
        try:
            found = await self.ask("Target.getTargets", filter=_PAGES_ONLY)
        except CdpError:
            raise ConnectionError(_BROWSER_GONE) from None
        there = {target["targetId"] for target in found["targetInfos"]}
        return [page for page in reversed(self._pages) if page in there]

    async def aclose(self) -> None:
        """End all connections and close the one to the browser."""
        await self._wire.aclose()
        house, self._house = self._house, None
        if house is not None:
            await house.aclose()

    def _addressed(self, extension: Extension, text: str) -> bytes:
        """Put a command into a session of whoever sends it."""
        message = envelope.command(text)
        session = message.get("sessionId") or extension.root
        if self._sessions.owner(session) is not extension:
            raise envelope.MalformedError(
                envelope.SESSION_NOT_FOUND, "Session with given id not found.", message["id"]
            )
        data = envelope.dump(message | {"sessionId": session})
        if len(data) > envelope.LONGEST_COMMAND:
            raise envelope.MalformedError(envelope.INVALID_REQUEST, "Message is too long", message["id"])
        return data

    def _extend(self, root: str, listener: Listener) -> Extension:
        extension = Extension(root, listener)
        self._extensions.add(extension)
        self._sessions.add(root, extension)
        return extension

    def _take(self, message: bytes) -> None:
        told = envelope.told(message)
        if told is None:
            self._take_first(message)
            return
        extension = self._sessions.owner(told.session)
        if extension is None:
            return  # Said before the browser heard that nobody listens any more.
        if begun := told.attached:
            self._sessions.add(begun, extension, told.session)
        elif ended := told.detached:
            self._sessions.remove(ended)
        extension.listener.take(told.without_session if told.session == extension.root else message)
        if self._holding is None and extension.listener.backlog() > BACKLOG:
            self._wire.pause()
            self._holding = asyncio.create_task(self._hold())

    def _take_first(self, message: bytes) -> None:
        """Learn which session is the house; whatever else is said in none is nobody's."""
        if not self._first.done():
            answer = json.loads(message)
            if answer.get("id") == 0 and "result" in answer:
                self._first.set_result(answer["result"]["sessionId"])

    def _too_long(self, ending: bytes) -> None:
        told = envelope.told(ending)
        extension = None if told is None else self._sessions.owner(told.session)
        if extension is not None:
            self._end(extension, TOO_LONG, "The browser's answer is too long.")

    def _notice(self, method: str, params: dict[str, Any], session: str | None) -> None:
        """Follow, in the house, which pages and which of our sessions there are."""
        del session
        match method:
            case "Target.targetCreated":
                self._pages[params["targetInfo"]["targetId"]] = None
            case "Target.targetDestroyed":
                self._pages.pop(params["targetId"], None)
            case "Target.detachedFromTarget":
                for extension in [each for each in self._extensions if each.root == params["sessionId"]]:
                    self._end(extension, GONE, "The browser has ended the connection.")
            case _:
                pass

    async def _hold(self) -> None:
        """Let the browser wait until whoever is slow has caught up, or for as long as others can wait."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        try:
            while slow := [each for each in self._extensions if each.listener.backlog() > BACKLOG // 2]:
                alone = len(slow) + _HOUSE == len(self._extensions) and not self._dialing
                if alone and not self._hurried:
                    deadline = loop.time() + PATIENCE  # Nobody else is there who waits.
                elif self._hurried or loop.time() > deadline:
                    for extension in slow:
                        self._end(extension, TOO_SLOW, "You read too slowly, and others wait.")
                await asyncio.sleep(_LOOK)
        finally:
            self._holding = None
            self._wire.resume()

    def _end(self, extension: Extension, code: int, reason: str) -> None:
        self.hang_up(extension)
        extension.listener.end(code, reason)

    def _gone(self, _: object) -> None:
        extensions, self._extensions = self._extensions, set()
        for extension in extensions:
            extension.listener.end(GONE, _BROWSER_GONE)
        self._sessions, self._pages = Sessions(), {}  # Records of ended browsers stay.

    def _unwanted(self, beginning: asyncio.Task[Any]) -> None:
        if not beginning.cancelled() and beginning.exception() is None:
            self._detach(beginning.result()["sessionId"])

    def _detach(self, root: str) -> None:
        """End a session in the browser. Its answer has a number that nobody waits for."""
        command = {"id": 0, "method": "Target.detachFromTarget", "params": {"sessionId": root}}
        with contextlib.suppress(ConnectionError):
            self._wire.post(envelope.dump(command | {"sessionId": self._house_root}))


@attrs.frozen
class PipeLine:
    """A connection for the server itself."""

    _board: Switchboard
    _extension: Extension
    _mailbox: Mailbox

    async def send(self, message: str) -> None:
        """Do as `Line.send` says."""
        await self._board.send(self._extension, message)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._mailbox)

    async def pages(self) -> list[str]:
        """Do as `Line.pages` says."""
        return await self._board.pages()
