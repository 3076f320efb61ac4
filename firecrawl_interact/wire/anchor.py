"""Anchor's session JSON, as attrs classes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from firecrawl_interact.wire._bounds import OutOfBoundsError, filled
from firecrawl_interact.wire._converter import Dialect
from firecrawl_interact.wire.anchor_start import (
    NO_LIMIT,
    BrowserPart,
    CreateRequest,
    SessionPart,
    Timeout,
    Toggle,
    Viewport,
)

__all__ = [
    "DIALECT",
    "NO_LIMIT",
    "SCOPES",
    "BrowserPart",
    "CreateReply",
    "CreateRequest",
    "Created",
    "EndReply",
    "Ended",
    "ErrorDetail",
    "ErrorReply",
    "GetReply",
    "Links",
    "LinksReply",
    "LinksRequest",
    "ListPage",
    "ListReply",
    "ListRow",
    "Page",
    "Pages",
    "PagesReply",
    "SessionDetail",
    "SessionPart",
    "StatusItems",
    "StatusReply",
    "StatusRow",
    "TagsChanged",
    "TagsReply",
    "TagsRequest",
    "Timeout",
    "Toggle",
    "Viewport",
]

SCOPES = ("live_view_read_only", "live_view", "cdp")


def _known_scopes(_: object, attribute: attrs.Attribute[Any], value: list[str] | None) -> None:
    for scope in value or ():
        if scope not in SCOPES:
            message = f"{attribute.name} must be of {', '.join(SCOPES)}, not {scope!r}"
            raise OutOfBoundsError(message, field=attribute.name, value=scope)


def _spelling(name: str) -> str:
    """Take the underscore off that keeps a name from being a word of Python's."""
    return name.removesuffix("_")


DIALECT = Dialect("Anchor", rename=_spelling)


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

        credits_used: A number; may lag the end. ``"N/A"`` and decimal texts come in lists, so that
            this is not relied on.

        configuration: Body of the start.

        tags: An array; an object in an older copy of the specification.
    """

    session_id: str = attrs.field(validator=filled)
    status: str
    team_id: str | None = None
    duration: float | None = None
    credits_used: Any = None
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
class LinksRequest:
    """
    Body of ``POST /v1/sessions/{id}/tokens``.

    Attributes:
        scopes: What the new links are for; absent or empty means all that the session can serve.

    Source: docs.anchorbrowser.io/advanced/scoped-access-tokens, read 2026; in no specification.
    """

    scopes: list[str] | None = attrs.field(default=None, validator=_known_scopes)


@attrs.frozen(kw_only=True)
class Links:
    """Links that carry a token, each one new, for the scopes asked for."""

    live_view_url: str | None = attrs.field(default=None, repr=False)
    live_view_read_only_url: str | None = attrs.field(default=None, repr=False)
    cdp_url: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class LinksReply:
    """Answer to ``POST /v1/sessions/{id}/tokens``; that it has the usual ``data`` is assumed."""

    data: Links


@attrs.frozen(kw_only=True)
class Page:
    """
    One tab of a browser.

    Attributes:
        frontend_url: Live view of this tab alone; interactive.
    """

    id: str
    title: str | None = None
    url: str | None = None
    frontend_url: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Pages:
    """Every tab of a browser."""

    count: int | None = None
    items: list[Page]


@attrs.frozen(kw_only=True)
class PagesReply:
    """Answer to ``GET /v1/sessions/{id}/pages``; a bare array in an older specification."""

    data: Pages


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
