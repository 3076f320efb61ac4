"""Looking at Anchor's sessions, and into them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, TypeVar

import attrs

from firecrawl_interact.backends import anchor_reading as reading
from firecrawl_interact.backends._access import Access, Home
from firecrawl_interact.backends._hosted import ProviderBackend, fine, segment
from firecrawl_interact.backends.anchor_calls import Calls
from firecrawl_interact.models import Answer, Request, SessionInfo
from firecrawl_interact.wire import anchor as wire

if TYPE_CHECKING:
    from firecrawl_interact.backends.anchor_account import AnchorFilters, AnchorProfiles, SortKey
    from firecrawl_interact.backends.anchor_browser import AnchorBrowser
    from firecrawl_interact.backends.anchor_usage import AnchorAccount
    from firecrawl_interact.backends.anchor_values import AnchorPast

T = TypeVar("T")

HOME = Home(
    title="Anchor",
    url="https://api.anchorbrowser.io",
    key_header="anchor-api-key",
    key_variable="ANCHORBROWSER_API_KEY",
)

SESSIONS = "/v1/sessions"
_RUNNING = f"{SESSIONS}/all/status"  # Not paged, and shows tags.
_PROFILES = "/v1/profiles"
_PAGE_SIZE = 50  # The most that is taken.
_MOST_PAGES = 20  # Of the history; the newest 1000 sessions.


class AnchorLooks(ProviderBackend):
    """
    The half of `AnchorBackend` that neither opens nor ends a session.

    Attributes:
        profiles: The account's browser profiles, an `AnchorProfiles`.

        account: Its credits and numbers, an `AnchorAccount`.
    """

    name = "anchor"
    secret_ids: bool = True

    def list_request(self) -> Request:
        """Describe the list of the sessions that run now."""
        return self._running

    def read_list(self, answer: Answer) -> list[SessionInfo]:
        """Read the answer to `list_request`."""
        return [self._info(row.session_id, row) for row in self.read(answer, wire.StatusReply).data.items]

    async def get(self, session_id: str) -> SessionInfo:
        """
        Look one session up. Its CDP address is built anew, since Anchor does not repeat it.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        request = self.looking_at(f"{SESSIONS}/{segment(session_id)}")
        found = self.read(await self._ask(request), wire.GetReply, session_id=session_id).data
        info = self._info(found.session_id, found)
        ends = reading.expiry(found)
        reachable = info.alive and not reading.needs_token(found)
        return attrs.evolve(
            info,
            cdp_url=reading.cdp_url(self.base_url, HOME.url, self.key, session_id) if reachable else None,
            expires_at=ends,
            expires_at_estimated=ends is not None,
        )

    def history(
        self,
        filters: AnchorFilters | None = None,
        *,
        search: str | None = None,
        status: str | None = None,
        sort_by: SortKey = "created_at",
        descending: bool = True,
        page_size: int = _PAGE_SIZE,
    ) -> AsyncIterator[AnchorPast]:
        """
        Go through the history of the whole team, page after page as it is needed.

        Args:
            filters: Which sessions.

            search: Part of a tag, or several with commas.

            status: Anchor's word.

            sort_by: What orders them.

            descending: Whether the highest or newest comes first.

            page_size: Sessions to a page: 10, 20 or 50.

        Raises:
            InvalidOptionError: A value is out of bounds; before anything is sent.
        """
        from firecrawl_interact.backends import anchor_account as account

        account.check_paging(sort_by, page_size)
        return account.pages(
            self._calls(SESSIONS),
            account.filters_of(filters),
            search=search,
            status=status,
            sort_by=sort_by,
            descending=descending,
            page_size=page_size,
            info=lambda row: self._info(row.id, row),
        )

    async def running(self, filters: AnchorFilters | None = None) -> list[SessionInfo]:
        """List what runs now; whether Anchor names ended sessions, too, is documented nowhere."""
        from firecrawl_interact.backends import anchor_account as account

        query = account.filters_of(filters).query()
        reply = await self._calls(_RUNNING).get("", wire.StatusReply, query=query)
        return [self._info(row.session_id, row) for row in reply.data.items]

    def browser(self, session_id: str) -> AnchorBrowser:
        """
        Take a running browser in hand without CDP; it stays the session's.

        Raises:
            InvalidOptionError: The id cannot be one.
        """
        from firecrawl_interact.backends.anchor_browser import AnchorBrowser

        return AnchorBrowser(self._calls(f"{SESSIONS}/{segment(session_id)}", session_id))

    @property
    def profiles(self) -> AnchorProfiles:
        """The account's browser profiles."""
        from firecrawl_interact.backends.anchor_account import AnchorProfiles

        return AnchorProfiles(self._calls(_PROFILES))

    @property
    def account(self) -> AnchorAccount:
        """The account's credits and numbers."""
        from firecrawl_interact.backends.anchor_usage import AnchorAccount

        return AnchorAccount(self._calls("/v1"))

    async def list(self, *, alive: bool | None = None) -> list[SessionInfo]:
        """
        List sessions; *alive* keeps only those that run (or not).

        What runs comes complete, in Anchor's order. The history comes newest first, up to its
        newest 1000 sessions; `history` has more of it, and filters.
        """
        if alive:
            return [info for info in self.read_list(await self._ask(self.list_request())) if info.alive]
        found: list[SessionInfo] = []
        for number in range(1, _MOST_PAGES + 1):
            query = f"page={number}&limit={_PAGE_SIZE}&sort_by=created_at&sort_order=desc"
            page = self.read(await self._ask(self.looking_at(f"{SESSIONS}?{query}")), wire.ListReply).data
            found += [self._info(row.id, row) for row in page.sessions]
            if number >= page.total_pages or not page.sessions:
                break
        return found if alive is None else [info for info in found if not info.alive]

    # --- translation --------------------------------------------------------------------

    def _describe(self, access: Access) -> None:
        self._url = access.origin + SESSIONS
        self._running = Request("GET", access.origin + _RUNNING, access.headers)

    def looking_at(self, path: str) -> Request:
        """Describe a request that changes nothing."""
        return Request("GET", self._access.origin + path, self._access.headers)

    def _calls(self, path: str, session_id: str | None = None) -> Calls:
        return Calls(self, lambda: self._access, path, session_id)

    def read(
        self, answer: Answer, cls: type[T], *, id_path: tuple[str, ...] = (), session_id: str | None = None
    ) -> T:
        """
        Read an answer.

        Raises:
            BackendError: Any status but 2xx.
            ProtocolError: A 2xx that does not fit.
        """
        if not fine(answer):
            raise self.error(answer, session_id=session_id)
        return wire.DIALECT.loads(answer.body, cls, status=answer.status, id_path=id_path)

    def _info(
        self, session_id: str, found: wire.StatusRow | wire.ListRow | wire.SessionDetail
    ) -> SessionInfo:
        return SessionInfo(
            id=session_id,
            backend=self.name,
            status=found.status,
            alive=reading.alive(found.status),
            created_at=found.created_at,
            tags=reading.texts(found.tags),
        )
