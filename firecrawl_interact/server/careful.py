"""Browsers are started only where there is room for them."""

from __future__ import annotations

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server.engine import Engine, Launcher, LaunchSpec
from firecrawl_interact.server.room import shortage


class CarefulLauncher:
    """
    Start nothing that this machine has no room for.

    It stands next to whoever starts processes: a browser that runs already, such as a spare, has its
    room.
    """

    def __init__(self, launcher: Launcher) -> None:
        """
        Start with none.

        Args:
            launcher: Who starts browsers. Closed with this one.
        """
        self._launcher = launcher
        self._starting = 0

    async def launch(self, spec: LaunchSpec) -> Engine:
        """
        Start one.

        Raises:
            LocalBrowserError: This machine has no room for one more, or it could not be started.
        """
        missing = shortage(self._starting)
        if missing is not None:
            raise LocalBrowserError(missing)
        self._starting += 1
        try:
            return await self._launcher.launch(spec)
        finally:
            self._starting -= 1

    async def aclose(self) -> None:
        """Stop every browser that was started."""
        await self._launcher.aclose()
