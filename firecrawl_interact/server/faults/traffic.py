"""Traffic: what was asked of this server and which sessions it truly holds, for tests to wait on."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import attrs

from firecrawl_interact.server.record import Browser

CREATE, DELETE, DELETE_ALL, GET, LIST = "create", "delete", "delete_all", "get", "list"
RUN, STOP, EXECUTE, OTHER = "run", "stop", "execute", "other"
KINDS = frozenset({CREATE, DELETE, DELETE_ALL, GET, LIST, RUN, STOP, EXECUTE, OTHER})

FOREIGN: ContextVar[bool] = ContextVar("firecrawl_interact_foreign", default=False)  # The request's.
LOG_LENGTH = 2000  # Events remembered in order; a storm must not eat the memory.

# First match wins: reserved words stand before ids.
_ROUTES = tuple(
    (kind, method, re.compile(pattern))
    for kind, method, pattern in (
        (CREATE, "POST", r"/v2/(?:interact|browser)|/v1/sessions(?:/async)?"),
        (RUN, "POST", r"/v2/scrape/([^/]+)/interact"),
        (STOP, "DELETE", r"/v2/scrape/([^/]+)/interact"),
        (EXECUTE, "POST", r"/v2/(?:interact|browser)/([^/]+)/execute|/v1/tools/execute-code"),
        (DELETE_ALL, "DELETE", r"/v1/sessions/all"),
        (DELETE, "DELETE", r"/(?:v2/interact|v2/browser|v1/sessions)/([^/]+)"),
        (LIST, "GET", r"/v2/(?:interact|browser)|/v1/sessions(?:/all/status)?"),
        (GET, "GET", r"/(?:v2/interact|v2/browser|v1/sessions)/([^/]+)"),
    )
)


def classify(method: str, path: str) -> tuple[str, str | None]:
    """Tell what a request of either dialect is about: its kind, and the id in its path."""
    path = path.rstrip("/")
    for kind, wanted, pattern in _ROUTES:
        if method == wanted and (match := pattern.fullmatch(path)):
            return kind, match[1] if pattern.groups else None
    return OTHER, None


@attrs.define(eq=False)
class Traffic:
    """
    Keep account of one server.

    Every change is an event with a name, such as ``create.received``; a test waits for events
    instead of for time.

    Attributes:
        counts: How often each event happened.

        live: Ids that were made and not ended, foreign ones left out.

        foreign: Ids that somebody else made with the same key and that still run.

        foreign_made: How many of those there ever were.

        made: Every id made by the client under test.

        deletes: How often each id was asked to end.

        busy: How many requests are being dealt with; those that are held do not count.

        log: ``(seconds since the start, event, id)``, the oldest first.
    """

    counts: Counter[str] = attrs.field(factory=Counter[str])
    live: set[str] = attrs.field(factory=set[str])
    foreign: set[str] = attrs.field(factory=set[str])
    foreign_made: int = 0
    made: list[str] = attrs.field(factory=list[str])
    deletes: Counter[str] = attrs.field(factory=Counter[str])
    busy: int = 0
    log: list[tuple[float, str, str | None]] = attrs.field(factory=list[tuple[float, str, str | None]])
    _known: set[str] = attrs.field(factory=set[str])
    _started: float = attrs.field(factory=time.monotonic)
    _waiters: list[asyncio.Future[None]] = attrs.field(factory=list[asyncio.Future[None]])

    def happened(self, event: str, session_id: str | None = None) -> None:
        """Count an event and wake whoever waits."""
        self.counts[event] += 1
        if len(self.log) < LOG_LENGTH:
            self.log.append((round(time.monotonic() - self._started, 4), event, session_id))
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def took_effect(self, kind: str, session_id: str | None, *, foreign: bool) -> None:
        """Book what a successful request changed."""
        if kind == CREATE and session_id is not None:
            self._book(session_id, foreign=foreign)
        elif kind == DELETE and session_id is not None:
            self._strike_out(session_id)
        elif kind == DELETE_ALL:
            self.live.clear()
            self.foreign.clear()
        self.happened(f"{kind}.done", session_id)

    async def started(self, browser: Browser) -> None:
        """Book a browser, also one that no answer tells of: it was asked for by a run, or starts later."""
        foreign = FOREIGN.get()
        self._book(browser.id, foreign=foreign)
        self.happened("foreign.started" if foreign else "browser.started", browser.id)

    async def ending(self, browser: Browser) -> None:
        """Strike it out."""
        foreign = browser.id in self.foreign
        self._strike_out(browser.id)
        self.happened("foreign.ending" if foreign else "browser.ending", browser.id)

    async def until(self, condition: Callable[[Traffic], bool], *, timeout: float) -> bool:
        """Wait until a condition holds; False if it did not in *timeout* seconds."""
        try:
            async with asyncio.timeout(timeout):
                while not condition(self):
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.append(waiter)
                    await waiter
        except TimeoutError:
            return False
        return True

    def _book(self, session_id: str, *, foreign: bool) -> None:
        if session_id in self._known:
            return
        self._known.add(session_id)
        if foreign:
            self.foreign.add(session_id)
            self.foreign_made += 1
        else:
            self.live.add(session_id)
            self.made.append(session_id)

    def _strike_out(self, session_id: str) -> None:
        self.live.discard(session_id)
        self.foreign.discard(session_id)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON data."""
        return {
            "live": sorted(self.live),
            "foreign": sorted(self.foreign),
            "foreign_made": self.foreign_made,
            "made": list(self.made),
            "posts": self.counts[f"{CREATE}.received"],
            "deletes": dict(self.deletes),
            "busy": self.busy,
            "counts": dict(self.counts),
            "log": list(self.log),
        }
