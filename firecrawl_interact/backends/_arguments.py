"""Checks of arguments that go into a request as they are."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import cast

from firecrawl_interact.errors import InvalidOptionError

LONGEST_PAUSE = 86_400  # Seconds, a day.


def string(option: str, value: object, *, empty: bool = False) -> str:
    """Return a text; the refusal does not repeat it, since it may be a secret."""
    if isinstance(value, str) and (value or empty) and _encodable(value):
        return value
    expected = "text" if empty else "text that is not empty"
    raise InvalidOptionError(f"{option} must be {expected}.", option=option)


def optional_string(option: str, value: object) -> str | None:
    """Return a text that is not empty, or None."""
    return None if value is None else string(option, value)


def strings(option: str, values: object) -> list[str]:
    """Return several texts, none of them empty or with a comma in it: filters join them with commas."""
    if isinstance(values, Iterable) and not isinstance(values, str):
        given = list(cast("Iterable[object]", values))
        if all(isinstance(each, str) and each and "," not in each and _encodable(each) for each in given):
            return cast("list[str]", given)
    raise InvalidOptionError(f"{option} must be several texts, not empty and without commas.", option=option)


def flag(option: str, value: object) -> bool | None:
    """Return a switch that may be left open."""
    if value is None or type(value) is bool:
        return value
    raise InvalidOptionError(f"{option} must be True, False or None.", option=option)


def whole(option: str, value: object) -> int:
    """Return a whole number; a bool is none."""
    if type(value) is int:
        return value
    raise InvalidOptionError(f"{option} must be a whole number, not {value!r}.", option=option, value=value)


def milliseconds(option: str, seconds: object) -> int:
    """Return seconds, less than a day of them, as milliseconds."""
    if type(seconds) in {int, float} and 0 <= cast("float", seconds) < LONGEST_PAUSE:
        return round(cast("float", seconds) * 1000)
    raise InvalidOptionError(
        f"{option} must be a number of seconds, at least 0 and less than a day, not {seconds!r}.",
        option=option,
        value=seconds,
    )


def instant(option: str, value: object) -> str | None:
    """Return a time with a zone as ISO 8601 in UTC."""
    if value is None:
        return None
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise InvalidOptionError(f"{option} must be a datetime with a zone.", option=option)


def boolean(option: str, value: object) -> str | None:
    """Return a flag as a query spells it."""
    given = flag(option, value)
    return None if given is None else str(given).lower()


def _encodable(text: str) -> bool:
    """Tell whether it can be sent: half a surrogate pair is no character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
