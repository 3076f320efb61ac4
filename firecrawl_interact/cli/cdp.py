"""One page driven over CDP, for the demo; real programs connect Playwright or Puppeteer instead."""

from __future__ import annotations

import asyncio
import base64
import json
from types import TracebackType
from typing import Any, Self

import aiohttp

from firecrawl_interact.errors import ProtocolError, TransportError, TransportTimeoutError

PATIENCE = 30.0  # Seconds for one answer or event.
LARGEST_MESSAGE = 64 * 1024 * 1024  # Bytes; a screenshot comes as one message.


class Page:
    """
    The first page of the browser behind a CDP link.

    Used by one task at a time: whoever waits for an answer or an event reads the socket.
    """

    def __init__(self, cdp_url: str) -> None:
        self._url = cdp_url
        self._calls = 0
        self._session: str | None = None
        self._events: list[str] = []  # Names of those that came since they were last asked for.

    async def __aenter__(self) -> Self:
        """Connect, and attach to the page."""
        self._http = aiohttp.ClientSession()
        try:
            self._socket = await self._connect()
            targets = (await self._call("Target.getTargets"))["targetInfos"]
            pages = [target["targetId"] for target in targets if target["type"] == "page"]
            page = pages[0] if pages else await self._new_page()
            attached = await self._call("Target.attachToTarget", targetId=page, flatten=True)
            self._session = attached["sessionId"]
            await self._call("Page.enable")
        except BaseException:
            await self._http.close()
            raise
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect; the browser lives on."""
        await self._http.close()

    async def go(self, url: str) -> None:
        """Load a page, and wait until it has loaded."""
        self._events.clear()
        await self._call("Page.navigate", url=url)
        await self._event("Page.loadEventFired")

    async def evaluate(self, expression: str) -> Any:
        """Run JavaScript in the page, and return its value; a promise is awaited."""
        answer = await self._call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise ProtocolError(f"The page failed: {answer['exceptionDetails'].get('text', 'no reason')}.")
        return answer["result"].get("value")

    async def click(self, selector: str) -> None:
        """Press and release the left button in the middle of an element, as a person would."""
        box = await self.evaluate(
            f"(box => [box.x + box.width / 2, box.y + box.height / 2])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self._call(
                "Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1
            )

    async def screenshot(self) -> bytes:
        """Return what the page shows, as PNG."""
        return base64.b64decode((await self._call("Page.captureScreenshot", format="png"))["data"])

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        try:
            return await self._http.ws_connect(self._url, max_msg_size=LARGEST_MESSAGE)
        except aiohttp.ClientError as error:
            # The error itself may show the link.
            raise TransportError(f"No CDP connection to the browser: {type(error).__name__}.") from None

    async def _new_page(self) -> str:
        return str((await self._call("Target.createTarget", url="about:blank"))["targetId"])

    async def _call(self, method: str, **params: Any) -> dict[str, Any]:
        self._calls += 1
        number = self._calls
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        try:
            await self._socket.send_json(message)
        except aiohttp.ClientError as error:
            raise TransportError("The browser closed its CDP connection.") from error
        while True:
            answer = await self._read()
            if answer.get("id") != number:
                continue
            if "error" in answer:
                raise ProtocolError(f"The browser refused {method}: {answer['error'].get('message')}.")
            return dict(answer["result"])

    async def _event(self, name: str) -> None:
        while name not in self._events:
            await self._read()

    async def _read(self) -> dict[str, Any]:
        try:
            received = await asyncio.wait_for(self._socket.receive(), PATIENCE)
        except TimeoutError as error:
            raise TransportTimeoutError(f"The browser was silent for {PATIENCE:g} s.") from error
        if received.type is not aiohttp.WSMsgType.TEXT:
            raise TransportError("The browser closed its CDP connection.")
        message: dict[str, Any] = json.loads(received.data)
        if "method" in message:
            self._events.append(message["method"])
        return message
