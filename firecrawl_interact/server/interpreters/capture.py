"""Read what a program prints: all of it, so that it never waits, and keep no more than fits."""

from __future__ import annotations

import asyncio
import os

LIMIT = 1024 * 1024  # Bytes kept of each stream of a run.

_READ = 64 * 1024  # Bytes taken at a time; as much as a pipe holds.


class Capture:
    """One stream of a program, from the reading end of its pipe."""

    def __init__(self, descriptor: int) -> None:
        """Read from now on; the descriptor is closed at the end."""
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._kept = bytearray()
        self._cut = False
        self._open = True
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def take(self) -> tuple[str, bool]:
        """Return what was printed since the last time, and whether some of it was thrown away."""
        self._read()  # What was printed just before the program said that it is done.
        self._read()  # The first may have ended where the pipe's memory wraps around.
        text, cut = self._kept.decode(errors="replace"), self._cut
        self._kept.clear()
        self._cut = False
        return text, cut

    def close(self) -> None:
        """Read no more. A second call does nothing."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)

    def _read(self) -> None:
        if not self._open:
            return
        try:
            data = os.read(self._descriptor, _READ)
        except BlockingIOError:
            return
        if not data:
            self.close()
        room = LIMIT - len(self._kept)
        self._kept += data[:room]
        self._cut = self._cut or len(data) > room
