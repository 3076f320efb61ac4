"""One log line per request, without anything that opens a browser."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger


class AccessLogger(AbstractAccessLogger):
    """
    Log the route's pattern in place of the path.

    Paths and queries hold session ids, tokens and keys; aiohttp's own lines show them.
    Give it as ``access_log_class`` to whatever runs the application.
    """

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Write the line."""
        parts = {
            "remote": request.remote,
            "method": request.method,
            "route": _pattern(request),
            "status": response.status,
            "milliseconds": round(time * 1000, 1),
        }
        self.logger.info("%s %s %s %d %.1f ms", *parts.values(), extra={"access": parts})

    @property
    def enabled(self) -> bool:
        """Whether anybody reads it."""
        return self.logger.isEnabledFor(logging.INFO)


def _pattern(request: web.BaseRequest) -> str:
    if isinstance(request, web.Request):
        try:
            resource = request.match_info.route.resource
        except (AssertionError, AttributeError):  # What is not HTTP was never looked up.
            return "(no route)"
        if resource is not None:
            return resource.canonical
    return "(no route)"
