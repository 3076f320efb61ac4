"""Start, find and end a session in Firecrawl's words, whatever it was started for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator

from aiohttp import web

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import links
from firecrawl_interact.server.browsers import NoSlotError, ShuttingDownError
from firecrawl_interact.server.dialects.firecrawl_bill import bill, credits_for, milliseconds
from firecrawl_interact.server.dialects.firecrawl_guard import ProblemError
from firecrawl_interact.server.engine import Engine
from firecrawl_interact.server.keys import BROWSERS, SETTINGS
from firecrawl_interact.server.profiles import ProfileInUseError
from firecrawl_interact.server.record import Browser, Status, Wish
from firecrawl_interact.server.settings import Generation
from firecrawl_interact.wire import firecrawl as wire

STOP_PATIENCE = 30.0  # Seconds a DELETE waits for the browser to be gone.

_UPGRADE = " For more credits, you can upgrade your plan at https://firecrawl.dev/pricing."


def find(request: web.Request, team: str, session_id: str) -> Browser:
    """Find a session of this team, alive or ended."""
    browser = request.app[BROWSERS].get(session_id)
    if browser is None:
        raise ProblemError(404, "Browser session not found.")
    if browser.wish.team != team:
        raise ProblemError(403, "Forbidden.")
    return browser


async def launch(request: web.Request, wish: Wish) -> Browser:
    """Start a browser, or refuse as Firecrawl does."""
    generation = request.app[SETTINGS].generation
    _check_balance(request, wish, generation)
    with _worded(generation):
        return await request.app[BROWSERS].create(wish)


@contextlib.asynccontextmanager
async def lent(request: web.Request, wish: Wish) -> AsyncGenerator[Engine]:
    """Start a browser that is no session, for the time of a block, or refuse as Firecrawl does."""
    with _worded(request.app[SETTINGS].generation):
        async with request.app[BROWSERS].lend(wish) as engine:
            yield engine


async def stop(request: web.Request, browser: Browser) -> wire.DeleteReply:
    """End a session and word the receipt."""
    try:
        async with asyncio.timeout(STOP_PATIENCE):
            gone = await request.app[BROWSERS].end(browser)
    except TimeoutError:
        raise ProblemError(502, "Browser is still stopping. Retry deletion shortly.") from None
    if not gone:
        raise ProblemError(502, "Hangar did not confirm the stop request.")
    generation = request.app[SETTINGS].generation
    if generation is Generation.G1:
        return wire.DeleteReply(success=True)
    first, browser.settled = not browser.settled, True
    return wire.DeleteReply(
        success=True,
        status=(browser.status if first else Status.STOPPED).value,
        cleanup_queued=True if generation is Generation.G2 else None,
        session_duration_ms=milliseconds(browser.duration) if first else None,
        credits_billed=bill(browser),
    )


def link_fields(request: web.Request, browser: Browser) -> dict[str, str]:
    """List the links of a session, as the wire classes spell them."""
    base = links.origin(request)
    live_view = browser.wish.live_view
    return {
        "cdp_url": links.cdp_url(base, browser),
        "live_view_url": links.watch_url(base, browser) if live_view else "",
        "interactive_live_view_url": links.control_url(base, browser) if live_view else "",
    }


@contextlib.contextmanager
def _worded(generation: Generation) -> Generator[None]:
    """Put Firecrawl's words around what keeps a browser from being started."""
    try:
        yield
    except ProfileInUseError:
        text = "Browser operation conflicts with the current session or profile state."
        if generation is Generation.G1:
            text = (
                "Another session is currently writing to this profile. Only one writer is allowed at a time."
                " You can still access it with saveChanges: false, or try again later."
            )
        raise ProblemError(409, text) from None
    except NoSlotError as error:
        text = f"You have reached the maximum number of concurrent jobs ({error.limit})."
        if generation is Generation.G1:
            text += (
                " Please wait for existing jobs to complete or destroy browser sessions"
                " before creating new ones."
            )
        raise ProblemError(429, text) from None
    except ShuttingDownError:
        raise ProblemError(503, "The server is shutting down.") from None
    except LocalBrowserError as error:
        # Not Firecrawl's 502: its SDKs send a create again on that. 503 says that nothing was made.
        raise ProblemError(503, str(error), code="LOCAL_BROWSER") from error


def _check_balance(request: web.Request, wish: Wish, generation: Generation) -> None:
    balance = request.app[SETTINGS].credits
    needed = credits_for(wish.ttl or 0)
    if balance is not None and balance < needed:
        text = f"Insufficient credits for a {wish.ttl:g}s browser session (requires ~{needed} credits)."
        raise ProblemError(402, text + (_UPGRADE if generation is Generation.G1 else ""))
