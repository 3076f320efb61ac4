"""Engine: one running browser, as the table of browsers sees it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Protocol

import attrs

from firecrawl_interact.server.unprivileged import Nobody
from firecrawl_interact.server.user_data import UserData


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


@attrs.frozen(kw_only=True)
class Endpoint:
    """
    Where a browser's own CDP WebSocket listens, on loopback.

    Attributes:
        host: Address.

        port: TCP port.

        path: Path of the browser-level WebSocket, ``/devtools/browser/...``; a secret.
    """

    host: str
    port: int
    path: str = attrs.field(repr=False)


class Engine(Protocol):
    """One running browser."""

    @property
    def endpoint(self) -> Endpoint | None:
        """Its CDP address; None where there is no browser behind (fakes)."""

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
