"""What has happened since the server started, in numbers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import attrs
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from firecrawl_interact.server.record import Browser


@attrs.frozen
class Call:
    """One kind of request: method, the route's pattern, status."""

    method: str
    route: str
    status: int


@attrs.define(eq=False)
class Counts:
    """
    Count sessions and requests; an attendant of the table of browsers.

    Attributes:
        starts: Sessions that were started.

        ended: Sessions that were ended, by reason.

        lived: Seconds that those lived in all.

        calls: Requests answered, by kind.

        seconds: Seconds they took in all, by kind.

        spares: Tells how many spare browsers stand ready.
    """

    starts: int = 0
    ended: Counter[str] = attrs.field(factory=Counter[str])
    lived: float = 0.0
    calls: Counter[Call] = attrs.field(factory=Counter[Call])
    seconds: dict[Call, float] = attrs.field(factory=dict[Call, float])
    spares: Callable[[], int] = attrs.field(default=lambda: 0)

    async def started(self, browser: Browser) -> None:
        """Count one more."""
        del browser
        self.starts += 1

    async def ending(self, browser: Browser) -> None:
        """Count its end; one that failed to start has no reason."""
        if browser.reason is not None:
            self.ended[browser.reason.value] += 1
            self.lived += browser.duration

    def middleware(self) -> Middleware:
        """Make what counts every request; patterns, not paths, whose ids and tokens nobody may see."""

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            begun = time.perf_counter()
            status = 499  # Nobody waited for the answer.
            try:
                response = await handler(request)
                status = response.status
                return response
            except web.HTTPException as error:
                status = error.status
                raise
            except Exception:
                status = 500
                raise
            finally:
                resource = request.match_info.route.resource
                route = "(no route)" if resource is None else resource.canonical
                method = request.method if request.method in hdrs.METH_ALL else "OTHER"
                call = Call(method, route, status)
                self.calls[call] += 1
                self.seconds[call] = self.seconds.get(call, 0.0) + time.perf_counter() - begun

        return count
