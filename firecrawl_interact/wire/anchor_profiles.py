"""Anchor's browser profiles, as attrs classes."""

from __future__ import annotations

from datetime import datetime

import attrs
from attrs.validators import in_, optional

from firecrawl_interact.wire._bounds import filled


@attrs.frozen(kw_only=True)
class ProfileRequest:
    """
    Body of ``POST /v1/profiles``.

    Attributes:
        source: ``session`` is the only one.

        session_id: With a source: a running session, whose storage is kept when it ends.

        dedicated_sticky_ip: Sessions with this profile have an address of their own.

    Source: the OpenAPI file of github.com/anchorbrowser/AnchorBrowser-SDK-Python, read 2026.
    """

    name: str = attrs.field(validator=filled)
    description: str | None = None
    source: str | None = attrs.field(default=None, validator=optional(in_(("session",))))
    session_id: str | None = None
    dedicated_sticky_ip: bool | None = None


@attrs.frozen(kw_only=True)
class ProfileChanged:
    """
    What a made or deleted profile says.

    Attributes:
        status: Free text.
    """

    status: str | None = None


@attrs.frozen(kw_only=True)
class ProfileChangedReply:
    """Answer to ``POST /v1/profiles`` and ``DELETE /v1/profiles/{name}``."""

    data: ProfileChanged | None = None


@attrs.frozen(kw_only=True)
class ProfileItem:
    """
    One profile.

    Attributes:
        status: Free text, documented nowhere.
    """

    name: str = attrs.field(validator=filled)
    description: str | None = None
    source: str | None = None
    session_id: str | None = None
    status: str | None = None
    created_at: datetime | None = None


@attrs.frozen(kw_only=True)
class ProfileItems:
    """Every profile of the account."""

    count: int | None = None
    items: list[ProfileItem]


@attrs.frozen(kw_only=True)
class ProfileListReply:
    """Answer to ``GET /v1/profiles``; not paged."""

    data: ProfileItems


@attrs.frozen(kw_only=True)
class ProfileReply:
    """Answer to ``GET /v1/profiles/{name}``."""

    data: ProfileItem
