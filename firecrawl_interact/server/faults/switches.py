"""Switches: which of the server's ways a plan of faults may change, as JSON holds them."""

from __future__ import annotations

from typing import Any, cast

import attrs

from firecrawl_interact.server.settings import Generation, ServerSettings

_WHOLE = "a whole number of at least 1, or null"
_SHAPES: dict[str, str] = {
    "generation": "1, 2 or 3",
    "credits": "a whole number, or null",
    "creates_per_minute": _WHOLE,
    "calls_per_minute": _WHOLE,
    "retry_after": "true or false",
    "anchor_minute": "a number above 0",
    "anchor_second_end": "200, 401 or 404",
}


def read_switches(data: Any) -> dict[str, Any]:
    """
    Check what a plan says of the server itself, such as ``{"generation": 1}``.

    Returns:
        Arguments for `attrs.evolve` of `ServerSettings`.

    Raises:
        ValueError: A name is unknown, or a value does not fit.
    """
    if not isinstance(data, dict):
        raise ValueError(f"server must be an object, not {type(data).__name__}.")  # noqa: TRY004  # one kind for every misfit
    switches = cast("dict[str, Any]", data)
    for name, value in switches.items():
        if name not in _SHAPES:
            raise ValueError(f"server.{name} is unknown; there are {', '.join(_SHAPES)}.")
        if not _fits(name, value):
            raise ValueError(f"server.{name} must be {_SHAPES[name]}, not {value!r}.")
    if "generation" in switches:
        switches = {**switches, "generation": Generation(switches["generation"])}
    return switches


def switched(settings: ServerSettings, switches: dict[str, Any]) -> ServerSettings:
    """Return the settings with these switches set."""
    return attrs.evolve(settings, **switches)


def _fits(name: str, value: Any) -> bool:
    match name:
        case "generation":
            return type(value) is int and value in set(Generation)
        case "anchor_second_end":
            return type(value) is int and value in {200, 401, 404}
        case "retry_after":
            return type(value) is bool
        case "anchor_minute":
            return type(value) in {int, float} and value > 0
        case "credits":
            return value is None or type(value) is int
        case _:
            return value is None or (type(value) is int and value >= 1)
