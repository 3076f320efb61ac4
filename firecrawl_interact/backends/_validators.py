"""Validators of typed options that callers make themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import attrs

from firecrawl_interact.errors import InvalidOptionError


def wrong(attribute: attrs.Attribute[Any], expected: str, value: object) -> InvalidOptionError:
    """Build the refusal; the value itself may be a secret, and stays out."""
    return InvalidOptionError(
        f"{attribute.name} must be {expected}, not {type(value).__name__}.", option=attribute.name
    )


def flag(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is neither True nor False."""
    if type(value) is not bool:
        raise wrong(attribute, "True or False", value)


def choice(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is neither True, False nor None."""
    if value is not None and type(value) is not bool:
        raise wrong(attribute, "True, False or None", value)


def text(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is no text, or empty."""
    if not isinstance(value, str) or not value:
        raise wrong(attribute, "text that is not empty", value)


def optional_text(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is neither None nor a text with something in it."""
    if value is not None and (not isinstance(value, str) or not value):
        raise wrong(attribute, "text that is not empty, or None", value)


def texts(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is no tuple of texts."""
    if not are_texts(value):
        raise wrong(attribute, "a tuple of texts that are not empty", value)


def optional_texts(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is neither None nor a tuple of texts."""
    if value is not None and not are_texts(value):
        raise wrong(attribute, "a tuple of texts that are not empty, or None", value)


def pixels(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is no number of pixels."""
    if type(value) is not int or value < 1:
        raise InvalidOptionError(
            f"{attribute.name} must be a whole number of pixels, at least 1, not {value!r}.",
            option=attribute.name,
            value=value,
        )


def tuple_of(*kinds: type) -> Any:
    """Make a validator that refuses what is no tuple of these."""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not _tuple_where(value, lambda each: isinstance(each, kinds)):
            raise wrong(attribute, f"a tuple of {' or '.join(kind.__name__ for kind in kinds)}", value)

    return check


def one_of(*kinds: type) -> Any:
    """Make a validator that refuses what is neither None nor one of these."""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value is not None and not isinstance(value, kinds):
            raise wrong(attribute, f"{' or '.join(kind.__name__ for kind in kinds)}, or None", value)

    return check


def are_texts(value: object) -> bool:
    """Tell whether it is a tuple of texts, none of them empty."""
    return _tuple_where(value, lambda each: isinstance(each, str) and bool(each))


def _tuple_where(value: object, fits: Callable[[object], bool]) -> bool:
    return isinstance(value, tuple) and all(map(fits, cast("tuple[object, ...]", value)))
