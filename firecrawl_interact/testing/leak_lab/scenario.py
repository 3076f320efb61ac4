"""Scenario: one thing that can go wrong around a session, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from firecrawl_interact.server.faults.rules import Rule

FIRECRAWL, ANCHOR = "firecrawl", "anchor"
DIALECTS = (FIRECRAWL, ANCHOR)

# How a statement may end, as the program under test sees it.
NOTHING = "nothing"  # No exception.
BODY = "body"  # The exception of the block itself.
CANCELLED = "cancelled"  # asyncio.CancelledError.
TIMEOUT = "timeout"  # TimeoutError of the caller's own time limit.
GROUP = "group"  # An exception group.
INTERRUPT = "interrupt"  # KeyboardInterrupt.
EXIT = "exit"  # SystemExit.
CLOSED = "closed"  # GeneratorExit: Python let go of a coroutine that nobody will run on.
ERROR = "error"  # Any other Exception: the client's own report of a failure.


@attrs.frozen(kw_only=True)
class Step:
    """
    What is done to the program from outside, and upon which event.

    Attributes:
        do: A signal's name without SIG, such as ``KILL``; ``release`` (held requests go on);
            ``outage`` (the server is away for *seconds*); ``mark`` (let the event ``mark.go``
            happen); ``alive`` (check that its sessions still run); ``neighbour`` (run another
            process on the same state folder, which opens and closes a session).

        after: Event of the server that is waited for first; marks are the program's own.

        count: How often it must have happened.

        gap: Seconds to wait after that; only for what cannot be told by an event.

        to: Who gets the signal: ``process``, its process ``group``, its ``helpers`` (all
            descendants, but not itself), or the ``tree``: all of them at once, as when a
            container is killed.

        seconds: Length of an outage.
    """

    do: str
    after: str = "mark.inside"
    count: int = 1
    gap: float = 0.0
    to: str = "process"
    seconds: float = 0.0


@attrs.frozen(kw_only=True)
class Scenario:
    """
    One thing that can go wrong, and what must come of it.

    Attributes:
        name: Unique.

        group: What it belongs to in the report.

        body: Program of the child process, ``module:function`` in the room ``bodies``.

        args: Passed to it.

        options: Passed to the adapter's ``open``; one that knows an option not may ignore it.

        rules: What the server does wrong.

        steps: What is done from outside, in this order.

        then: Program of a second process on the same state folder, after the first has ended.

        raises: How the statements may end; every report must be one of these.

        error: Name of the class that an ``error`` must have, for adapters that promise ours.

        posts: How many creates may be sent in all; None where that is not fixed.

        tolerates: Dialect to the reason why a session may be left there; everywhere else it is a leak.

        within: Seconds after which the process counts as hung.

        settle: Seconds after its end within which every session must be gone.

        noise: Texts allowed on stderr here, though elsewhere they count as a failure.

        foreign: Whether somebody else has a session on the same key, which must survive.

        needs: Modules without which it is skipped.

        loop: The loop it is about, whatever the run was asked for.

        eager: Whether tasks start eagerly (Python 3.12 and later).

        dialects: Whose wires can express it.

        own: Whether it is about what only this package offers, so that no other client can be tried.

        fast: Whether it belongs to the short run.
    """

    name: str
    group: str
    body: str
    args: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    options: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    rules: tuple[Rule, ...] = ()
    steps: tuple[Step, ...] = ()
    then: str | None = None
    raises: tuple[str, ...] = (NOTHING,)
    error: str | None = None
    posts: int | None = 1
    tolerates: Mapping[str, str] = attrs.field(factory=dict[str, str])
    within: float = 25.0
    settle: float = 5.0
    noise: tuple[str, ...] = ()
    foreign: bool = True
    needs: tuple[str, ...] = ()
    loop: str | None = None
    eager: bool = False
    dialects: tuple[str, ...] = DIALECTS
    own: bool = False
    fast: bool = False


@attrs.frozen(kw_only=True)
class Verdict:
    """
    What came of one scenario in one dialect.

    Attributes:
        scenario: Its name.

        group: Its group.

        dialect: Which provider's wire was spoken.

        loop: Which event loop ran.

        made: How many sessions the client made.

        left: How many of them were left at the end.

        tolerated: Why what was left may be; None if it may not.

        wrong: What ended otherwise than it must: exceptions, counts of POSTs, hangs, noise.

        harmed: Whether somebody else's session was ended.

        seconds: How long it took.
    """

    scenario: str
    group: str
    dialect: str
    loop: str
    made: int
    left: int
    tolerated: str | None
    wrong: tuple[str, ...]
    harmed: bool
    seconds: float

    @property
    def leaked(self) -> bool:
        """Whether a session was left without need."""
        return self.left > 0 and self.tolerated is None

    @property
    def passed(self) -> bool:
        """Whether all of it is as it must be."""
        return not (self.leaked or self.wrong or self.harmed)
