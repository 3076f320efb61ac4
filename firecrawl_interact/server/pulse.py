"""Whether a browser still answers."""

from __future__ import annotations

import asyncio

from firecrawl_interact.server.engine import Engine

_ASKED = b"GET /json/version HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_GOOD = b"HTTP/1.1 200 "


async def beats(engine: Engine, within: float) -> bool:
    """
    Ask a browser for its version, which it tells from the thread that serves all CDP.

    Args:
        engine: Which one; a fake always answers while it runs.

        within: Seconds it has.
    """
    if engine.exited.done():
        return False
    endpoint = engine.endpoint
    if endpoint is None:
        return True
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            try:
                writer.write(_ASKED)
                return await reader.readexactly(len(_GOOD)) == _GOOD
            finally:
                writer.transport.abort()
    except (OSError, EOFError, TimeoutError):
        return False
