"""What Anchor tells beyond what all providers do."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from firecrawl_interact.models import SessionInfo


@attrs.frozen(kw_only=True)
class AnchorLinks:
    """
    New links to a session, each with a token of its own; secrets.

    Attributes:
        live_view_url: Page that shows the browser, watch only.

        interactive_live_view_url: The same, accepting clicks and keys.

        cdp_url: WebSocket address that drives the browser.
    """

    live_view_url: str | None = attrs.field(default=None, repr=False)
    interactive_live_view_url: str | None = attrs.field(default=None, repr=False)
    cdp_url: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class AnchorPage:
    """
    One tab of a browser.

    Attributes:
        id: Anchor's own.

        title: As the page says.

        url: Where it is.

        interactive_live_view_url: Live view of this tab alone; a secret, and it takes input.
    """

    id: str
    title: str | None = None
    url: str | None = None
    interactive_live_view_url: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class AnchorRecording:
    """
    A video of a session.

    Attributes:
        id: Anchor's own.

        primary: Whether it is the one that `AnchorRecordings.fetch` returns.

        name: Suggested for a file.

        size: Bytes.

        created_at: Aware instant.
    """

    id: str
    primary: bool = False
    name: str | None = None
    size: float | None = None
    created_at: datetime | None = None


@attrs.frozen(kw_only=True)
class AnchorDownload:
    """
    A file that a browser has downloaded.

    Attributes:
        id: Anchor's own.

        name: Suggested for a file.

        size: Bytes.

        duration: How long the download took.

        url: Where Anchor keeps it; asks for the API key.

        created_at: Aware instant.
    """

    id: str | None = None
    name: str | None = None
    size: float | None = None
    duration: timedelta | None = None
    url: str | None = attrs.field(default=None, repr=False)
    created_at: datetime | None = None


@attrs.frozen(kw_only=True)
class AnchorProfile:
    """
    Browser storage that Anchor keeps.

    Attributes:
        name: What `Profile` takes.

        description: As given when it was made.

        status: Anchor's word; documented nowhere.

        session_id: The session that it comes from; a secret, as any id of a session.

        created_at: Aware instant.
    """

    name: str
    description: str | None = None
    status: str | None = None
    session_id: str | None = attrs.field(default=None, repr=False)
    created_at: datetime | None = None


@attrs.frozen(kw_only=True)
class AnchorPast:
    """
    A session in the account's history.

    Attributes:
        info: What every provider tells.

        duration: How long it ran, or has run so far.

        credits_billed: None where that is not known yet.

        headless: Without a screen.

        recorded: Whether there is a video.

        proxy_type: ``anchor_proxy`` or ``custom``; None without a proxy.

        proxy_bytes: What went through the proxy.

        api_key_name: Which of the account's keys started it.

        browser_ip: Address that websites saw.

        domains: Where it was.
    """

    info: SessionInfo
    duration: timedelta | None = None
    credits_billed: float | None = None
    headless: bool | None = None
    recorded: bool | None = None
    proxy_type: str | None = None
    proxy_bytes: float | None = None
    api_key_name: str | None = None
    browser_ip: str | None = None
    domains: tuple[str, ...] = ()
