"""How many browsers one server runs at most."""

from __future__ import annotations

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server.browsers import NoSlotError
from firecrawl_interact.server.engine import Engine, Launcher, LaunchSpec
from firecrawl_interact.server.room import shortage


class LimitedLauncher:
    """Refuse to start what is too much, whoever asks; a team's own limit is the table's business."""

    def __init__(self, launcher: Launcher, most: int | None = None) -> None:
        """
        Start with none.

        Args:
            launcher: Who starts browsers. Closed with this one.

            most: How many may run at a time, or None for as many as this machine has room for.
        """
        self._launcher = launcher
        self._most = most
        self._running = 0

    async def launch(self, spec: LaunchSpec) -> Engine:
        """
        Start one.

        Raises:
            NoSlotError: As many run as may.
            LocalBrowserError: This machine has no room for one more, or it could not be started.
        """
        if self._most is not None and self._running >= self._most:
            raise NoSlotError(self._most)
        missing = shortage()
        if missing is not None:
            raise LocalBrowserError(missing)
        self._running += 1
        try:
            engine = await self._launcher.launch(spec)
        except BaseException:
            self._running -= 1
            raise
        engine.exited.add_done_callback(self._ended)
        return engine

    async def aclose(self) -> None:
        """Stop every browser that was started."""
        await self._launcher.aclose()

    def _ended(self, _: object) -> None:
        self._running -= 1
