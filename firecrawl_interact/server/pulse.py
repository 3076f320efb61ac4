"""Whether a browser still answers."""

from __future__ import annotations

import asyncio

from firecrawl_interact.server.engine import Engine


async def beats(engine: Engine, within: float) -> bool:
    """
    Ask a browser for a sign of life.

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
            return await endpoint.beats()
    except TimeoutError:
        return False
