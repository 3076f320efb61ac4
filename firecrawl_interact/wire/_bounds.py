"""Bounds that the wire classes put on their fields."""

from __future__ import annotations

from typing import Any

import attrs


class OutOfBoundsError(ValueError):
    """
    A field of a wire class holds what the provider does not take.

    Attributes:
        field: Name of the attribute.

        value: What it was given.

        bounds: The rule that was broken.
    """

    def __init__(self, message: str, *, field: str, value: Any, bounds: Bounds | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.value = value
        self.bounds = bounds


@attrs.frozen
class Between:
    """
    Validate a whole number; ``None`` as *maximum* means no upper bound.

    Attributes:
        minimum: Smallest number taken.

        maximum: Largest number taken.

        unit: What is counted, in the plural.

        also: One more number that is taken, such as Anchor's -1 for "no limit".

        fractions: Whether numbers need not be whole.
    """

    minimum: int
    maximum: int | None
    unit: str
    also: int | None = None
    fractions: bool = False

    def __call__(self, _instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        """Refuse what is no such number (a bool is none) or lies outside."""
        name = attribute.name
        if type(value) is int or (self.fractions and type(value) is float):
            if value == self.also or self._holds(value):
                return
            message = f"{name} must be {self} {self.unit}, not {value}"
        else:
            kind = "number" if self.fractions else "whole number"
            message = f"{name} must be a {kind} of {self.unit}, {self}, not {value!r}"
        raise OutOfBoundsError(message, field=name, value=value, bounds=self)

    def _holds(self, value: float) -> bool:
        return value >= self.minimum and (self.maximum is None or value <= self.maximum)

    def __str__(self) -> str:
        """Return the bounds as read in a sentence."""
        if self.maximum is None:
            return f"at least {self.minimum}"
        return f"{self.minimum} to {self.maximum}"


@attrs.frozen
class Length:
    """
    Validate the length of a text.

    Attributes:
        minimum: Fewest characters taken.

        maximum: Most characters taken, or None for no upper bound.

        label: Name of the text in messages.
    """

    minimum: int
    maximum: int | None
    label: str

    def __call__(self, _instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        """Refuse what is no text, or too short or too long."""
        if not isinstance(value, str):
            message = f"{self.label} must be text, not {type(value).__name__}"
        elif len(value) >= self.minimum and (self.maximum is None or len(value) <= self.maximum):
            return
        elif self.maximum is None:
            message = f"{self.label} must have at least {self.minimum} character, not {len(value)}"
        else:
            message = f"{self.label} must be {self.minimum} to {self.maximum} characters, not {len(value)}"
        raise OutOfBoundsError(message, field=attribute.name, value=value, bounds=self)


@attrs.frozen
class Utf8Length:
    """
    Validate the size of a text once encoded.

    Attributes:
        maximum: Most bytes of UTF-8 taken.

        label: Name of the text in messages.
    """

    maximum: int
    label: str

    def __call__(self, _instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        """Refuse what is too long."""
        size = len(value.encode(errors="surrogatepass"))
        if size > self.maximum:
            message = f"{self.label} must be at most {self.maximum} bytes, not {size}"
            raise OutOfBoundsError(message, field=attribute.name, value=value, bounds=self)


@attrs.frozen
class OneOf:
    """
    Validate a word.

    Attributes:
        options: The words taken.
    """

    options: tuple[str, ...]

    def __call__(self, _instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        """Refuse any other."""
        if value not in self.options:
            message = f"{attribute.name} must be one of {', '.join(self.options)}, not {value!r}"
            raise OutOfBoundsError(message, field=attribute.name, value=value, bounds=self)


Bounds = Between | Length | Utf8Length | OneOf


def filled(_instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse an empty text where the provider always sends one."""
    if value == "":
        raise OutOfBoundsError(f"{attribute.name} is empty", field=attribute.name, value=value)


def alpha2(_instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Refuse what does not have the form of an ISO 3166-1 alpha-2 country code."""
    if not (isinstance(value, str) and len(value) == 2 and value.isascii() and value.isalpha()):  # noqa: PLR2004
        message = f"country must be two letters (ISO 3166-1 alpha-2), not {value!r}"
        raise OutOfBoundsError(message, field=attribute.name, value=value)
