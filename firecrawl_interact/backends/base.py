"""Backend: every duty of a provider. It describes creates and ends; lifecycle sends them."""

from __future__ import annotations

import abc
from collections.abc import Hashable
from types import TracebackType
from typing import Self

from firecrawl_interact.errors import UnsupportedError
from firecrawl_interact.models import (
    Answer,
    Capabilities,
    CloseReceipt,
    CreatePlan,
    EndRequest,
    LineSettings,
    Request,
    Run,
    RunResult,
    Search,
    SessionInfo,
    SessionOptions,
)
from firecrawl_interact.transport.base import Transport

RESERVED_IDS = frozenset({".", "..", "all", "async", "history", "pending-interventions", "profiles"})

_NETWORK = ("http://", "https://")


class Backend(abc.ABC):
    """
    One configured provider.

    A backend is data and translation: it holds no connection and belongs to no event loop, so
    one object can serve all loops and threads. Used on its own it is an async context manager
    with `create`, `get`, `list` and `delete`; what `create` opens that way has no owner, so
    prefer `firecrawl_interact.Session`.
    """

    name: str  # The registry's name, such as "firecrawl".
    hosted: bool  # True where a leak costs money: guardian and ledger are on by default.
    open_timeout: float  # Default seconds for a create, by the provider's own worst case.
    capabilities: Capabilities = Capabilities()  # Of the class: no key is needed to ask.
    secret_ids: bool = False  # True where whoever knows a session's id can open its browser.
    options_type: type | None = None  # Its typed options, taken as `SessionOptions.provider`.

    # --- identity -----------------------------------------------------------------------

    @property
    @abc.abstractmethod
    def base_url(self) -> str:
        """The origin that requests go to, no trailing slash; ``"memory:"`` without network."""

    @property
    @abc.abstractmethod
    def key(self) -> str | None:
        """The API key, or None. For fingerprints; never printed, never stored."""

    @abc.abstractmethod
    def connection_key(self) -> Hashable:
        """A value equal for backends that may share a transport in one event loop."""

    @abc.abstractmethod
    def new_transport(self) -> Transport:
        """Make a transport for the running event loop."""

    def line(self) -> LineSettings | None:
        """
        Say how a process without aiohttp reaches this provider.

        None if it cannot, as with the caller's own ssl context and no CA file.
        """
        return LineSettings()

    # --- the create ---------------------------------------------------------------------

    async def ready(self) -> None:  # noqa: B027  # most have nothing to do
        """Do what must be done before the first request; the local backend starts its server here."""

    @abc.abstractmethod
    def check(self, options: SessionOptions) -> None:
        """
        Refuse values that this provider cannot take. Sends nothing.

        What is not among its `capabilities` has been refused before.

        Raises:
            InvalidOptionError: A value is outside the provider's bounds.
            UnsupportedError: The provider has no such option.
        """

    @abc.abstractmethod
    def prepare(self, options: SessionOptions) -> CreatePlan:
        """Describe the create. A backend with marks makes a new random one per call."""

    def search(self, mark: str) -> Search | None:  # noqa: ARG002  # for those that have marks
        """Describe how to find the session that carries *mark*; None where the provider has no marks."""
        return None

    @abc.abstractmethod
    def read_created(self, answer: Answer, options: SessionOptions) -> SessionInfo:
        """
        Read the answer to the create.

        Raises:
            BackendError: Any status but 2xx, see `error`; or a 2xx in which the provider says that
                nothing came of a create it had accepted.
            ProtocolError: A 2xx that does not fit; ``session_id`` holds the id if there is one.
        """

    @abc.abstractmethod
    def refused(self, answer: Answer) -> bool:
        """
        Tell whether an answer other than 2xx proves that no session was made.

        True for 4xx, and for a 503 in the provider's own words; False for every other 5xx,
        since the provider may have made a browser before it, or a gateway before the provider, failed.
        """

    @abc.abstractmethod
    def error(self, answer: Answer, *, session_id: str | None = None) -> Exception:
        """Turn an answer other than 2xx into the `BackendError` it means; texts are redacted."""

    @abc.abstractmethod
    def list_request(self) -> Request:
        """Describe the list of the sessions that run now."""

    @abc.abstractmethod
    def read_list(self, answer: Answer) -> list[SessionInfo]:
        """
        Read the answer to `list_request`.

        Raises:
            BackendError: Any status but 2xx.
            ProtocolError: A 2xx that does not fit.
        """

    def pending(self, answer: Answer) -> Request | None:  # noqa: ARG002  # for those that answer early
        """
        Say what to ask next, where a create was accepted and its session is still to come.

        None once the answer is one for `read_created`, as it is for most providers at once.
        """
        return None

    # --- in between ---------------------------------------------------------------------

    def run_request(self, session_id: str, run: Run) -> Request:
        """
        Describe the request that runs code or a prompt. It is sent once, whatever happens.

        Raises:
            UnsupportedError: The provider cannot run that.
            InvalidOptionError: The text is empty or too long, or the timeout outside its bounds.
        """
        del session_id
        what = "prompts" if run.prompt is not None else "code"
        raise UnsupportedError(f"The {self.name} backend runs no {what}.")

    def read_run(self, answer: Answer, run: Run, *, session_id: str) -> RunResult:
        """
        Read the answer to `run_request`. A run that failed is a result like any other.

        Raises:
            BackendError: Any status but 2xx.
            ProtocolError: A 2xx that does not fit.
        """
        raise NotImplementedError

    # --- the end ------------------------------------------------------------------------

    @abc.abstractmethod
    def end_request(self, session_id: str, *, born: float | None = None) -> EndRequest:
        """
        Describe the end of a session.

        Raises:
            InvalidOptionError: The id is empty, reserved, or would not stay one path segment.
        """

    @abc.abstractmethod
    def read_ended(self, answer: Answer) -> CloseReceipt:
        """Read a confirming answer, leniently: whatever the body, the session is gone."""

    def receipt_request(self, session_id: str) -> Request | None:  # noqa: ARG002  # for those that need it
        """Describe how to ask for the numbers that the answer to the end lacks; None where it has them."""
        return None

    def read_receipt(self, answer: Answer) -> CloseReceipt:
        """Read the answer to `receipt_request`, leniently; what it does not say stays None."""
        raise NotImplementedError

    # --- used on its own ----------------------------------------------------------------

    @abc.abstractmethod
    async def __aenter__(self) -> Self: ...

    @abc.abstractmethod
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    @abc.abstractmethod
    async def create(self, options: SessionOptions) -> SessionInfo:
        """Open a session that nobody owns; whoever calls it owes a `delete`."""

    @abc.abstractmethod
    async def get(self, session_id: str) -> SessionInfo:
        """Look one session up."""

    @abc.abstractmethod
    async def list(self, *, alive: bool | None = None) -> list[SessionInfo]:
        """List sessions, newest first where the provider says so; *alive* keeps those that run, or not."""

    @abc.abstractmethod
    async def delete(self, session_id: str) -> CloseReceipt:
        """End a session; one that is gone already counts as ended."""


def has_network(base_url: str) -> bool:
    """Tell whether an address says where a session runs; such as ``"memory:"`` and ``"local:"`` do not."""
    return base_url.startswith(_NETWORK)
