"""Firecrawl's scrapes, as far as sessions can go on with them."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import optional

from firecrawl_interact.wire._bounds import Between
from firecrawl_interact.wire.firecrawl import Location, Profile

WAIT_FOR = Between(0, 60_000, "milliseconds", fractions=True)


@attrs.frozen(kw_only=True)
class ScrapeRequest:
    """
    Body of ``POST /v2/scrape``; it has more fields, which no session inherits.

    Attributes:
        url: Page to scrape.

        formats: What to return; absent means markdown.

        wait_for: Milliseconds to wait once the page is open.

        actions: What to do in the page then.

        profile: Browser storage; a session that goes on with the scrape uses it too.

        location: Where to browse from.

        block_ads: Block ads, trackers and cookie notices.

        timeout: Milliseconds the whole may take.

        zero_data_retention: Keep nothing, the address included.

        origin: Name of the SDK that asks.

    Source: docs.firecrawl.dev, "Scrape" and "Interact after scraping", read 2026.
    """

    url: str = attrs.field(repr=False)
    formats: list[Any] | None = None
    wait_for: float | None = attrs.field(default=None, validator=optional(WAIT_FOR))
    actions: list[dict[str, Any]] | None = attrs.field(default=None, repr=False)
    profile: Profile | None = None
    location: Location | None = None
    block_ads: bool | None = None
    timeout: float | None = None
    zero_data_retention: bool | None = None
    origin: str | None = None


@attrs.frozen(kw_only=True)
class ScrapeReply:
    """
    Answer to ``POST /v2/scrape``.

    Attributes:
        data: The formats that were asked for, and ``metadata``, whose ``scrapeId`` is the job's id.
            The id stands beside *data* too, as ``scrape_id``, the one name there that has an underscore.

    Source: docs.firecrawl.dev, "Interact after scraping", read 2026.
    """

    success: bool
    data: dict[str, Any] = attrs.field(factory=dict[str, Any], repr=False)
