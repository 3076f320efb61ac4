"""The links of Anchor's answers, and the scoped tokens that further links are minted with."""

from __future__ import annotations

from aiohttp import web

from firecrawl_interact.server import links
from firecrawl_interact.server.dialects.anchor_guard import ProblemError, find, guarded, read_body
from firecrawl_interact.server.record import Browser
from firecrawl_interact.wire import anchor as wire

TOKENS = "/v1/sessions/{session_id}/tokens"
MOST_TOKENS = 1000  # Of one session; ours.

_OPENS = {"cdp": "cdp", "live_view": "control", "live_view_read_only": "watch"}


def routes() -> list[web.RouteDef]:
    """List the routes."""
    return [
        web.post(TOKENS, guarded(_mint)),
        web.delete(TOKENS + "/{token}", guarded(_revoke)),
    ]


def of(browser: Browser, base: str) -> wire.Links:
    """
    Return the links that the answer to a start has, whenever it is given.

    Each carries a token of its own, where Anchor's own hold the caller's key.
    """
    kinds = {scope: _kind(browser, scope) for scope in _servable(browser)}
    if browser.wish.scoped and not browser.scoped:
        for kind in dict.fromkeys(kinds.values()):
            browser.grant(kind)
    if browser.scoped:
        # Asked once more: those of then, the oldest of each kind; what was revoked stays so.
        tokens = {kind: token for token, kind in reversed(browser.grants.items())}
        given = {scope: tokens[kind] for scope, kind in kinds.items() if kind in tokens}
        return _links(base, browser, given)
    view = links.watch_url if browser.wish.read_only else links.control_url
    return wire.Links(cdp_url=links.cdp_url(base, browser), live_view_url=view(base, browser))


async def _mint(request: web.Request, team: str) -> wire.LinksReply:
    browser = find(request, team)
    if not browser.alive:
        raise ProblemError(404, "Session not found.")
    asked = await read_body(request, wire.LinksRequest)
    servable = _servable(browser)
    scopes = asked.scopes or servable
    if not set(scopes) <= set(servable):
        raise ProblemError(400, "The session cannot serve these scopes.")
    if len(browser.grants) + len(scopes) > MOST_TOKENS:
        raise ProblemError(400, "The session has too many tokens; revoke some.")
    kinds = {scope: _kind(browser, scope) for scope in scopes}
    tokens = {kind: browser.grant(kind) for kind in dict.fromkeys(kinds.values())}
    given = {scope: tokens[kind] for scope, kind in kinds.items()}
    return wire.LinksReply(data=_links(links.origin(request), browser, given))


async def _revoke(request: web.Request, team: str) -> wire.EndReply:
    browser = find(request, team)
    # Connections that are open stay so.
    if browser.grants.pop(request.match_info["token"], None) is None:
        raise ProblemError(404, "Token not found.")
    return wire.EndReply(data=wire.Ended(status="success"))


def _links(base: str, browser: Browser, tokens: dict[str, str]) -> wire.Links:
    """Build the links that *tokens*, by their scopes, open."""
    views = {
        scope: (links.control_url if browser.grants[token] == "control" else links.watch_url)(
            base, browser, token
        )
        for scope, token in tokens.items()
        if scope != "cdp"
    }
    return wire.Links(
        live_view_url=views.get("live_view"),
        live_view_read_only_url=views.get("live_view_read_only"),
        cdp_url=links.cdp_url(base, browser, tokens["cdp"]) if "cdp" in tokens else None,
    )


def _kind(browser: Browser, scope: str) -> str:
    return "watch" if browser.wish.read_only and scope == "live_view" else _OPENS[scope]


def _servable(browser: Browser) -> list[str]:
    """List the scopes that a session can serve: a headless one has no live view, by the documentation."""
    asked = wire.DIALECT.structure(browser.wish.configuration, wire.CreateRequest)
    session, part = asked.session or wire.SessionPart(), asked.browser or wire.BrowserPart()
    if part.headless is not None and part.headless.active:
        return ["cdp"]
    once = session.live_view is not None and session.live_view.one_time_url
    return [scope for scope in wire.SCOPES if not (once and scope == "live_view")]
