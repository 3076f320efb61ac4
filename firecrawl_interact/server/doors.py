"""Which requests get in: a web page somewhere must not be able to use the server of whoever looks at it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

Refuse = Callable[[web.Request, int, str], web.Response]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_FOREIGN = frozenset({"cross-site", "same-site"})  # Another port of this host is not us either.
_DASHBOARD = "/"  # A page elsewhere may link to it: it shows nobody anything without a login.
_UNNAMED = "This server does not go by that name; `serve --public-url` gives it one."
_KNOWN_HOSTS = 256  # Host headers remembered as good; they differ in spelling and port only.
# What links are built from must be no more than a name and a port: not "127.0.0.1:80@evil.example".
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[0-9A-Za-z._-]+))(?::[0-9]{1,5})?")


def doors(hosts: Iterable[str], refuse: Refuse, *, linked: str) -> Middleware:
    """
    Make the middleware that checks where a request comes from.

    The Host must be ours (against DNS rebinding), an Origin, if any, must be this very server
    for WebSockets and everything that changes something, and other sites' pages may not fetch.

    Args:
        hosts: Names of this server, besides loopback's and the address the request came in by.

        refuse: How to word a refusal.

        linked: Prefix of paths that a page elsewhere may link to.
    """
    names = LOOPBACK | {host.lower() for host in hosts}
    good: set[str] = set()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.raw_path.startswith("/"):
            return refuse(request, 400, "This server is no proxy.")
        headers = request.headers
        host = headers.get(hdrs.HOST, "")
        if host not in good:
            if not _ours(request, host, names):
                return refuse(request, 403, _UNNAMED)
            if len(good) < _KNOWN_HOSTS:
                good.add(host)
        origin = headers.get(hdrs.ORIGIN)
        foreign = origin is not None and origin != f"{request.scheme}://{host}"
        if foreign and (hdrs.UPGRADE in headers or request.method not in _READING):
            return refuse(request, 403, "Requests from other sites are not served.")
        path = request.path
        if headers.get("Sec-Fetch-Site") in _FOREIGN and path != _DASHBOARD and not path.startswith(linked):
            return refuse(request, 403, "Requests from other sites are not served.")
        return await handler(request)

    return check


def _ours(request: web.Request, host: str, names: frozenset[str]) -> bool:
    name = _host_name(host)
    if name in names:
        return True
    own: tuple[Any, ...] | None = request.get_extra_info("sockname")
    return name is not None and own is not None and name == own[0]


def _host_name(host: str) -> str | None:
    """Cut the port off, and the brackets of an IPv6 address; None if it is no host."""
    found = _HOST.fullmatch(host)
    return None if found is None else (found["six"] or found["name"]).lower()
