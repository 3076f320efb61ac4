"""Profiles that are only names: for servers with no real browser behind."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs

from firecrawl_interact.server.profiles import ProfileExistsError, SavedProfile
from firecrawl_interact.server.user_data import UserData


class FreeClaim:
    """A claim where there is no other server."""

    def release(self) -> None:
        """Do nothing."""


class FakeProfiles:
    """
    Remember which profiles there are, and nothing of what is in them.

    Attributes:
        saved: What is known of each, by team and name.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        """Start with none."""
        self._clock = clock
        self.saved: dict[tuple[str, str], SavedProfile] = {}

    def claim(self, team: str, name: str) -> FreeClaim:
        """Take the right to save: nobody else can have it."""
        del team, name
        return FreeClaim()

    def state(self, team: str, name: str) -> None:
        """Tell that there is no file."""
        del team, name

    async def save(self, team: str, name: str, left: UserData, *, session_id: str) -> None:
        """Remember that something was saved."""
        del left
        now = self._clock()
        old = self.saved.get((team, name)) or SavedProfile(team=team, name=name, created_at=now)
        self.saved[team, name] = attrs.evolve(old, saved_at=now, session_id=session_id)

    async def list(self, team: str) -> tuple[SavedProfile, ...]:
        """Tell which a team has, by name."""
        return tuple(one for (whose, _), one in sorted(self.saved.items()) if whose == team)

    async def get(self, team: str, name: str) -> SavedProfile | None:
        """Find one."""
        return self.saved.get((team, name))

    async def create(self, profile: SavedProfile) -> None:
        """
        Make a blank one.

        Raises:
            ProfileExistsError: There is one of this name.
        """
        if self.saved.setdefault((profile.team, profile.name), profile) is not profile:
            raise ProfileExistsError

    async def delete(self, team: str, name: str) -> bool:
        """Forget one, and tell whether there was one."""
        return self.saved.pop((team, name), None) is not None
