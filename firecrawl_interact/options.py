"""Checks of what the caller passes, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.models import (
    DEFAULT_ACTIVITY_TTL,
    DEFAULT_TTL,
    Profile,
    ProviderOptions,
    SessionOptions,
)

PROFILE_NAME_LENGTH = 128  # Characters; Firecrawl's bound, kept on every backend for portability.
LONGEST = 315_360_000  # Seconds, ten years: nobody means more, and dates end somewhere.
_COUNTRY_LENGTH = 2
_LONGEST_SHOWN = 40  # Characters of a bad number.
_LEDGER_METHODS = ("fingerprint", "plan", "opened", "settled", "settled_soon", "owed", "claim")

if TYPE_CHECKING:
    from firecrawl_interact.ledger.base import Ledger

Seconds = int | float | timedelta


def session_options(
    *,
    ttl: Seconds | None = None,
    activity_ttl: Seconds | None = None,
    profile: Profile | str | None = None,
    live_view: bool | None = None,
    record: bool | None = None,
    block_ads: bool | None = None,
    country: str | None = None,
    tags: Iterable[str] = (),
    extra: Mapping[str, Any] | None = None,
) -> SessionOptions:
    """
    Bring what the caller passed into one shape. Providers' own bounds are checked by the backends.

    Raises:
        InvalidOptionError: A value is of the wrong type, or makes no sense for any provider.
    """
    life = DEFAULT_TTL if ttl is None else seconds("ttl", ttl)
    idle = min(DEFAULT_ACTIVITY_TTL, life) if activity_ttl is None else seconds("activity_ttl", activity_ttl)
    return SessionOptions(
        ttl=life,
        activity_ttl=idle,
        profile=None if profile is None else profile_choice(profile),
        live_view=switch("live_view", live_view),
        record=switch("record", record),
        block_ads=switch("block_ads", block_ads),
        country=None if country is None else country_code(country),
        tags=() if tags == () else _tags(tags),
        extra=None if extra is None else extra_fields(extra),
    )


def provider_options(value: ProviderOptions | Iterable[ProviderOptions] | None) -> dict[str, ProviderOptions]:
    """
    Sort typed options by the name of the backend that takes them.

    Raises:
        InvalidOptionError: Something else than typed options, or two for one backend.
    """
    if value is None:
        return {}
    several = isinstance(value, Iterable) and not _is_typed(value)
    given = cast("Iterable[Any]", value) if several else (cast("Any", value),)
    found: dict[str, ProviderOptions] = {}
    for each in given:
        if not _is_typed(each):  # Not repeated: it may hold a password for a proxy.
            raise InvalidOptionError(
                "options must be typed options of a provider, or several of them, not "
                f"{type(each).__name__}.",
                option="options",
            )
        if each.backend in found:
            raise InvalidOptionError(
                f"options must hold one object for a backend, not two for {each.backend}.", option="options"
            )
        found[each.backend] = each
    return found


def seconds(option: str, value: object) -> int | float:
    """
    Read a span of time as seconds; a whole number comes out as an int.

    Raises:
        InvalidOptionError: Not a number or a timedelta, not finite, or not above 0.
    """
    number: object = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise InvalidOptionError(
            f"{option} must be seconds as a number, or a timedelta, not {value!r}.",
            option=option,
            value=value,
        )
    if not 0 < number <= LONGEST:
        raise InvalidOptionError(
            f"{option} must be above 0 and at most {LONGEST} seconds (ten years), not {_shown(value)}.",
            option=option,
            value=value,
        )
    return int(number) if number == int(number) else number


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def switch(option: str, value: object) -> bool | None:
    """
    Read a flag that may be left open.

    Raises:
        InvalidOptionError: Neither True, False nor None.
    """
    if value is None or isinstance(value, bool):
        return value
    raise InvalidOptionError(
        f"{option} must be True, False or None, not {value!r}.", option=option, value=value
    )


def ledger_choice(value: object) -> bool | Ledger | None:
    """
    Read the choice of a ledger.

    Raises:
        InvalidOptionError: Neither True, False, None nor something with a ledger's methods.
    """
    if value is None or isinstance(value, bool):
        return value
    if all(callable(getattr(value, method, None)) for method in _LEDGER_METHODS):
        return cast("Ledger", value)
    raise InvalidOptionError(
        f"ledger must be True, False, None or a Ledger, not {value!r}.", option="ledger", value=value
    )


def profile_choice(value: Any) -> Profile:
    """
    Read a profile, or the name of one that is also saved to.

    Raises:
        InvalidOptionError: Neither, or its name or flag cannot be one.
    """
    profile: Any = Profile(value) if isinstance(value, str) else value
    if not isinstance(profile, Profile) or not isinstance(cast("object", profile.name), str):
        raise InvalidOptionError(
            f"profile must be a Profile or a name, not {value!r}.", option="profile", value=value
        )
    if not 1 <= len(profile.name) <= PROFILE_NAME_LENGTH:
        raise InvalidOptionError(
            f"The name of a profile must have 1 to {PROFILE_NAME_LENGTH} characters, not {len(profile.name)}"
            f" ({profile.name[:20]!r}).",
            option="profile",
            value=profile.name,
        )
    if not isinstance(cast("object", profile.save_changes), bool):
        raise InvalidOptionError(
            f"save_changes of a profile must be True or False, not {profile.save_changes!r}.",
            option="profile",
            value=profile.save_changes,
        )
    return profile


def country_code(value: object) -> str:
    """
    Read a country; it comes out in upper case.

    Raises:
        InvalidOptionError: Not of two letters.
    """
    if isinstance(value, str) and len(value) == _COUNTRY_LENGTH and value.isascii() and value.isalpha():
        return value.upper()
    raise InvalidOptionError(
        f"country must be an ISO 3166-1 code of two letters, such as 'DE', not {value!r}.",
        option="country",
        value=value,
    )


def extra_fields(value: Any) -> Mapping[str, Any]:
    """
    Read what is merged into a request as it is.

    Raises:
        InvalidOptionError: No mapping of texts.
    """
    kind = type(value).__name__
    given: dict[Any, Any] | None = {**value} if hasattr(value, "keys") else None
    if given is not None and all(isinstance(key, str) for key in given):
        return given
    # The value is not repeated: it may hold a password for a proxy.
    raise InvalidOptionError(f"extra must be a mapping with string keys, not {kind}.", option="extra")


def _is_typed(value: object) -> bool:
    return not isinstance(value, type) and isinstance(getattr(value, "backend", None), str)


def _tags(value: Any) -> tuple[str, ...]:
    try:
        tags: tuple[Any, ...] | None = None if isinstance(value, str) else tuple(value)
    except TypeError:
        tags = None
    if tags is None:
        raise InvalidOptionError(f"tags must be several strings, not {value!r}.", option="tags", value=value)
    for tag in tags:
        if not isinstance(tag, str) or not tag or "," in tag:
            # Filters join tags with commas, so a comma inside one could never be found again.
            raise InvalidOptionError(
                f"A tag must be a string that is not empty and has no comma, not {tag!r}.",
                option="tags",
                value=tag,
            )
    return tags
