"""The browser that is started before anybody has asked for one."""

from __future__ import annotations

import asyncio

from firecrawl_interact.server.engine import Engine, Launcher, LaunchSpec
from firecrawl_interact.server.spares import give_up

PATIENCE = 10.0  # Seconds until one that nobody has asked for is given up.

_PLAIN = LaunchSpec()


class LeadLauncher:
    """
    Start one browser ahead of the first who asks, and every other as it is asked for.

    A private server is started by whoever is about to ask for a browser, which can start while the
    server does.
    """

    def __init__(self, launcher: Launcher) -> None:
        """
        Start with none; `lead` begins.

        Args:
            launcher: Who starts browsers. Closed with this one.
        """
        self._launcher = launcher
        self._leading: asyncio.Task[Engine] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def lead(self) -> None:
        """
        Start the first.

        It is given up if the first who asks wants another kind, or nobody asks for `PATIENCE`. Why it
        did not start is told to whoever waited for it.
        """
        self._leading = asyncio.create_task(self._launcher.launch(_PLAIN))
        self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._dismiss)

    async def launch(self, spec: LaunchSpec) -> Engine:
        """
        Hand out the first, if it is what is asked for, or start one.

        Raises:
            LocalBrowserError: As the launcher of this one says.
        """
        leading = self._leading
        if leading is None or spec != _PLAIN or _has_ended(leading):
            self._dismiss()
            await self._ended()  # There may be room for one only.
            return await self._launcher.launch(spec)
        self._leading = None
        try:
            await asyncio.wait((leading,))
            return leading.result()
        except BaseException:
            self._end(leading)
            raise

    async def aclose(self) -> None:
        """Stop the first, and whatever else was started."""
        if self._patience is not None:
            self._patience.cancel()
        self._dismiss()
        await self._ended()
        await self._launcher.aclose()

    def _dismiss(self) -> None:
        if self._leading is not None:
            self._end(self._leading)
            self._leading = None

    async def _ended(self) -> None:
        if self._ending:
            await asyncio.wait(tuple(self._ending))

    def _end(self, leading: asyncio.Task[Engine]) -> None:
        ending = asyncio.create_task(give_up(leading))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


def _has_ended(leading: asyncio.Task[Engine]) -> bool:
    """Tell whether it did not start, or runs no more."""
    return leading.done() and (
        leading.cancelled() or leading.exception() is not None or leading.result().exited.done()
    )
