"""A backend for a provider that does not exist, as short as one can be."""  # noqa: INP001 - shown, not installed

from __future__ import annotations

import json
import os
import re
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from firecrawl_interact import (
    AuthenticationError,
    Backend,
    BackendError,
    Capabilities,
    CloseReceipt,
    ConcurrencyLimitError,
    InvalidOptionError,
    ProtocolError,
    ServerError,
    SessionInfo,
    SessionNotFoundError,
    SessionOptions,
    UnsupportedError,
)
from firecrawl_interact.models import Answer, CreatePlan, EndRequest, Request
from firecrawl_interact.transport.base import Transport
from firecrawl_interact.transport.http import HttpTransport

GONE = frozenset({200, 204, 404})  # What an end may be answered where the box is gone.
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})  # Where to ask again.
ERRORS = {401: AuthenticationError, 404: SessionNotFoundError, 429: ConcurrencyLimitError}
ID = re.compile(r"box-[0-9]+")  # Anything else could lead to another route.
PATIENCE = 30.0  # Seconds for a request of ours that makes nothing.


class BoxesBackend(Backend):
    """Browsers of boxes.example, which rents them by the second and knows no other option."""

    name = "boxes"
    hosted = True  # A box that is left behind costs money: guardian and ledger are on.
    open_timeout = 60.0  # Seconds.
    capabilities = Capabilities(shortest_ttl=30, longest_ttl=3600)

    def __init__(self, api_key: str | None = None, base_url: str | None = None) -> None:
        """Take the key and the address, by default from the environment. Nothing is sent."""
        self._key = api_key or os.environ.get("BOXES_API_KEY", "")
        self._url = (base_url or "https://api.boxes.example").rstrip("/")
        self._headers = {"X-Key": self._key, "Content-Type": "application/json"}

    @property
    def base_url(self) -> str:
        """The origin that requests go to."""
        return self._url

    @property
    def key(self) -> str | None:
        """The key, for a fingerprint in the ledger."""
        return self._key

    def connection_key(self) -> Hashable:
        """Share connections with every backend of this kind."""
        return BoxesBackend

    def new_transport(self) -> Transport:
        """Take the SDK's own HTTP."""
        return HttpTransport()

    # --- the create: described here, sent by the SDK ---

    def check(self, options: SessionOptions) -> None:
        """Refuse all but the two times that every backend takes."""
        if options != SessionOptions(ttl=options.ttl, activity_ttl=options.activity_ttl):
            raise UnsupportedError("The boxes backend takes ttl and activity_ttl, and no other option.")
        if not 30 <= options.ttl <= 3600:  # noqa: PLR2004
            raise InvalidOptionError(f"ttl must be 30 to 3600 seconds, not {options.ttl}.", option="ttl")

    def prepare(self, options: SessionOptions) -> CreatePlan:
        """Describe the create. A box carries no mark by which a lost one could be found."""
        self.check(options)
        body = json.dumps({"seconds": options.ttl, "idle": options.activity_ttl}).encode()
        request = Request("POST", f"{self._url}/boxes", self._headers, body)
        return CreatePlan(request, mark=None, search=None, ttl=options.ttl)

    def read_created(self, answer: Answer, options: SessionOptions) -> SessionInfo:
        """Read the answer to the create."""
        box = self._read(answer)
        return self._info(box, expires_at=datetime.now(UTC) + timedelta(seconds=options.ttl))

    def refused(self, answer: Answer) -> bool:
        """Take a 4xx for proof that nothing was made, and a 5xx for none."""
        return 400 <= answer.status < 500  # noqa: PLR2004

    def error(self, answer: Answer, *, session_id: str | None = None) -> BackendError:
        """Say what a status means, without the provider's text, which might repeat the key."""
        other = ServerError if answer.status >= 500 else BackendError  # noqa: PLR2004
        kind = ERRORS.get(answer.status, other)
        text = f"boxes answered {answer.status}."
        return kind(text, backend=self.name, status=answer.status, session_id=session_id)

    def list_request(self) -> Request:
        """Describe the list of what runs."""
        return Request("GET", f"{self._url}/boxes", self._headers)

    def read_list(self, answer: Answer) -> list[SessionInfo]:
        """Read it."""
        return [self._info(box) for box in self._read(answer)]

    # --- the end: described here, sent by whichever layer is left to send it ---

    def end_request(self, session_id: str, *, born: float | None = None) -> EndRequest:
        """Describe the end of a box."""
        request = Request("DELETE", self._box(session_id), self._headers)
        return EndRequest(request, gone=GONE, again=AGAIN, born=born)

    def read_ended(self, answer: Answer) -> CloseReceipt:  # noqa: ARG002
        """Believe it; boxes.example says nothing more."""
        return CloseReceipt(confirmed=True)

    # --- used on its own, without a session ---

    async def __aenter__(self) -> Self:
        """Hold nothing."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go of nothing."""

    async def create(self, options: SessionOptions) -> SessionInfo:
        """Open a session that nobody owns."""
        return self.read_created(await self._send(self.prepare(options).request), options)

    async def get(self, session_id: str) -> SessionInfo:
        """Look one up."""
        answer = await self._send(Request("GET", self._box(session_id), self._headers))
        return self._info(self._read(answer, session_id))

    async def list(self, *, alive: bool | None = None) -> list[SessionInfo]:
        """List what runs; what has ended is not kept."""
        return [] if alive is False else self.read_list(await self._send(self.list_request()))

    async def delete(self, session_id: str) -> CloseReceipt:
        """End one."""
        end = self.end_request(session_id)
        answer = await self._send(end.request)
        if answer.status not in end.gone:
            raise self.error(answer, session_id=session_id)
        return self.read_ended(answer)

    # --- translation ---

    def _box(self, session_id: str) -> str:
        if not ID.fullmatch(session_id):
            raise InvalidOptionError("session_id must be box-NUMBER.", option="session_id")
        return f"{self._url}/boxes/{session_id}"

    def _info(self, box: dict[str, Any], *, expires_at: datetime | None = None) -> SessionInfo:
        try:
            return SessionInfo(id=box["id"], backend=self.name, cdp_url=box["cdp"], expires_at=expires_at)
        except (KeyError, TypeError) as error:
            raise ProtocolError("boxes told of a box without an id and an address.") from error

    def _read(self, answer: Answer, session_id: str | None = None) -> Any:
        if not 200 <= answer.status < 300:  # noqa: PLR2004
            raise self.error(answer, session_id=session_id)
        try:
            return json.loads(answer.body)
        except ValueError as error:
            raise ProtocolError("boxes answered no JSON.", status=answer.status) from error

    async def _send(self, request: Request) -> Answer:
        transport = self.new_transport()
        try:
            return await transport.send(request, timeout=PATIENCE)
        finally:
            await transport.aclose()
