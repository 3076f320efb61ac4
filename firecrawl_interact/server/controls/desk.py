"""Who works in browsers on behalf of calls: one thing after another, in the page that was opened last."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

import attrs
from aiohttp import web

from firecrawl_interact.server import cdp
from firecrawl_interact.server.engine import Endpoint
from firecrawl_interact.server.record import Browser, Status

LONGEST_USE = 120.0  # Seconds one call may take, those before it included.

_GREETING = 10.0  # Seconds a new browser has to begin with the address it was asked for.


class ControlError(Exception):
    """It could not be done; the text tells the caller why."""


class NoBrowserError(ControlError):
    """There is no browser behind the session, or it has gone."""


@attrs.frozen(kw_only=True)
class Tab:
    """One page of a browser, and a session with it."""

    id: str
    browser: cdp.Cdp = attrs.field(repr=False)
    session: str = attrs.field(repr=False)

    async def call(self, method: str, **params: Any) -> Any:
        """
        Send a command to the page and wait for its result.

        Raises:
            CdpError: See there.
        """
        return await self.browser.call(method, params, session=self.session)

    async def run(self, function: str, *arguments: Any) -> Any:
        """
        Call a JavaScript function in the page and return what it returns.

        Raises:
            CdpError: See there.
            ControlError: It threw; the text is the exception's.
        """
        given = ", ".join(json.dumps(argument) for argument in arguments)
        answer = await self.call("Runtime.evaluate", expression=f"({function})({given})", returnByValue=True)
        if "exceptionDetails" in answer:
            thrown = answer["exceptionDetails"].get("exception", {}).get("description", "it failed")
            raise ControlError(str(thrown).partition("\n")[0])
        return answer["result"].get("value")


@attrs.define(eq=False)
class Desk:
    """
    What the calls to one browser have in common.

    Attributes:
        clipboard: Text that was copied last. It is ours: the browser's own cannot be read on
            most pages.

        held: Mouse buttons that are down, as the bits that CDP gives them.
    """

    _endpoint: Endpoint = attrs.field(repr=False)
    clipboard: str = attrs.field(default="", repr=False, init=False)
    held: int = attrs.field(default=0, init=False)
    _cleared: bool = attrs.field(default=False, init=False)
    _turn: asyncio.Lock = attrs.field(factory=asyncio.Lock, init=False)
    _connection: contextlib.AsyncExitStack | None = attrs.field(default=None, init=False)
    _browser: cdp.Cdp | None = attrs.field(default=None, init=False)
    _tab: Tab | None = attrs.field(default=None, init=False)

    @property
    def gone(self) -> bool:
        """Whether the browser does not answer any more."""
        return self._browser is None or self._browser.reading.done()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncGenerator[None, None]:
        """Wait until nobody else works here, and keep them off."""
        async with self._turn:
            yield

    async def browser(self) -> cdp.Cdp:
        """
        Return the connection to the browser; it is kept.

        Raises:
            CdpError: The browser takes none.
        """
        if self._cleared:
            raise cdp.CdpError("the browser has gone")
        if self._browser is None or self._browser.reading.done():
            await self._disconnect()
            stack = contextlib.AsyncExitStack()
            self._browser = await stack.enter_async_context(cdp.connect(self._endpoint))
            self._connection = stack
            if self._cleared:  # Meanwhile.
                await self._disconnect()
                raise cdp.CdpError("the browser has gone")
        return self._browser

    async def tab(self) -> Tab:
        """
        Return the page that was opened last.

        Raises:
            CdpError: The browser has gone.
            ControlError: It has no page.
        """
        browser = await self.browser()
        pages = await browser.pages()
        if not pages:
            raise ControlError("The browser has no page.")
        if self._tab is None or self._tab.id != pages[0]:
            if self._tab is not None:
                with contextlib.suppress(cdp.CdpError):
                    await browser.call("Target.detachFromTarget", {"sessionId": self._tab.session})
            self._tab = None
            session = await cdp.attach(browser, pages[0])
            self._tab = Tab(id=pages[0], browser=browser, session=session)
        return self._tab

    async def aclose(self) -> None:
        """Close the connection for good: who works here, or waits for a turn, finds the browser gone."""
        self._cleared = True
        await self._disconnect()

    async def _disconnect(self) -> None:
        stack, self._connection = self._connection, None
        self._browser = self._tab = None
        if stack is not None:
            await stack.aclose()


class Controls:
    """The desks of all browsers; told of each browser's end as one of its attendants."""

    def __init__(self) -> None:
        """Have none yet: they are set up for those who come."""
        self._desks: dict[str, Desk] = {}

    @contextlib.asynccontextmanager
    async def at(self, browser: Browser) -> AsyncGenerator[Desk, None]:
        """
        Take one's turn at a browser's desk; meanwhile the browser is not idle.

        Raises:
            NoBrowserError: There is nothing to control, or it has gone meanwhile.
            ControlError: It could not be done, or took too long.
        """
        endpoint = browser.engine.endpoint
        if endpoint is None:
            raise NoBrowserError("There is no real browser behind this session.")
        if browser.status is not Status.RUNNING:
            raise NoBrowserError("The browser has gone.")
        desk = self._desks.get(browser.id)
        if desk is None:
            desk = self._desks[browser.id] = Desk(endpoint)
        try:
            with browser.used():
                async with asyncio.timeout(LONGEST_USE), desk.turn():
                    yield desk
        except TimeoutError:
            raise ControlError(f"It was not done within {LONGEST_USE:g} s.") from None
        except cdp.CdpError as error:
            if desk.gone:
                raise NoBrowserError("The browser has gone.") from error
            raise ControlError(f"The browser refused: {error}.") from error

    async def started(self, browser: Browser) -> None:
        """Send a new browser to the address it was asked for, and do not wait until it is there."""
        url, endpoint = browser.wish.initial_url, browser.engine.endpoint
        if url is None or endpoint is None:
            return
        with contextlib.suppress(
            cdp.CdpError, TimeoutError
        ):  # An address that leads nowhere is no failed start.
            async with asyncio.timeout(_GREETING), cdp.connect(endpoint) as connection:
                for page in (await connection.pages())[:1]:
                    session = await cdp.attach(connection, page)
                    await connection.call("Page.navigate", {"url": url}, session=session)

    async def ending(self, browser: Browser) -> None:
        """Clear the browser's desk."""
        desk = self._desks.pop(browser.id, None)
        if desk is not None:
            await desk.aclose()


CONTROLS = web.AppKey("CONTROLS", Controls)
