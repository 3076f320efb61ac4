"""A little CDP, for what the server itself wants of a browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import aiohttp

from firecrawl_interact.server.engine import Endpoint

CALL_TIMEOUT = 10.0  # Seconds for one answer.

Params = Mapping[str, Any]
OnEvent = Callable[[str, dict[str, Any], str | None], None]


class CdpError(Exception):
    """The browser refused a command, did not answer, or has gone."""


class Cdp:
    """One connection to a browser; commands go to it, or to one of its pages by session id."""

    def __init__(
        self,
        client: aiohttp.ClientSession,
        list_url: str,
        socket: aiohttp.ClientWebSocketResponse,
        on_event: OnEvent | None,
    ) -> None:
        """Speak over an open WebSocket that somebody else closes."""
        self._client = client
        self._list_url = list_url
        self._socket = socket
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

        Over HTTP: the WebSocket's own list has no order.

        Raises:
            CdpError: The browser has gone.
        """
        try:
            async with asyncio.timeout(CALL_TIMEOUT), self._client.get(self._list_url) as answer:
                targets = await answer.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError):
            raise CdpError("the browser has gone") from None
        return [target["id"] for target in targets if target["type"] == "page"]

    async def tell(self, method: str, params: Params | None = None, *, session: str | None = None) -> None:
        """
        Send a command whose result nobody wants.

        Raises:
            CdpError: The browser has gone.
        """
        await self._send(self._next_id(), method, params, session)

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(json.loads(message.data))
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
            await self._socket.send_str(json.dumps(message))
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
        endpoint: Where it listens.

        on_event: Called with method, parameters and session id; must neither wait nor raise.

    Raises:
        CdpError: It does not take the connection.
    """
    address = f"{endpoint.host}:{endpoint.port}"
    async with aiohttp.ClientSession() as client:
        try:
            async with asyncio.timeout(CALL_TIMEOUT):  # One that hangs is connected to, and says nothing.
                socket = await client.ws_connect(f"ws://{address}{endpoint.path}", max_msg_size=0)
        except (aiohttp.ClientError, OSError):
            raise CdpError("the browser takes no connection") from None
        async with socket:
            cdp = Cdp(client, f"http://{address}/json/list", socket, on_event)
            try:
                yield cdp
            finally:
                cdp.reading.cancel()
                await asyncio.wait((cdp.reading,))


async def attach(cdp: Cdp, target: str) -> str:
    """Open a session with a page and return its id."""
    reply = await cdp.call("Target.attachToTarget", {"targetId": target, "flatten": True})
    return str(reply["sessionId"])
