"""Objects of the wire classes as HTTP answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import attrs
from aiohttp import web

from firecrawl_interact.wire._converter import Dialect


def json_answer(
    dialect: Dialect,
    reply: attrs.AttrsInstance,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Write *reply* the way *dialect* does."""
    return web.Response(
        body=dialect.dumps(reply),
        status=status,
        headers=headers,
        content_type="application/json",
        charset="utf-8",
    )


def instant(seconds: float) -> datetime:
    """Turn wall-clock seconds into what the wire classes hold."""
    return datetime.fromtimestamp(seconds, UTC)
