"""What the helper process is told a moment later, in one call to the system with whatever else there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

SETTLE_DELAY = 0.02  # Seconds the news of a settled debt may wait for others; lost, it costs one DELETE more.


class News:
    """Messages that wait to be written. Not thread-safe: the guardian's lock is."""

    def __init__(self, write: Callable[[], None]) -> None:
        """
        Begin with none.

        Args:
            write: Called, by the loop that runs then, when they have waited long enough.
        """
        self._write = write
        self._messages = b""
        self._after_pass_of: asyncio.AbstractEventLoop | None = None

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._messages)

    def take(self) -> bytes:
        """Hand them out, to be written now."""
        messages, self._messages = self._messages, b""
        self._after_pass_of = None
        return messages

    def after_pass(self, message: bytes) -> None:
        """Have a message written after the running loop's current pass; at once where no loop runs."""
        self._messages += message
        loop = _running_loop()
        if loop is None:
            self._write()
        elif self._after_pass_of is not loop:  # Another one may have been stopped amid its pass.
            self._after_pass_of = loop
            loop.call_soon(self._write)

    def later(self, message: bytes) -> None:
        """Have a message written within `SETTLE_DELAY`; at once where no loop runs."""
        waiting = bool(self._messages)
        self._messages += message
        loop = _running_loop()
        if loop is None:  # At the interpreter's end there is no later.
            self._write()
        elif not waiting:
            loop.call_later(SETTLE_DELAY, self._write)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
