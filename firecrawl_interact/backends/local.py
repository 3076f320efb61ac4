"""Browsers on this machine, run by a private server that speaks Firecrawl's wire."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Self

import attrs

from firecrawl_interact.backends._access import Access, make_access
from firecrawl_interact.backends._hosted import segment
from firecrawl_interact.backends._private_server import KEEPER, PrivateServer, stop_server
from firecrawl_interact.backends._refusal import read_words
from firecrawl_interact.backends.firecrawl_kept import FirecrawlKept
from firecrawl_interact.backends.firecrawl_wire import HOME
from firecrawl_interact.errors import LocalBrowserError, TransportError
from firecrawl_interact.models import Answer, Capabilities, CloseReceipt, Request
from firecrawl_interact.transport.base import Transport
from firecrawl_interact.transport.redact import redact
from firecrawl_interact.transport.settings import ConnectionSettings

__all__ = ["LocalBackend", "stop_server"]

_NOWHERE = Access(origin="local:")  # Before a server runs.
_LINE = ConnectionSettings(trust_env=False)  # Loopback needs no proxy.
_NO_BROWSER = "LOCAL_BROWSER"  # The server's code for: none could be started.


class LocalBackend(FirecrawlKept):
    """
    Real browsers on this machine, without a key.

    The first use starts a server process; it is shared by all loops and threads, and ends with
    this process, however that ends, and its browsers with it. Which browser it runs is read from
    ``FIRECRAWL_INTERACT_BROWSER`` at its start.
    """

    name = "local"
    hosted = False
    open_timeout: float = 30.0  # Seconds.
    capabilities: Capabilities = Capabilities(
        options=frozenset({"profile", "record", "live_view", "no_live_view", "no_block_ads"}),
        languages=frozenset({"node", "python", "bash"}),
        scrapes=True,
        watch_only_link=True,
        shortest_ttl=30,
        longest_ttl=3600,
        receipts=True,
    )

    def __init__(self) -> None:
        """Take what there is; nothing is started."""
        super().__init__(_NOWHERE)
        self._server: PrivateServer | None = None

    async def ready(self) -> None:
        """
        See to it that the server runs.

        Raises:
            LocalBrowserError: It cannot be started.
        """
        server = await KEEPER.ensure()
        if server is not self._server:
            self._access = make_access(HOME, api_key=server.key, base_url=server.base_url, trust_env=False)
            self._server = server

    async def replay_link(self, session_id: str) -> str:
        """
        Return the address of a page that plays a recording, as long as the server runs.

        It is a secret: whoever has it may watch.

        Raises:
            SessionNotFoundError: Nothing was recorded.
        """
        answer = await self._read_only(f"{segment(session_id)}/replay", session_id)
        return answer.headers.get("link", "").partition("<")[2].partition(">")[0]

    def read_ended(self, answer: Answer) -> CloseReceipt:
        """Read a confirming answer; nobody bills for a browser of this machine."""
        return attrs.evolve(super().read_ended(answer), credits_billed=None)

    def connection_key(self) -> Hashable:
        """Return what all local backends share: they reach the same server."""
        return LocalBackend

    def new_transport(self) -> Transport:
        """Make a transport for the running event loop."""
        return LocalTransport()

    def error(self, answer: Answer, *, session_id: str | None = None) -> Exception:  # type: ignore[override]  # no provider refused
        """Turn an answer other than 2xx into the error it means."""
        words = read_words(answer)
        if words.code == _NO_BROWSER:
            return LocalBrowserError(redact(words.text))  # A browser's last words tell its address.
        return super().error(answer, session_id=session_id)

    async def __aenter__(self) -> Self:
        """Start the server and open a transport to it."""
        await self.ready()
        return await super().__aenter__()


class LocalTransport:
    """
    Carry requests to the private server that runs now.

    What was addressed to one that has died is answered here: its browsers died with it, so their
    ends have come about, and nothing else was sent.
    """

    def __init__(self) -> None:
        """Prepare; nothing is opened."""
        from firecrawl_interact.transport.http import HttpTransport  # Imported while the server started.

        self._http = HttpTransport(_LINE)

    async def send(self, request: Request, *, timeout: float, fresh: bool = False) -> Answer:
        """Send one request and read the whole answer, whatever its status."""
        if _dead(request):
            return _answer_for_dead(request)
        try:
            return await self._http.send(request, timeout=timeout, fresh=fresh)
        except TransportError:
            if _dead(request):
                return _answer_for_dead(request)
            raise

    async def aclose(self) -> None:
        """Close every connection. A second call does nothing."""
        await self._http.aclose()


def _dead(request: Request) -> bool:
    """Tell whether the server that a request is addressed to has ended."""
    server = KEEPER.running()
    return server is None or not request.url.startswith(f"{server.base_url}/")


def _answer_for_dead(request: Request) -> Answer:
    if request.method == "DELETE":
        return Answer(status=410)
    raise TransportError("The server of local browsers has ended, and its browsers with it.", sent=False)
