"""What a browser says on stderr: where it listens, and its last words."""

from __future__ import annotations

import asyncio
import re

from firecrawl_interact.server.address import Address
from firecrawl_interact.server.inlet import Inlet

_LISTENS = re.compile(rb"DevTools listening on ws://(?P<host>[^/:]+):(?P<port>\d+)(?P<path>/\S+)\s")
_KEPT = 4096  # Bytes of stderr kept: enough to find the line above, and for an error's text.
_SHOWN = 3  # Lines of it that the text shows.


class Stderr:
    """What a browser says, read all its life so that it never blocks on a full pipe."""

    def __init__(self, descriptor: int) -> None:
        self._text = b""
        self._heard = False
        self.address: asyncio.Future[Address] = asyncio.get_running_loop().create_future()
        self._inlet = Inlet(descriptor, self._take)

    def read(self) -> None:
        """Take what is there."""
        self._inlet.read()

    def close(self) -> None:
        """Read no more. A second call does nothing."""
        self._inlet.stop()

    def forget(self) -> None:
        """Keep nothing any more: nobody asks for what it says later, and records of ended browsers stay."""
        self._text = b""
        self._heard = True

    def last_words(self) -> str:
        """Return the end of what it said before it listened, for an error's text."""
        lines = [line for line in self._text.decode(errors="replace").splitlines() if line.strip()]
        return ": " + " | ".join(line.strip() for line in lines[-_SHOWN:]) if lines else "."

    def _take(self, data: bytes) -> None:
        if self._heard:
            return
        self._text = (self._text + data)[-_KEPT:]
        if found := _LISTENS.search(self._text):
            self.forget()
            self.address.set_result(
                Address(host=found["host"].decode(), port=int(found["port"]), path=found["path"].decode())
            )
