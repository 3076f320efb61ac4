"""Attendant: whoever has something to do when a browser starts and when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from firecrawl_interact.server.record import Browser


class Attendant(Protocol):
    """Profiles, recordings, interpreters: what lives beside a browser, and no longer than it."""

    async def started(self, browser: Browser) -> None:
        """
        Prepare, before anybody else is given the browser.

        Raises:
            Exception: It cannot be used; the create fails with this, and the browser is stopped.
        """

    async def ending(self, browser: Browser) -> None:
        """
        Tidy up, while the browser still runs if it did not die. Called once, even if `started` failed.

        At most `browsers.ENDING_GRACE` seconds; what it raises is logged and holds nothing up.
        """
