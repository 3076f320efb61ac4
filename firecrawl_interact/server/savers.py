"""Which browsers save to which profiles at their end."""

from __future__ import annotations

import logging

import attrs

from firecrawl_interact.server.engine import Engine
from firecrawl_interact.server.profiles import Claim, ProfileInUseError, Profiles

_log = logging.getLogger(__name__)


@attrs.define(eq=False)
class _Use:
    claim: Claim | None  # None if a browser of another server has it, and this one was let in beside it.
    browser_ids: list[str]


class Savers:
    """One saver at a time, for those who ask for that; the others are let in, and the last one wins."""

    def __init__(self, profiles: Profiles) -> None:
        """Start with none."""
        self._profiles = profiles
        self._uses: dict[tuple[str, str], _Use] = {}  # By team and name.

    def first(self, team: str, name: str) -> str | None:
        """Tell the id of a browser that will save to this profile, if one will."""
        use = self._uses.get((team, name))
        return use.browser_ids[0] if use is not None else None

    def enter(self, browser_id: str, team: str, name: str, *, alone: bool) -> None:
        """
        Note that a browser will save to a profile; it may do so to several.

        Raises:
            ProfileInUseError: It wants to be alone, and is not.
            LocalBrowserError: There is no place for profiles.
        """
        use = self._uses.get((team, name))
        if use is not None and alone:
            raise ProfileInUseError
        if use is None:
            claim = self._profiles.claim(team, name)
            if claim is None and alone:
                raise ProfileInUseError
            use = self._uses[team, name] = _Use(claim, [])
        if browser_id not in use.browser_ids:
            use.browser_ids.append(browser_id)

    def leave(self, browser_id: str) -> None:
        """Note that a browser has saved, or never will."""
        for key in self._of(browser_id):
            use = self._uses[key]
            use.browser_ids.remove(browser_id)
            if not use.browser_ids:
                del self._uses[key]
                if use.claim is not None:
                    use.claim.release()

    async def save(self, browser_id: str, engine: Engine) -> None:
        """Save what a browser leaves, if it is to; one that crashed leaves what was saved before."""
        keys = self._of(browser_id)
        if not keys:
            return
        try:
            left = await engine.finish()
            if left is None:
                _log.warning("Browser %s did not end in good order; its profile stays as it was.", browser_id)
                return
            for team, name in keys:
                await self._profiles.save(team, name, left, session_id=browser_id)
        except Exception:  # noqa: BLE001  # boundary: the browser is stopped all the same
            _log.exception("The profile of browser %s stays as it was.", browser_id)

    def _of(self, browser_id: str) -> list[tuple[str, str]]:
        return [key for key, use in self._uses.items() if browser_id in use.browser_ids]
