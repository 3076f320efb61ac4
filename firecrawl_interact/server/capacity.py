"""How many browsers one server runs at most."""

from __future__ import annotations

from firecrawl_interact.server.browsers import NoSlotError
from firecrawl_interact.server.engine import Engine, Launcher, LaunchSpec


class LimitedLauncher:
    """Refuse to start what is too much, whoever asks; a team's own limit is the table's business."""

    def __init__(self, launcher: Launcher, most: int | None = None) -> None:
        """
        Start with none.

        Args:
            launcher: Who starts browsers. Closed with this one.

            most: How many may run at a time, or None for any number.
        """
        self._launcher = launcher
        self._most = most
        self._starting = 0
        self._running: set[Engine] = set()

    async def launch(self, spec: LaunchSpec) -> Engine:
        """
        Start one.

        Raises:
            NoSlotError: As many run as may.
            LocalBrowserError: As the launcher of this one says.
        """
        self._running = {engine for engine in self._running if not engine.exited.done()}
        if self._most is not None and self._starting + len(self._running) >= self._most:
            raise NoSlotError(self._most)
        self._starting += 1
        try:
            engine = await self._launcher.launch(spec)
        finally:
            self._starting -= 1
        self._running.add(engine)
        return engine

    async def aclose(self) -> None:
        """Stop every browser that was started."""
        await self._launcher.aclose()
