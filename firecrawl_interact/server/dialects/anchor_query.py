"""Which browsers the queries of Anchor's two lists select, and in what order."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import attrs

from firecrawl_interact.server.record import Browser

LIMITS = (10, 20, 50)  # Page sizes that Anchor takes; the first is the default.
Test = Callable[[Browser], bool]


class BadQueryError(Exception):
    """A parameter does not fit."""


@attrs.frozen
class Page:
    """
    One page of a list.

    Attributes:
        rows: Its browsers.

        total: How many were selected.

        number: Which page it is, from 1.

        pages: How many there are, at least one.
    """

    rows: Sequence[Browser]
    total: int
    number: int
    pages: int


def select(
    rows: Sequence[Browser], query: Mapping[str, str], status: Callable[[Browser], str]
) -> list[Browser]:
    """
    Keep the browsers that pass every filter of the query. Unknown parameters are ignored.

    Raises:
        BadQueryError: A filter's value does not fit.
    """
    tests = [make(query[name]) for name, make in _FILTERS.items() if name in query]
    if "status" in query:
        tests.append(lambda browser: status(browser) == query["status"])
    return [browser for browser in rows if all(test(browser) for test in tests)]


def page(rows: Sequence[Browser], query: Mapping[str, str]) -> Page:
    """
    Sort, and cut one page out.

    Raises:
        BadQueryError: Page, limit or order do not fit.
    """
    number = read_whole(query.get("page", "1"))
    limit = read_whole(query.get("limit", str(LIMITS[0])))
    order, sort = query.get("sort_order", "asc"), query.get("sort_by", "created_at")
    if number < 1 or limit not in LIMITS or order not in ("asc", "desc") or sort not in _SORTS:
        raise BadQueryError
    ordered = sorted(rows, key=_SORTS[sort], reverse=order == "desc")
    start = (number - 1) * limit
    return Page(ordered[start : start + limit], len(rows), number, max(1, math.ceil(len(rows) / limit)))


def read_whole(text: str) -> int:
    """
    Read a whole number.

    Raises:
        BadQueryError: It is none, or too long to be a page's.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004  # No page has ten digits.
        raise BadQueryError
    return int(text)


def read_instant(text: str) -> float:
    """
    Read a time as wall-clock seconds; without a zone it is UTC.

    Raises:
        BadQueryError: It is no ISO 8601.
    """
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadQueryError from error
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _tags(text: str) -> Test:
    wanted = set(_words(text))
    return lambda browser: wanted <= set(browser.tags)


def _search(text: str) -> Test:
    wanted = [word.lower() for word in _words(text)]
    return lambda browser: any(word in tag.lower() for word in wanted for tag in browser.tags)


def _created_from(text: str) -> Test:
    instant = read_instant(text)
    return lambda browser: browser.started_at >= instant


def _created_to(text: str) -> Test:
    instant = read_instant(text)
    return lambda browser: browser.started_at <= instant


def _profile_name(text: str) -> Test:
    return lambda browser: browser.wish.profile is not None and text in browser.wish.profile.name


def _switched(*path: str) -> Callable[[str], Test]:
    """Make the filter for one `active` switch of the create body."""

    def make(text: str) -> Test:
        wanted = _truth(text)
        return lambda browser: _active(browser.wish.configuration, path) is wanted

    return make


def _active(configuration: Any, path: tuple[str, ...]) -> bool:
    for name in (*path, "active"):
        # The body fits the wire class; members that it does not model may hold anything.
        configuration = (
            cast("dict[str, Any]", configuration).get(name) if type(configuration) is dict else None
        )
    return configuration is True


def _never(text: str) -> Test:
    wanted = _truth(text)
    return lambda _: wanted is False


def _none(text: str) -> Test:
    del text
    return lambda _: False


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise BadQueryError
    return text == "true"


_SORTS: Mapping[str, Callable[[Browser], Any]] = {
    "created_at": lambda browser: browser.started_at,
    "session_id": lambda browser: browser.id,
    "used_credits": lambda browser: browser.duration,
    "api_key_name": lambda browser: browser.wish.team,
}

_FILTERS: Mapping[str, Callable[[str], Test]] = {
    "tags": _tags,
    "search": _search,
    "created_from": _created_from,
    "created_to": _created_to,
    "profile_name": _profile_name,
    "proxy": _switched("session", "proxy"),
    "extra_stealth": _switched("browser", "extra_stealth"),
    "task_initiated": _never,  # No tasks are run here
    "domains": _none,  # and visited domains are not kept.
}
