"""Getting a backend ready, within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firecrawl_interact.errors import TransportTimeoutError
from firecrawl_interact.transport.deadline import Deadline

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend


async def make_ready(backend: Backend, *, within: float) -> None:
    """
    Do what a backend needs before the first request.

    Raises:
        TransportTimeoutError: It took more than *within* seconds; nothing was sent.
    """
    try:
        with Deadline(within):
            await backend.ready()
    except TransportTimeoutError as error:
        raise TransportTimeoutError(
            f"The {backend.name} backend was not ready within {within:g} s.", sent=False
        ) from error
