"""Getting a backend ready, within bounds."""

from __future__ import annotations

from firecrawl_interact.backends.base import Backend
from firecrawl_interact.errors import TransportTimeoutError
from firecrawl_interact.transport.deadline import Deadline


async def make_ready(backend: Backend, *, within: float) -> None:
    """
    Do what a backend needs before the first request.

    Raises:
        TransportTimeoutError: It took more than *within* seconds; nothing was sent.
    """
    if getattr(backend.ready, "__func__", None) is Backend.ready:
        return  # Nothing to do: most backends.
    try:
        with Deadline(within):
            await backend.ready()
    except TransportTimeoutError as error:
        raise TransportTimeoutError(
            f"The {backend.name} backend was not ready within {within:g} s.", sent=False
        ) from error
