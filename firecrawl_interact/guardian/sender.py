"""One HTTP exchange with the standard library alone, by the parent's own line settings."""

from __future__ import annotations

import functools
import os
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from http.client import HTTPConnection
    from ssl import SSLContext
    from urllib.parse import SplitResult

    from firecrawl_interact.models import LineSettings, Request

BODY_MAX = 8 * 1024 * 1024  # Bytes: a longer answer is none of a provider's.
CHUNK = 64 * 1024  # Bytes read at a time, so that the deadline is looked at between.

Headers = dict[str, str]


class NotSentError(OSError):
    """The line failed before any byte of the request left."""


def send(request: Request, line: LineSettings, *, timeout: float) -> tuple[int, Headers, bytes]:
    """
    Send one request on a fresh connection and read the whole answer, whatever its status.

    Redirects are not followed: whoever may send us elsewhere would get the key.

    Args:
        request: What to send.

        line: Proxy, certificate authorities and client certificate.

        timeout: Seconds for all of it.

    Returns:
        Status, headers with their names in lower case, body.

    Raises:
        NotSentError: The connection could not be made; surely nothing arrived.

        OSError: No complete answer came in time. The text holds neither key nor URL.
    """
    from http.client import HTTPException  # 19 ms and 7 MB: not while idle
    from urllib.parse import urlsplit

    deadline = time.monotonic() + timeout
    try:
        url = urlsplit(request.url)
        proxy = _proxy(url, line)
        connection = _connect(url, proxy, line, timeout)
    except (OSError, HTTPException, ValueError) as error:
        raise NotSentError(f"No connection: {_reason(error)}") from None
    try:
        wire = connection.sock  # Ours to limit even after http.client has let go of it.
        target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        headers = dict(request.headers)
        if proxy is not None and url.scheme == "http":
            target = f"http://{url.netloc.rpartition('@')[2]}{target}"
            headers.update(_authorization(proxy))
        _limit(wire, deadline)
        connection.request(request.method, target, body=request.body, headers=headers)
        response = connection.getresponse()
        answer = {name.lower(): value for name, value in response.getheaders()}
        body = bytearray()
        while chunk := response.read1(CHUNK):
            body += chunk
            if len(body) > BODY_MAX:
                raise ConnectionError("The answer is too long.")
            _limit(wire, deadline)
        if response.length:
            raise ConnectionError("The answer was cut off.")
    except (HTTPException, ValueError) as error:
        raise ConnectionError(f"No answer: {_reason(error)}") from None
    finally:
        connection.close()
    return response.status, answer, bytes(body)


def _limit(wire: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("No complete answer in time.")
    if wire.fileno() >= 0:  # Closed already with the last byte of an answer.
        wire.settimeout(left)


def _reason(error: Exception) -> str:
    # An OSError's text tells what happened; the others' may repeat a URL.
    return str(error) if isinstance(error, OSError) else type(error).__name__


def _connect(
    url: SplitResult, proxy: SplitResult | None, line: LineSettings, timeout: float
) -> HTTPConnection:
    """Open a connection to the origin or through the proxy, TLS included."""
    from http.client import HTTPConnection, HTTPSConnection

    near = url if proxy is None else proxy
    if url.scheme not in {"http", "https"} or not url.hostname or not near.hostname:
        raise ValueError("Neither an http nor an https URL.")
    connection: HTTPConnection
    if url.scheme == "http":
        connection = HTTPConnection(near.hostname, near.port or 80, timeout=timeout)
    else:
        port = near.port or (443 if proxy is None else 80)
        context = _context(line.ca_file, line.client_cert)
        connection = HTTPSConnection(near.hostname, port, timeout=timeout, context=context)
        if proxy is not None:
            connection.set_tunnel(url.hostname, url.port or 443, headers=_authorization(proxy))
    try:
        connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


def _proxy(url: SplitResult, line: LineSettings) -> SplitResult | None:
    """Choose the proxy as aiohttp does: the explicit one, else the environment's for this scheme and host."""
    from urllib.parse import urlsplit

    if line.proxy is not None:
        proxy = urlsplit(line.proxy)
        if proxy.scheme != "http":
            raise ValueError("Only http proxies can be used without aiohttp.")
        return proxy
    if not line.trust_env or not _may_have_proxy(url.scheme):
        return None
    from urllib.request import getproxies, proxy_bypass  # slow to import

    text = getproxies().get(url.scheme)
    if not text or proxy_bypass(url.hostname or ""):
        return None
    proxy = urlsplit(text)
    return proxy if proxy.scheme == "http" else None


def _may_have_proxy(scheme: str) -> bool:
    system_settings = os.name != "posix" or sys.platform == "darwin"
    return system_settings or any(name.lower() == f"{scheme}_proxy" for name in os.environ)


def _authorization(proxy: SplitResult) -> Headers:
    if proxy.username is None:
        return {}
    from base64 import b64encode
    from urllib.parse import unquote

    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


_making_context = threading.Lock()  # Many senders at once need one context, not one each.


def _context(ca_file: str | None, client_cert: str | None) -> SSLContext:
    with _making_context:
        return _make_context(ca_file, client_cert)


@functools.lru_cache(maxsize=16)
def _make_context(ca_file: str | None, client_cert: str | None) -> SSLContext:
    import ssl  # 8 ms, and 20 for the system's authorities

    context = ssl.create_default_context(cafile=ca_file)
    if client_cert is not None:
        context.load_cert_chain(client_cert)
    return context
