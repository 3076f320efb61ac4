"""Know when the process that started this one has ended."""

from __future__ import annotations

import asyncio
import contextlib
import os

_LONGEST_LINE = 64 * 1024  # Bytes.


def read_line(descriptor: int) -> bytes | None:
    """
    Read the line that the parent writes at the start; None if it died before it had.

    Blocks until then. Byte by byte: what follows on the pipe is its end, which `parent_ended` waits for.
    """
    line = b""
    while len(line) < _LONGEST_LINE:
        byte = os.read(descriptor, 1)
        if not byte:
            return None
        if byte == b"\n":
            return line
        line += byte
    return None


async def parent_ended(lifeline: int, parent: int | None = None) -> None:
    """
    Wait for the parent's end, however it ends.

    Args:
        lifeline: Reading end of a pipe that only the parent writes to: its end is the parent's. A
            forked child of the parent may hold the pipe open, though.

        parent: pidfd of the parent, where there are such: it tells whoever holds what.
    """
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def look(descriptor: int) -> None:
        if descriptor == lifeline and _says_something(lifeline):
            return
        loop.remove_reader(descriptor)
        if not ended.done():
            ended.set_result(None)

    watched = [descriptor for descriptor in (lifeline, parent) if descriptor is not None]
    for descriptor in watched:
        loop.add_reader(descriptor, look, descriptor)
    try:
        await ended
    finally:
        for descriptor in watched:
            loop.remove_reader(descriptor)


def _says_something(lifeline: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(os.read(lifeline, 1024))
    return False
