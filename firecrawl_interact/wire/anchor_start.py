"""Body of Anchor's starts, as attrs classes."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import in_, optional

from firecrawl_interact.wire._bounds import Between, alpha2, filled

NO_LIMIT = -1  # Minutes, in place of a limit: none.
MINUTES = Between(1, None, "minutes", also=NO_LIMIT)
PIXELS = Between(1, None, "pixels")

VENDOR_PROXY = "anchor_proxy"
OWN_PROXY = "custom"


@attrs.frozen(kw_only=True)
class Toggle:
    """A switch; Anchor spells nearly every one of them as an object."""

    active: bool


@attrs.frozen(kw_only=True)
class Timeout:
    """
    How long a session may live.

    Attributes:
        max_duration: Whole minutes from the start; -1 for no limit. The documentation gives
            20 and 180 as the default, so never rely on it.

        idle_timeout: Whole minutes without any connection; -1 for no limit. Absent means 5.
    """

    max_duration: int | None = attrs.field(default=None, validator=optional(MINUTES))
    idle_timeout: int | None = attrs.field(default=None, validator=optional(MINUTES))


@attrs.frozen(kw_only=True)
class LiveView:
    """
    What the live view allows. It is always there.

    Attributes:
        read_only: It takes no input; absent means false.

        one_time_url: Its address dies after the first viewer; headful browsers only.
    """

    read_only: bool | None = None
    one_time_url: bool | None = None


@attrs.frozen(kw_only=True)
class Proxy:
    """
    Where the browser's traffic leaves: Anchor's own proxy, or one of the caller's.

    Attributes:
        type: ``anchor_proxy`` or ``custom``.

        country_code: ISO 3166-1 alpha-2, lower case; absent means ``us``.

        region: Within the country.

        city: Needs a region.

        server: ``PROTOCOL://HOST:PORT`` of the caller's own; HTTP, HTTPS and SOCKS5.
    """

    active: bool
    type: str | None = None
    country_code: str | None = attrs.field(default=None, validator=optional(alpha2))
    region: str | None = None
    city: str | None = None
    server: str | None = attrs.field(default=None, repr=False)
    username: str | None = attrs.field(default=None, repr=False)
    password: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class SessionPart:
    """
    The ``session`` member of a start.

    Attributes:
        recording: A video; absent means on.

        x402: Paid resources are paid for.

        scoped_access: Links carry tokens instead of the id, and only those are let in. From
            docs.anchorbrowser.io/advanced/scoped-access-tokens; in no specification read.
    """

    initial_url: str | None = None
    tags: list[str] | None = None
    recording: Toggle | None = None
    timeout: Timeout | None = None
    live_view: LiveView | None = None
    proxy: Proxy | None = None
    x402: bool | None = None
    scoped_access: Toggle | None = None


@attrs.frozen(kw_only=True)
class Profile:
    """
    Browser storage, by name.

    Attributes:
        persist: Save when the session ends. Anchor's default is false, Firecrawl's is true.
    """

    name: str = attrs.field(validator=filled)
    persist: bool = False


@attrs.frozen(kw_only=True)
class Viewport:
    """Size of the page in pixels."""

    width: int = attrs.field(default=1440, validator=PIXELS)
    height: int = attrs.field(default=900, validator=PIXELS)


@attrs.frozen(kw_only=True)
class Tracing:
    """What is traced; absent means on, without snapshots, with sources."""

    active: bool | None = None
    snapshots: bool | None = None
    sources: bool | None = None


@attrs.frozen(kw_only=True)
class MaskPattern:
    """
    A text to hide.

    Attributes:
        regex: What to look for.

        mask: What to show instead; absent means four stars.
    """

    regex: str
    mask: str | None = None


@attrs.frozen(kw_only=True)
class DataMask:
    """
    What recordings and traces must not show.

    Attributes:
        custom_selectors: CSS selectors, on every site.

        site_selectors: CSS selectors by host.
    """

    active: bool | None = None
    custom_selectors: list[str] | None = None
    site_selectors: dict[str, list[str]] | None = None
    custom_patterns: list[MaskPattern] | None = None


@attrs.frozen(kw_only=True)
class BrowserPart:
    """
    The ``browser`` member of a start.

    Attributes:
        headless: Absent means off.

        adblock: Absent means on.

        popup_blocker: Absent means on; needs the ad blocker.

        captcha_solver: Absent means off; 400 without an active proxy.

        extra_stealth: Works with Anchor's own proxy only, and is ignored without one.

        pdf_viewer: Absent means on; off, PDF files are downloaded.

        extensions: Ids of uploaded ones.
    """

    profile: Profile | None = None
    headless: Toggle | None = None
    viewport: Viewport | None = None
    adblock: Toggle | None = None
    popup_blocker: Toggle | None = None
    captcha_solver: Toggle | None = None
    extra_stealth: Toggle | None = None
    fullscreen: Toggle | None = None
    pdf_viewer: Toggle | None = None
    p2p_download: Toggle | None = None
    disable_web_security: Toggle | None = None
    force_popups_as_tabs: Toggle | None = None
    web_bot_auth: Toggle | None = None
    disable_dialogs: Toggle | None = None
    tracing: Tracing | None = None
    sensitive_data_mask: DataMask | None = None
    extensions: list[str] | None = None


@attrs.frozen(kw_only=True)
class Identity:
    """An identity that the browser is signed in as."""

    id: str = attrs.field(validator=filled)


@attrs.frozen(kw_only=True)
class SecretsToLoad:
    """
    Which of a vault's secrets the browser gets.

    Attributes:
        load_mode: ``all`` or ``specific``.

        secrets: With ``specific``.
    """

    load_mode: str = attrs.field(validator=in_(("all", "specific")))
    secrets: list[str] | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Integration:
    """
    A vault that was connected to the account.

    Attributes:
        type: ``1PASSWORD`` is the only one.
    """

    id: str = attrs.field(validator=filled)
    type: str
    configuration: SecretsToLoad


@attrs.frozen(kw_only=True)
class CreateRequest:
    """
    Body of ``POST /v1/sessions`` and ``/v1/sessions/async``; every member may be absent, and the body too.

    Source: the OpenAPI file of github.com/anchorbrowser/AnchorBrowser-SDK-Python, read 2026.
    """

    session: SessionPart | None = None
    browser: BrowserPart | None = None
    identities: list[Identity] | None = None
    integrations: list[Integration] | None = None


@attrs.frozen(kw_only=True)
class Accepted:
    """
    What an asynchronous start says at once.

    Attributes:
        request_id: What its status is asked by.

        status: ``pending``.

        session_id: Always null; documented, so kept.
    """

    request_id: str = attrs.field(validator=filled)
    status: str
    session_id: str | None = None


@attrs.frozen(kw_only=True)
class AcceptedReply:
    """Answer to ``POST /v1/sessions/async``."""

    data: Accepted


@attrs.frozen(kw_only=True)
class Progress:
    """
    How far a start or a batch has come.

    Attributes:
        current_phase: ``queued``, ``provisioning``, ``configuring`` or ``ready``.

        percentage: Of a batch.
    """

    current_phase: str | None = None
    percentage: float | None = None


@attrs.frozen(kw_only=True)
class StartedItem:
    """
    One session that was asked for asynchronously, or in a batch.

    Attributes:
        session_id: Absent until there is a machine for it.

        status: ``pending``, ``processing``, ``completed`` (made, not ended), ``failed`` or ``cancelled``.

        error: Why it failed.
    """

    status: str
    item_index: int | None = None
    session_id: str | None = None
    cdp_url: str | None = attrs.field(default=None, repr=False)
    live_view_url: str | None = attrs.field(default=None, repr=False)
    live_view_read_only_url: str | None = attrs.field(default=None, repr=False)
    error: str | None = None
    retry_count: int | None = None
    started_at: str | None = None
    completed_at: str | None = None
    metadata: Any = None


@attrs.frozen(kw_only=True)
class StartStatus:
    """
    What has become of an asynchronous start.

    Attributes:
        status: ``pending``, ``processing``, ``ready``, ``completed``, ``failed`` or ``cancelled``.

        session: Absent until there is a machine for it.
    """

    status: str
    request_id: str | None = None
    created_at: str | None = None
    progress: Progress | None = None
    session: StartedItem | None = None


@attrs.frozen(kw_only=True)
class StartStatusReply:
    """Answer to ``GET /v1/sessions/async/{request_id}/status``."""

    data: StartStatus
