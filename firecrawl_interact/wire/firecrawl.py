"""Firecrawl's session JSON, as attrs classes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
from attrs.validators import optional

from firecrawl_interact.wire._bounds import Between, Length, alpha2, filled
from firecrawl_interact.wire._converter import Dialect, camel_case

DIALECT = Dialect("Firecrawl", camel_case)

TTL = Between(30, 3600, "seconds")
ACTIVITY_TTL = Between(10, 3600, "seconds")


@attrs.frozen(kw_only=True)
class Profile:
    """
    Browser storage to load and perhaps to save to.

    Attributes:
        name: 1 to 128 characters.

        save_changes: Save when the session ends. The provider's default is True.
    """

    name: str = attrs.field(validator=Length(1, 128, label="profile name"))
    save_changes: bool = True


@attrs.frozen(kw_only=True)
class Location:
    """
    Where to browse from.

    Attributes:
        country: ISO 3166-1 alpha-2.
    """

    country: str | None = attrs.field(default=None, validator=optional(alpha2))


@attrs.frozen(kw_only=True)
class CreateRequest:
    """
    Body of ``POST /v2/interact``. The defaults are the server's; None is not sent.

    Attributes:
        ttl: Seconds the session may live, busy or idle. 30 to 3600; absent means 600.

        activity_ttl: Seconds it may sit idle. 10 to 3600; absent means 300.

        stream_web_view: Give live-view links; absent means true.

        record_session: Record a video; absent means true.

        block_ads: Block ads, trackers and cookie notices; absent means true.

        location: Where to browse from; absent means the US.

        profile: Browser storage; absent means none.

        zero_data_retention: Keep nothing; needs an entitlement.

        integration: Name of the integration that asks.

        origin: Name of the SDK that asks.

    Raises:
        OutOfBoundsError: A value is outside its bounds.

    Source: docs.firecrawl.dev, "Create Interact Session", and the controller
    ``apps/api/src/controllers/v2/browser.ts`` of firecrawl/firecrawl, read 2026. The page's table
    and its OpenAPI part contradict each other about the defaults, so never rely on them.
    """

    ttl: int = attrs.field(default=600, validator=TTL)
    activity_ttl: int = attrs.field(default=300, validator=ACTIVITY_TTL)
    stream_web_view: bool | None = None
    record_session: bool | None = None
    block_ads: bool | None = None
    location: Location | None = None
    profile: Profile | None = None
    zero_data_retention: bool | None = None
    integration: str | None = None
    origin: str | None = None


@attrs.frozen(kw_only=True)
class CreateReply:
    """
    Answer to ``POST /v2/interact``.

    Attributes:
        success: True.

        id: Opaque; a UUID in practice.

        cdp_url: WebSocket address of the browser; a secret.

        live_view_url: Page to watch; ``""`` when the live view is off, and null is taken for it.

        interactive_live_view_url: Page to watch and control; the same.

        expires_at: When the ttl runs out; absent if the provider has no limit, and in old docs.

        playlist_url: Recording; only servers of early 2026 send it.
    """

    success: bool
    id: str = attrs.field(validator=filled)
    cdp_url: str = attrs.field(repr=False, validator=filled)
    live_view_url: str | None = attrs.field(default="", repr=False)
    interactive_live_view_url: str | None = attrs.field(default="", repr=False)
    expires_at: datetime | None = None
    playlist_url: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class GetReply:
    """
    Answer to ``GET /v2/interact/{id}``, a route that older servers lack.

    Attributes:
        status: The browser's word: starting, running, suspending, suspended, resuming, stopping,
            stopped or failed. The list has other words.

        error: What went wrong, if it did.

        session_duration_ms: Milliseconds, once ended.

        credits_billed: Once ended.

    Source: the controller named at `CreateRequest`; in no documentation.
    """

    success: bool
    id: str = attrs.field(validator=filled)
    status: str
    cdp_url: str | None = attrs.field(default="", repr=False)
    live_view_url: str | None = attrs.field(default="", repr=False)
    interactive_live_view_url: str | None = attrs.field(default="", repr=False)
    error: str | None = None
    session_duration_ms: float | None = None
    credits_billed: float | None = None


@attrs.frozen(kw_only=True)
class SessionRow:
    """
    One session of the list.

    Attributes:
        status: The database's word: active, destroyed or error.

        stream_web_view: Missing in the documentation's sample, required by the official SDK.

        created_at: When its row was written, which is seconds after the create came in.

        last_activity: When code was last run in it.
    """

    id: str = attrs.field(validator=filled)
    status: str
    cdp_url: str | None = attrs.field(default="", repr=False)
    live_view_url: str | None = attrs.field(default="", repr=False)
    interactive_live_view_url: str | None = attrs.field(default="", repr=False)
    stream_web_view: bool | None = True
    created_at: datetime | None = None
    last_activity: datetime | None = None


@attrs.frozen(kw_only=True)
class ListReply:
    """
    Answer to ``GET /v2/interact``: the whole team's sessions, newest first, ended ones too.

    Source: docs.firecrawl.dev, "List Interact Sessions".
    """

    success: bool
    sessions: list[SessionRow]


@attrs.frozen(kw_only=True)
class DeleteReply:
    """
    Answer to ``DELETE /v2/interact/{id}``; a repeated one has no duration.

    Attributes:
        status: stopped or failed; servers before 2026 send nothing but *success*.

        cleanup_queued: Only servers of early 2026 send it.

        session_duration_ms: Milliseconds the browser ran.

        credits_billed: Whole today, but documented as a number.

    Source: docs.firecrawl.dev, "Delete Interact Session", and ``lib/browser-lifecycle.ts``.
    """

    success: bool
    status: str | None = None
    cleanup_queued: bool | None = None
    session_duration_ms: float | None = None
    credits_billed: float | None = None


@attrs.frozen(kw_only=True)
class ErrorReply:
    """
    Body of every answer other than 2xx.

    Attributes:
        success: False; the documentation's 402 lacks it.

        error: What went wrong, for people.

        code: BAD_REQUEST, BAD_REQUEST_INVALID_JSON or UNKNOWN_ERROR, where sent.

        details: One object per field that is wrong.
    """

    success: bool = False
    error: str
    code: str | None = None
    details: list[dict[str, Any]] | None = None
