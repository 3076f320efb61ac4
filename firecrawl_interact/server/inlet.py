"""Our end of a pipe that a child writes to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

_READ = 64 * 1024  # Bytes taken at a time; as much as a pipe holds.


class Inlet:
    """What a child writes, taken as it comes, so that it never waits for us."""

    def __init__(self, descriptor: int, take: Callable[[bytes], None]) -> None:
        """
        Read from now on.

        Args:
            descriptor: The reading end; it belongs to the caller, who closes it after `stop`.

            take: Called with every piece; must neither wait nor raise.
        """
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._take = take
        self._open = True
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self.read)

    def read(self) -> bool:
        """Take what is there now; tell whether there was anything."""
        if not self._open:
            return False
        try:
            data = os.read(self._descriptor, _READ)
        except BlockingIOError:
            return False
        if data:
            self._take(data)
        else:
            self.stop()
        return bool(data)

    def stop(self) -> None:
        """Read no more. A second call does nothing."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
