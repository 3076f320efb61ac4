"""How many requests a team has made this minute."""

from __future__ import annotations

import attrs

WINDOW = 60.0  # Seconds. Fixed windows, as Firecrawl's limiter has them.


@attrs.frozen
class TooFast:
    """
    A request that came too soon.

    Attributes:
        consumed: Requests of this window, this one included.

        limit: Requests that a window holds.

        resets_at: Wall-clock seconds at which the next window begins.

        wait: Whole seconds until then, at least one.
    """

    consumed: int
    limit: int
    resets_at: float
    wait: int


class Rates:
    """Count requests by team and kind."""

    def __init__(self) -> None:
        """Have counted none."""
        self._windows: dict[tuple[str, str], list[float]] = {}

    def take(self, team: str, kind: str, limit: int | None, now: float) -> TooFast | None:
        """
        Count one request.

        Returns:
            None if it may pass.
        """
        if limit is None:
            return None
        window = self._windows.get((team, kind))
        if window is None or not window[0] <= now < window[0] + WINDOW:
            window = self._windows[team, kind] = [now, 0]
        window[1] += 1
        if window[1] <= limit:
            return None
        resets_at = window[0] + WINDOW
        return TooFast(int(window[1]), limit, resets_at, max(1, round(resets_at - now)))
