"""Engine: one running browser, as the table of browsers sees it."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import attrs

from firecrawl_interact.server.unprivileged import Nobody
from firecrawl_interact.server.user_data import UserData

if TYPE_CHECKING:
    from aiohttp import web


class Debugging(enum.Enum):
    """How a browser takes commands."""

    PORT = "port"  # At a TCP port on loopback, which asks nobody for a token.
    PIPE = "pipe"  # From its server alone, over a pipe that all who drive it share.


@attrs.frozen(kw_only=True)
class LaunchSpec:
    """
    What a browser is started with.

    Attributes:
        width: Pixels of the window.

        height: Pixels of the window.

        state: File of saved state to begin with; None, or a file that is not there, is blank.
    """

    width: int = 1280
    height: int = 720
    state: Path | None = None


class Line(Protocol):
    """One CDP connection to a browser; iterating yields what the browser says, to its end."""

    async def send(self, message: str) -> None:
        """
        Send one message.

        Raises:
            ConnectionError: The browser has gone.
        """

    def __aiter__(self) -> AsyncIterator[str | bytes]: ...

    async def pages(self) -> list[str]:
        """
        Return the target ids of the pages, the one that was opened last first.

        Raises:
            ConnectionError: The browser has gone.
        """
        ...


class Endpoint(Protocol):
    """Where a browser takes commands, from as many as want to send some."""

    @property
    def url(self) -> str | None:
        """Address at which programs of this machine reach it; a secret. None: only through the server."""

    def dial(self) -> AbstractAsyncContextManager[Line]:
        """
        Connect from within the server.

        Raises:
            OSError: It takes no connection.
        """
        ...

    async def relay(self, request: web.Request, on_activity: Callable[[], None]) -> web.StreamResponse:
        """
        Connect a caller's WebSocket, for as long as both sides want.

        Args:
            request: An upgrade to WebSocket, already let in.

            on_activity: Called for everything the caller sends; must be cheap.
        """
        ...

    async def beats(self) -> bool:
        """Tell whether the browser answers; wait as long as it takes."""
        ...


class Engine(Protocol):
    """One running browser."""

    @property
    def endpoint(self) -> Endpoint | None:
        """Where it takes commands; None where there is no browser behind (fakes)."""

    @property
    def user(self) -> Nobody | None:
        """Who runs it, where that is not this process's own user."""

    @property
    def exited(self) -> asyncio.Future[str]:
        """Done once the browser has ended, asked or unasked, with the reason. Never cancel it."""
        ...

    async def finish(self) -> UserData | None:
        """
        Let it end in good order, within seconds, so that all of its state is on disk.

        Returns:
            What it leaves, there until `stop` is called. None if it did not end in good order.
        """

    async def stop(self) -> None:
        """End it within seconds; kill what does not, remove its folder. A second call waits for the first."""


class Launcher(Protocol):
    """Whoever starts browsers."""

    async def launch(self, spec: LaunchSpec) -> Engine:
        """
        Start one and wait until it answers.

        Raises:
            LocalBrowserError: It is missing, died, or did not answer within 30 s. Nothing is left behind.
        """
        ...

    async def aclose(self) -> None:
        """Stop every browser it started."""
