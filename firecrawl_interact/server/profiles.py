"""Profiles: browser state that has a name and outlives the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import attrs

from firecrawl_interact.server.user_data import UserData


class ProfileInUseError(Exception):
    """A browser is saving to this profile, here or in another server."""


class ProfileExistsError(Exception):
    """There is a profile of this name."""


@attrs.frozen(kw_only=True)
class SavedProfile:
    """
    What is known of a profile.

    Attributes:
        team: Whose it is.

        name: Its name; data, never part of a path.

        created_at: Wall-clock seconds.

        saved_at: When a browser's state was last saved to it; None as long as it is blank.

        description: In its owner's words.

        source: Where its state is to come from, in the words of the provider that asked.

        session_id: Of the browser whose state it holds, or is to hold.
    """

    team: str
    name: str
    created_at: float
    saved_at: float | None = None
    description: str | None = None
    source: str | None = None
    session_id: str | None = None


class Claim(Protocol):
    """The right to save to one profile, against other servers."""

    def release(self) -> None:
        """Give it back. A second call does nothing."""


class Profiles(Protocol):
    """Where profiles are kept. A profile comes into being when it is created, or first saved to."""

    def claim(self, team: str, name: str) -> Claim | None:
        """
        Take the right to save to a profile; None if another server's browser has it.

        Raises:
            LocalBrowserError: There is no place for profiles.
        """
        ...

    def state(self, team: str, name: str) -> Path | None:
        """Tell which file a new browser is to be filled from; it need not exist. None for no file at all."""

    async def save(self, team: str, name: str, left: UserData, *, session_id: str) -> None:
        """
        Put what a browser left in the place of what was there; the old stays if this fails.

        Raises:
            UserDataError: It is too large.
            OSError: The disk is full, or fails.
        """

    async def list(self, team: str) -> tuple[SavedProfile, ...]:
        """Tell which a team has, by name."""
        ...

    async def get(self, team: str, name: str) -> SavedProfile | None:
        """Find one."""

    async def create(self, profile: SavedProfile) -> None:
        """
        Make a blank one.

        Raises:
            ProfileExistsError: There is one of this name.
        """

    async def delete(self, team: str, name: str) -> bool:
        """
        Forget one, and tell whether there was one.

        Raises:
            ProfileInUseError: A browser, of any server, is saving to it.
        """
        ...
