"""Firecrawl's wire, as spoken by whatever speaks it."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar, cast, get_args

from firecrawl_interact.backends._access import Access, Home
from firecrawl_interact.backends._capable import refuse_options
from firecrawl_interact.backends._hosted import AGAIN, GONE, check_created_id, fine, segment
from firecrawl_interact.backends._links import check_links
from firecrawl_interact.backends._options import check_types, encode_body, invalid, whole
from firecrawl_interact.backends._refusal import read_words
from firecrawl_interact.backends.firecrawl_runs import execute_body, run_result
from firecrawl_interact.backends.firecrawl_scraping import BACKEND_FAILED, FirecrawlScraping
from firecrawl_interact.backends.firecrawl_values import FirecrawlOptions
from firecrawl_interact.backends.scraper import job_of
from firecrawl_interact.errors import (
    InvalidOptionError,
    ProtocolError,
    SessionNotFoundError,
    UnsupportedError,
)
from firecrawl_interact.models import (
    Answer,
    Capabilities,
    CloseReceipt,
    CreatePlan,
    EndRequest,
    Request,
    Run,
    RunResult,
    SessionInfo,
    SessionOptions,
)
from firecrawl_interact.transport.redact import redact
from firecrawl_interact.wire import firecrawl as wire
from firecrawl_interact.wire._bounds import OutOfBoundsError

Status = Literal["active", "destroyed", "error"]  # The list's words.
T = TypeVar("T", bound="wire.CreateReply | wire.GetReply | wire.ListReply")

HOME = Home(
    title="Firecrawl",
    url="https://api.firecrawl.dev",
    key_header="Authorization",
    key_prefix="Bearer ",
    key_variable="FIRECRAWL_API_KEY",
)

_SESSIONS = "/v2/interact"  # The documented path; /v2/browser is its full alias.
_STATUSES: tuple[str, ...] = get_args(Status)
_OVER = frozenset({"destroyed", "error", "failed", "stopped"})  # Of the list and of the single session.
_BODIES = 64  # Bodies of creates kept: programs ask for few kinds of sessions, again and again.
_NOT_FOUND = 404
_NO_ROUTE = frozenset({405, 501})  # What servers without "get one" may answer, besides 404.
_NO_ROUTE_WORDS = re.compile(r"\broute\b|\bcannot get\b|^not found\.?$")  # Of a gateway, or of a framework.


class FirecrawlWire(FirecrawlScraping):
    """
    Whatever speaks Firecrawl's wire: the service, a server of one's own, the local one, memory.

    Source: docs.firecrawl.dev, "Interact", and the server's public source, read 2026.
    """

    name = "firecrawl"
    open_timeout: float = 450.0  # Seconds: the server tries for 3 x 40, then waits for up to 300.
    capabilities: Capabilities = Capabilities(
        options=frozenset(
            {"profile", "live_view", "no_live_view", "record", "block_ads", "no_block_ads", "country"}
        ),
        languages=frozenset({"node", "python", "bash"}),
        prompts=True,
        scrapes=True,
        watch_only_link=True,
        shortest_ttl=30,
        longest_ttl=3600,
        receipts=True,
    )

    _defaults: FirecrawlOptions = FirecrawlOptions()  # For creates that say nothing of them.

    # --- the create ---------------------------------------------------------------------

    def check(self, options: SessionOptions) -> None:
        """Refuse options that this provider cannot honour."""
        request = self._request(options)
        if options.extra:
            _body(request, options.extra)

    def prepare(self, options: SessionOptions) -> CreatePlan:
        """Describe the create. Firecrawl lists no mark, so there is none."""
        asked = self._request(options)
        body = _body(asked, options.extra) if options.extra else _plain_body(asked)
        request = Request("POST", self._url, self._access.body_headers, body)
        return CreatePlan(
            request, mark=None, search=None, ttl=options.ttl, end=self._end_of_any, id_path=("id",)
        )

    def read_created(self, answer: Answer, options: SessionOptions) -> SessionInfo:
        """Read the answer to the create."""
        reply = self._read(answer, wire.CreateReply)
        check_created_id(reply.id, field="id", status=answer.status)
        expires_at = reply.expires_at
        if expires_at is None:
            expires_at = datetime.now(UTC) + timedelta(seconds=options.ttl)
        return SessionInfo(
            id=reply.id,
            backend=self.name,
            cdp_url=reply.cdp_url,
            live_view_url=reply.live_view_url or None,
            interactive_live_view_url=reply.interactive_live_view_url or None,
            expires_at=expires_at,
            expires_at_estimated=reply.expires_at is None,
        )

    def _own_words(self, answer: Answer) -> bool:
        words = read_words(answer)
        return words.own and words.text != BACKEND_FAILED

    # --- in between ---------------------------------------------------------------------

    def run_request(self, session_id: str, run: Run) -> Request:
        """Describe the request that runs code in a session; its language is always said."""
        if run.prompt is not None:
            raise UnsupportedError(
                f"The {self.name} backend takes prompts in scraped pages only: Session.from_scrape()."
            )
        url = f"{self._url}/{segment(session_id)}/execute"
        return Request("POST", url, self._access.body_headers, execute_body(run))

    def read_run(self, answer: Answer, run: Run, *, session_id: str) -> RunResult:  # noqa: ARG002
        """Read the answer to `run_request`. A run that failed is a result like any other."""
        if not fine(answer):
            raise self.error(answer, session_id=session_id)
        return run_result(self._run_reply(answer))

    # --- the end ------------------------------------------------------------------------

    def end_request(self, session_id: str, *, born: float | None = None) -> EndRequest:
        """Describe the end of a session, or of all that a scrape has: see `scrape_ref`."""
        job_id = job_of(session_id)
        if job_id is not None:
            return self._end_scrape(job_id, born)
        request = Request("DELETE", f"{self._url}/{segment(session_id)}", self._access.headers)
        return EndRequest(request, GONE, AGAIN, born=born)

    def read_ended(self, answer: Answer) -> CloseReceipt:
        """Read a confirming answer, each number for itself; whatever the body, the session is gone."""
        told = _fields(answer)
        milliseconds = _number(told.get("sessionDurationMs"))
        try:
            duration = None if milliseconds is None else timedelta(milliseconds=milliseconds)
        except OverflowError:
            duration = None
        return CloseReceipt(
            confirmed=True, duration=duration, credits_billed=_number(told.get("creditsBilled"))
        )

    # --- looking ------------------------------------------------------------------------

    def list_request(self) -> Request:
        """Describe the list of the team's sessions that run now."""
        return Request("GET", f"{self._url}?status=active", self._access.headers)

    def read_list(self, answer: Answer) -> list[SessionInfo]:
        """Read the answer to `list_request`."""
        return [
            self._info(row, created_at=row.created_at) for row in self._read(answer, wire.ListReply).sessions
        ]

    async def get(self, session_id: str) -> SessionInfo:
        """
        Look one session up, in the list where the server has no other way.

        Raises:
            SessionNotFoundError: The team has no such session.
        """
        answer = await self._ask(Request("GET", f"{self._url}/{segment(session_id)}", self._access.headers))
        if not _lacks_route(answer):
            return self._info(self._read(answer, wire.GetReply, session_id=session_id))
        for info in await self.list():
            if info.id == session_id:
                return info
        raise SessionNotFoundError(
            f"{self.name} lists no such session.", backend=self.name, session_id=session_id
        )

    async def list(self, *, alive: bool | None = None, status: Status | None = None) -> list[SessionInfo]:
        """
        List the team's sessions, newest first.

        Args:
            alive: Keep only those that run, or only those that do not.

            status: Keep only those with this word of the provider's.

        Raises:
            InvalidOptionError: The provider has no such word.
        """
        if status not in (None, *_STATUSES):
            raise InvalidOptionError(
                f"status must be one of {', '.join(_STATUSES)}, not {status!r}.",
                option="status",
                value=status,
            )
        if status is None and alive:
            request = self.list_request()
        else:
            query = "" if status is None else f"?status={status}"
            request = Request("GET", self._url + query, self._access.headers)
        found = self.read_list(await self._ask(request))
        return found if alive is None else [info for info in found if info.alive is alive]

    # --- translation --------------------------------------------------------------------

    def _describe(self, access: Access) -> None:
        self._url = access.origin + _SESSIONS
        self._end_of_any = EndRequest(Request("DELETE", f"{self._url}/{{id}}", access.headers), GONE, AGAIN)

    def _request(self, options: SessionOptions) -> wire.CreateRequest:
        check_types(options)
        refuse_options(self, options)
        own = options.provider if isinstance(options.provider, FirecrawlOptions) else self._defaults
        return _create_request(options, own)

    def _read(self, answer: Answer, cls: type[T], *, session_id: str | None = None) -> T:
        if not fine(answer):
            raise self.error(answer, session_id=session_id)
        try:
            reply = wire.DIALECT.loads(answer.body, cls, status=answer.status, id_path=("id",))
        except ProtocolError as misfit:
            raise self._contradiction(answer, misfit.session_id) or misfit from None
        if not reply.success:
            made = getattr(reply, "id", None)
            raise self._contradiction(answer, made) or ProtocolError(
                "Firecrawl's answer says success: false.",
                field="success",
                status=answer.status,
                session_id=made,
            )
        return reply

    def _contradiction(self, answer: Answer, session_id: str | None) -> ProtocolError | None:
        """Say what the provider said, if it reports a failure with a status of success."""
        words = read_words(answer)
        if not words.own:
            return None
        text = redact(words.text, self.key, session_id)
        return ProtocolError(
            f"Firecrawl answered {answer.status}, but: {text}",
            field="success",
            status=answer.status,
            session_id=session_id,
        )

    def _info(self, found: wire.GetReply | wire.SessionRow, **known: Any) -> SessionInfo:
        info = SessionInfo(
            id=found.id,
            backend=self.name,
            cdp_url=found.cdp_url or None,
            live_view_url=found.live_view_url or None,
            interactive_live_view_url=found.interactive_live_view_url or None,
            status=found.status,
            alive=found.status.lower() not in _OVER,
            **known,
        )
        check_links(self, info)
        return info


def _body(request: wire.CreateRequest, extra: Mapping[str, Any]) -> bytes:
    return encode_body(wire.DIALECT.unstructure(request), extra)


@functools.lru_cache(maxsize=_BODIES)
def _plain_body(request: wire.CreateRequest) -> bytes:
    return wire.DIALECT.dumps(request)


def _create_request(options: SessionOptions, typed: FirecrawlOptions) -> wire.CreateRequest:
    profile = options.profile
    if typed.zero_data_retention and (options.record or profile is not None):
        raise UnsupportedError("Firecrawl keeps no recording and no profile with zero_data_retention.")
    try:
        return wire.CreateRequest(
            ttl=whole(options.ttl),  # type: ignore[arg-type]  # the class refuses fractions
            activity_ttl=whole(options.activity_ttl),  # type: ignore[arg-type]
            stream_web_view=options.live_view,
            record_session=options.record,
            block_ads=options.block_ads,
            location=None if options.country is None else wire.Location(country=options.country.upper()),
            profile=None
            if profile is None
            else wire.Profile(name=profile.name, save_changes=profile.save_changes),
            zero_data_retention=typed.zero_data_retention,
            integration=typed.integration,
        )
    except OutOfBoundsError as error:
        raise invalid(error) from None


def _lacks_route(answer: Answer) -> bool:
    """Tell whether nobody knows the way, rather than the session."""
    if answer.status != _NOT_FOUND:
        return answer.status in _NO_ROUTE
    words = read_words(answer)
    return not words.own or _NO_ROUTE_WORDS.search(words.text.lower()) is not None


def _fields(answer: Answer) -> dict[str, Any]:
    """Return the fields of a JSON object; none of anything else."""
    try:
        found: Any = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _number(value: object) -> float | None:
    return value if type(value) is int or (type(value) is float and math.isfinite(value)) else None
