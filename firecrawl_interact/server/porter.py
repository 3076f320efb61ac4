"""Who shows out those that come in and ask for nothing, when there are too many of them."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

MOST_WAITING = 1000  # Connections at a time on which no request is being answered.
EVERY = 2.0  # Seconds between two looks.

_SHARE = 4  # They may take a quarter of this process's descriptors; browsers need the rest.


class Porter:
    """
    Close the connections that have waited longest, where too many wait for a request.

    Whoever sends a request is served at once, so only those lose who hold connections without using
    them: idle clients, which connect anew, and whoever wants to use up the server's descriptors.
    """

    def __init__(self, most: int | None = None) -> None:
        """
        Begin with `run`.

        Args:
            most: Connections that may wait at a time; None for what this process can afford.
        """
        self._most = _affordable() if most is None else most
        # Those that waited at the last look, the longest first; a dict, for its order.
        self._waiting: dict[web.RequestHandler, None] = {}
        self._busy: set[web.RequestHandler] = set()

    def middleware(self) -> Middleware:
        """Make what sees which connections are in use; it must be the outermost one."""

        @web.middleware
        async def see(request: web.Request, handler: Handler) -> web.StreamResponse:
            connection = request.protocol
            self._waiting.pop(connection, None)
            self._busy.add(connection)
            try:
                return await handler(request)
            finally:
                self._busy.discard(connection)

        return see

    async def run(self, runner: web.AppRunner, *, every: float = EVERY) -> None:
        """Look at what is connected, until cancelled."""
        while True:
            if runner.server is not None:
                self.look(runner.server.connections)
            await asyncio.sleep(every)

    def look(self, connections: Iterable[web.RequestHandler]) -> None:
        """Close those that are too many."""
        idle = dict.fromkeys(one for one in connections if one not in self._busy)
        self._waiting = {one: None for one in self._waiting if one in idle} | idle
        for one in list(itertools.islice(self._waiting, max(0, len(self._waiting) - self._most))):
            del self._waiting[one]
            one.force_close()


def _affordable() -> int:
    if sys.platform == "win32":
        return MOST_WAITING
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_WAITING if soft == resource.RLIM_INFINITY else min(MOST_WAITING, soft // _SHARE)
