"""Checks of what a create is asked for, shared by providers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.models import Profile, SessionOptions
from firecrawl_interact.wire._bounds import OutOfBoundsError

_SWITCHES = ("live_view", "record", "block_ads")


def check_types(options: SessionOptions) -> None:
    """
    Refuse values of a wrong type, in options that `Session.create` has not made.

    The numbers apart: who knows their bounds has more to say.

    Raises:
        InvalidOptionError: See above.
    """
    for name in _SWITCHES:
        value = getattr(options, name)
        if value is not None and type(value) is not bool:
            raise _wrong(name, "True, False or None", value)
    profile: Any = options.profile
    if profile is not None and not _is_profile(profile):
        raise _wrong("profile", "a Profile of text and bool", profile)
    country: Any = options.country
    if country is not None and not isinstance(country, str):
        raise _wrong("country", "text", country)
    if not _are_tags(options.tags):
        raise _wrong("tags", "a tuple of non-empty texts", options.tags)
    if options.extra is not None and not _is_mapping(options.extra):
        raise _wrong("extra", "a mapping", options.extra)


def whole(value: float) -> float:
    """Return a number without a fraction as an int, and anything else as it is."""
    return int(value) if type(value) is float and value.is_integer() else value


def invalid(error: OutOfBoundsError) -> InvalidOptionError:
    """Say in terms of our options what a wire class refused."""
    option = "profile" if error.field == "name" else error.field
    return InvalidOptionError(f"{error}.", option=option, value=error.value)


def encode_body(body: dict[str, Any], extra: Mapping[str, Any] | None) -> bytes:
    """
    Write the body of a create, with the caller's *extra* merged into it.

    Raises:
        InvalidOptionError: *extra* is no JSON, or sets what an option sets: the bounds that were
            checked, and the mark that a lost session is found by, would no longer hold.
    """
    if not extra:
        return json.dumps(body).encode()
    _merge(body, extra, "")
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError):
        raise InvalidOptionError("extra must be representable as JSON.", option="extra") from None


def _merge(body: dict[str, Any], extra: Mapping[Any, Any], path: str) -> None:
    for key, value in extra.items():
        if not isinstance(key, str):
            raise InvalidOptionError("extra must have texts for keys.", option="extra")
        where = f"{path}.{key}" if path else key
        if key not in body:
            body[key] = value
        elif isinstance(body[key], dict) and _is_mapping(value):
            _merge(body[key], value, where)
        else:
            raise InvalidOptionError(f"extra must not set {where}: an option does.", option="extra")


def _is_profile(value: object) -> bool:
    if not isinstance(value, Profile):
        return False
    name: Any = value.name
    return isinstance(name, str) and type(value.save_changes) is bool


def _are_tags(value: object) -> bool:
    tags = cast("tuple[object, ...]", value)
    return isinstance(value, tuple) and all(isinstance(tag, str) and tag for tag in tags)


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _wrong(option: str, expected: str, value: object) -> InvalidOptionError:
    return InvalidOptionError(
        f"{option} must be {expected}, not {type(value).__name__}.", option=option, value=value
    )
