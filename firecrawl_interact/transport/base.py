"""What lifecycle needs of a transport."""

from __future__ import annotations

from typing import Protocol

from firecrawl_interact.models import Answer, Request


class Transport(Protocol):
    """
    Carry one request to a provider, once.

    A transport belongs to one event loop. It repeats nothing, judges no status and knows no
    provider: those who call it do.
    """

    async def send(self, request: Request, *, timeout: float, fresh: bool = False) -> Answer:
        """
        Send one request and read the whole answer, whatever its status.

        Args:
            request: What to send, headers complete.

            timeout: Seconds for all of it: connecting, sending, reading.

            fresh: Send on a connection that was never used before and is not used again, so
                that a failure before the first byte can be told from a lost answer.

        Raises:
            TransportTimeoutError: No complete answer in time.
            TransportError: The line failed. ``sent`` is False if no byte of the request left.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection. A second call does nothing."""
