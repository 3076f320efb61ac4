"""Request bodies, checked as Firecrawl's server checks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs
from aiohttp import web

from firecrawl_interact.server.dialects import zod
from firecrawl_interact.server.dialects.body import json_body
from firecrawl_interact.server.dialects.firecrawl_guard import bad_request
from firecrawl_interact.wire import firecrawl as wire
from firecrawl_interact.wire._converter import MisfitError

T = TypeVar("T", bound=attrs.AttrsInstance)


def _same(body: dict[str, Any]) -> dict[str, Any]:
    return body


async def read_body(
    request: web.Request,
    cls: type[T],
    *,
    understood: Callable[[dict[str, Any]], dict[str, Any]] = _same,
) -> T:
    """
    Read a body; a field that does not fit is a 400 that names it.

    Args:
        request: Whose body it is.

        cls: The wire class that it should fit.

        understood: Takes the members that came and returns those that count.
    """
    body = await json_body(request)
    nulls: list[zod.Complaint] = []
    if isinstance(body, dict):
        body = understood(body)
        nulls = zod.nulls(body, cls)
    try:
        asked = wire.DIALECT.structure(body, cls)
    except MisfitError as misfit:
        raise bad_request(zod.complaints(misfit)) from None
    if nulls:
        raise bad_request(nulls)
    return asked
