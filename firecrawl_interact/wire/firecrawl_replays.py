"""What sessions leave behind at Firecrawl (recordings, profiles), as attrs classes."""

from __future__ import annotations

import attrs

from firecrawl_interact.wire._bounds import filled


@attrs.frozen(kw_only=True)
class ReplayPage:
    """
    One recorded page of a session.

    Attributes:
        page_id: One to three digits.

        url: Path of its playlist.

        page_url: What the browser showed; ``""`` on servers that record all tabs as one page.

        start_time_ms: Milliseconds from the session's start.

        end_time_ms: The same.
    """

    page_id: str = attrs.field(validator=filled)
    url: str | None = attrs.field(default="", repr=False)
    page_url: str | None = attrs.field(default="", repr=False)
    start_time_ms: float | None = 0
    end_time_ms: float | None = 0


@attrs.frozen(kw_only=True)
class ReplayReply:
    """
    Answer to ``GET /v2/interact/{id}/replay``.

    Source: docs.firecrawl.dev, "Browser Replay", and the controller named at `CreateRequest`.
    """

    success: bool
    pages: list[ReplayPage]
    page_count: int | None = None


@attrs.frozen(kw_only=True)
class DeleteProfileReply:
    """
    Answer to ``DELETE /v2/browser/profiles/{name}``, also where nothing was saved.

    Source: the controller named at `CreateRequest`; in no documentation.
    """

    success: bool
