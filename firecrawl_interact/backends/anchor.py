"""Anchor's browser sessions."""

from __future__ import annotations

import os
import ssl as tls
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import attrs

from firecrawl_interact.backends import anchor_reading as reading
from firecrawl_interact.backends._access import Access, make_access
from firecrawl_interact.backends._capable import refuse_options, refuse_run
from firecrawl_interact.backends._hosted import AGAIN, GONE, check_created_id, fine, segment
from firecrawl_interact.backends._options import encode_body
from firecrawl_interact.backends.anchor_body import (
    MINUTE,
    SHORTEST_TTL,
    UNSPECIFIED,
    asks_read_only,
    create_request,
    lifetime,
)
from firecrawl_interact.backends.anchor_looks import HOME, SESSIONS, AnchorLooks
from firecrawl_interact.backends.anchor_options import AnchorOptions
from firecrawl_interact.config import Settings, naming_variables
from firecrawl_interact.errors import InvalidOptionError, ProtocolError, ServerError
from firecrawl_interact.models import (
    Answer,
    Capabilities,
    CloseReceipt,
    CreatePlan,
    EndRequest,
    Request,
    Run,
    RunResult,
    Search,
    SessionInfo,
    SessionOptions,
    Verify,
)
from firecrawl_interact.transport.base import Transport
from firecrawl_interact.transport.http import HttpTransport
from firecrawl_interact.transport.redact import redact
from firecrawl_interact.wire import anchor as wire
from firecrawl_interact.wire import anchor_start as start
from firecrawl_interact.wire import anchor_tools as tools

if TYPE_CHECKING:
    from firecrawl_interact.backends.anchor_batches import AnchorBatches

_ASYNC = f"{SESSIONS}/async"
_BATCHES = "/v1/batch-sessions"
_EXECUTE = "/v1/tools/execute-code"
_PROMPT = "/v1/tools/perform-web-task"
_MARK_PREFIX = "fi-"  # So that people recognise our tags.
_MARK_BYTES = 16
_BATCH_MARK = f"{_MARK_PREFIX}batch"  # Says where they come from, and finds nobody's.

_ENDED = GONE | {409}  # A conflict about an end can only mean that it has one.
_BAD_KEY_OR_ID = 401  # An end says so for both, and perhaps for a session that has ended.


class AnchorBackend(AnchorLooks):
    """
    Anchor, in its own words.

    Anchor counts in whole minutes, so times are rounded up; *activity_ttl* becomes the time
    without any connection. Its one live view takes input unless `AnchorOptions` say otherwise,
    and cannot be switched off.

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

        options: For every session that is not given its own.

        async_start: Ask for sessions without keeping the request open while the browser comes up.

        receipts: Ask once after a confirmed end, for at most 2 s, what the session has cost: the
            answer to the end tells nothing. False leaves that out, and the receipt's numbers None.

    Attributes:
        profiles: The account's browser profiles, an `AnchorProfiles`.

        account: Its credits and numbers, an `AnchorAccount`.

        batches: Many sessions by one request, which nobody owns; an `AnchorBatches`.

    Raises:
        InvalidOptionError: A value cannot be used.
        MissingKeyError: No key, at the service's own address.

    Source: docs.anchorbrowser.io and the OpenAPI file of its Python SDK, read 2026.
    """

    name = "anchor"
    open_timeout: float = 120.0  # Seconds: a start answers when the browser is ready.
    options_type: type | None = AnchorOptions
    capabilities: Capabilities = Capabilities(
        # Its live view cannot be switched off.
        options=frozenset({"profile", "live_view", "record", "block_ads", "no_block_ads", "country", "tags"}),
        languages=frozenset({"node"}),
        prompts=True,
        receipts=True,
        limits_step=MINUTE,
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
        options: AnchorOptions | None = None,
        async_start: bool = False,
        receipts: bool = True,
    ) -> None:
        settings = Settings() if api_key is not None and base_url is not None else Settings.from_env()
        with naming_variables("anchor", api_key=api_key, base_url=base_url):
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
        _check_own(options, async_start=async_start, receipts=receipts)
        self._options = UNSPECIFIED if options is None else options
        self._async_start = async_start
        self._receipts = receipts
        watchable = bool(self._options.live_view_read_only or self._options.scoped_access)
        if watchable or not receipts:
            self.capabilities = attrs.evolve(self.capabilities, receipts=receipts, watch_only_link=watchable)
        super().__init__(access)

    def new_transport(self) -> Transport:
        """Make a transport for the running event loop."""
        return HttpTransport(self._access.connection)

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
        search = self.search(mark)
        return CreatePlan(
            Request("POST", self._start, self._access.body_headers, body),
            mark,
            search,
            ttl=lifetime(options, self._own(options)),
            end=search.end,
            id_path=("data", "id"),
        )

    def search(self, mark: str) -> Search:
        """Describe how to find the session that carries *mark*."""
        return Search(
            request=Request("GET", f"{self._running.url}?tags={quote(mark, safe='')}", self._access.headers),
            rows=reading.ROWS,
            mark=mark,
            end=self._end_of_any,
        )

    def pending(self, answer: Answer) -> Request | None:
        """Say how to ask for a session that was asked for with *async_start*, until it is there."""
        request_id = reading.request_to_ask(answer) if self._async_start and fine(answer) else None
        if request_id is None:
            return None
        try:
            return self.looking_at(f"{_ASYNC}/{segment(request_id)}/status")
        except InvalidOptionError:
            return None  # An id that cannot be asked for; `read_created` says so.

    def read_created(self, answer: Answer, options: SessionOptions) -> SessionInfo:
        """Read the answer to the create; when it expires is computed, since Anchor does not say."""
        own = self._own(options)
        made = self._arrived(answer) if self._async_start else self._made(answer)
        watch = made.live_view_read_only_url
        control = made.live_view_url
        if asks_read_only(options, own) or control == watch:
            watch, control = watch or control, None
        ends = None if own.no_ttl else datetime.now(UTC) + timedelta(seconds=lifetime(options, own))
        return SessionInfo(
            id=made.id,
            backend=self.name,
            cdp_url=made.cdp_url,
            live_view_url=watch or None,
            interactive_live_view_url=control or None,
            expires_at=ends,
            expires_at_estimated=ends is not None,
            tags=options.tags,
        )

    def _made(self, answer: Answer) -> wire.Created:
        made = self.read(answer, wire.CreateReply, id_path=("data", "id")).data
        check_created_id(made.id, field="data.id", status=answer.status)
        return made

    def _arrived(self, answer: Answer) -> wire.Created:
        """Read the last status of an asynchronous start."""
        id_path = ("data", "session", "session_id")
        status = self.read(answer, start.StartStatusReply, id_path=id_path).data
        session_id = None if status.session is None else status.session.session_id or None
        failure = reading.failure(status)
        if failure is not None:
            failure = redact(failure, self.key, session_id)
            raise ServerError(failure, backend=self.name, text=failure, session_id=session_id)
        if status.session is None or session_id is None or not status.session.cdp_url:
            raise ProtocolError(
                "Anchor's answer does not fit: it names no session that is there.",
                field="data.session",
                status=answer.status,
                session_id=session_id,
            )
        check_created_id(session_id, field="data.session.session_id", status=answer.status)
        return wire.Created(
            id=session_id,
            cdp_url=status.session.cdp_url,
            live_view_url=status.session.live_view_url,
            live_view_read_only_url=status.session.live_view_read_only_url,
        )

    # --- in between ---------------------------------------------------------------------

    def run_request(self, session_id: str, run: Run) -> Request:
        """
        Describe the request that runs TypeScript, or a prompt.

        Code is the body of an asynchronous function that is given ``page``, ``browser`` and
        ``context``. Anchor takes no time limit for either; ours bounds the wait alone.
        """
        refuse_run(self, run)
        text = run.code if run.prompt is None else run.prompt
        if not isinstance(text, str) or not text:
            raise InvalidOptionError("What is run must be text that is not empty.", option="code")
        body: object = (
            tools.ExecuteRequest(code=text) if run.prompt is None else tools.TaskRequest(prompt=text)
        )
        path = _EXECUTE if run.prompt is None else _PROMPT
        query = urlencode({"sessionId": segment(session_id)})
        url = f"{self._access.origin}{path}?{query}"
        return Request("POST", url, self._access.body_headers, wire.DIALECT.dumps(body))

    def read_run(self, answer: Answer, run: Run, *, session_id: str) -> RunResult:
        """Read what came of it; the value that code returns is JSON text."""
        if run.prompt is None:
            return reading.ran(self.read(answer, tools.ExecuteReply, session_id=session_id))
        return reading.prompted(self.read(answer, tools.TaskReply, session_id=session_id))

    @property
    def batches(self) -> AnchorBatches:
        """Many sessions by one request, which nobody owns."""
        from firecrawl_interact.backends.anchor_batches import AnchorBatches

        def start_of_each(options: SessionOptions) -> start.CreateRequest:
            return self._request(options, mark=_BATCH_MARK)

        return AnchorBatches(self._calls(_BATCHES), start_of_each, self.name)

    # --- the end ------------------------------------------------------------------------

    def end_request(self, session_id: str, *, born: float | None = None) -> EndRequest:
        """Describe the end of a session."""
        return self._end(segment(session_id), born)

    def read_ended(self, answer: Answer) -> CloseReceipt:  # noqa: ARG002
        """Confirm; Anchor's answer holds neither duration nor credits."""
        return CloseReceipt(confirmed=True)

    def receipt_request(self, session_id: str) -> Request | None:
        """Describe how to ask what a session has cost, unless *receipts* is False."""
        return self.looking_at(f"{SESSIONS}/{segment(session_id)}") if self._receipts else None

    def read_receipt(self, answer: Answer) -> CloseReceipt:
        """Read what it has cost; what is not said, or not final yet, stays None."""
        return reading.receipt(answer)

    def _end(self, last_segment: str, born: float | None = None) -> EndRequest:
        request = Request("DELETE", f"{self._url}/{last_segment}", self._access.headers)
        return EndRequest(request, _ENDED, AGAIN, verify=self._verify, born=born)

    # --- translation --------------------------------------------------------------------

    def _describe(self, access: Access) -> None:
        super()._describe(access)
        self._start = access.origin + (_ASYNC if self._async_start else SESSIONS)
        self._verify = Verify(_BAD_KEY_OR_ID, self._running, reading.ROWS)
        self._end_of_any = self._end("{id}")

    def _own(self, options: SessionOptions) -> AnchorOptions:
        """Return the options that only we have: of this session, else of all sessions here."""
        return options.provider if isinstance(options.provider, AnchorOptions) else self._options

    def _request(self, options: SessionOptions, *, mark: str) -> wire.CreateRequest:
        refuse_options(self, options)
        return create_request(options, self._own(options), mark=mark)


def _check_own(options: object, **flags: object) -> None:
    if options is not None and not isinstance(options, AnchorOptions):
        raise InvalidOptionError(
            f"options must be AnchorOptions or None, not {type(options).__name__}.", option="options"
        )
    for option, value in flags.items():
        if type(value) is not bool:
            raise InvalidOptionError(f"{option} must be True or False.", option=option)
