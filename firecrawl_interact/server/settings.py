"""How the server speaks and what it permits."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from pathlib import Path

import attrs


class Generation(enum.IntEnum):
    """Which of Firecrawl's three servers to sound like; the wire changed silently between them."""

    G1 = 1  # The first "browser service": a DELETE answers `success` alone.
    G2 = 2  # Adds durations, credits, `cleanupQueued` and `playlistUrl`.
    G3 = 3  # Current: without the last two, with `blockAds` and `location`.


@attrs.frozen(kw_only=True)
class ServerSettings:
    """
    What `build_app` lets its caller choose.

    Attributes:
        generation: Which Firecrawl server to sound like.

        anchor: Whether Anchor's wire is spoken beside Firecrawl's.

        keys: Further API keys, each with the team it belongs to. Sessions belong to teams.

        allow_execute: Whether code that a caller sends is run on this machine.

        profile_dir: Folder in which profiles are kept; None for one among this user's state.

        public_url: Address by which others know this server, such as that of a proxy which ends TLS.

        hosts: Names this server is reached by, besides loopback's and its own address.

        credits: What every team has left, for the 402s; None means enough. It is never used up.

        creates_per_minute: Creates a team may ask for in a minute, or None for any number.

        calls_per_minute: Other calls a team may make in a minute (DELETE too), or None for any number.

        retry_after: Whether a refusal by rate says in a header how long to wait.

        anchor_minute: Seconds that a minute of Anchor's limits lasts; less than 60 is for tests.

        anchor_second_end: What Anchor answers to the end of an ended session: 401, 404 or 200.
            Its documentation leaves that open; 401 is its letter.
    """

    generation: Generation = Generation.G3
    anchor: bool = True
    keys: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    allow_execute: bool = False
    profile_dir: Path | None = None
    public_url: str | None = None
    hosts: tuple[str, ...] = ()
    credits: int | None = None
    creates_per_minute: int | None = None
    calls_per_minute: int | None = None
    retry_after: bool = True
    anchor_minute: float = 60.0
    anchor_second_end: int = attrs.field(default=401, validator=attrs.validators.in_((200, 401, 404)))
