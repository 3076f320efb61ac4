"""Read what a program prints: all of it, so that it never waits, and keep no more than fits."""

from __future__ import annotations

from firecrawl_interact.server.inlet import Inlet

LIMIT = 1024 * 1024  # Bytes kept of each stream of a run.


class Capture:
    """One stream of a program, from the reading end of its pipe."""

    def __init__(self, descriptor: int) -> None:
        """Read from now on; the descriptor belongs to the caller."""
        self._kept = bytearray()
        self._cut = False
        self._inlet = Inlet(descriptor, self._take)

    def take(self) -> tuple[str, bool]:
        """Return what was printed since the last time, and whether some of it was thrown away."""
        self._inlet.read()  # What was printed just before the program said that it is done.
        self._inlet.read()  # The first may have ended where the pipe's memory wraps around.
        text, cut = self._kept.decode(errors="replace"), self._cut
        self._kept.clear()
        self._cut = False
        return text, cut

    def close(self) -> None:
        """Read no more. A second call does nothing."""
        self._inlet.stop()

    def _take(self, data: bytes) -> None:
        room = LIMIT - len(self._kept)
        self._kept += data[:room]
        self._cut = self._cut or len(data) > room
