"""Run users' programs in processes of this machine, for as long as their browsers run."""

from __future__ import annotations

from firecrawl_interact.server.interpreters.desk import Desk
from firecrawl_interact.server.record import Browser
from firecrawl_interact.server.runs import BrowserEndedError, CannotRunError, RunOutcome


class ProcessRuns:
    """
    Whoever runs programs on a real server; an attendant of its table of browsers too.

    Programs are as trusted as the server: they can do what its user can.
    """

    def __init__(self) -> None:
        """Run nothing yet."""
        self._desks: dict[str, Desk] = {}

    async def run(self, browser: Browser, language: str, code: str, timeout: float) -> RunOutcome:
        """Do as `Runs.run` says."""
        endpoint = browser.engine.endpoint
        if endpoint is None:
            raise CannotRunError("There is no real browser behind this session.")
        if browser.ending is not None:
            raise BrowserEndedError
        try:
            desk = self._desks.get(browser.id)
            if desk is None:
                desk = self._desks[browser.id] = Desk.open(endpoint)
            return await desk.run(language, code, timeout)
        except OSError as error:
            raise CannotRunError(f"This machine has no room for it: {error.strerror}.") from error

    async def started(self, browser: Browser) -> None:
        """Do nothing: interpreters are started by the first run."""

    async def ending(self, browser: Browser) -> None:
        """End its interpreters and remove their folder."""
        desk = self._desks.pop(browser.id, None)
        if desk is not None:
            await desk.close()
