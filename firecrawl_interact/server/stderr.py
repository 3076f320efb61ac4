"""What a browser says on stderr: where it listens, and its last words."""

from __future__ import annotations

import asyncio
import os
import re

from firecrawl_interact.server.engine import Endpoint

_LISTENS = re.compile(rb"DevTools listening on ws://(?P<host>[^/:]+):(?P<port>\d+)(?P<path>/\S+)\s")
_READ = 64 * 1024  # Bytes of stderr taken at a time.
_KEPT = 4096  # Bytes of stderr kept: enough to find the line above, and for an error's text.
_SHOWN = 3  # Lines of it that the text shows.


class Stderr:
    """What a browser says, read all its life so that it never blocks on a full pipe."""

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._text = b""
        self._open = True
        self.endpoint: asyncio.Future[Endpoint] = self._loop.create_future()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self.read)

    def read(self) -> None:
        """Take what is there."""
        if not self._open:
            return
        try:
            data = os.read(self._descriptor, _READ)
        except BlockingIOError:
            return
        if not data:
            self.close()
        if self.endpoint.done():
            return  # Nobody asks for what it says later, and records of ended browsers stay.
        self._text = (self._text + data)[-_KEPT:]
        if found := _LISTENS.search(self._text):
            self._text = b""
            self.endpoint.set_result(
                Endpoint(host=found["host"].decode(), port=int(found["port"]), path=found["path"].decode())
            )

    def close(self) -> None:
        """Read no more. A second call does nothing."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)

    def last_words(self) -> str:
        """Return the end of what it said before it listened, for an error's text."""
        lines = [line for line in self._text.decode(errors="replace").splitlines() if line.strip()]
        return ": " + " | ".join(line.strip() for line in lines[-_SHOWN:]) if lines else "."
