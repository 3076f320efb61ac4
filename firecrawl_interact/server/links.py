"""The links a session hands out; whoever has one gets in."""

from __future__ import annotations

import hmac

from aiohttp import web

from firecrawl_interact.server import discovery
from firecrawl_interact.server.engine import Endpoint
from firecrawl_interact.server.keys import BROWSERS, SCREENCASTS
from firecrawl_interact.server.record import Browser

CDP = "/cdp/"
LIVE = "/live/"

PRIVATE = {
    "Referrer-Policy": "no-referrer",  # The link is the secret: no page may be told it.
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


def origin(request: web.Request) -> str:
    """Tell where the caller reaches this server, such as ``http://127.0.0.1:4321``."""
    return f"{request.scheme}://{request.host}"


def cdp_url(base: str, browser: Browser, token: str | None = None) -> str:
    """Build the WebSocket address that drives the browser, with another token than its own if given one."""
    return f"ws{base.removeprefix('http')}{CDP}{browser.id}?token={token or browser.cdp_token}"


def watch_url(base: str, browser: Browser, token: str | None = None) -> str:
    """Build the address of the page that shows the browser."""
    return f"{base}{LIVE}{browser.id}?token={token or browser.watch_token}"


def control_url(base: str, browser: Browser, token: str | None = None) -> str:
    """Build the address of the page that shows the browser and takes clicks and keys."""
    return f"{base}{LIVE}{browser.id}?token={token or browser.control_token}&interactive=true"


def routes() -> list[web.RouteDef]:
    """List the routes that the links lead to."""
    return [
        web.get(CDP + "{browser_id}", _cdp),
        *discovery.routes(CDP + "{browser_id}", _version, _pages),
        web.get(LIVE + "{browser_id}", _page),
        web.get(LIVE + "static/{version}/{name}", _part),
        web.get(LIVE + "{browser_id}/frame", _frame),
        web.get(LIVE + "{browser_id}/stream", _stream, allow_head=False),
    ]


def refusal(refused: web.HTTPException, *, root: str = "") -> web.Response:
    """Word a refusal for a person who opened a link; `root` leads up to the live pages."""
    from firecrawl_interact.server import live_page  # Fakes need none.

    text = live_page.refusal(refused.status, refused.text or refused.reason, root=root)
    headers = PRIVATE | live_page.HEADERS
    return web.Response(text=text, status=refused.status, content_type="text/html", headers=headers)


def endpoint_of(browser: Browser) -> Endpoint:
    """
    Tell where a browser takes commands.

    Raises:
        HTTPServiceUnavailable: It is none.
    """
    endpoint = browser.engine.endpoint
    if endpoint is None:
        raise web.HTTPServiceUnavailable(text="There is no real browser behind this session.")
    return endpoint


async def pass_through(request: web.Request, browser: Browser) -> web.StreamResponse:
    """Connect the caller's WebSocket to the browser's own, for as long as both want."""
    endpoint = endpoint_of(browser)
    browser.touch()
    with browser.connected():
        return await endpoint.relay(request, browser.touch)


async def _cdp(request: web.Request) -> web.StreamResponse:
    browser = _let_in(request, "cdp", "program")
    if _opens(request, browser) == "program":
        # Connected from its first run to the end of the session, which would never be idle.
        return await endpoint_of(browser).relay(request, _unnoticed)
    return await pass_through(request, browser)


async def _version(request: web.Request) -> web.StreamResponse:
    browser = _let_in(request, "cdp", "program")
    return discovery.version(cdp_url(origin(request), browser, request.query["token"]))


async def _pages(request: web.Request) -> web.StreamResponse:
    return await discovery.pages(endpoint_of(_let_in(request, "cdp", "program")))


def _unnoticed() -> None:
    """Let a program's traffic keep no session alive; its runs do."""


async def _page(request: web.Request) -> web.StreamResponse:
    from firecrawl_interact.server import live_page  # Fakes need none.

    try:
        browser = _let_in(request, "watch", "control")
    except (web.HTTPForbidden, web.HTTPGone) as refused:
        return refusal(refused)
    text = live_page.page(control=_opens(request, browser) == "control")
    return web.Response(text=text, content_type="text/html", headers=PRIVATE | live_page.HEADERS)


async def _part(request: web.Request) -> web.StreamResponse:
    """Serve what the page is made of. No token is asked for: it holds nothing of any session."""
    from firecrawl_interact.server import live_page  # Fakes need none.

    found = live_page.part(request.match_info["name"])
    if found is None:
        raise web.HTTPNotFound(text="The live view has no such part.")
    text, kind = found
    return web.Response(text=text, content_type=kind, headers=live_page.PART_HEADERS)


async def _frame(request: web.Request) -> web.StreamResponse:
    browser = _let_in(request, "watch", "control")
    endpoint_of(browser)
    from firecrawl_interact.server.cdp import CdpError

    try:
        with browser.connected():
            picture = await request.app[SCREENCASTS].picture(browser)
    except CdpError as error:
        return web.Response(status=503, text=f"There is no picture: {error}.")
    return web.Response(body=picture, content_type="image/jpeg", headers=PRIVATE)


async def _stream(request: web.Request) -> web.StreamResponse:
    browser = _let_in(request, "watch", "control")
    control = _opens(request, browser) == "control"
    endpoint_of(browser)
    from firecrawl_interact.server import live_view  # Fakes need none.

    with browser.connected():
        return await live_view.stream(request, browser, request.app[SCREENCASTS], control=control)


def _let_in(request: web.Request, *kinds: str) -> Browser:
    """
    Find the browser whose token the caller shows.

    An unknown id and a wrong token get the same answer, so that ids cannot be probed.
    """
    browser = request.app[BROWSERS].get(request.match_info["browser_id"])
    if browser is None:
        raise web.HTTPForbidden(text="This link opens nothing.")
    if _opens(request, browser) not in kinds:
        raise web.HTTPForbidden(text="This link opens nothing.")
    if not browser.alive:
        raise web.HTTPGone(text="This browser has ended.")
    return browser


def _opens(request: web.Request, browser: Browser) -> str | None:
    """Tell what the token that the caller shows opens. A near miss takes as long as any other."""
    shown = request.query.get("token", "").encode(errors="surrogateescape")
    tokens = {
        browser.cdp_token: "cdp",
        browser.watch_token: "watch",
        browser.control_token: "control",
        browser.program_token: "program",
    }
    found = None
    for token, kind in (tokens | browser.grants).items():
        if hmac.compare_digest(token.encode(), shown):
            found = kind
    return found
