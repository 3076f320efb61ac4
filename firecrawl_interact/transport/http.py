"""HTTP by aiohttp: one request, whole answers, and whether it was sent."""

from __future__ import annotations

import asyncio
import ssl as tls
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies_environment
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # not in typeshed

import aiohttp
import attrs
from yarl import URL

from firecrawl_interact.errors import InvalidOptionError, TransportError, TransportTimeoutError
from firecrawl_interact.models import Answer, Request
from firecrawl_interact.transport.deadline import Deadline
from firecrawl_interact.transport.redact import redact

if TYPE_CHECKING:
    from aiohttp.connector import Connection

_NO_LIMITS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
_LONGEST_REASON = 200  # Characters of somebody else's words that we repeat.


@attrs.frozen(kw_only=True)
class ConnectionSettings:
    """
    How to reach a provider. Equal settings may share a transport.

    Attributes:
        proxy: URL of an HTTP proxy, credentials included, or None to take it from the
            environment if *trust_env*.

        ca_file: PEM file of certificate authorities, instead of the system's.

        client_cert: PEM file with a client certificate and its key.

        trust_env: Whether HTTPS_PROXY, HTTP_PROXY and NO_PROXY count. Never ~/.netrc: it would
            compete with the API key.

        ssl: The caller's own context, used as it is; *ca_file* and *client_cert* then serve
            only those who cannot use it.
    """

    proxy: str | None = attrs.field(default=None, repr=False)
    ca_file: str | None = None
    client_cert: str | None = None
    trust_env: bool = True
    ssl: tls.SSLContext | None = attrs.field(default=None, repr=False)


class HttpTransport:
    """
    Carry requests over HTTP/1.1, for one event loop.

    Connections are made in the loop that sends first. Redirects are not followed, since that
    would send a request again; cookies are not kept.

    aiohttp repeats a GET, PUT or DELETE once, by itself, if the connection broke before an
    answer, as a kept one may at any time; a POST never. `sent` counts the first sending.
    """

    def __init__(self, settings: ConnectionSettings | None = None) -> None:
        """
        Prepare; nothing is opened.

        Raises:
            InvalidOptionError: The proxy is no http(s) URL, or a file cannot be used.
        """
        self._settings = settings or ConnectionSettings()
        self._ssl = _ssl_context(self._settings)
        self._proxy = None if self._settings.proxy is None else _proxy_url(self._settings.proxy)
        self._proxies: dict[tuple[str, str | None], URL | None] = {}
        self._kept: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._closed = False

    async def send(self, request: Request, *, timeout: float, fresh: bool = False) -> Answer:
        """
        Send one request and read the whole answer, whatever its status.

        Args:
            request: What to send, headers complete.

            timeout: Seconds for all of it: connecting, sending, reading.

            fresh: Send on a connection that was never used before and is not used again.

        Raises:
            TransportTimeoutError: No complete answer in time.
            TransportError: The line failed. ``sent`` is False if no byte of the request left.
        """
        progress = _Progress()
        _progress.set(progress)
        task = asyncio.current_task()
        cancelling = task.cancelling() if task is not None else 0
        try:
            with Deadline(timeout):
                session = self._session(fresh)
                url = URL(request.url, encoded=True)
                response = await session.request(
                    request.method,
                    url,
                    headers=request.headers,
                    data=request.body,
                    allow_redirects=False,
                    proxy=self._proxy_for(url),
                )
                body = await response.read()
        except asyncio.CancelledError as error:
            if _ends_the_task(task, cancelling):
                raise
            failure = _failure(request, error, progress.sent)
        except (aiohttp.ClientError, TransportError, OSError, ValueError) as error:
            failure = _failure(request, error, progress.sent)
        else:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, body)
        # Outside of the handlers, so that the failure drags along no exception of aiohttp's:
        # those hold the request's headers.
        raise failure

    async def aclose(self) -> None:
        """Close every connection. A second call does nothing."""
        self._closed = True
        sessions = [session for session in (self._kept, self._fresh) if session is not None]
        self._kept = self._fresh = None
        async with AsyncExitStack() as stack:
            # Transports that were told to close do so in the loop's next turn.
            stack.push_async_callback(asyncio.sleep, 0)
            for session in sessions:
                stack.push_async_callback(session.close)

    def _session(self, fresh: bool) -> aiohttp.ClientSession:
        session = self._fresh if fresh else self._kept
        if session is not None:
            return session
        if self._closed:
            raise TransportError("The transport is closed.", sent=False)
        connector = aiohttp.TCPConnector(
            # A slow request must never make a delete wait for a connection.
            limit=0,
            force_close=fresh,
            ssl=True if self._ssl is None else self._ssl,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_WatchedRequest,
            # All of aiohttp's time limits work by task.cancel(), which an owned task refuses.
            timeout=_NO_LIMITS,
            # aiohttp would look the proxy up in a thread at every request, and read ~/.netrc.
            trust_env=False,
        )
        if fresh:
            self._fresh = session
        else:
            self._kept = session
        return session

    def _proxy_for(self, url: URL) -> URL | None:
        if self._proxy is not None:
            return self._proxy
        if not self._settings.trust_env:
            return None
        key = (url.scheme, url.host)
        if key not in self._proxies:
            self._proxies[key] = _proxy_from_environment(url)
        return self._proxies[key]


class _Progress:
    """How far one request has come."""

    __slots__ = ("sent",)

    def __init__(self) -> None:
        self.sent = False


_progress: ContextVar[_Progress] = ContextVar("firecrawl_interact_progress")


class _WatchedRequest(aiohttp.ClientRequest):
    """Note the moment just before the first byte is written."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        _progress.get().sent = True
        return await super().send(conn)


def _ends_the_task(task: asyncio.Task[Any] | None, cancelling: int) -> bool:
    """
    Tell whether a cancellation is meant for this task, and not only for a helper of aiohttp's.

    Whoever cancels all tasks of a loop also hits the connector's helpers, and their cancellation
    arrives here. In an ordinary task the two look alike and both end it.
    """
    if not hasattr(task, "interrupt"):
        return True
    assert task is not None  # noqa: S101  # it has the attribute
    return bool(getattr(task, "expired", False)) or task.cancelling() > cancelling


def _failure(request: Request, error: BaseException, sent: bool) -> TransportError:
    """Say what went wrong, with nothing in it that must not be read."""
    try:
        url = URL(request.url, encoded=True)
        where = f"{request.method} to {url.host}:{url.port}"
    except ValueError:
        where = request.method
    when = "was sent and not answered" if sent else "was not sent"
    text = f"{where} {when}: {_reason(error)}"
    if isinstance(error, TransportTimeoutError | TimeoutError):
        return TransportTimeoutError(text, sent=sent)
    return TransportError(text, sent=sent)


def _reason(error: BaseException) -> str:
    return redact(f"{type(error).__name__}: {error}")[:_LONGEST_REASON]


def _ssl_context(settings: ConnectionSettings) -> tls.SSLContext | None:
    if settings.ssl is not None:
        return settings.ssl
    if settings.ca_file is None and settings.client_cert is None:
        return None
    try:
        context = tls.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise InvalidOptionError(f"ca_file cannot be used: {error}", option="ca_file") from None
    if settings.client_cert is not None:
        try:
            context.load_cert_chain(settings.client_cert)
        except OSError as error:
            raise InvalidOptionError(f"client_cert cannot be used: {error}", option="client_cert") from None
    return context


def _proxy_url(text: str) -> URL:
    url = URL(text if "://" in text else f"http://{text}")
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidOptionError("proxy must be an http or https URL.", option="proxy")
    return url


def _proxy_from_environment(url: URL) -> URL | None:
    proxies = getproxies_environment()
    text = proxies.get(url.scheme)
    if not text or proxy_bypass_environment(f"{url.host}:{url.port}", proxies):
        return None
    return _proxy_url(text)
