"""ProviderBackend: what all providers behind HTTP have in common."""

from __future__ import annotations

import abc
import asyncio
import re
import weakref
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from urllib.parse import quote

import attrs

from firecrawl_interact.backends._access import Access
from firecrawl_interact.backends._links import check_links
from firecrawl_interact.backends._refusal import read_words, refusal
from firecrawl_interact.backends.base import RESERVED_IDS, Backend
from firecrawl_interact.errors import (
    BackendError,
    CreateUnknownError,
    InvalidOptionError,
    ProtocolError,
    TransportError,
    UsageError,
)
from firecrawl_interact.models import (
    Answer,
    CloseReceipt,
    CreatePlan,
    LineSettings,
    Request,
    SessionInfo,
    SessionOptions,
    Verify,
)
from firecrawl_interact.transport import retry
from firecrawl_interact.transport.base import Transport
from firecrawl_interact.transport.polling import poll

GONE = frozenset(range(200, 300)) | {404, 410}  # Statuses of an end that mean "it is gone".
AGAIN = retry.AGAIN  # Statuses of an end that mean "ask again".

_DELETE_ATTEMPT = 40.0  # Seconds: Firecrawl holds a DELETE for up to 30.
_DELETE_TOTAL = 90.0  # Seconds for all attempts.
_READ_ATTEMPT = 45.0  # Seconds: Firecrawl's status may take 40.
_READ_TOTAL = 90.0  # Seconds for all attempts.
_READ_AGAIN = AGAIN - {501}  # What is not implemented now will not be so in a minute.

_MOVED = frozenset({301, 307, 308})  # Sent elsewhere unprocessed: the base URL is wrong.
_UNAVAILABLE = 503
_PLAIN_ID = re.compile(r"[A-Za-z0-9._~-]{1,256}")
_UNSAFE_IN_ID = re.compile(r"[\s/\\%?#]")
_LONGEST_ID = 256


class ProviderBackend(Backend):
    """
    A provider behind HTTP: its address, its refusals, and its verbs when used on its own.

    A subclass translates. It may set ``_access`` again, should the provider move.
    """

    hosted = True

    def __init__(self, access: Access) -> None:
        """Take what all requests have in common."""
        self._access = access
        self._lines: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Line] = weakref.WeakKeyDictionary()

    def __repr__(self) -> str:
        """Show the address; the key and the rest are secrets."""
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    @property
    def _access(self) -> Access:
        return self._current

    @_access.setter
    def _access(self, access: Access) -> None:
        self._current = access
        self._describe(access)

    @abc.abstractmethod
    def _describe(self, access: Access) -> None:
        """Build what all requests to one place share, once."""

    # --- identity -----------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        """The origin that requests go to."""
        return self._access.origin

    @property
    def key(self) -> str | None:
        """The API key, or None."""
        return self._access.key

    def connection_key(self) -> Hashable:
        """Return what decides whether two backends may share connections."""
        return self._access.connection

    def line(self) -> LineSettings | None:
        """Return how a process without aiohttp reaches this provider."""
        return self._access.line

    # --- refusals -----------------------------------------------------------------------

    def refused(self, answer: Answer) -> bool:
        """Tell whether an answer other than 2xx proves that no session was made."""
        if answer.status == _UNAVAILABLE:
            return self._own_words(answer)
        return 400 <= answer.status < 500 or answer.status in _MOVED  # noqa: PLR2004

    def error(self, answer: Answer, *, session_id: str | None = None) -> BackendError:
        """Turn an answer other than 2xx into the error it means."""
        # The id is masked as well: at Anchor it opens the browser, and providers repeat it.
        return refusal(answer, backend=self.name, session_id=session_id, secrets=(self.key, session_id))

    def _own_words(self, answer: Answer) -> bool:
        return read_words(answer).own

    # --- used on its own ----------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Open a transport for the running event loop; entering twice shares it."""
        await self.ready()
        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            line = self._lines[loop] = _Line(self.new_transport())
        line.users += 1
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the transport when the last user leaves."""
        loop = asyncio.get_running_loop()
        line = self._lines[loop]
        line.users -= 1
        if not line.users:
            del self._lines[loop]
            await line.transport.aclose()

    async def create(self, options: SessionOptions) -> SessionInfo:
        """
        Open a session that nobody owns; whoever calls it owes a `delete`. Sent once.

        Raises:
            BackendError: The provider refused; there is no session.
            CreateUnknownError: The answer was lost, or proves nothing: there may be a session.
            ProtocolError: The answer does not fit; ``session_id`` is to be deleted if it is set.
            TransportError: The request was not sent.
        """
        plan = self.prepare(options)
        started_at = datetime.now(UTC)
        try:
            answer = await self._transport().send(plan.request, timeout=self.open_timeout, fresh=True)
            if fine(answer) and self.pending(answer) is not None:
                answer = await poll(self._transport(), answer, self.pending, within=self.open_timeout)
                if not fine(answer):
                    raise self._unknown(plan, started_at) from self.error(answer)
        except TransportError as error:
            if not error.sent:
                raise
            raise self._unknown(plan, started_at) from error
        if fine(answer):
            info = self.read_created(answer, options)
            check_links(self, info)
            return info
        if self.refused(answer):
            raise self.error(answer)
        raise self._unknown(plan, started_at) from self.error(answer)

    async def delete(self, session_id: str) -> CloseReceipt:
        """
        End a session; one that is gone already counts as ended.

        Raises:
            BackendError: The provider refused, for up to 90 s where that may pass.
            InvalidOptionError: The id cannot be one.
            TransportError: No answer within those 90 s.
        """
        end = self.end_request(session_id)
        answer = await retry.request(
            self._transport(), end.request, attempt=_DELETE_ATTEMPT, total=_DELETE_TOTAL, again=end.again
        )
        if answer.status in end.gone:
            return self.read_ended(answer)
        if (
            end.verify is not None
            and answer.status == end.verify.status
            and await self._verified_gone(end.verify, session_id)
        ):
            return CloseReceipt(confirmed=True)
        raise self.error(answer, session_id=session_id)

    async def exchange(
        self, request: Request, *, timeout: float = _READ_ATTEMPT, repeatable: bool = False
    ) -> Answer:
        """
        Send a request and return its answer, whatever its status.

        A backend that was not entered opens a connection for this one call.

        Args:
            request: What to send.

            timeout: Seconds for one sending.

            repeatable: Whether it may safely be sent twice; then it is where that may help.
        """
        async with self:
            if repeatable:
                return await self._ask(request)
            return await self._transport().send(request, timeout=timeout, fresh=True)

    async def _ask(self, request: Request) -> Answer:
        """Send a request that changes nothing."""
        return await retry.request(
            self._transport(), request, attempt=_READ_ATTEMPT, total=_READ_TOTAL, again=_READ_AGAIN
        )

    async def _verified_gone(self, verify: Verify, session_id: str) -> bool:
        """Resolve a refusal that may mean "gone" or "bad key" by the list of what runs."""
        answer = await self._ask(verify.request)
        if answer.status == verify.status:
            return False
        return not any(info.alive and info.id == session_id for info in self.read_list(answer))

    def _transport(self) -> Transport:
        line = self._lines.get(asyncio.get_running_loop())
        if line is None:
            raise UsageError(f"Enter the backend first: async with {type(self).__name__}(...) as backend.")
        return line.transport

    def _unknown(self, plan: CreatePlan, started_at: datetime) -> CreateUnknownError:
        ended_at = datetime.now(UTC)
        return CreateUnknownError(
            f"The outcome of a create at {self.name} is not known: a session may exist for {plan.ttl:g} s.",
            backend=self.name,
            started_at=started_at,
            ended_at=ended_at,
            may_live_until=ended_at + timedelta(seconds=plan.ttl),
            mark=plan.mark,
        )


@attrs.define(eq=False)
class _Line:
    """The transport of one event loop, and how many entered."""

    transport: Transport
    users: int = 0


def segment(session_id: object) -> str:
    """
    Return an id as one segment of a URL's path.

    Raises:
        InvalidOptionError: It is empty, a word that means more than one session, or would not
            stay one segment.
    """
    if (
        isinstance(session_id, str)
        and _PLAIN_ID.fullmatch(session_id)
        and session_id.lower() not in RESERVED_IDS  # Some servers do not mind the case of a path.
    ):
        return session_id
    # The value is not repeated: who mixes things up may have passed a CDP address.
    if not isinstance(session_id, str):
        reason = f"must be text, not {type(session_id).__name__}"
    elif not session_id:
        reason = "must not be empty"
    elif session_id.lower() in RESERVED_IDS:
        reason = f"must not be {session_id!r}, which does not mean one session"
    elif len(session_id) > _LONGEST_ID:
        reason = f"must not be longer than {_LONGEST_ID} characters"
    elif not session_id.isprintable() or _UNSAFE_IN_ID.search(session_id):
        reason = "must be one path segment: no spaces, slashes, escapes or control characters"
    else:
        return quote(session_id, safe="")
    raise InvalidOptionError(f"session_id {reason}.", option="session_id")


def check_created_id(session_id: str, *, field: str, status: int) -> None:
    """
    Refuse an id in a provider's answer that could not be sent back to end the session.

    Raises:
        ProtocolError: See above.
    """
    try:
        segment(session_id)
    except InvalidOptionError as error:
        raise ProtocolError(f"The answer does not fit: its {error}", field=field, status=status) from None


def fine(answer: Answer) -> bool:
    """Tell whether the provider said yes."""
    return 200 <= answer.status < 300  # noqa: PLR2004
