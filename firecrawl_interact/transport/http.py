"""HTTP by aiohttp: one request, whole answers, and whether it was sent."""

from __future__ import annotations

import asyncio
import functools
import os
import ssl as tls
from contextlib import AsyncExitStack, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from urllib.request import getproxies_environment, proxy_bypass

import aiohttp
from aiohttp.http_writer import StreamWriter
from yarl import URL

from firecrawl_interact.errors import InvalidOptionError, TransportError, TransportTimeoutError
from firecrawl_interact.models import Answer, Request
from firecrawl_interact.transport.deadline import Deadline
from firecrawl_interact.transport.redact import redact
from firecrawl_interact.transport.settings import ConnectionSettings

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.connector import Connection

# All of aiohttp's own time limits work by task.cancel(), which an owned task refuses.
_NO_LIMITS = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)

# Since 3.12 aiohttp holds the headers back until it writes the body, so as to send both at once.
_HEADERS_WAIT = hasattr(StreamWriter, "send_headers")

_CLOSE_GRACE = 1.0  # Seconds that closing waits for bytes under way, for each kind of connection.
_LONGEST_REASON = 200  # Characters of the reason of a failure.


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
        self._proxy = _explicit_proxy(self._settings)
        # Read once: asking the environment at every request would cost more than the request.
        use_environment = self._proxy is None and self._settings.trust_env
        self._environment = getproxies_environment() if use_environment else {}
        self._proxies: dict[tuple[str, str], URL | None] = {}
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
        session = self._session(fresh)
        url = _parse(request.url)
        proxy = self._proxy_for(url)
        progress = _Progress()
        _progress.set(progress)
        task = asyncio.current_task()
        cancelling = 0 if task is None else task.cancelling()
        try:
            with Deadline(timeout):
                response = await session.request(
                    request.method,
                    url,
                    headers=request.headers,
                    data=request.body,
                    allow_redirects=False,
                    proxy=proxy,
                )
                body = await _read(response, request.longest_answer)
        except _TooLongError:
            reason = f"its answer is longer than {request.longest_answer} bytes"
            failure = TransportError
        except asyncio.CancelledError as error:
            if _ends_the_task(task, cancelling):
                raise
            reason = _reason(error)
            failure = TransportError
        except TransportTimeoutError:
            reason = f"no complete answer within {timeout:g} s"
            failure = TransportTimeoutError
        # RuntimeError: an executor or a loop that is shutting down.
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            reason = _reason(error)
            failure = TransportError
        else:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return Answer(response.status, headers, body)
        # Outside of the handlers, so that the failure drags along no exception of aiohttp's:
        # those hold the request, key and all.
        when = "was sent, but failed" if progress.sent else "was not sent"
        raise failure(f"{request.method} to {url.host}:{url.port} {when}: {reason}.", sent=progress.sent)

    async def aclose(self) -> None:
        """Close every connection. A second call does nothing."""
        self._closed = True
        sessions = [session for session in (self._kept, self._fresh) if session is not None]
        self._kept = self._fresh = None
        async with AsyncExitStack() as stack:
            # Transports that were told to close do so in the loop's next turn.
            stack.push_async_callback(asyncio.sleep, 0)
            for session in sessions:
                stack.push_async_callback(_close, session)

    def _session(self, fresh: bool) -> aiohttp.ClientSession:
        session = self._fresh if fresh else self._kept
        if session is not None:
            return session
        if self._closed:
            raise TransportError("The transport is closed; nothing was sent.", sent=False)
        connector = aiohttp.TCPConnector(
            limit=0,  # A slow request must never make a delete wait for a connection.
            force_close=fresh,
            ssl=True if self._ssl is None else self._ssl,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_WatchedRequest,
            timeout=_NO_LIMITS,
            skip_auto_headers=("Content-Type",),  # aiohttp calls even no body an octet stream.
            # aiohttp would look the proxy up in a thread at every request, and read ~/.netrc.
            trust_env=False,
        )
        if fresh:
            self._fresh = session
        else:
            self._kept = session
        return session

    def _proxy_for(self, url: URL) -> URL | None:
        if not self._environment:
            return self._proxy
        key = (url.scheme, url.raw_authority)
        if key not in self._proxies:
            self._proxies[key] = _environment_proxy(url, self._environment)
        return self._proxies[key]


class _TooLongError(Exception):
    """An answer is longer than it may be."""


async def _read(response: aiohttp.ClientResponse, longest: int) -> bytes:
    """Read the body, and no more of it than may be."""
    parts: list[bytes] = []
    size = 0
    try:
        while part := await response.content.readany():
            size += len(part)
            if size > longest:
                raise _TooLongError  # noqa: TRY301  # closed below, as after any other failure
            parts.append(part)
    except BaseException:
        response.close()  # What is left of the answer must not be taken for the next one.
        raise
    await response.read()  # Nothing is left; gives the connection back in aiohttp's own way.
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _close(session: aiohttp.ClientSession) -> None:
    # Waits for what is still to be written, which a peer that reads no more holds up for ever.
    with suppress(TransportTimeoutError), Deadline(_CLOSE_GRACE):
        await session.close()


def _parse(url: str) -> URL:
    try:
        return URL(url, encoded=True)
    except ValueError:
        failure = TransportError("The URL cannot be read; nothing was sent.", sent=False)
    raise failure


class _Progress:
    """How far one request has come."""

    __slots__ = ("sent",)

    def __init__(self) -> None:
        self.sent = False


_progress: ContextVar[_Progress] = ContextVar("firecrawl_interact_progress")


class _WatchedRequest(aiohttp.ClientRequest):
    """Note the moment just before the first byte is written."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        if not (_HEADERS_WAIT and self.body):
            _note_sending(conn)
        response = await super().send(conn)
        writer: asyncio.Task[None] | None = getattr(self, "_writer", None)
        if writer is not None:
            # Before Python 3.12 the body is written in the loop's next turn. Whoever cancels all
            # tasks then cancels this one before it begins, and the answer would never come.
            writer.add_done_callback(functools.partial(_close_if_cancelled, conn))
        return response

    async def write_bytes(
        self, writer: AbstractStreamWriter, conn: Connection, *args: Any, **options: Any
    ) -> None:
        _note_sending(conn)
        await super().write_bytes(writer, conn, *args, **options)


def _note_sending(conn: Connection) -> None:
    """A connection that broke since it was made takes no byte any more."""
    transport = conn.transport
    if transport is not None and not transport.is_closing():
        _progress.get().sent = True


def _close_if_cancelled(conn: Connection, writer: asyncio.Task[None]) -> None:
    if writer.cancelled():
        conn.close()


def _ends_the_task(task: asyncio.Task[Any] | None, cancelling: int) -> bool:
    """
    Tell whether a cancellation is meant for this task, and not only for a helper of aiohttp's.

    Whoever cancels all tasks of a loop also hits the connector's helpers, and their cancellation
    arrives here. In an ordinary task the two look alike and both end it.
    """
    if task is None or not hasattr(task, "interrupt"):
        return True
    return bool(getattr(task, "expired", False)) or task.cancelling() > cancelling


def _reason(error: BaseException) -> str:
    """
    Say what went wrong, from parts that hold no address, no header and no word of the provider.

    The texts of aiohttp's exceptions quote URLs, and some hold half an answer.
    """
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"{name}, the proxy answered {error.status}"
    # What the connector keeps beside its own text, as the system said it.
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
    if isinstance(cause, OSError):
        words = cause.strerror or str(cause)
    elif isinstance(error, OSError) and error.errno:
        words = os.strerror(error.errno)
    else:
        return name
    return redact(f"{name}, {words}"[:_LONGEST_REASON])


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


def _explicit_proxy(settings: ConnectionSettings) -> URL | None:
    if settings.proxy is None:
        return None
    url = _proxy_url(settings.proxy)
    if url is None:
        raise InvalidOptionError("proxy must be an http or https URL.", option="proxy")
    return url


def _environment_proxy(url: URL, proxies: dict[str, str]) -> URL | None:
    text = proxies.get(url.scheme)
    if not text or proxy_bypass(f"{url.host}:{url.port}"):
        return None
    proxy = _proxy_url(text)
    if proxy is None:
        # Going around a proxy that somebody has set could be worse than not going at all.
        raise TransportError(f"{url.scheme}_proxy is no http or https URL; nothing was sent.", sent=False)
    return proxy


def _proxy_url(text: str) -> URL | None:
    try:
        url = URL(text if "://" in text else f"http://{text}")
    except ValueError:
        return None
    return url if url.scheme in {"http", "https"} and url.host else None
