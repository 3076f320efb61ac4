"""Which API key opens the server, and for which team."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

OWN_TEAM = "team"  # The team of the key that `build_app` is given.

_NAME_LENGTH = 16  # Hexadecimal digits of a team's name that is made from what its callers show.


class Keyring:
    """
    The keys that are accepted.

    With none, no key is asked for, and whatever a caller shows tells its team from others: as on a
    self-hosted server, and handy for tests that must not see each other's sessions. It may be the key of a
    hosted provider, so it is not the team's name, which pages and files have in them.
    """

    def __init__(self, key: str | None = None, more: Mapping[str, str] | None = None) -> None:
        """
        Take the keys.

        Args:
            key: The server's own.

            more: Further keys, each with its team.
        """
        teams = dict(more or {})
        if key is not None:
            teams[key] = OWN_TEAM
        self._teams = tuple((known.encode(), team) for known, team in teams.items())

    @property
    def open(self) -> bool:
        """Whether no key is asked for."""
        return not self._teams

    def team(self, shown: str) -> str | None:
        """Tell whose key was shown, or None if it is nobody's. A near miss takes as long as any other."""
        offered = shown.encode(errors="surrogateescape")  # Header bytes need not be UTF-8.
        if not self._teams:
            return hashlib.sha256(offered).hexdigest()[:_NAME_LENGTH] if offered else ""
        found = None
        for known, team in self._teams:
            if hmac.compare_digest(known, offered):
                found = team
        return found
