"""What the server knows of one browser, in words that belong to no provider."""

from __future__ import annotations

import asyncio
import enum
import secrets
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

from firecrawl_interact.server.engine import Engine, LaunchSpec

TOKEN_BYTES = 24  # 192 bits: not to be guessed.


class Status(enum.Enum):
    """Where in its life a browser is."""

    RUNNING = "running"
    STOPPING = "stopping"  # An end is under way; its slot is still held.
    STOPPED = "stopped"  # Ended because somebody or a limit said so. Final.
    FAILED = "failed"  # Ended by itself. Final.


class EndReason(enum.Enum):
    """Why a browser was ended."""

    ASKED = "asked"
    TTL = "ttl"
    IDLE = "idle"
    EXITED = "exited"  # It died.
    SHUTDOWN = "shutdown"  # The server ends.


@attrs.frozen(kw_only=True)
class ProfileUse:
    """
    Which profile a browser uses, and how.

    Attributes:
        name: The profile's name within its team.

        saves: Whether its changes are saved at the end.

        alone: Whether a second saver is refused (Firecrawl) or let in (Anchor).
    """

    name: str
    saves: bool
    alone: bool


@attrs.frozen(kw_only=True)
class Wish:
    """
    What a browser is asked for.

    Attributes:
        team: Whose it is.

        ttl: Seconds it may live from its start, or None for no limit.

        activity_ttl: Seconds it may sit idle, or None for no limit.

        connections_count: What counts as activity: True, an open connection, however silent
            (Anchor); False, what is sent over it (Firecrawl).

        tags: Labels.

        profile: Profile to use, or None.

        live_view: Whether it may be watched at all.

        read_only: Whether the link that is given out for watching cannot control.

        one_time: Whether the link that is given out for watching dies with its first viewer.

        record: Whether what it shows is recorded.

        scoped: Whether every link that is given out carries a token that was minted for it.

        initial_url: Address that it opens first, or None.

        spec: What it is started with.

        configuration: The create body as it came, for the provider that gives it back.
    """

    team: str = ""
    ttl: float | None = 600
    activity_ttl: float | None = 300
    connections_count: bool = False
    tags: tuple[str, ...] = ()
    profile: ProfileUse | None = None
    live_view: bool = True
    read_only: bool = False
    one_time: bool = False
    record: bool = False
    scoped: bool = False
    initial_url: str | None = None
    spec: LaunchSpec = attrs.field(factory=LaunchSpec)
    configuration: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)


def _token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


@attrs.define(eq=False, kw_only=True)
class Browser:
    """
    One browser, from the moment it runs; its record stays readable after its end.

    Times are wall-clock seconds.

    Attributes:
        id: UUIDv7; dates the moment at which the request for it began.

        wish: What was asked for.

        engine: What runs.

        started_at: When it ran; its ttl counts from here.

        tags: Labels, changeable.

        status: Where in its life it is.

        reason: Why it is being ended, once it is.

        ended_at: When it was gone.

        last_activity: When it was last used.

        settled: Whether somebody was told its final numbers.

        prompted: Whether a plain-language instruction was run in it, which costs more.

        dismissed: Whether the attendants were told of its end, and its profile saved.

        cdp_token: Opens CDP; a secret, as the other two are.

        watch_token: Opens the live view, and nothing more.

        control_token: Opens the live view, clicks and keys included.

        replay_token: Opens the recording, also after the end.

        program_token: Opens CDP to the programs that are run in it; nobody else is told.

        grants: Further tokens that were minted for it, each with what it opens: ``cdp``, ``watch`` or
            ``control``.

        scoped: Whether tokens were minted: then its id opens nothing any more, whoever shows it.
    """

    id: str
    wish: Wish
    engine: Engine = attrs.field(repr=False)
    clock: Callable[[], float] = attrs.field(default=time.time, repr=False)
    started_at: float
    last_activity: float
    tags: tuple[str, ...] = ()
    status: Status = Status.RUNNING
    reason: EndReason | None = None
    ended_at: float | None = None
    settled: bool = False
    prompted: bool = False
    cdp_token: str = attrs.field(factory=_token, repr=False)
    watch_token: str = attrs.field(factory=_token, repr=False)
    control_token: str = attrs.field(factory=_token, repr=False)
    replay_token: str = attrs.field(factory=_token, repr=False)
    program_token: str = attrs.field(factory=_token, repr=False)
    grants: dict[str, str] = attrs.field(factory=dict[str, str], repr=False)
    scoped: bool = False
    dismissed: bool = False
    ending: asyncio.Task[None] | None = attrs.field(default=None, repr=False)
    _connections: int = 0
    _uses: int = 0

    @property
    def alive(self) -> bool:
        """Whether it may still run."""
        return self.ended_at is None

    @property
    def expires_at(self) -> float | None:
        """When its ttl runs out; None for never."""
        return None if self.wish.ttl is None else self.started_at + self.wish.ttl

    @property
    def duration(self) -> float:
        """Seconds it has run, or did run."""
        return max(0.0, (self.clock() if self.ended_at is None else self.ended_at) - self.started_at)

    @property
    def connections(self) -> int:
        """How many are connected, for CDP and live view."""
        return self._connections

    def due(self) -> tuple[float, EndReason]:
        """Tell at what time it must end, and why; infinity for never."""
        ttl = self.wish.ttl
        end = self.started_at + ttl if ttl is not None else float("inf")
        idle = self.wish.activity_ttl
        if idle is not None and not self._uses and not (self._connections and self.wish.connections_count):
            idle_end = self.last_activity + idle
            if idle_end < end:
                return idle_end, EndReason.IDLE
        return end, EndReason.TTL

    def grant(self, kind: str) -> str:
        """
        Mint a token. The first one makes those worthless that were given out before.

        Args:
            kind: What it opens: ``cdp``, ``watch`` or ``control``.
        """
        if not self.scoped:
            self.scoped = True
            self.cdp_token, self.watch_token, self.control_token = _token(), _token(), _token()
        token = _token()
        self.grants[token] = kind
        return token

    def viewed(self) -> None:
        """Note that a viewer came, for whom a link may have been the only one."""
        if self.wish.one_time:
            self.watch_token, self.control_token = _token(), _token()

    def touch(self) -> None:
        """Note that it was used. Cheap: called for every chunk of CDP traffic."""
        self.last_activity = self.clock()

    @contextmanager
    def used(self) -> Generator[None]:
        """Hold while a program runs in it: until that ends it is not idle."""
        self._uses += 1
        self.touch()
        try:
            yield
        finally:
            self._uses -= 1
            self.touch()

    @contextmanager
    def connected(self) -> Generator[None]:
        """Hold for as long as somebody is connected."""
        self._connections += 1
        try:
            yield
        finally:
            self._connections -= 1
            if self.wish.connections_count:
                self.touch()  # Its idle time starts when the last connection closes.
