"""A provider without any network: it drives the documentation and most tests."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Hashable
from datetime import timedelta
from typing import Literal, cast, get_args

import attrs

from firecrawl_interact.backends._access import Access
from firecrawl_interact.backends._memory_records import MemoryScrape, MemorySession, run_reply
from firecrawl_interact.backends.firecrawl_wire import FirecrawlWire
from firecrawl_interact.errors import InvalidOptionError, TransportError, TransportTimeoutError
from firecrawl_interact.models import Answer, Language, Request, Run, RunResult
from firecrawl_interact.transport.base import Transport
from firecrawl_interact.wire import firecrawl as wire
from firecrawl_interact.wire.firecrawl_runs import ExecuteRequest, InteractRequest
from firecrawl_interact.wire.firecrawl_scrapes import ScrapeReply

Verb = Literal["create", "get", "list", "delete", "scrape", "run", "stop"]

VERBS: tuple[Verb, ...] = get_args(Verb)

_JSON = {"content-type": "application/json"}
_OK = 200
_NOT_FOUND = 404
_GONE = 410
_SESSIONS = "/v2/interact"
_SCRAPES = "/v2/scrape"


class MemoryBackend(FirecrawlWire):
    """
    Firecrawl's API answered from memory, by a provider that can be scripted to misbehave.

    Sessions are called ``s1``, ``s2`` and so on; no browser stands behind them. One object may
    serve several event loops and threads, one after the other.

    Attributes:
        created: Ids in the order in which sessions were made.

        deleted: Ids in the order in which sessions were ended.

        create_received: Set once a create has arrived and, unless it was to fail first, has
            made its session; its answer may still be held.

        delete_received: The same for deletes, and for the stops of scraped pages.

        run_received: The same for runs.

        runs: What was run, the first first.

        results: What the next runs come to, the first first; then each is a success that prints
            nothing. A callable is asked with the `Run`.
    """

    name = "memory"
    hosted = False
    open_timeout: float = 30.0

    def __init__(self) -> None:
        """Begin without sessions; every answer comes at once."""
        super().__init__(Access(origin="memory:", line=None))
        self.created: list[str] = []
        self.deleted: list[str] = []
        self.create_received: Signal = Signal()
        self.delete_received: Signal = Signal()
        self.run_received: Signal = Signal()
        self.runs: list[Run] = []
        self.results: deque[RunResult | Callable[[Run], RunResult]] = deque()
        self._sessions: dict[str, MemorySession] = {}
        self._scrapes_made: dict[str, MemoryScrape] = {}
        self._ids = itertools.count(1)
        self._faults: defaultdict[Verb, deque[_Fault]] = defaultdict(deque)
        self._released = {verb: Signal(is_set=True) for verb in VERBS}

    # --- the provider's side: looking and scripting --------------------------------------

    @property
    def alive(self) -> set[str]:
        """Ids of the sessions that run now."""
        return {session_id for session_id, record in self._sessions.items() if record.alive}

    def hold_answers(self, *verbs: Verb) -> None:
        """Hold the answers to these verbs, or to all, until `release_answers`; requests still take effect."""
        for verb in _checked(verbs):
            self._released[verb].clear()

    def release_answers(self, *verbs: Verb) -> None:
        """Give the answers held and those to come, for these verbs or for all."""
        for verb in _checked(verbs):
            self._released[verb].set()

    def fail_next(
        self, verb: Verb, fault: int | Answer | Exception, *, effect: bool = False, times: int = 1
    ) -> None:
        """
        Let the next request of this kind fail; calls queue up.

        Args:
            verb: Which kind.

            fault: What is answered: a status, a whole answer, or an exception to raise, such as
                ``TransportError(sent=True)`` for a lost answer.

            effect: Whether the session is made, or ended, all the same.

            times: How many requests fail this way.

        Raises:
            InvalidOptionError: An unknown verb, or a fault that is none.
        """
        _checked((verb,))
        if isinstance(fault, int) and not 300 <= fault < 600:  # noqa: PLR2004  # HTTP's own numbers
            raise InvalidOptionError(f"A status that fails is 300 to 599, not {fault}.", option="fault")
        if not isinstance(cast("object", fault), int | Answer | Exception):
            raise InvalidOptionError(
                f"A fault is a status, an Answer or an exception, not {fault!r}.", option="fault", value=fault
            )
        if isinstance(fault, int):
            fault = _refusal(fault, f"Scripted to fail with {fault}.")
        self._faults[verb].extend([_Fault(fault, effect)] * times)

    # --- the backend's side --------------------------------------------------------------

    def connection_key(self) -> Hashable:
        """Return the backend: each one has its own provider."""
        return self

    def new_transport(self) -> Transport:
        """Make a transport that ends here."""
        return _MemoryTransport(self)

    async def serve(self, verb: Verb, session_id: str, request: Request, timeout: float) -> Answer:
        """Answer one request, as scripted; called by the transport."""
        fault = self._faults[verb].popleft() if self._faults[verb] else None
        answer = _refusal(500, "Unused.")
        if fault is None or fault.effect:
            answer = self._effect(verb, session_id, request)
        if verb == "create":
            self.create_received.set()
        elif verb in ("delete", "stop"):
            self.delete_received.set()
        elif verb == "run":
            self.run_received.set()
        await asyncio.sleep(0)  # As with every real transport, others have their turn.
        if not await self._released[verb].wait(timeout):
            raise TransportTimeoutError("Memory held its answer for too long.", sent=True)
        if fault is None:
            return answer
        if isinstance(fault.outcome, Exception):
            raise fault.outcome
        return fault.outcome

    def _effect(self, verb: Verb, name: str, request: Request) -> Answer:
        if verb == "create":
            return self._create(request)
        if verb == "list":
            return self._list(request)
        if verb == "scrape":
            return self._scrape()
        if request.url.startswith(self.base_url + _SCRAPES):
            return self._in_scrape(verb, self._scrapes_made.get(name), request)
        return self._in_session(verb, self._sessions.get(name), request)

    def _in_session(self, verb: Verb, session: MemorySession | None, request: Request) -> Answer:
        if session is None:
            return _refusal(_NOT_FOUND, "Browser session not found.")
        if verb == "get":
            return _answer(_OK, session.detail())
        return self._end(session) if verb == "delete" else self._execute(session, request)

    def _in_scrape(self, verb: Verb, scrape: MemoryScrape | None, request: Request) -> Answer:
        if verb == "run":
            return (
                _refusal(_NOT_FOUND, "Job not found.") if scrape is None else self._interact(scrape, request)
            )
        if scrape is None or scrape.session is None:
            return _refusal(_NOT_FOUND, "Browser session not found.")
        return self._end(scrape.session)

    def _list(self, request: Request) -> Answer:
        rows = [session.row() for session in reversed(self._sessions.values())]
        wanted = request.url.partition("?status=")[2]
        return _answer(
            _OK, wire.ListReply(success=True, sessions=[row for row in rows if wanted in ("", row.status)])
        )

    def _create(self, request: Request) -> Answer:
        asked = wire.DIALECT.loads(request.body or b"{}", wire.CreateRequest)
        session = self._start(watched=asked.stream_web_view is not False)
        reply = wire.CreateReply(
            success=True,
            id=session.id,
            cdp_url=session.cdp_url,
            live_view_url=session.live_view_url,
            interactive_live_view_url=session.interactive_live_view_url,
            expires_at=session.created_at + timedelta(seconds=asked.ttl),
        )
        return _answer(_OK, reply)

    def _start(self, *, watched: bool) -> MemorySession:
        session = MemorySession(id=f"s{next(self._ids)}", watched=watched)
        self._sessions[session.id] = session
        self.created.append(session.id)
        return session

    def _end(self, session: MemorySession) -> Answer:
        if session.alive:
            self.deleted.append(session.id)
        return _answer(_OK, session.end())

    def _execute(self, session: MemorySession, request: Request) -> Answer:
        if not session.alive:
            return _refusal(_GONE, "Browser session has been destroyed.")
        asked = wire.DIALECT.loads(request.body or b"{}", ExecuteRequest)
        return _answer(_OK, run_reply(self._run(asked)))

    def _run(self, asked: ExecuteRequest | InteractRequest) -> RunResult:
        run = Run(
            code=asked.code,
            prompt=getattr(asked, "prompt", None),
            language=cast("Language", asked.language),
            timeout=asked.timeout,
        )
        self.runs.append(run)
        scripted = self.results.popleft() if self.results else RunResult()
        return scripted if isinstance(scripted, RunResult) else scripted(run)

    def _scrape(self) -> Answer:
        scrape = MemoryScrape(id=str(uuid.uuid4()))
        self._scrapes_made[scrape.id] = scrape
        return _answer(_OK, ScrapeReply(success=True, data={"metadata": {"scrapeId": scrape.id}}))

    def _interact(self, scrape: MemoryScrape, request: Request) -> Answer:
        asked = wire.DIALECT.loads(request.body or b"{}", InteractRequest)
        if scrape.session is None:
            adopted = self._sessions.get(asked.existing_session_id or "")
            scrape.session = self._start(watched=True) if adopted is None else adopted
        if not scrape.session.alive:
            return _refusal(_GONE, "Browser session has been destroyed.")
        return _answer(_OK, scrape.session.bound_reply(self._run(asked)))


class Signal:
    """An event that may be waited for in one loop after another, and set from any thread."""

    def __init__(self, *, is_set: bool = False) -> None:
        """Begin set or not."""
        self._is_set = is_set
        self._waiting: set[asyncio.Future[None]] = set()

    def is_set(self) -> bool:
        """Tell whether it happened."""
        return self._is_set

    def set(self) -> None:
        """Wake all who wait, and let later ones pass."""
        self._is_set = True
        for waiter in list(self._waiting):
            loop = waiter.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake, waiter)

    def clear(self) -> None:
        """Let later ones wait again."""
        self._is_set = False

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, at most *timeout* seconds; tell whether it happened."""
        if self._is_set:
            return True
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            # Not asyncio.timeout, which cancels the task: owned tasks refuse that.
            await asyncio.wait((waiter,), timeout=timeout)
        finally:
            self._waiting.discard(waiter)
        return waiter.done()


class _MemoryTransport:
    """Carry requests to the provider beside it."""

    def __init__(self, backend: MemoryBackend) -> None:
        self._backend = backend
        self._closed = False

    async def send(self, request: Request, *, timeout: float, fresh: bool = False) -> Answer:  # noqa: ARG002
        if self._closed:
            raise TransportError("The transport is closed.", sent=False)
        path = request.url.removeprefix(self._backend.base_url).partition("?")[0]
        scraped = path.startswith(_SCRAPES)
        name, _, action = path.removeprefix(_SCRAPES if scraped else _SESSIONS).strip("/").partition("/")
        verb: Verb
        if request.method == "POST":
            verb = "run" if action else "scrape" if scraped else "create"
        elif request.method == "DELETE":
            verb = "stop" if scraped else "delete"
        else:
            verb = "get" if name else "list"
        return await self._backend.serve(verb, name, request, timeout)

    async def aclose(self) -> None:
        self._closed = True


@attrs.frozen
class _Fault:
    """What one request is answered with, and whether it takes effect before."""

    outcome: Answer | Exception
    effect: bool


def _checked(verbs: tuple[Verb, ...]) -> tuple[Verb, ...]:
    for verb in verbs:
        if verb not in VERBS:
            raise InvalidOptionError(
                f"A verb is one of {', '.join(VERBS)}, not {verb!r}.", option="verb", value=verb
            )
    return verbs or VERBS


def _answer(status: int, reply: object) -> Answer:
    return Answer(status, _JSON, wire.DIALECT.dumps(reply))


def _refusal(status: int, text: str) -> Answer:
    return _answer(status, wire.ErrorReply(error=text))


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
