"""AnchorBrowser: one running browser at Anchor, by the id of its session."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, quote, urlsplit

import attrs

from firecrawl_interact.backends._arguments import string, strings
from firecrawl_interact.backends.anchor_calls import checked
from firecrawl_interact.backends.anchor_controls import AnchorClipboard, AnchorKeyboard, AnchorMouse
from firecrawl_interact.backends.anchor_files import AnchorFiles, AnchorRecordings
from firecrawl_interact.backends.anchor_values import AnchorLinks, AnchorPage
from firecrawl_interact.errors import InvalidOptionError, ProtocolError
from firecrawl_interact.wire import anchor as wire
from firecrawl_interact.wire import anchor_controls as controls
from firecrawl_interact.wire._converter import MisfitError

if TYPE_CHECKING:
    from firecrawl_interact.backends.anchor_calls import Calls
    from firecrawl_interact.models import Answer

Scope = Literal["live_view", "interactive_live_view", "cdp"]

_SCOPES = {"live_view": "live_view_read_only", "interactive_live_view": "live_view", "cdp": "cdp"}


class AnchorBrowser:
    """
    One running browser, driven without CDP. It owns nothing: who opened the session ends it.

    What changes something is sent once. Every call raises `SessionNotFoundError` where the session
    is unknown, other `BackendError` where Anchor refuses, `TransportError` where the line fails and
    `ProtocolError` where an answer does not fit.

    Attributes:
        mouse: `AnchorMouse`.

        keyboard: `AnchorKeyboard`.

        clipboard: `AnchorClipboard`.

        recordings: `AnchorRecordings`.

        files: `AnchorFiles`.

        tags: `AnchorTags`.
    """

    def __init__(self, calls: Calls) -> None:
        """Not called by users; see `AnchorBackend.browser`."""
        self._calls = calls
        self.mouse: AnchorMouse = AnchorMouse(calls)
        self.keyboard: AnchorKeyboard = AnchorKeyboard(calls)
        self.clipboard: AnchorClipboard = AnchorClipboard(calls)
        self.recordings: AnchorRecordings = AnchorRecordings(calls)
        self.files: AnchorFiles = AnchorFiles(calls)
        self.tags: AnchorTags = AnchorTags(calls)

    def __repr__(self) -> str:
        """Show that it is one; the id opens the browser."""
        return "<AnchorBrowser>"

    async def goto(self, url: str) -> None:
        """Open a page in the current tab."""
        await self._calls.change("POST", "/goto", controls.Done, controls.GotoRequest(url=string("url", url)))

    async def screenshot(self) -> bytes:
        """Return a picture of the page, as PNG."""
        headers = {"Accept": "image/png"}
        return (await self._calls.ask("GET", "/screenshot", headers=headers, repeatable=True)).body

    async def pages(self) -> list[AnchorPage]:
        """Name every tab."""
        answer = await self._calls.ask("GET", "/pages", repeatable=True)
        return [
            AnchorPage(
                id=page.id,
                title=page.title,
                url=page.url,
                interactive_live_view_url=page.frontend_url,
            )
            for page in _pages(self._calls, answer)
        ]

    async def mint_links(self, *scopes: Scope) -> AnchorLinks:
        """
        Make new links, each with a token of its own.

        From the first one on the session's id alone opens nothing any more, for good: links that
        were made before without a token let nobody in.

        Args:
            scopes: What they are for; none means all that the session can serve.
        """
        unknown = [scope for scope in scopes if scope not in tuple(_SCOPES)]
        if unknown:
            raise InvalidOptionError(
                f"scopes must be of {', '.join(_SCOPES)}, not {unknown[0]!r}.", option="scopes"
            )
        body = checked(lambda: wire.LinksRequest(scopes=[_SCOPES[each] for each in scopes] or None))
        links = (await self._calls.change("POST", "/tokens", wire.LinksReply, body)).data
        watch, control = links.live_view_read_only_url, links.live_view_url
        # Anchor says that both are the same where the session's live view takes no input at all.
        return AnchorLinks(
            live_view_url=watch,
            interactive_live_view_url=None if control == watch else control,
            cdp_url=links.cdp_url,
        )

    async def revoke(self, link: str) -> None:
        """
        Let nobody in by a link any more; who is in stays.

        Args:
            link: As `mint_links` made it, or the token in it alone.
        """
        token = _token(link)
        await self._calls.ask("DELETE", f"/tokens/{token}")


@attrs.frozen
class AnchorTags:
    """The tags of a session; raises what `AnchorBrowser` says."""

    _calls: Calls

    async def get(self) -> tuple[str, ...]:
        """Return them, our own mark among them."""
        return tuple((await self._calls.get("/tags", wire.TagsReply)).tags or ())

    async def set(self, tags: Iterable[str]) -> None:
        """
        Put these in place of all others.

        The mark that finds a session again, should its owner die, is one of them: keep it.
        """
        body = wire.TagsRequest(tags=strings("tags", tags))
        await self._calls.change("PUT", "/tags", wire.TagsChanged, body, repeatable=True)

    async def clear(self) -> None:
        """Take all of them away; see `set` about our mark."""
        await self._calls.change("DELETE", "/tags", wire.TagsChanged, repeatable=True)


def _pages(calls: Calls, answer: Answer) -> list[wire.Page]:
    """Read both shapes: the newest specification puts tabs into an envelope, an older one does not."""
    try:
        bare = json.loads(answer.body)
    except (ValueError, RecursionError):
        bare = None
    if not isinstance(bare, list):
        return calls.read(answer, wire.PagesReply).data.items
    try:
        return wire.DIALECT.structure({"items": bare}, wire.Pages).items
    except MisfitError as misfit:
        raise ProtocolError(
            f"Anchor's answer does not fit: {misfit}", field=misfit.issues[0].field, status=answer.status
        ) from None


def _token(link: object) -> str:
    """Take the token out of a link; neither is repeated."""
    found = link if isinstance(link, str) else ""
    if "://" in found:
        found = parse_qs(urlsplit(found).query).get("token", [""])[0]
    if not found or found in {".", ".."} or not found.isprintable():
        raise InvalidOptionError("link must be one that was minted, or its token.", option="link")
    return quote(found, safe="")
