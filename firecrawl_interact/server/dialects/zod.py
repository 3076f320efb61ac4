"""What does not fit a wire class, in the words of zod 4: Firecrawl's server complains so."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from firecrawl_interact.wire._bounds import Between, Bounds, Length, OneOf, Utf8Length
from firecrawl_interact.wire._converter import Issue, MisfitError, camel_case

Complaint = dict[str, Any]

_JSON_TYPES = {"bool": "boolean", "float": "number", "int": "number", "str": "string"}  # By annotation.


def complaints(misfit: MisfitError) -> list[Complaint]:
    """Word what a misfit found."""
    return [_complaint(issue) for issue in misfit.issues]


def nulls(document: dict[str, Any], cls: type[attrs.AttrsInstance]) -> list[Complaint]:
    """
    Complain about nulls: the wire classes take one for "absent", zod's optional fields do not.

    Args:
        document: The JSON object.

        cls: The wire class that it should fit.
    """
    return [
        _wrong_type(kind, "null", (name,)) for name, kind in _fields(cls) if document.get(name, 0) is None
    ]


def invalid_choice(options: Sequence[str], path: Sequence[str | int] = ()) -> Complaint:
    """Word the complaint about a value that is none of *options*."""
    listed = "|".join(f'"{option}"' for option in options)
    message = f"Invalid option: expected one of {listed}"
    return {"code": "invalid_value", "values": list(options), "path": list(path), "message": message}


def custom(message: str, path: Sequence[str | int] = ()) -> Complaint:
    """Word the complaint about a rule that is none of zod's."""
    return {"code": "custom", "path": list(path), "message": message}


def _complaint(issue: Issue) -> Complaint:
    if issue.missing:
        return _wrong_type("string", "undefined", issue.path)  # Texts are all that is ever required.
    if issue.bounds is not None:
        return _out_of_bounds(issue.bounds, issue.value, issue.path)
    if issue.expected is None:
        return custom("Invalid input", issue.path)
    if issue.expected != "integer":
        return _wrong_type(issue.expected, str(issue.received), issue.path)
    if issue.received != "number":
        return _wrong_type("number", str(issue.received), issue.path)
    # A number, and not whole: zod says so of the "format" of a type that it calls "int".
    head = {"expected": "int", "format": "safeint", "code": "invalid_type", "path": list(issue.path)}
    return {**head, "message": "Invalid input: expected int, received number"}


def _out_of_bounds(bounds: Bounds, value: Any, path: Sequence[str | int]) -> Complaint:
    match bounds:
        case OneOf():
            return invalid_choice(bounds.options, path)
        case Utf8Length():
            # A rule of Firecrawl's own, in its own words.
            name = bounds.label.capitalize()
            return custom(f"{name} must not exceed {bounds.maximum:,} UTF-8 bytes.", path)
        case Length():
            return _out_of_range(bounds, len(value), "string", " characters", path)
        case Between():
            return _out_of_range(bounds, value, "number", "", path)


def _out_of_range(
    bounds: Between | Length, size: float, origin: str, unit: str, path: Sequence[str | int]
) -> Complaint:
    bound = bounds.maximum
    if size < bounds.minimum:
        words, code, name, bound, sign = "Too small", "too_small", "minimum", bounds.minimum, ">="
    else:
        words, code, name, sign = "Too big", "too_big", "maximum", "<="
    rest = f"to have {sign}{bound}{unit}" if origin == "string" else f"to be {sign}{bound}"
    head = {"origin": origin, "code": code, name: bound, "inclusive": True, "path": list(path)}
    return {**head, "message": f"{words}: expected {origin} {rest}"}


def _wrong_type(expected: str, received: str, path: Sequence[str | int]) -> Complaint:
    message = f"Invalid input: expected {expected}, received {received}"
    return {"expected": expected, "code": "invalid_type", "path": list(path), "message": message}


@functools.cache
def _fields(cls: type[attrs.AttrsInstance]) -> tuple[tuple[str, str], ...]:
    """List the fields that may be absent, as spelt on the wire, each with its JSON type."""

    def optional() -> Iterator[tuple[str, str]]:
        for field in attrs.fields(cls):
            kind, _, rest = str(field.type).partition(" | ")
            if rest == "None":
                yield camel_case(field.name), _JSON_TYPES.get(kind, "object")

    return tuple(optional())
