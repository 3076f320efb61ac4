"""What a backend can do, as data: for refusals that name a way out, and for the table in the docs."""

from __future__ import annotations

from typing import Literal

import attrs

Option = Literal[
    "profile", "live_view", "record", "block_ads", "country", "tags", "no_live_view", "no_block_ads"
]


@attrs.frozen(kw_only=True)
class Capabilities:
    """
    What a backend can do. Whatever is not in here is refused before anything is sent.

    Attributes:
        options: Arguments of `Session.create` that it honours. ``no_live_view`` means that
            ``live_view=False`` is honoured, and so on.

        languages: What `Session.execute` may be given; empty if it runs no code.

        prompts: Whether `Session.prompt` works.

        scrapes: Whether there are sessions bound to a scrape.

        watch_only_link: Whether `live_view_url` is a link that takes no input.

        limits_step: Seconds in whose multiples it counts ttl and activity ttl.

        idle_means: What the activity ttl counts: time in which nothing is done, or time in which
            nothing is connected.

        shortest_ttl: Seconds.

        longest_ttl: Seconds, or None for no upper bound.

        receipts: Whether duration and credits are told at the end.
    """

    options: frozenset[Option] = frozenset()
    languages: frozenset[str] = frozenset()
    prompts: bool = False
    scrapes: bool = False
    watch_only_link: bool = False
    limits_step: int = 1
    idle_means: Literal["inactivity", "no connection"] = "inactivity"
    shortest_ttl: float = 0
    longest_ttl: float | None = None
    receipts: bool = False
