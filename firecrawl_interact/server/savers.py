"""Which browsers will save to which profile."""

from __future__ import annotations

import attrs

from firecrawl_interact.server.profiles import Claim, ProfileInUseError, Profiles
from firecrawl_interact.server.record import ProfileUse, Wish


@attrs.define(eq=False)
class _Use:
    claim: Claim | None  # None if a browser of another server has it, and this one was let in beside it.
    browser_ids: list[str]


class Savers:
    """One saver at a time, for those who ask for that; the others are let in, and the last one wins."""

    def __init__(self, profiles: Profiles) -> None:
        """Start with none."""
        self._profiles = profiles
        self._uses: dict[tuple[str, str], _Use] = {}

    def first(self, team: str, name: str) -> str | None:
        """Tell the id of a browser that will save to this profile, if one will."""
        use = self._uses.get((team, name))
        return use.browser_ids[0] if use is not None else None

    def enter(self, browser_id: str, wish: Wish) -> None:
        """
        Note a browser that is about to start, if it will save.

        Raises:
            ProfileInUseError: It wants to be alone, and is not.
            LocalBrowserError: There is no place for profiles.
        """
        profile = _saved(wish)
        if profile is None:
            return
        use = self._uses.get((wish.team, profile.name))
        if use is None:
            claim = self._profiles.claim(wish.team, profile.name)
            if claim is None and profile.alone:
                raise ProfileInUseError
            self._uses[wish.team, profile.name] = _Use(claim, [browser_id])
        elif profile.alone:
            raise ProfileInUseError
        else:
            use.browser_ids.append(browser_id)

    def leave(self, browser_id: str, wish: Wish) -> None:
        """Note that a browser has saved, or never will."""
        profile = _saved(wish)
        if profile is None:
            return
        use = self._uses[wish.team, profile.name]
        use.browser_ids.remove(browser_id)
        if not use.browser_ids:
            del self._uses[wish.team, profile.name]
            if use.claim is not None:
                use.claim.release()


def _saved(wish: Wish) -> ProfileUse | None:
    return wish.profile if wish.profile is not None and wish.profile.saves else None
