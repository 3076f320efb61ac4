"""The bytes of a request's body, within bounds of size and time."""

from __future__ import annotations

import asyncio

from aiohttp import web

BODY_TIMEOUT = 30.0  # Seconds for all of a body; 10 MB take 25 at 3 Mbit/s.


async def body_of(request: web.Request, *, most: int | None = None) -> bytes:
    """
    Read the body.

    Args:
        request: Whose body it is.

        most: Bytes that it may have, where that is less than for other requests.

    Raises:
        HTTPBadRequest: It broke off, or is not encoded as its headers say.
        HTTPRequestEntityTooLarge: It is too long.
        HTTPRequestTimeout: It did not come in time.
    """
    if most is not None and request.can_read_body:  # Unless somebody in front of us has read it already.
        request = request.clone(client_max_size=most)
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text="The body did not come in time.") from None
    except (web.RequestPayloadError, ConnectionError):
        raise web.HTTPBadRequest(text="The body cannot be read.") from None
