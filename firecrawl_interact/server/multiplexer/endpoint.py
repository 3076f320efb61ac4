"""Browsers that take commands from their server alone."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable

import attrs
from aiohttp import web

from firecrawl_interact.server.cdp import CdpError
from firecrawl_interact.server.multiplexer.caller import connect
from firecrawl_interact.server.multiplexer.mailbox import Mailbox
from firecrawl_interact.server.multiplexer.switchboard import PipeLine, Switchboard


@attrs.frozen
class PipeEndpoint:
    """
    A browser behind a switchboard.

    Attributes:
        url: None: nobody reaches it but through its server.
    """

    _board: Switchboard
    url: None = attrs.field(default=None, init=False)

    @contextlib.asynccontextmanager
    async def dial(self) -> AsyncGenerator[PipeLine]:
        """Do as `Endpoint.dial` says."""
        mailbox = Mailbox()
        try:
            extension = await self._board.dial(mailbox)
        except CdpError as error:
            raise ConnectionError(str(error)) from error
        try:
            yield PipeLine(self._board, extension, mailbox)
        finally:
            self._board.hang_up(extension)

    async def relay(self, request: web.Request, on_activity: Callable[[], None]) -> web.StreamResponse:
        """Do as `Endpoint.relay` says: message by message."""
        return await connect(request, self._board, on_activity)

    async def beats(self) -> bool:
        """Do as `Endpoint.beats` says. One that is made to wait cannot answer, and need not."""
        if self._board.holding:
            return True
        try:
            await self._board.ask("Browser.getVersion")
        except CdpError:
            return False
        return True
