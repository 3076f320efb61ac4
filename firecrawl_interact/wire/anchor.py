"""Anchor's session JSON, as attrs classes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs
from attrs.validators import optional

from firecrawl_interact.wire._bounds import Between, alpha2, filled
from firecrawl_interact.wire._converter import Dialect

DIALECT = Dialect("Anchor")

NO_LIMIT = -1  # Minutes, in place of a limit: none.
MINUTES = Between(1, None, "minutes", also=NO_LIMIT)


@attrs.frozen(kw_only=True)
class Toggle:
    """A switch; Anchor spells every one of them as an object."""

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

        one_time_url: Its address dies after the first viewer.
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
    """

    active: bool
    type: str | None = None
    country_code: str | None = attrs.field(default=None, validator=optional(alpha2))
    region: str | None = None
    city: str | None = None
    server: str | None = None
    username: str | None = attrs.field(default=None, repr=False)
    password: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class SessionPart:
    """The ``session`` member of a start."""

    initial_url: str | None = None
    tags: list[str] | None = None
    recording: Toggle | None = None
    timeout: Timeout | None = None
    live_view: LiveView | None = None
    proxy: Proxy | None = None
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

    width: int = 1440
    height: int = 900


@attrs.frozen(kw_only=True)
class BrowserPart:
    """The ``browser`` member of a start, as far as it concerns every provider."""

    profile: Profile | None = None
    headless: Toggle | None = None
    viewport: Viewport | None = None
    adblock: Toggle | None = None
    popup_blocker: Toggle | None = None
    captcha_solver: Toggle | None = None


@attrs.frozen(kw_only=True)
class CreateRequest:
    """
    Body of ``POST /v1/sessions``; every member may be absent, and the body too.

    Source: the OpenAPI file of github.com/anchorbrowser/AnchorBrowser-SDK-Python, read 2026.
    """

    session: SessionPart | None = None
    browser: BrowserPart | None = None


@attrs.frozen(kw_only=True)
class Created:
    """
    What a start made. There is no expiry in it.

    Attributes:
        id: Opens the browser, together with the right host; a secret in URLs.

        cdp_url: WebSocket address of the browser, the API key in it perhaps.

        live_view_url: The one live view: interactive, unless *read_only* was asked for.

        live_view_read_only_url: Only with scoped access.
    """

    id: str = attrs.field(validator=filled)
    cdp_url: str = attrs.field(repr=False, validator=filled)
    live_view_url: str | None = attrs.field(default=None, repr=False)
    live_view_read_only_url: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class CreateReply:
    """Answer to ``POST /v1/sessions``."""

    data: Created


@attrs.frozen(kw_only=True)
class SessionDetail:
    """
    One session, read by its id. Neither links nor expiry are in it.

    Attributes:
        status: Free text; ``running`` while it lives.

        duration: Seconds.

        credits_used: A number; may lag the end.

        configuration: Body of the start.

        tags: An array; an object in an older copy of the specification.
    """

    session_id: str = attrs.field(validator=filled)
    status: str
    team_id: str | None = None
    duration: float | None = None
    credits_used: float | None = None
    configuration: Any = attrs.field(default=None, repr=False)
    proxy_bytes: float | None = None
    tokens: Any = None
    steps: Any = None
    tags: Any = None
    created_at: datetime | None = None


@attrs.frozen(kw_only=True)
class GetReply:
    """Answer to ``GET /v1/sessions/{id}``."""

    data: SessionDetail


@attrs.frozen(kw_only=True)
class ListRow:
    """
    One session of the paged list.

    Attributes:
        duration: Seconds.

        used_credits: A number, a decimal text, or ``"N/A"`` while it runs.

        user_configuration: Body of the start.
    """

    id: str = attrs.field(validator=filled)
    status: str
    tags: list[str] | None = None
    headless: bool | None = None
    recording: bool | None = None
    used_credits: Any = None
    proxy_bytes: float | None = None
    proxy_type: str | None = None
    steps: Any = None
    duration: float | None = None
    created_at: datetime | None = None
    user_configuration: Any = attrs.field(default=None, repr=False)
    task_initiated: bool | None = None
    task_executions_count: float | None = None
    api_key_name: str | None = None
    browser_ip: str | None = None
    domains: list[str] | None = None


@attrs.frozen(kw_only=True)
class ListPage:
    """One page of the team's whole history."""

    sessions: list[ListRow]
    total: int
    page: int
    total_pages: int


@attrs.frozen(kw_only=True)
class ListReply:
    """Answer to ``GET /v1/sessions``."""

    data: ListPage


@attrs.frozen(kw_only=True)
class StatusRow:
    """One session of ``all/status``."""

    session_id: str = attrs.field(validator=filled)
    status: str
    tags: list[str] | None = None
    created_at: datetime | None = None


@attrs.frozen(kw_only=True)
class StatusItems:
    """Every session of ``all/status``; whether ended ones are in it is documented nowhere."""

    count: int
    items: list[StatusRow]


@attrs.frozen(kw_only=True)
class StatusReply:
    """Answer to ``GET /v1/sessions/all/status``; not paged."""

    data: StatusItems


@attrs.frozen(kw_only=True)
class Ended:
    """
    What an end says: no duration and no credits.

    Attributes:
        status: Free text.
    """

    status: str


@attrs.frozen(kw_only=True)
class EndReply:
    """Answer to ``DELETE /v1/sessions/{id}``."""

    data: Ended


@attrs.frozen(kw_only=True)
class TagsRequest:
    """Body of ``PUT /v1/sessions/{id}/tags``."""

    tags: list[str]


@attrs.frozen(kw_only=True)
class TagsReply:
    """
    Answer to ``GET /v1/sessions/{id}/tags``, without the usual ``data``.

    Attributes:
        tags: None where there are none.
    """

    tags: list[str] | None


@attrs.frozen(kw_only=True)
class TagsChanged:
    """Answer to a ``PUT`` or ``DELETE`` of the tags."""

    success: bool
    message: str | None = None


@attrs.frozen(kw_only=True)
class ErrorDetail:
    """
    What went wrong.

    Attributes:
        code: The HTTP status once more.
    """

    code: int
    message: str


@attrs.frozen(kw_only=True)
class ErrorReply:
    """Body of most answers other than 2xx; some routes send other shapes."""

    error: ErrorDetail
