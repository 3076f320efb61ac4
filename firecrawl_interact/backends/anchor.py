"""Anchor's browser sessions."""

from __future__ import annotations

import math
import os
import ssl as tls
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar, cast
from urllib.parse import quote

from firecrawl_interact.backends._access import Access, Home, make_access
from firecrawl_interact.backends._capable import refuse_options
from firecrawl_interact.backends._hosted import AGAIN, GONE, ProviderBackend, check_created_id, fine, segment
from firecrawl_interact.backends._options import check_types, encode_body
from firecrawl_interact.config import Settings
from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.models import (
    Answer,
    Capabilities,
    CloseReceipt,
    CreatePlan,
    EndRequest,
    Profile,
    Request,
    Rows,
    Search,
    SessionInfo,
    SessionOptions,
    Verify,
)
from firecrawl_interact.wire import anchor as wire
from firecrawl_interact.wire import anchor_start as start
from firecrawl_interact.wire._bounds import OutOfBoundsError

T = TypeVar("T")

HOME = Home(
    title="Anchor",
    url="https://api.anchorbrowser.io",
    key_header="anchor-api-key",
    key_variable="ANCHORBROWSER_API_KEY",
)

# Anchor documents no such bounds; Firecrawl's are kept, so that options fit both.
SHORTEST_TTL = 30  # Seconds.
SHORTEST_ACTIVITY_TTL = 10  # Seconds.
LONGEST_PROFILE_NAME = 128  # Characters.

_SESSIONS = "/v1/sessions"
_RUNNING = f"{_SESSIONS}/all/status"  # Not paged, and shows tags.
_PAGE_SIZE = 50  # The most that is taken.
_MOST_PAGES = 20  # Of the history; the newest 1000 sessions.
_MARK_PREFIX = "fi-"  # So that people recognise our tags.
_MARK_BYTES = 16
_MINUTE = 60  # Seconds.

# Status words are free text. Those known or plausible for an ended session; any other counts as alive.
_OVER = frozenset({"cancelled", "completed", "ended", "failed", "terminated", "timeout"})
_ROWS = Rows(("data", "items"), id_field="session_id", status_field="status", over=_OVER, tags_field="tags")

_ENDED = GONE | {409}  # A conflict about an end can only mean that it has one.
_BAD_KEY_OR_ID = 401  # An end says so for both, and perhaps for a session that has ended.


class AnchorBackend(ProviderBackend):
    """
    Anchor, in its own words.

    Anchor counts in whole minutes, so times are rounded up; *activity_ttl* becomes the time
    without any connection. Its one live view takes input unless ``session.live_view.read_only``
    is set through *extra*, and cannot be switched off.

    Args:
        api_key: ``ANCHORBROWSER_API_KEY``, else ``ANCHOR_API_KEY``, if None.

        base_url: Origin of the API; ``ANCHORBROWSER_BASE_URL`` if None, else the service's.

        proxy: URL of an HTTP proxy; the environment's if None and *trust_env*.

        ca_file: PEM file of certificate authorities, instead of the system's.

        client_cert: PEM file with a client certificate and its key.

        headers: Sent with every request.

        trust_env: Whether HTTPS_PROXY, HTTP_PROXY and NO_PROXY count.

        ssl: A context of one's own. Without *ca_file* no other process can reach the provider,
            so guardian and exit sweep are off.

    Raises:
        InvalidOptionError: A value cannot be used.
        MissingKeyError: No key, at the service's own address.

    Source: docs.anchorbrowser.io and the OpenAPI file of its Python SDK, read 2026.
    """

    name = "anchor"
    open_timeout: float = 120.0  # Seconds: a start answers when the browser is ready.
    capabilities = Capabilities(
        # Its live view cannot be switched off.
        options=frozenset({"profile", "live_view", "record", "block_ads", "no_block_ads", "country", "tags"}),
        languages=frozenset({"node"}),
        limits_step=_MINUTE,
        idle_means="no connection",
        shortest_ttl=SHORTEST_TTL,
    )

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        client_cert: str | os.PathLike[str] | None = None,
        headers: Mapping[str, str] | None = None,
        trust_env: bool = True,
        ssl: tls.SSLContext | None = None,
    ) -> None:
        settings = Settings() if api_key is not None and base_url is not None else Settings.from_env()
        access = make_access(
            HOME,
            api_key=settings.anchor_api_key if api_key is None else api_key,
            base_url=settings.anchor_base_url if base_url is None else base_url,
            proxy=proxy,
            ca_file=ca_file,
            client_cert=client_cert,
            headers=headers,
            trust_env=trust_env,
            ssl=ssl,
        )
        super().__init__(access)

    # --- the create ---------------------------------------------------------------------

    def check(self, options: SessionOptions) -> None:
        """Refuse options that this provider cannot honour."""
        request = self._request(options, mark=_MARK_PREFIX)
        if options.extra:
            encode_body(wire.DIALECT.unstructure(request), options.extra)

    def prepare(self, options: SessionOptions) -> CreatePlan:
        """Describe the create, with a new random mark among its tags."""
        mark = _MARK_PREFIX + os.urandom(_MARK_BYTES).hex()
        body = encode_body(wire.DIALECT.unstructure(self._request(options, mark=mark)), options.extra)
        request = Request("POST", self._url, self._access.body_headers, body)
        search = self.search(mark)
        return CreatePlan(
            request,
            mark,
            search,
            ttl=_minutes(options.ttl) * _MINUTE,
            end=search.end,
            id_path=("data", "id"),
        )

    def search(self, mark: str) -> Search:
        """Describe how to find the session that carries *mark*."""
        return Search(
            request=Request("GET", f"{self._running.url}?tags={quote(mark, safe='')}", self._access.headers),
            rows=_ROWS,
            mark=mark,
            end=self._end_of_any,
        )

    def read_created(self, answer: Answer, options: SessionOptions) -> SessionInfo:
        """Read the answer to the create; when it expires is computed, since Anchor does not say."""
        made = self._read(answer, wire.CreateReply, id_path=("data", "id")).data
        check_created_id(made.id, field="data.id", status=answer.status)
        watch = made.live_view_read_only_url
        control = made.live_view_url
        if _asks_read_only(options):
            watch, control = watch or control, None
        return SessionInfo(
            id=made.id,
            backend=self.name,
            cdp_url=made.cdp_url,
            live_view_url=watch or None,
            interactive_live_view_url=control or None,
            expires_at=datetime.now(UTC) + timedelta(minutes=_minutes(options.ttl)),
            expires_at_estimated=True,
            tags=options.tags,
        )

    # --- the end ------------------------------------------------------------------------

    def end_request(self, session_id: str, *, born: float | None = None) -> EndRequest:
        """Describe the end of a session."""
        return self._end(segment(session_id), born)

    def read_ended(self, answer: Answer) -> CloseReceipt:  # noqa: ARG002
        """Confirm; Anchor's answer holds neither duration nor credits."""
        return CloseReceipt(confirmed=True)

    def _end(self, last_segment: str, born: float | None = None) -> EndRequest:
        request = Request("DELETE", f"{self._url}/{last_segment}", self._access.headers)
        return EndRequest(request, _ENDED, AGAIN, verify=self._verify, born=born)

    # --- looking ------------------------------------------------------------------------

    def list_request(self) -> Request:
        """Describe the list of the sessions that run now."""
        return self._running

    def read_list(self, answer: Answer) -> list[SessionInfo]:
        """Read the answer to `list_request`."""
        return [self._info(row.session_id, row) for row in self._read(answer, wire.StatusReply).data.items]

    async def get(self, session_id: str) -> SessionInfo:
        """
        Look one session up.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        request = Request("GET", f"{self._url}/{segment(session_id)}", self._access.headers)
        found = self._read(await self._ask(request), wire.GetReply, session_id=session_id).data
        return self._info(found.session_id, found)

    async def list(self, *, alive: bool | None = None) -> list[SessionInfo]:
        """
        List sessions; *alive* keeps only those that run (or not).

        What runs comes complete, in Anchor's order. The history comes newest first, up to its
        newest 1000 sessions.
        """
        if alive:
            return [info for info in self.read_list(await self._ask(self.list_request())) if info.alive]
        found: list[SessionInfo] = []
        for number in range(1, _MOST_PAGES + 1):
            query = f"page={number}&limit={_PAGE_SIZE}&sort_by=created_at&sort_order=desc"
            answer = await self._ask(Request("GET", f"{self._url}?{query}", self._access.headers))
            page = self._read(answer, wire.ListReply).data
            found += [self._info(row.id, row) for row in page.sessions]
            if number >= page.total_pages or not page.sessions:
                break
        return found if alive is None else [info for info in found if not info.alive]

    # --- translation --------------------------------------------------------------------

    def _describe(self, access: Access) -> None:
        self._url = access.origin + _SESSIONS
        self._running = Request("GET", access.origin + _RUNNING, access.headers)
        self._verify = Verify(_BAD_KEY_OR_ID, self._running, _ROWS)
        self._end_of_any = self._end("{id}")

    def _request(self, options: SessionOptions, *, mark: str) -> wire.CreateRequest:
        check_types(options)
        refuse_options(self, options)
        return _create_request(options, mark)

    def _read(
        self, answer: Answer, cls: type[T], *, id_path: tuple[str, ...] = (), session_id: str | None = None
    ) -> T:
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
            alive=found.status.lower() not in _OVER,
            created_at=found.created_at,
            tags=_texts(found.tags),
        )


def _create_request(options: SessionOptions, mark: str) -> wire.CreateRequest:
    session = wire.SessionPart(
        tags=[*options.tags, mark],
        recording=_toggle(options.record),
        timeout=wire.Timeout(
            max_duration=_bounded_minutes("ttl", options.ttl, SHORTEST_TTL),
            idle_timeout=_bounded_minutes("activity_ttl", options.activity_ttl, SHORTEST_ACTIVITY_TTL),
        ),
        proxy=None if options.country is None else _proxy(options.country),
    )
    browser = wire.BrowserPart(
        profile=None if options.profile is None else _profile(options.profile),
        adblock=_toggle(options.block_ads),
        # On by default, and refused without the ad blocker.
        popup_blocker=_toggle(options.block_ads) if options.block_ads is False else None,
    )
    return wire.CreateRequest(session=session, browser=None if browser == wire.BrowserPart() else browser)


def _bounded_minutes(option: str, seconds: float, shortest: int) -> int:
    """Check seconds against our floor, and return them as whole minutes, rounded up."""
    if type(seconds) not in {int, float} or not math.isfinite(seconds):
        problem = f"a finite number of seconds, at least {shortest}, not {seconds!r}"
    elif seconds < shortest:
        problem = f"at least {shortest} seconds, not {seconds:g}"
    else:
        return _minutes(seconds)
    raise InvalidOptionError(f"{option} must be {problem}.", option=option, value=seconds)


def _minutes(seconds: float) -> int:
    return math.ceil(seconds / _MINUTE)


def _toggle(value: bool | None) -> wire.Toggle | None:
    return None if value is None else wire.Toggle(active=value)


def _proxy(country: str) -> start.Proxy:
    try:
        return start.Proxy(active=True, type="anchor_proxy", country_code=country.lower())
    except OutOfBoundsError as error:
        raise InvalidOptionError(f"{error}.", option="country", value=country) from None


def _profile(profile: Profile) -> start.Profile:
    if not 1 <= len(profile.name) <= LONGEST_PROFILE_NAME:
        raise InvalidOptionError(
            f"profile name must be 1 to {LONGEST_PROFILE_NAME} characters, not {len(profile.name)}.",
            option="profile",
            value=profile.name,
        )
    # Always explicit: not to save is Anchor's default, and to save is ours.
    return start.Profile(name=profile.name, persist=profile.save_changes)


def _asks_read_only(options: SessionOptions) -> bool:
    """Tell whether *extra* asks for a live view that takes no input."""
    found: object = options.extra
    for key in ("session", "live_view", "read_only"):
        found = cast("Mapping[str, object]", found).get(key) if isinstance(found, Mapping) else None
    return found is True


def _texts(tags: object) -> tuple[str, ...]:
    """Read tags; an older copy of the specification makes them an object."""
    if not isinstance(tags, list):
        return ()
    return tuple(tag for tag in cast("list[object]", tags) if isinstance(tag, str))
