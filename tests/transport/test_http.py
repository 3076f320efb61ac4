"""Carrying one request over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import socket
import traceback

import aiohttp
import attrs
import pytest

from firecrawl_interact.errors import TransportError, TransportTimeoutError
from firecrawl_interact.lifecycle.owned import Owned
from firecrawl_interact.models import Request
from firecrawl_interact.models.debts import LONGEST_ANSWER
from firecrawl_interact.transport.http import ConnectionSettings, HttpTransport

REFUSE_NAME = "no-such-host.invalid"  # RFC 6761: never resolves.


async def test_answer_is_returned_whole_with_lower_case_headers(servers, transport, post):
    """
    Status, headers and body arrive as sent; of repeated headers the last counts.
    """

    async def script(peer):
        await peer.read_request()
        peer.answer(201, b'{"id":"s1"}', "X-Twice: 1\r\nX-Twice: 2\r\n")

    answer = await transport.send(post(await servers.start(script)), timeout=5, fresh=True)

    assert (201, "2", b'{"id":"s1"}') == (answer.status, answer.headers["x-twice"], answer.body)


async def test_request_is_sent_as_given(servers, transport, post):
    """
    Method, path, headers and body reach the provider unchanged.
    """
    seen = []

    async def script(peer):
        seen.append(await peer.read_request())
        peer.answer()

    port = await servers.start(script)
    url = f"http://127.0.0.1:{port}/v1/a%2Fb?tags=x%20y"
    await transport.send(Request("POST", url, {"anchor-api-key": "k"}, b'{"a":1}'), timeout=5, fresh=True)

    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert b"post /v1/a%2fb?tags=x%20y http/1.1" == lines[0]
    assert b"anchor-api-key: k" in lines
    assert b'{"a":1}' == body


async def test_request_without_a_body_has_no_type(servers, transport):
    """
    Nothing is no octet stream: a server that looks at types would refuse it.
    """
    seen = []

    async def script(peer):
        seen.append(await peer.read_request())
        peer.answer()

    url = f"http://127.0.0.1:{await servers.start(script)}/v1/copy"
    await transport.send(Request("POST", url, {}), timeout=5, fresh=True)

    assert b"content-type" not in seen[0].lower()


async def test_compressed_body_is_unpacked(servers, transport, delete):
    """
    A compressed answer is handed on unpacked.
    """

    async def script(peer):
        await peer.read_request()
        peer.answer(200, gzip.compress(b'{"a":1}'), "Content-Encoding: gzip\r\n")

    answer = await transport.send(delete(await servers.start(script)), timeout=5)

    assert b'{"a":1}' == answer.body


async def test_answer_that_is_too_long_is_not_read_to_its_end(servers, transport, delete):
    """
    More than 8 MB is refused while it comes in, and the connection is not used again.
    """
    closed = asyncio.Event()

    async def script(peer):
        await peer.read_request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        peer.send(bytes(LONGEST_ANSWER + 1))
        await peer.until_closed()
        closed.set()

    port = await servers.start(script)
    async with asyncio.timeout(30):
        with pytest.raises(TransportError, match=f"longer than {LONGEST_ANSWER} bytes") as caught:
            await transport.send(delete(port), timeout=10)
        await closed.wait()

    assert caught.value.sent


async def test_compressed_answer_counts_unpacked(servers, transport, delete):
    """
    A few kilobytes that unpack to many megabytes are refused as well.
    """

    async def script(peer):
        await peer.read_request()
        peer.answer(200, gzip.compress(bytes(3 * LONGEST_ANSWER)), "Content-Encoding: gzip\r\n")

    port = await servers.start(script)
    with pytest.raises(TransportError, match="longer than"):
        await transport.send(delete(port), timeout=10)


async def test_answer_of_the_longest_length_is_read(servers, transport, delete):
    """
    Exactly 8 MB come in whole, and the connection is kept.
    """
    body = b"x" * LONGEST_ANSWER

    numbers = []

    async def script(peer):
        while await peer.read_request():
            numbers.append(peer.number)
            peer.answer(200, body)

    port = await servers.start(script)
    answer = await transport.send(delete(port), timeout=10)
    await transport.send(delete(port), timeout=10)

    assert body == answer.body
    assert [1, 1] == numbers


async def test_answer_may_be_longer_where_the_request_says_so(servers, transport, delete):
    """
    A request for a file sets its own bound.
    """

    async def script(peer):
        await peer.read_request()
        peer.answer(200, b"x" * 20)

    request = delete(await servers.start(script))
    with pytest.raises(TransportError, match="longer than 10 bytes"):
        await transport.send(attrs.evolve(request, longest_answer=10), timeout=5)
    answer = await transport.send(attrs.evolve(request, longest_answer=20), timeout=5)

    assert 20 == len(answer.body)


async def test_redirect_is_returned_and_not_followed(servers, transport, post):
    """
    A redirected create is not sent a second time.
    """
    seen = []

    async def script(peer):
        while request := await peer.read_request():
            seen.append(request)
            peer.answer(307, b"", "Location: /elsewhere\r\n")

    answer = await transport.send(post(await servers.start(script)), timeout=5, fresh=True)

    assert 307 == answer.status
    assert 1 == len(seen)


async def test_cookies_are_not_kept(servers, transport, delete):
    """
    What one answer sets, the next request does not carry.
    """
    seen = []

    async def script(peer):
        while request := await peer.read_request():
            seen.append(request)
            peer.answer(headers="Set-Cookie: a=1\r\n")

    request = delete(await servers.start(script))
    await transport.send(request, timeout=5)
    await transport.send(request, timeout=5)

    assert 2 == len(seen)
    assert b"cookie" not in seen[1].lower()


# --- which connection -----------------------------------------------------------------------


async def test_fresh_request_never_shares_a_connection(servers, transport, post, delete):
    """
    A fresh request travels alone, whatever connections are idle, and leaves none behind.
    """
    numbers = []

    async def script(peer):
        while await peer.read_request():
            numbers.append(peer.number)
            peer.answer()

    port = await servers.start(script)
    await transport.send(delete(port), timeout=5)
    await transport.send(post(port), timeout=5, fresh=True)
    await transport.send(post(port), timeout=5, fresh=True)
    await transport.send(delete(port), timeout=5)

    assert [1, 2, 3, 1] == numbers


async def test_slow_requests_do_not_hold_up_a_delete(servers, transport, post, delete):
    """
    A delete goes out at once, though two hundred creates wait for their answers.
    """
    waiting = 0
    all_wait = asyncio.Event()
    release = asyncio.Event()

    async def script(peer):
        nonlocal waiting
        request = await peer.read_request()
        if request.startswith(b"POST"):
            waiting += 1
            if waiting == 200:
                all_wait.set()
            await release.wait()
        peer.answer()

    port = await servers.start(script, backlog=256)
    async with asyncio.timeout(60):
        slow = [
            asyncio.create_task(transport.send(post(port), timeout=60, fresh=i % 2 == 0)) for i in range(200)
        ]
        await all_wait.wait()
        answer = await transport.send(delete(port), timeout=60)
        release.set()
        await asyncio.gather(*slow)

    assert 200 == answer.status


# --- was it sent? ---------------------------------------------------------------------------


async def failure_of(transport, request, *, timeout=5.0, fresh=True):
    """Send, and return the error; check that it names no secret."""
    with pytest.raises(TransportError) as caught:
        async with asyncio.timeout(30):
            await transport.send(request, timeout=timeout, fresh=fresh)
    text = "".join(traceback.format_exception(caught.value))
    assert "fc-0123456789" not in text
    assert "/v2/interact" not in str(caught.value)
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize("fresh", [True, False])
async def test_refused_port_is_not_sent(transport, post, free_port, fresh):
    """
    Nobody listens: surely nothing was sent.
    """
    error = await failure_of(transport, post(free_port), fresh=fresh)

    assert error.sent is False


async def test_unknown_name_is_not_sent(transport, post):
    """
    The name does not resolve: surely nothing was sent.
    """
    error = await failure_of(transport, post(443, host=REFUSE_NAME))

    assert error.sent is False


async def test_failed_tls_handshake_is_not_sent(servers, transport, post):
    """
    A server that does not speak TLS never sees the request.
    """
    seen = []

    async def script(peer):
        peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        seen.append(await peer.until_closed())

    error = await failure_of(transport, post(await servers.start(script), scheme="https"))

    assert error.sent is False


async def test_timeout_while_connecting_is_not_sent(transport, post):
    """
    A connection that never comes up carries nothing.
    """
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # One connection fits the queue; the kernel leaves the next ones unanswered.
        for sock in (first, second):
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        error = await failure_of(transport, post(full.getsockname()[1]), timeout=0.1)

    assert isinstance(error, TransportTimeoutError)
    assert error.sent is False


async def test_reset_before_reading_counts_as_sent(transport, post):
    """
    A reset of a connection that already took the request leaves its fate open.
    """
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        sending = asyncio.create_task(failure_of(transport, post(listener.getsockname()[1])))
        async with asyncio.timeout(30):
            peer, _ = await loop.sock_accept(listener)
            arrived = asyncio.Event()
            loop.add_reader(peer, arrived.set)
            await arrived.wait()
            loop.remove_reader(peer)
        peer.close()  # With unread bytes in it, which makes the kernel send a reset.
        error = await sending

    assert error.sent is True


async def test_reset_after_reading_counts_as_sent(servers, transport, post):
    """
    A provider that read the request may have made a session before it broke off.
    """

    async def script(peer):
        await peer.read_request()
        peer.reset()

    error = await failure_of(transport, post(await servers.start(script)))

    assert error.sent is True


async def test_close_without_answer_counts_as_sent(servers, transport, post):
    """
    An orderly close without an answer leaves the request's fate open, too.
    """

    async def script(peer):
        await peer.read_request()
        peer.close()

    error = await failure_of(transport, post(await servers.start(script)))

    assert error.sent is True


@pytest.mark.parametrize(
    "broken",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"Bearer fc-0123456789 is not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
    ],
    ids=["cut-body", "cut-chunk", "cut-head", "not-http", "not-gzip"],
)
async def test_broken_answer_counts_as_sent(servers, transport, post, broken):
    """
    Half an answer, or something else than HTTP, is a failure of the line after sending.
    """

    async def script(peer):
        await peer.read_request()
        peer.send(broken)
        peer.close()

    error = await failure_of(transport, post(await servers.start(script)))

    assert error.sent is True


async def test_silent_provider_times_out_as_sent(servers, transport, post, lapse):
    """
    No answer within the time limit ends the wait, and the connection with it.
    """
    closed = asyncio.Event()

    async def script(peer):
        await peer.read_request()
        lapse(10)
        await peer.until_closed()
        closed.set()

    error = await failure_of(transport, post(await servers.start(script)), timeout=10)

    assert isinstance(error, TransportTimeoutError)
    assert isinstance(error, TimeoutError)
    assert error.sent is True
    async with asyncio.timeout(30):
        await closed.wait()


async def test_connection_that_breaks_before_the_first_byte_is_not_sent(
    servers, transport, post, monkeypatch
):
    """
    A connection that dies between being made and being written to has carried nothing.
    """
    connect = aiohttp.TCPConnector.connect

    async def connect_and_break(self, *args, **kwargs):
        connection = await connect(self, *args, **kwargs)
        connection.transport.abort()
        return connection

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", connect_and_break)
    port = await servers.start(lambda peer: peer.until_closed())

    error = await failure_of(transport, post(port))

    assert error.sent is False


async def test_invalid_header_is_not_sent(transport, free_port):
    """
    A header that could smuggle another one stops the request before it leaves.
    """
    request = Request("DELETE", f"http://127.0.0.1:{free_port}/", {"x": "a\r\nb"})

    error = await failure_of(transport, request)

    assert error.sent is False


async def test_unreadable_url_is_not_sent(transport):
    """
    An address that is none stops the request, and is not repeated in the text.
    """
    error = await failure_of(transport, Request("DELETE", "http://[fc-0123456789"))

    assert error.sent is False


# --- what aiohttp repeats by itself ---------------------------------------------------------


@pytest.mark.parametrize(("method", "sendings"), [("GET", 2), ("DELETE", 2), ("POST", 1)])
async def test_broken_connection_repeats_all_but_a_post(servers, transport, method, sendings):
    """
    aiohttp repeats once what may be sent twice; a create it never repeats.
    """
    seen = []

    async def script(peer):
        seen.append(await peer.read_request())
        peer.reset()

    port = await servers.start(script)
    body = b"{}" if method == "POST" else None
    error = await failure_of(
        transport, Request(method, f"http://127.0.0.1:{port}/v2/interact", {}, body), fresh=False
    )

    assert sendings == len(seen)
    assert error.sent is True


async def test_repeat_that_cannot_connect_still_counts_as_sent(servers, transport, delete):
    """
    A delete that was sent once stays sent, though its repeat met a closed port.
    """
    port = 0

    async def script(peer):
        await peer.read_request()
        await servers.close(port)
        peer.reset()

    port = await servers.start(script)
    error = await failure_of(transport, delete(port), fresh=False)

    assert "ClientConnectorError" in str(error)
    assert error.sent is True


async def test_delete_survives_a_stale_kept_connection(servers, transport, delete):
    """
    A connection that the provider closed while it was idle does not fail the delete.
    """
    gone = asyncio.Event()

    async def script(peer):
        await peer.read_request()
        peer.answer()
        if peer.number == 1:
            await peer.read_request()  # The provider closes just as the next request arrives.
            peer.reset()
            gone.set()

    port = await servers.start(script)
    await transport.send(delete(port), timeout=5)
    answer = await transport.send(delete(port), timeout=5)

    assert gone.is_set()
    assert 200 == answer.status


# --- cancellation ---------------------------------------------------------------------------


async def test_cancelled_task_stops_waiting_at_once(servers, transport, post):
    """
    In an ordinary task a cancellation ends the request and its connection.
    """
    received, closed = asyncio.Event(), asyncio.Event()

    async def script(peer):
        await peer.read_request()
        received.set()
        await peer.until_closed()
        closed.set()

    task = asyncio.create_task(transport.send(post(await servers.start(script)), timeout=60, fresh=True))
    async with asyncio.timeout(30):
        await received.wait()
        task.cancel("mine")
        with pytest.raises(asyncio.CancelledError, match="mine"):
            await task
        await closed.wait()


async def test_outer_timeout_wins_over_ours(servers, transport, post):
    """
    A time limit of the caller's own is theirs to report.
    """

    async def script(peer):
        await peer.read_request()
        await peer.until_closed()

    port = await servers.start(script)
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.05):
            await transport.send(post(port), timeout=60, fresh=True)

    assert not isinstance(caught.value, TransportTimeoutError)


def own(coro):
    return Owned(coro, loop=asyncio.get_running_loop(), end_grace=60)


async def test_owned_request_meets_its_deadline(servers, transport, post):
    """
    A task that refuses to be cancelled still keeps the request's time limit.
    """

    async def script(peer):
        await peer.read_request()
        await peer.until_closed()

    task = own(transport.send(post(await servers.start(script)), timeout=0.05, fresh=True))
    async with asyncio.timeout(30):
        await asyncio.wait([task])

    assert isinstance(task.exception(), TransportTimeoutError)
    assert 0 == task.cancelling()


async def test_owned_request_outlives_cancel_all_tasks(servers, transport, post):
    """
    Cancelling every task of the loop, helpers of aiohttp's included, never cancels an owned request.
    """
    received, answer_now = asyncio.Event(), asyncio.Event()

    async def script(peer):
        await peer.read_request()
        received.set()
        await answer_now.wait()
        peer.answer()

    task = own(transport.send(post(await servers.start(script)), timeout=5, fresh=True))
    async with asyncio.timeout(30):
        await received.wait()
        task.cancel()
        answer_now.set()
        await asyncio.wait([task])

    assert 200 == task.result().status


async def test_sweep_at_any_moment_tells_the_truth(servers, transport, post):
    """
    Whatever helper is swept away, the request is answered, or fails and says rightly whether it left.
    """
    arrived = []

    async def script(peer):
        if await peer.read_request():
            arrived.append(peer.number)
            peer.answer()

    port = await servers.start(script)
    outcomes = []
    for turns in range(12):
        before = len(arrived)
        others = asyncio.all_tasks()
        task = own(transport.send(post(port, host="localhost"), timeout=5, fresh=True))
        for _ in range(turns):
            await asyncio.sleep(0)
        for helper in asyncio.all_tasks() - others - {task}:
            if not servers.runs(helper):
                helper.cancel()
        async with asyncio.timeout(30):
            await asyncio.wait([task])
            await servers.idle()
        error = task.exception()
        outcomes.append(error)
        if error is None:
            continue
        assert isinstance(error, TransportError)
        assert not isinstance(error, TransportTimeoutError)  # It is told at once.
        assert error.sent or len(arrived) == before

    assert None in outcomes


async def test_foreign_cancellation_is_a_failed_line(transport, post, monkeypatch):
    """
    A cancelled helper inside aiohttp fails the request of an owned task, and does not end the task.
    """
    helper = asyncio.get_running_loop().create_future()

    async def wait_for_helper(*_args, **_kwargs):
        await helper

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", wait_for_helper)
    task = own(transport.send(post(1), timeout=5, fresh=True))
    await asyncio.sleep(0)
    helper.cancel()
    async with asyncio.timeout(30):
        await asyncio.wait([task])

    error = task.exception()
    assert isinstance(error, TransportError)
    assert error.sent is False


async def test_expired_owned_request_is_cancelled(servers, transport, post):
    """
    An owner that ends its task for good ends the request, which is no failure of the line.
    """
    received = asyncio.Event()

    async def script(peer):
        await peer.read_request()
        received.set()
        await peer.until_closed()

    task = own(transport.send(post(await servers.start(script)), timeout=60, fresh=True))
    async with asyncio.timeout(30):
        await received.wait()
        task.expire()
        await asyncio.wait([task])

    assert task.cancelled()


# --- the end --------------------------------------------------------------------------------


async def test_closed_transport_sends_nothing(servers, transport, post):
    """
    After the close every request fails unsent, and a second close is silent.
    """
    port = await servers.start(lambda peer: peer.until_closed())
    await transport.aclose()
    await transport.aclose()

    with pytest.raises(TransportError, match="closed") as caught:
        await transport.send(post(port), timeout=5)

    assert caught.value.sent is False


async def test_close_drops_idle_connections(servers, transport, delete):
    """
    Closing the transport closes the connections it kept.
    """
    closed = asyncio.Event()

    async def script(peer):
        await peer.read_request()
        peer.answer()
        await peer.until_closed()
        closed.set()

    await transport.send(delete(await servers.start(script)), timeout=5)
    await transport.aclose()

    async with asyncio.timeout(30):
        await closed.wait()


async def test_close_fails_what_is_under_way(servers, transport, post):
    """
    A request under way when its transport closes fails as sent.
    """
    received = asyncio.Event()

    async def script(peer):
        await peer.read_request()
        received.set()
        await peer.until_closed()

    task = asyncio.create_task(failure_of(transport, post(await servers.start(script))))
    async with asyncio.timeout(30):
        await received.wait()
        await transport.aclose()
        error = await task

    assert error.sent is True


async def test_close_does_not_wait_for_ever(servers, transport, delete, monkeypatch):
    """
    A connection that cannot be closed in order does not hold up the end of the loop.
    """
    close = aiohttp.TCPConnector.close

    async def close_and_wait(self, **options):
        await close(self, **options)
        await asyncio.Event().wait()  # As for bytes that a peer takes no more.

    async def script(peer):
        await peer.read_request()
        peer.answer()

    await transport.send(delete(await servers.start(script)), timeout=5)
    monkeypatch.setattr(aiohttp.TCPConnector, "close", close_and_wait)
    monkeypatch.setattr("firecrawl_interact.transport.http._CLOSE_GRACE", 0.01)

    async with asyncio.timeout(30):
        await transport.aclose()


async def test_settings_of_equal_value_can_share_a_transport():
    """
    Settings compare and hash by value, so that they can key a table of transports.
    """
    assert 1 == len({ConnectionSettings(proxy="http://p:1"), ConnectionSettings(proxy="http://p:1")})
    assert 2 == len({ConnectionSettings(), ConnectionSettings(trust_env=False)})


async def test_unused_transport_closes():
    """
    A transport that never sent anything can be closed.
    """
    await HttpTransport().aclose()
