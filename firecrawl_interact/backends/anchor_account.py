"""Profiles and history of an account at Anchor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import attrs

from firecrawl_interact.backends._arguments import (
    boolean,
    flag,
    instant,
    optional_string,
    string,
    strings,
)
from firecrawl_interact.backends._hosted import segment
from firecrawl_interact.backends.anchor_reading import duration, number
from firecrawl_interact.backends.anchor_values import AnchorPast, AnchorProfile
from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.options import PROFILE_NAME_LENGTH
from firecrawl_interact.wire import anchor as wire
from firecrawl_interact.wire import anchor_profiles as profiles

if TYPE_CHECKING:
    from firecrawl_interact.backends.anchor_calls import Calls
    from firecrawl_interact.models import SessionInfo

PAGE_SIZES = (10, 20, 50)  # Sessions on a page of the history; other numbers are answered with 400.
MOST_PAGES = 1000  # Pages after which a history that never ends is left.

SortKey = Literal["created_at", "session_id", "used_credits", "api_key_name"]
_SORT_KEYS = ("created_at", "session_id", "used_credits", "api_key_name")


class AnchorProfiles:
    """
    The account's browser profiles.

    Raises what `AnchorBrowser` says; `ProfileBusyError` where a name is taken.
    """

    def __init__(self, calls: Calls) -> None:
        """Not called by users; see `AnchorBackend.profiles`."""
        self._calls = calls

    async def create(
        self,
        name: str,
        *,
        description: str | None = None,
        from_session: str | None = None,
        dedicated_sticky_ip: bool | None = None,
    ) -> None:
        """
        Make a profile. Sent once.

        Args:
            name: 1 to 128 characters.

            description: For people.

            from_session: Id of a running session, whose storage is kept when it ends.

            dedicated_sticky_ip: Sessions with it have an address of their own, and more stealth.
        """
        if from_session is not None:
            segment(from_session)
        body = profiles.ProfileRequest(
            name=_name(name),
            description=optional_string("description", description),
            source=None if from_session is None else "session",
            session_id=from_session,
            dedicated_sticky_ip=flag("dedicated_sticky_ip", dedicated_sticky_ip),
        )
        await self._calls.change("POST", "", profiles.ProfileChangedReply, body)

    async def list(self) -> list[AnchorProfile]:
        """Name every profile."""
        reply = await self._calls.get("", profiles.ProfileListReply)
        return [_profile(item) for item in reply.data.items]

    async def get(self, name: str) -> AnchorProfile:
        """Look one up; `SessionNotFoundError` where there is none."""
        return _profile((await self._calls.get(_path(name), profiles.ProfileReply)).data)

    async def delete(self, name: str) -> None:
        """Delete one for good; `SessionNotFoundError` where there is none."""
        await self._calls.change("DELETE", _path(name), profiles.ProfileChangedReply)


@attrs.frozen(kw_only=True)
class AnchorFilters:
    """
    Which sessions to name.

    Attributes:
        tags: All of them.

        domains: All of them.

        created_from: Aware instant.

        created_to: Aware instant.

        batch_id: Of one batch.

        task_initiated: Whether an automation task started them.

        proxy: Whether they have one.

        extra_stealth: Whether they have it.

        profile_name: Or a part of it.
    """

    tags: Iterable[str] = ()
    domains: Iterable[str] = ()
    created_from: datetime | None = None
    created_to: datetime | None = None
    batch_id: str | None = None
    task_initiated: bool | None = None
    proxy: bool | None = None
    extra_stealth: bool | None = None
    profile_name: str | None = None

    def query(self) -> dict[str, object]:
        """Return them as the parameters of a query."""
        found: dict[str, object] = {
            "tags": _joined("tags", self.tags),
            "domains": _joined("domains", self.domains),
            "created_from": instant("created_from", self.created_from),
            "created_to": instant("created_to", self.created_to),
            "batch_id": optional_string("batch_id", self.batch_id),
            "task_initiated": boolean("task_initiated", self.task_initiated),
            "proxy": boolean("proxy", self.proxy),
            "extra_stealth": boolean("extra_stealth", self.extra_stealth),
            "profile_name": optional_string("profile_name", self.profile_name),
        }
        return {name: value for name, value in found.items() if value is not None}


async def pages(
    calls: Calls,
    filters: AnchorFilters,
    *,
    search: str | None,
    status: str | None,
    sort_by: SortKey,
    descending: bool,
    page_size: int,
    info: Callable[[wire.ListRow], SessionInfo],
) -> AsyncIterator[AnchorPast]:
    """Read the history page by page, each when it is needed."""
    query: dict[str, object] = {
        "limit": page_size,
        "sort_by": sort_by,
        "sort_order": "desc" if descending else "asc",
        **filters.query(),
    }
    if search is not None:
        query["search"] = string("search", search)
    if status is not None:
        query["status"] = string("status", status)
    for number_ in range(1, MOST_PAGES + 1):
        page = (await calls.get("", wire.ListReply, query={"page": number_, **query})).data
        for row in page.sessions:
            yield _past(row, info(row))
        if number_ >= page.total_pages or not page.sessions:
            return


def filters_of(filters: object) -> AnchorFilters:
    """
    Return filters; all sessions where there are none.

    Raises:
        InvalidOptionError: Something else was given.
    """
    if filters is None:
        return AnchorFilters()
    if isinstance(filters, AnchorFilters):
        return filters
    raise InvalidOptionError(
        f"filters must be AnchorFilters or None, not {type(filters).__name__}.", option="filters"
    )


def check_paging(sort_by: object, page_size: object) -> None:
    """
    Refuse what Anchor would answer with 400.

    Raises:
        InvalidOptionError: See above.
    """
    if sort_by not in _SORT_KEYS:
        raise InvalidOptionError(f"sort_by must be one of {', '.join(_SORT_KEYS)}.", option="sort_by")
    if page_size not in PAGE_SIZES or type(page_size) is not int:
        raise InvalidOptionError(
            f"page_size must be 10, 20 or 50, not {page_size!r}.", option="page_size", value=page_size
        )


def _past(row: wire.ListRow, info: SessionInfo) -> AnchorPast:
    return AnchorPast(
        info=info,
        duration=duration(row.duration),
        credits_billed=number(row.used_credits),
        headless=row.headless,
        recorded=row.recording,
        proxy_type=row.proxy_type,
        proxy_bytes=row.proxy_bytes,
        api_key_name=row.api_key_name,
        browser_ip=row.browser_ip,
        domains=tuple(row.domains or ()),
    )


def _profile(item: profiles.ProfileItem) -> AnchorProfile:
    return AnchorProfile(
        name=item.name,
        description=item.description,
        status=item.status,
        session_id=item.session_id,
        created_at=item.created_at,
    )


def _name(name: object) -> str:
    if isinstance(name, str) and 1 <= len(name) <= PROFILE_NAME_LENGTH:
        return string("name", name)
    raise InvalidOptionError(
        f"The name of a profile must be text of 1 to {PROFILE_NAME_LENGTH} characters.", option="name"
    )


def _path(name: object) -> str:
    escaped = quote(_name(name), safe="")
    if escaped in {".", ".."}:  # Would lead out of the profiles, however it is escaped.
        raise InvalidOptionError(f"A profile named {escaped!r} cannot be asked for.", option="name")
    return f"/{escaped}"


def _joined(option: str, values: Iterable[str]) -> str | None:
    return ",".join(strings(option, values)) or None
