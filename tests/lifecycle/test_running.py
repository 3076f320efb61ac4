"""Runs in a session: sent once, and clear about sessions that are gone."""

import asyncio
import json

import pytest

from firecrawl_interact import (
    BackendError,
    FirecrawlBackend,
    InvalidOptionError,
    MemoryBackend,
    ProfileBusyError,
    RateLimitError,
    RunFailedError,
    RunResult,
    ServerError,
    Session,
    SessionClosedError,
    SessionGoneError,
    TransportError,
    UnsupportedError,
)
from firecrawl_interact.models import Answer

JSON = {"content-type": "application/json"}


def says(status, text):
    return Answer(status, JSON, json.dumps({"success": False, "error": text}).encode())


async def test_run_comes_back_with_what_it_left_behind(backend):
    """Output, result and exit code are the provider's."""
    backend.results.append(RunResult(stdout="out", stderr="err", result="2", truncated=True))
    async with Session.create(backend=backend) as session:
        result = await session.execute("1 + 1", language="python", timeout=5)

    assert RunResult(stdout="out", stderr="err", result="2", exit_code=0, truncated=True) == result
    assert [("1 + 1", "python", 5)] == [(run.code, run.language, run.timeout) for run in backend.runs]


async def test_failed_run_is_a_result_until_it_is_checked(backend):
    """Only `check` raises."""
    backend.results.append(RunResult(stderr="Error: boom", exit_code=1))
    async with Session.create(backend=backend) as session:
        result = await session.execute("throw 1")

    assert result.failed
    with pytest.raises(RunFailedError, match="boom"):
        result.check()


async def test_error_of_a_failed_run_opens_nothing(backend):
    """What was run may print links and keys: the result has them, a traceback in a log does not."""
    link = "wss://browser.example/cdp/s1?token=hush"
    said = f"connect {link} failed with Authorization: Bearer fc-0123456789"
    backend.results.append(RunResult(stderr=said, exit_code=1))
    async with Session.create(backend=backend) as session:
        result = await session.execute("throw 1")

    assert link in result.stderr
    with pytest.raises(RunFailedError, match="connect") as caught:
        result.check()
    assert not any(secret in str(caught.value) for secret in ("hush", "browser.example", "fc-0123456789"))


def test_error_of_a_failed_run_stays_short():
    """A run may print megabytes; begin and end say most."""
    result = RunResult(stderr="begin " + "x" * 1_000_000 + " end", exit_code=1)
    with pytest.raises(RunFailedError, match=r"(?s)begin .* end") as caught:
        result.check()

    assert len(str(caught.value)) < 5000
    assert result is caught.value.result


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("", {}),
        ("x" * 100_001, {}),
        ("\u00e4" * 50_001, {}),
        (None, {}),
        ("1", {"language": ["node"]}),
        ("1", {"language": {}}),
        ("1", {"timeout": 0}),
        ("1", {"timeout": 301}),
        ("1", {"timeout": 1.5}),
        ("1", {"timeout": True}),
    ],
)
async def test_bad_runs_are_not_sent(backend, code, options):
    """Bounds are checked before anything is sent; code is limited in bytes."""
    async with Session.create(backend=backend) as session:
        with pytest.raises(InvalidOptionError):
            await session.execute(code, **options)

    assert [] == backend.runs


async def test_no_code_is_refused_in_plain_words(backend):
    """Nobody is told of a longest code that has nothing to do with it."""
    async with Session.create(backend=backend) as session:
        with pytest.raises(InvalidOptionError, match=r"^code must have at least 1 character, not 0\.$"):
            await session.execute("")


async def test_longest_code_is_sent(backend):
    """A hundred thousand bytes are not too many."""
    async with Session.create(backend=backend) as session:
        await session.execute("\u00e4" * 50_000)

    assert [50_000] == [len(run.code) for run in backend.runs]


async def test_code_is_in_no_error(backend):
    """It may hold passwords."""
    async with Session.create(backend=backend) as session:
        with pytest.raises(InvalidOptionError) as caught:
            await session.execute("hunter2" * 50_000)

    assert "hunter2" not in f"{caught.value!r}{caught.value.value!r}"


async def test_unknown_language_is_refused(backend):
    """The text says which there are."""
    async with Session.create(backend=backend) as session:
        with pytest.raises(UnsupportedError, match="node"):
            await session.execute("1", language="ruby")


async def test_prompt_in_a_standalone_session_is_refused_with_the_way_out(backend):
    """Firecrawl's route for it takes none."""
    async with Session.create(backend=backend) as session:
        with pytest.raises(UnsupportedError, match="from_scrape"):
            await session.prompt("click")


@pytest.mark.parametrize("status", [404, 410])
async def test_run_in_a_session_that_is_gone_says_so(backend, status):
    """Both words of the provider's mean that there is no browser any more."""
    async with Session.create(backend=backend) as session:
        backend.fail_next("run", says(status, "Browser session not found."))
        with pytest.raises(SessionGoneError) as caught:
            await session.execute("1")

        assert (status, session.id) == (caught.value.status, caught.value.session_id)
        assert session.ended.is_set()


async def test_doubtful_refusal_of_a_session_that_is_gone_says_so(backend):
    """Just after its expiry the provider answers what it likes; the list tells."""
    async with Session.create(backend=backend) as session:
        async with backend:
            await backend.delete(session.id)
        backend.fail_next("run", says(409, "Browser operation conflicts with the current session."))
        with pytest.raises(SessionGoneError):
            await session.execute("1")


async def test_doubtful_refusal_of_a_living_session_stays_what_it_is(backend):
    """A session that is listed as running has not ended."""
    async with Session.create(backend=backend) as session:
        backend.fail_next("run", says(409, "Browser operation conflicts with the current session."))
        with pytest.raises(ProfileBusyError):
            await session.execute("1")


async def test_list_that_fails_does_not_hide_the_refusal(backend):
    """Nothing is made up where nobody can tell."""
    async with Session.create(backend=backend) as session:
        backend.fail_next("run", says(418, "No."))
        backend.fail_next("list", 500)
        with pytest.raises(BackendError, match="No") as caught:
            await session.execute("1")

    assert 418 == caught.value.status


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (says(429, "Rate limit exceeded."), RateLimitError),
        (502, ServerError),
        (TransportError(), TransportError),
    ],
)
async def test_run_is_never_sent_again(backend, fault, error):
    """Clicks and purchases must not happen twice."""
    async with Session.create(backend=backend) as session:
        backend.fail_next("run", fault, effect=True)
        with pytest.raises(error):
            await session.execute("1")

    assert 1 == len(backend.runs)


async def test_cancelled_run_leaves_the_session_to_its_end(backend):
    """The cancellation comes out at once; the session is ended as usual."""
    backend.hold_answers("run")
    async with asyncio.timeout(30):
        async with Session.create(backend=backend) as session:
            running = asyncio.create_task(session.execute("1"))
            await backend.run_received.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    assert [session.id] == backend.deleted


async def test_run_after_the_end_is_refused(backend):
    """Nothing is sent for a session that was closed."""
    async with Session.create(backend=backend) as session:
        pass
    with pytest.raises(SessionClosedError, match="execute"):
        await session.execute("1")

    assert [] == backend.runs


async def test_language_and_time_are_always_said():
    """The providers' own defaults contradict each other."""
    backend = FirecrawlBackend("fc-TEST")
    async with Session.create(backend=MemoryBackend()) as session:
        from firecrawl_interact.models import Run

        request = backend.run_request(session.id, Run(code="1"))

    assert {"code": "1", "language": "node", "timeout": 30} == json.loads(request.body)
