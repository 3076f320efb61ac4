"""Which pages were scraped, and which browsers went on with them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from firecrawl_interact.server.ids import uuid7
from firecrawl_interact.server.record import Browser, ProfileUse

HISTORY = 10_000  # Scrapes that are remembered; then the oldest is forgotten.


@attrs.define(eq=False, kw_only=True)
class Scrape:
    """
    One scraped page.

    Attributes:
        id: UUIDv7.

        team: Whose it is.

        url: What was scraped; None if it was not to be remembered.

        wait_for: Milliseconds to wait once the page is open.

        actions: What was done in the page then, as it came.

        profile: Profile that its browsers use, or None.

        browsers: Those that went on with it, the newest last. More than one where first calls raced.
    """

    id: str
    team: str
    url: str | None = attrs.field(repr=False)
    wait_for: float = 0
    actions: tuple[Mapping[str, Any], ...] = attrs.field(default=(), repr=False)
    profile: ProfileUse | None = None
    browsers: list[Browser] = attrs.field(factory=list[Browser], repr=False)

    @property
    def current(self) -> Browser | None:
        """The browser that a call means: the newest that runs, else the newest; None before the first."""
        running = [browser for browser in self.browsers if browser.alive]
        return _newest(running or self.browsers)

    @property
    def owed(self) -> Browser | None:
        """The browser that a stop means: one that runs, else one whose final numbers nobody was told."""
        running = [browser for browser in self.browsers if browser.alive]
        untold = [browser for browser in self.browsers if not browser.settled]
        return _newest(running or untold or self.browsers)


class Scrapes:
    """The table of scrapes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """
        Start with none.

        Args:
            clock: Wall-clock seconds.
        """
        self._clock = clock
        self._rows: dict[str, Scrape] = {}

    def add(self, team: str, url: str | None, **known: Any) -> Scrape:
        """Remember a scrape; *known* are further attributes of it."""
        scrape = Scrape(id=uuid7(self._clock()), team=team, url=url, **known)
        self._rows[scrape.id] = scrape
        if len(self._rows) > HISTORY:
            del self._rows[next(iter(self._rows))]
        return scrape

    def get(self, job_id: str) -> Scrape | None:
        """
        Find one.

        Raises:
            ValueError: The id is no UUID.
        """
        return self._rows.get(str(uuid.UUID(job_id)))


def _newest(browsers: list[Browser]) -> Browser | None:
    return browsers[-1] if browsers else None
