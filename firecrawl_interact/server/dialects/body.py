"""A request's JSON body."""

from __future__ import annotations

import json
import math
from typing import Any, cast

from aiohttp import web

from firecrawl_interact.server.received import body_of


class MalformedBodyError(Exception):
    """The body is not JSON, or neither an object nor an array."""


async def json_body(request: web.Request) -> dict[str, Any] | list[Any]:
    """
    Read the body; none at all counts as ``{}``, whatever its content type says.

    Raises:
        MalformedBodyError: It is not JSON, or a bare value (Express's parser refuses those too).
        HTTPException: It broke off, is too long, or did not come in time.
    """
    raw = await body_of(request)
    if not raw:
        return {}
    try:
        body = _JSON.decode(raw.decode())
    except (ValueError, RecursionError) as error:
        raise MalformedBodyError from error
    if isinstance(body, dict | list):
        return cast("dict[str, Any] | list[Any]", body)
    raise MalformedBodyError


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON.")  # Python would take NaN and Infinity.


def _number(text: str) -> float:
    """Read a number as JavaScript does, where 60.0 is the integer 60."""
    number = float(text)
    if math.isinf(number):
        raise ValueError("A number is too large.")  # There is no way to write it into an answer.
    return int(number) if number.is_integer() else number


_JSON = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_number)
