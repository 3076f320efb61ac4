"""A little CDP, for what the server itself wants of a browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from firecrawl_interact.server.engine import Endpoint, Line

CALL_TIMEOUT = 10.0  # Seconds for one answer.

Params = Mapping[str, Any]
OnEvent = Callable[[str, dict[str, Any], str | None], None]


class CdpError(Exception):
    """The browser refused a command, did not answer, or has gone."""


class Cdp:
    """One connection to a browser; commands go to it, or to one of its pages by session id."""

    def __init__(self, line: Line, on_event: OnEvent | None = None) -> None:
        """
        Speak over a line that somebody else closes.

        Args:
            line: Which.

            on_event: Called with method, parameters and session id; must neither wait nor raise.
        """
        self._line = line
        self._on_event = on_event
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last_id = 0
        self.reading: asyncio.Task[None] = asyncio.create_task(
            self._read()
        )  # Done when the browser has gone.

    async def call(self, method: str, params: Params | None = None, *, session: str | None = None) -> Any:
        """
        Send a command and wait for its result.

        Raises:
            CdpError: See there.
        """
        number = self._next_id()
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                await self._send(number, method, params, session)
                return await answer
        except TimeoutError:
            raise CdpError(f"{method} was not answered within {CALL_TIMEOUT:g} s") from None
        finally:
            self._answers.pop(number, None)

    async def pages(self) -> list[str]:
        """
        Return the ids of the pages, the one that was opened last first.

        Raises:
            CdpError: The browser has gone.
        """
        try:
            async with asyncio.timeout(CALL_TIMEOUT):
                return await self._line.pages()
        except OSError:  # TimeoutError is one.
            raise CdpError("the browser has gone") from None

    async def tell(self, method: str, params: Params | None = None, *, session: str | None = None) -> None:
        """
        Send a command whose result nobody wants.

        Raises:
            CdpError: The browser has gone.
        """
        await self._send(self._next_id(), method, params, session)

    async def aclose(self) -> None:
        """Read no more; whoever waits for an answer finds the browser gone."""
        self.reading.cancel()
        await asyncio.wait((self.reading,))

    async def _read(self) -> None:
        try:
            async for message in self._line:
                self._take(json.loads(message))
        finally:  # Whoever closes the connection under a call must not leave it waiting.
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(CdpError("the browser has gone"))

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    async def _send(self, number: int, method: str, params: Params | None, session: str | None) -> None:
        if self.reading.done():
            raise CdpError("the browser has gone")
        message: dict[str, Any] = {"id": number, "method": method, "params": params or {}}
        if session is not None:
            message["sessionId"] = session
        try:
            await self._line.send(json.dumps(message))
        except ConnectionError:
            raise CdpError("the browser has gone") from None

    def _take(self, message: dict[str, Any]) -> None:
        number = message.get("id")
        if number is None:
            if self._on_event is not None:
                self._on_event(message["method"], message.get("params", {}), message.get("sessionId"))
            return
        answer = self._answers.get(number)
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(CdpError(message["error"].get("message", "refused")))
        else:
            answer.set_result(message.get("result", {}))


@contextlib.asynccontextmanager
async def connect(endpoint: Endpoint, on_event: OnEvent | None = None) -> AsyncGenerator[Cdp, None]:
    """
    Connect to a browser, beside whoever else drives it.

    Args:
        endpoint: Where it takes commands.

        on_event: Called with method, parameters and session id; must neither wait nor raise.

    Raises:
        CdpError: It does not take the connection.
    """
    async with contextlib.AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(CALL_TIMEOUT):  # One that hangs is connected to, and says nothing.
                line = await stack.enter_async_context(endpoint.dial())
        except OSError:
            raise CdpError("the browser takes no connection") from None
        cdp = Cdp(line, on_event)
        try:
            yield cdp
        finally:
            await cdp.aclose()


async def attach(cdp: Cdp, target: str) -> str:
    """Open a session with a page and return its id."""
    reply = await cdp.call("Target.attachToTarget", {"targetId": target, "flatten": True})
    return str(reply["sessionId"])
