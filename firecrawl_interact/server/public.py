"""The address by which others know the server, where a proxy in front of it ends their TLS."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware


def host_of(url: str) -> str:
    """
    Return the host name of an address such as ``https://browsers.example``.

    Raises:
        ValueError: It is no such address.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query:
        raise ValueError(f"{url!r} is not like https://browsers.example")
    if parts.path.strip("/"):
        raise ValueError(f"{url!r} is not like https://browsers.example: the providers' clients drop a path")
    return parts.hostname


def known_as(url: str) -> Middleware:
    """
    Make the middleware that lets requests to this host have come by this address's scheme.

    Links, cookies and the check of Origins go by the scheme. No header of a proxy is trusted.
    """
    parts = urlsplit(url)
    host = parts.netloc.lower()

    @web.middleware
    async def see(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host.lower() == host and request.scheme != parts.scheme:
            request = request.clone(scheme=parts.scheme)
        return await handler(request)

    return see
