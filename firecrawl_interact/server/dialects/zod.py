"""Validation whose complaints read as Firecrawl's: issues in the manner of zod 4."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Issue = dict[str, Any]

_MISSING = object()  # JavaScript's `undefined`.


class Fields:
    """
    The fields of one JSON object; what does not fit becomes an issue and reads as absent.

    Attributes:
        issues: What was found wrong, in the order of reading.
    """

    def __init__(self, body: Any, *, path: tuple[str, ...] = (), issues: list[Issue] | None = None) -> None:
        """Take an object apart; anything else is an issue and has no fields."""
        self.issues: list[Issue] = [] if issues is None else issues
        self._path = path
        self._fields: Mapping[str, Any] = {}
        if isinstance(body, dict):
            self._fields = body
        else:
            self._wrong_type("object", body, path)

    def integer(self, name: str, default: int, *, least: int, most: int, fractions: bool = False) -> float:
        """Read a number within bounds, whole unless *fractions*."""
        value = self._fields.get(name, _MISSING)
        if value is _MISSING:
            return default
        path = (*self._path, name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._wrong_type("number", value, path)
        elif not fractions and not float(value).is_integer():
            issue = {"expected": "int", "format": "safeint", "code": "invalid_type", "path": list(path)}
            self.issues.append({**issue, "message": "Invalid input: expected int, received number"})
        elif self._within(value, least, most, path):
            return value if fractions else int(value)
        return default

    def boolean(self, name: str, default: bool) -> bool:
        """Read a truth value."""
        value = self._fields.get(name, default)
        if isinstance(value, bool):
            return value
        self._wrong_type("boolean", value, (*self._path, name))
        return default

    def text(self, name: str, default: str | None = None, *, least: int = 0, most: int | None = None) -> str:
        """Read a text of bounded length; without *default* it is required."""
        value = self._fields.get(name, _MISSING)
        if value is _MISSING and default is not None:
            return default
        path = (*self._path, name)
        if not isinstance(value, str):
            self._wrong_type("string", value, path)
        elif self._within(value, least, most, path):
            return value
        return default or ""

    def choice(self, name: str, default: str, options: Sequence[str]) -> str:
        """Read one of several words."""
        value = self._fields.get(name, default)
        if value not in options:
            self.issues.append(invalid_choice(options, (*self._path, name)))
            return default
        return str(value)

    def group(self, name: str) -> Fields | None:
        """Read an object within the object, or None if there is none."""
        if name not in self._fields:
            return None
        return Fields(self._fields[name], path=(*self._path, name), issues=self.issues)

    def has(self, name: str) -> bool:
        """Tell whether the field was sent."""
        return name in self._fields

    def _within(self, value: float | str, least: int, most: int | None, path: tuple[str, ...]) -> bool:
        size: float
        if isinstance(value, str):
            origin, size, verb, unit = "string", len(value), "to have", " characters"
        else:
            origin, size, verb, unit = "number", value, "to be", ""
        if size < least:
            code, name, bound, head = "too_small", "minimum", least, "Too small"
            sign = ">="
        elif most is not None and size > most:
            code, name, bound, head = "too_big", "maximum", most, "Too big"
            sign = "<="
        else:
            return True
        issue = {"origin": origin, "code": code, name: bound, "inclusive": True, "path": list(path)}
        self.issues.append({**issue, "message": f"{head}: expected {origin} {verb} {sign}{bound}{unit}"})
        return False

    def _wrong_type(self, expected: str, value: Any, path: tuple[str, ...]) -> None:
        message = f"Invalid input: expected {expected}, received {_type_name(value)}"
        issue = {"expected": expected, "code": "invalid_type", "path": list(path), "message": message}
        self.issues.append(issue)


def invalid_choice(options: Sequence[str], path: Sequence[str] = ()) -> Issue:
    """Word the complaint about a value that is none of *options*."""
    listed = "|".join(f'"{option}"' for option in options)
    message = f"Invalid option: expected one of {listed}"
    return {"code": "invalid_value", "values": list(options), "path": list(path), "message": message}


def custom(message: str) -> Issue:
    """Word a complaint of a rule about the object as a whole."""
    return {"code": "custom", "path": [], "message": message}


def _type_name(value: Any) -> str:
    if value is _MISSING:
        return "undefined"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
