"""Several backends in turn: the next is asked only where it is proved that nothing was made."""

import asyncio
import json
import logging
import pickle

import pytest

from firecrawl_interact import (
    AuthenticationError,
    BackendError,
    ConcurrencyLimitError,
    CreateUnknownError,
    FailoverError,
    InteractError,
    InvalidOptionError,
    LocalBrowserError,
    MemoryBackend,
    PaymentRequiredError,
    ProfileBusyError,
    ProtocolError,
    RateLimitError,
    ServerError,
    Session,
    TransportError,
    TransportTimeoutError,
)
from firecrawl_interact.models import Answer


class Second(MemoryBackend):
    """Another provider in memory, told from the first by its name."""

    name = "second"


@pytest.fixture
def second():
    """The backend that is asked next; nothing of it is left when the test ends."""
    memory = Second()
    yield memory

    assert set() == memory.alive


def refusal(status, text, **headers):
    """An answer in Firecrawl's own words."""
    body = json.dumps({"success": False, "error": text}).encode()
    return Answer(status, {"content-type": "application/json", **headers}, body)


async def opened_and_closed(backends, **options):
    """Open a session, leave it at once, and return it."""
    async with asyncio.timeout(30), Session.create(backend=backends, **options) as session:
        pass
    return session


@pytest.mark.parametrize(
    "fault",
    [
        401,
        402,
        403,
        refusal(429, "Rate limit exceeded.", **{"retry-after": "30"}),
        refusal(429, "You have reached the maximum number of concurrent jobs (2)."),
        refusal(425, "Too early."),
        refusal(503, "Browser feature is not configured (HANGAR_URL is missing)."),
        TransportError("refused", sent=False),
        TransportTimeoutError("no connection", sent=False),
    ],
    ids=["401", "402", "403", "429-rate", "429-many", "425", "503-own", "unsent", "unsent-timeout"],
)
async def test_next_is_asked_where_nothing_was_made(backend, second, fault):
    """A refusal that is the provider's own affair passes the create on, once, and at once."""
    backend.fail_next("create", fault)
    session = await opened_and_closed([backend, second])

    assert [] == backend.created
    assert ["s1"] == second.deleted
    assert "second" == session.backend


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (400, BackendError),
        (404, BackendError),
        (refusal(409, "Another session is writing to this profile."), ProfileBusyError),
        (422, BackendError),
        (Answer(301, {"location": "https://elsewhere.example/"}), BackendError),
    ],
    ids=["400", "404", "409", "422", "301"],
)
async def test_refusal_of_what_was_asked_is_not_passed_on(backend, second, fault, error):
    """What the caller asked for would be refused elsewhere too, or mean something else there."""
    backend.fail_next("create", fault)
    with pytest.raises(error):
        await opened_and_closed([backend, second])

    assert [] == second.created


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (TransportError("reset", sent=True), CreateUnknownError),
        (500, CreateUnknownError),
        (Answer(503, {"content-type": "text/html"}, b"<html>503</html>"), CreateUnknownError),
        (Answer(200, {}, b'{"success": true, "id": "s1"}'), ProtocolError),
        (Answer(200, {}, b"hello"), CreateUnknownError),
    ],
    ids=["reset", "500", "503-html", "misfit", "no-json"],
)
async def test_nobody_is_asked_where_something_may_have_been_made(second, fault, error):
    """Where a session may exist, no second one is asked for."""
    first = MemoryBackend()
    first.fail_next("create", fault, effect=True)
    with pytest.raises(error):
        await opened_and_closed([first, second])

    assert ["s1"] == first.created
    assert [] == second.created


class Browserless(MemoryBackend):
    """A machine without a browser."""

    name = "browserless"

    async def ready(self):
        raise LocalBrowserError("No browser was found: apt install chromium.")


async def test_machine_without_a_browser_passes_on(second):
    """A local browser that cannot be started made nothing."""
    session = await opened_and_closed([Browserless(), second])

    assert "second" == session.backend


class Asleep(MemoryBackend):
    """A backend that is never ready, and lets all of its time pass."""

    name = "asleep"

    def __init__(self, lapse):
        super().__init__()
        self._lapse = lapse

    async def ready(self):
        self._lapse(10)
        await asyncio.Event().wait()


async def test_each_attempt_has_its_own_time(second, lapse):
    """The time that one backend used up is not taken from the next."""
    session = await opened_and_closed([Asleep(lapse), Asleep(lapse), second], open_timeout=10)

    assert "second" == session.backend


async def test_when_nobody_serves_all_are_heard(backend):
    """All refusals come out together, in order, each with a note that names its backend."""
    backend.fail_next("create", refusal(402, "Insufficient credits."))
    with pytest.raises(FailoverError) as caught:
        await opened_and_closed([backend, Browserless()])

    assert isinstance(caught.value, InteractError)
    assert isinstance(caught.value, ExceptionGroup)
    assert [PaymentRequiredError, LocalBrowserError] == [type(each) for each in caught.value.exceptions]
    assert ["memory", "browserless"] == [
        each.__notes__[0].split()[-1][:-1] for each in caught.value.exceptions
    ]
    assert "None of the backends asked opened a session: memory, browserless (2 sub-exceptions)" == str(
        caught.value
    )


async def test_error_of_all_is_taken_apart_by_its_kinds(backend, second):
    """``except*`` finds each refusal under its own class."""
    backend.fail_next("create", 401)
    second.fail_next("create", 402)
    found = []
    try:
        await opened_and_closed([backend, second])
    except* AuthenticationError as group:
        found.append(group)
    except* PaymentRequiredError as group:
        found.append(group)

    assert [FailoverError, FailoverError] == [type(each) for each in found]


def test_error_of_all_survives_pickling():
    """The group crosses process boundaries with its parts and their notes."""
    part = RateLimitError("slow down", backend="memory", status=429, retry_after=3.0)
    part.add_note("a note")
    copy = pickle.loads(pickle.dumps(FailoverError("none", [part, ServerError("down", status=503)])))

    assert "none" == copy.message
    assert 3.0 == copy.exceptions[0].retry_after
    assert ["a note"] == copy.exceptions[0].__notes__
    assert 503 == copy.exceptions[1].status
    assert copy.session_id is None


async def test_last_one_that_may_have_made_something_speaks_alone(backend):
    """An unknown outcome is not hidden among refusals."""
    last = Second()
    backend.fail_next("create", 402)
    last.fail_next("create", TransportError("reset", sent=True), effect=True)
    with pytest.raises(CreateUnknownError):
        await opened_and_closed([backend, last])


async def test_single_backend_raises_its_own_error(backend):
    """With nobody to pass on to there is no group, in a list of one neither."""
    backend.fail_next("create", refusal(429, "Too many concurrent sessions."))
    with pytest.raises(ConcurrencyLimitError):
        await opened_and_closed([backend])


async def test_passing_on_is_said_in_one_line(backend, second, caplog):
    """Whoever reads the log learns which backend failed and why, without its words."""
    backend.fail_next("create", refusal(402, "Insufficient credits."))
    with caplog.at_level(logging.WARNING):
        await opened_and_closed([backend, second])

    assert [
        "The memory backend could not open a session (PaymentRequiredError); trying the next."
    ] == caplog.messages


async def test_cancelled_in_turn_asks_nobody_else(backend, second):
    """A create that nobody wants any more is not passed on."""
    backend.hold_answers("create")
    backend.fail_next("create", 402)
    task = asyncio.create_task(opened_and_closed([backend, second]))
    async with asyncio.timeout(30):
        await backend.create_received.wait()
        task.cancel()
        backend.release_answers()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert [] == second.created


def test_option_that_one_of_them_lacks_is_refused_at_the_call(backend):
    """A list is as able as its least able member: nobody is asked for less than was wanted."""
    with pytest.raises(InvalidOptionError, match="ttl"):
        Session.create(backend=[backend, Second()], ttl=29)
