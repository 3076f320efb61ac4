"""One create, one verdict: what is sent again, what never, and what is said."""

import asyncio
import json

import pytest

from firecrawl_interact import (
    ConcurrencyLimitError,
    CreateUnknownError,
    MemoryBackend,
    PaymentRequiredError,
    ProtocolError,
    RateLimitError,
    ServerError,
    Session,
    SessionNotFoundError,
    TransportError,
    TransportTimeoutError,
)
from firecrawl_interact.models import Answer


def refusal(status, text, **headers):
    """An answer in Firecrawl's own words."""
    body = json.dumps({"success": False, "error": text}).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "application/json", **names}, body)


async def opened_and_closed(backend, **options):
    """Open a session, leave it at once, and return it."""
    async with asyncio.timeout(30), Session.create(backend=backend, **options) as session:
        pass
    return session


@pytest.mark.parametrize("status", [402, 401, 403, 409])
async def test_refusal_is_raised_and_nothing_is_sent_again(backend, status):
    """A refusal is final: one create, one error with its status."""
    backend.fail_next("create", status)
    with pytest.raises(Exception, match=str(status)) as caught:
        await opened_and_closed(backend)

    assert status == caught.value.status
    assert [] == backend.created


async def test_create_that_is_not_found_says_what_to_check(backend):
    """There is no session yet that could be missing: the address is wrong."""
    backend.fail_next("create", 404)
    with pytest.raises(SessionNotFoundError) as caught:
        await opened_and_closed(backend)

    assert any("base_url" in note for note in caught.value.__notes__)


async def test_backend_that_was_given_something_to_do_first_does_it(backend):
    """What replaces `ready` in one object is called as well, and its failure is the create's."""

    async def not_yet():
        raise PaymentRequiredError("nothing is ready")

    backend.ready = not_yet
    with pytest.raises(PaymentRequiredError, match="nothing is ready"):
        await opened_and_closed(backend)

    assert [] == backend.created


async def test_payment_required_has_its_own_class(backend):
    """Not enough credits is told from other refusals."""
    backend.fail_next("create", refusal(402, "Insufficient credits for a 600s browser session."))
    with pytest.raises(PaymentRequiredError, match="Insufficient credits"):
        await opened_and_closed(backend)


async def test_rate_limited_create_waits_and_is_sent_again(backend):
    """A 429 with Retry-After is asked again after it."""
    backend.fail_next("create", refusal(429, "Rate limit exceeded.", retry_after="0"), times=3)
    await opened_and_closed(backend)

    assert ["s1"] == backend.created


async def test_rate_limit_gives_up_after_three_repeats(backend):
    """The fourth 429 in a row comes out."""
    backend.fail_next("create", refusal(429, "Rate limit exceeded.", retry_after="0"), times=4)
    with pytest.raises(RateLimitError) as caught:
        await opened_and_closed(backend)

    assert 0 == caught.value.retry_after


async def test_rate_limit_longer_than_the_open_timeout_comes_out_at_once(backend):
    """A pause that would outlast the caller's time limit is not begun."""
    backend.fail_next("create", refusal(429, "Rate limit exceeded.", retry_after="3600"))
    with pytest.raises(RateLimitError) as caught:
        await opened_and_closed(backend)

    assert 3600 == caught.value.retry_after


async def test_concurrency_limit_is_raised_at_once(backend):
    """Too many sessions is not waited out: only ending one helps."""
    backend.fail_next("create", refusal(429, "You have reached the maximum number of concurrent jobs (2)."))
    with pytest.raises(ConcurrencyLimitError):
        await opened_and_closed(backend)

    assert [] == backend.created


async def test_cancelled_while_waiting_out_a_429_sends_nothing_more(backend):
    """A create that nobody wants any more is not sent again."""
    backend.fail_next("create", refusal(429, "Rate limit exceeded.", retry_after="20"))
    task = asyncio.create_task(opened_and_closed(backend))
    async with asyncio.timeout(30):
        await backend.create_received.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert [] == backend.created


async def test_create_that_never_left_is_sent_again(backend):
    """What surely did not arrive is repeated."""
    backend.fail_next("create", TransportError("refused", sent=False), times=3)
    await opened_and_closed(backend)

    assert ["s1"] == backend.created


async def test_create_that_never_leaves_fails_with_the_transports_error(backend):
    """After four sends that did not leave, the line's error comes out."""
    backend.fail_next("create", TransportError("refused", sent=False), times=4)
    with pytest.raises(TransportError) as caught:
        await opened_and_closed(backend)

    assert caught.value.sent is False


@pytest.mark.parametrize(
    "fault",
    [
        TransportError("reset", sent=True),
        500,
        Answer(502, {"content-type": "text/html"}, b"<html>502</html>"),
        Answer(503, {"content-type": "text/html"}, b"<html>503</html>"),
        Answer(200, {"content-type": "text/html"}, b"<html>hello</html>"),
        Answer(200, {"content-type": "application/json"}, b'{"success": true, "cdpUrl": "wss://x"'),
        Answer(200, {"content-type": "application/json"}, b'{"success": true}'),
    ],
    ids=["reset", "500", "502-html", "503-html", "200-html", "truncated", "no-id"],
)
async def test_lost_create_is_unknown_and_never_repeated(fault):
    """An answer that proves nothing leaves the outcome open: one POST, one honest error."""
    backend = MemoryBackend()
    backend.fail_next("create", fault, effect=True)
    with pytest.raises(CreateUnknownError) as caught:
        await opened_and_closed(backend)

    assert ["s1"] == backend.created
    assert [] == backend.deleted  # Not provably ours.
    assert caught.value.started_at <= caught.value.ended_at < caught.value.may_live_until
    assert caught.value.__cause__ is not None


async def test_unknown_outcome_says_once_what_was_answered():
    """The status stands in the provider's words already."""
    backend = MemoryBackend()
    backend.fail_next("create", refusal(500, "Boom."), effect=True)
    with pytest.raises(CreateUnknownError, match=r"not known \(memory answered 500: Boom\.\), sent at"):
        await opened_and_closed(backend)


async def test_words_of_others_code_are_redacted():
    """A transport of somebody else's may quote what opens the browser."""
    backend = MemoryBackend()
    backend.fail_next("create", OSError("wss://h/cdp?token=hush is odd"), effect=True)
    with pytest.raises(CreateUnknownError, match="is odd") as caught:
        await opened_and_closed(backend)

    assert "hush" not in str(caught.value)


async def test_503_in_the_providers_own_words_is_a_refusal(backend):
    """A server without browsers says so; nothing was made."""
    backend.fail_next("create", refusal(503, "Browser feature is not configured (HANGAR_URL is missing)."))
    with pytest.raises(ServerError) as caught:
        await opened_and_closed(backend)

    assert 503 == caught.value.status


async def test_misfit_with_an_id_is_ended_before_the_error():
    """An answer that lacks what we need, but names a session, ends that session first."""
    backend = MemoryBackend()
    misfit = Answer(200, {"content-type": "application/json"}, b'{"success": true, "id": "s1"}')
    backend.fail_next("create", misfit, effect=True)
    with pytest.raises(ProtocolError) as caught:
        await opened_and_closed(backend)

    assert "cdpUrl" == caught.value.field
    assert "s1" == caught.value.session_id
    assert ["s1"] == backend.deleted


@pytest.mark.parametrize("odd", ["a/b", "all", "a b", "x" * 300])
async def test_id_that_cannot_be_sent_back_is_told(odd):
    """Nothing here can end that session, but whoever handles the error learns which one it is."""
    backend = MemoryBackend()
    body = json.dumps({"success": True, "id": odd, "cdpUrl": "wss://x/1"}).encode()
    backend.fail_next("create", Answer(200, {"content-type": "application/json"}, body), effect=True)
    with pytest.raises(CreateUnknownError, match="session_id must") as caught:
        await opened_and_closed(backend)

    assert odd == caught.value.session_id
    assert [] == backend.deleted


async def test_open_timeout_after_sending_is_an_unknown_outcome(lapse):
    """Time that runs out behind the POST leaves it open what came of it."""
    backend = MemoryBackend()
    backend.hold_answers("create")
    opening = asyncio.create_task(opened_and_closed(backend, open_timeout=10))
    async with asyncio.timeout(30):
        await backend.create_received.wait()
        lapse(10)
        with pytest.raises(CreateUnknownError) as caught:
            await opening
    backend.release_answers()

    assert isinstance(caught.value.__cause__, TransportTimeoutError)
    assert ["s1"] == backend.created
