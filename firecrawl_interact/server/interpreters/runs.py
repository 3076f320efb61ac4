"""Run users' programs in processes of this machine, for as long as their browsers run."""

from __future__ import annotations

import functools
import logging

from firecrawl_interact.server import links
from firecrawl_interact.server.engine import Endpoint
from firecrawl_interact.server.interpreters.desk import Desk
from firecrawl_interact.server.interpreters.tools import Tool
from firecrawl_interact.server.record import Browser
from firecrawl_interact.server.runs import BrowserEndedError, CannotRunError, RunOutcome
from firecrawl_interact.server.unprivileged import USER, Nobody, open_to_all

_log = logging.getLogger(__name__)


class ProcessRuns:
    """
    Whoever runs programs on a real server; an attendant of its table of browsers too.

    Programs can do what the browser's user can, with the network and with that user's files. That is
    the server's user, unless it is root; see `Nobody`.

    Attributes:
        base_url: Where this server listens, for programs whose browser is reached only through it.
            None as long as it does not.
    """

    def __init__(self) -> None:
        """Run nothing yet."""
        self.base_url: str | None = None
        self._desks: dict[str, Desk] = {}
        self._warned: set[str] = set()  # Languages.

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
                address, user = self._address(browser, endpoint), browser.engine.user
                desk = Desk.open(address, user, functools.partial(self._user_for, user))
                self._desks[browser.id] = desk
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

    def _address(self, browser: Browser, endpoint: Endpoint) -> str:
        """Tell where programs reach a browser."""
        if endpoint.url is not None:
            return endpoint.url
        if self.base_url is None:
            raise CannotRunError("This server cannot be reached by programs.")
        return links.cdp_url(self.base_url, browser, browser.program_token)

    def _user_for(self, user: Nobody | None, tool: Tool) -> Nobody | None:
        """Tell who runs a tool: the browser's user, unless that one cannot read what it takes."""
        closed = [] if user is None else [path for path in tool.files if not open_to_all(path)]
        if not closed:
            return user
        if tool.language not in self._warned:
            self._warned.add(tool.language)
            _log.warning(
                "Programs in %s run as root, since %s, as whom browsers run, cannot use %s. "
                "Install it where all users can read it, or do not run the server as root.",
                tool.language,
                USER,
                closed[0],
            )
        return None
