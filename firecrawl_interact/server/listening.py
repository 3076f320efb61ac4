"""How the server listens: what a connection may cost before anybody has shown a key."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from firecrawl_interact.server.access_log import AccessLogger
from firecrawl_interact.server.porter import Porter

HEAD_TIMEOUT = 75.0  # Seconds for a request's head, or between two requests; proxies keep theirs for 60.

# Bytes, and a number. They are aiohttp's own, but the promise is ours.
LONGEST_LINE = 8190
LONGEST_FIELD = 8190
MOST_FIELDS = 128

_LINGER = 2.0  # Seconds in which a client that was refused may still send the body that nobody reads.

_MET = "100-continue"  # The one expectation that HTTP knows.

_Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_log = logging.getLogger(__name__)


def runner_for(
    app: web.Application, porter: Porter, *, head_timeout: float = HEAD_TIMEOUT, shutdown_timeout: float = 1.0
) -> web.AppRunner:
    """
    Make what runs an application.

    Args:
        app: It gets one middleware more, outermost.

        porter: Who looks after its connections, once somebody calls its `run`.

        head_timeout: Seconds for a request's head, or between two requests.

        shutdown_timeout: Seconds for answers under way when it ends.
    """
    app.middlewares.insert(0, porter.middleware())
    return _Runner(
        app,
        access_log_class=AccessLogger,
        logger=_errors(),
        shutdown_timeout=shutdown_timeout,
        keepalive_timeout=head_timeout,
        lingering_time=_LINGER,
        max_line_size=LONGEST_LINE,
        max_field_size=LONGEST_FIELD,
        max_headers=MOST_FIELDS,
    )


class _Runner(web.AppRunner):
    """Runs an application behind `_judging`."""

    __slots__ = ()

    async def setup(self) -> None:
        """Get ready to listen."""
        await super().setup()
        if self.server is not None:
            self.server.request_handler = _judging(self.server.request_handler)


def _judging(handle: _Handle) -> _Handle:
    """Judge what requests expect before aiohttp does: that stumbles over bytes that are no text."""

    async def judge(request: web.BaseRequest) -> web.StreamResponse:
        expected = request.headers.get(hdrs.EXPECT) or _MET
        if expected.lower() != _MET and request.version >= HttpVersion11:
            return web.Response(status=417, text=f"This server meets one expectation: {_MET}.")
        return await handle(request)

    return judge


def _errors() -> logging.Logger:
    """Return the logger for what goes wrong before a request has come to any route."""
    logger = logging.getLogger(f"{__name__}.errors")
    logger.addFilter(_without_bytes)  # Added once, however often.
    return logger


def _without_bytes(record: logging.LogRecord) -> bool:
    """Put one quiet line in place of aiohttp's report, which quotes what was sent: links and keys, maybe."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError | web.RequestPayloadError):
        return True
    _log.info("A client sent what is not HTTP: %s", type(error).__name__)
    return False
