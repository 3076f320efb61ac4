"""Who has logged in to the dashboard."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

LIFETIME = 12 * 3600  # Seconds a login lasts.
MOST = 200  # Logins at a time; then the oldest ends.

_BYTES = 24


class Logins:
    """
    Random values that stand for a key which was shown; the cookie never holds the key itself.

    Kept as hashes, in memory: a restart of the server ends them all.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with none."""
        self._clock = clock
        self._known: dict[bytes, tuple[str, float]] = {}

    def issue(self, team: str) -> str:
        """Make a value that stands for this team."""
        value = secrets.token_urlsafe(_BYTES)
        while len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[_hash(value)] = (team, self._clock() + LIFETIME)
        return value

    def team(self, value: str) -> str | None:
        """Tell whom a value stands for; None if for nobody, or no longer."""
        team, ends = self._known.get(_hash(value), (None, 0.0))
        return team if self._clock() < ends else None

    def revoke(self, value: str) -> None:
        """Let a value stand for nobody."""
        self._known.pop(_hash(value), None)


def _hash(value: str) -> bytes:
    return hashlib.sha256(value.encode(errors="surrogateescape")).digest()
