"""Where requests may come from, and what WebSockets must look like."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

import pytest

from firecrawl_interact.server import gateway
from firecrawl_interact.server.address import Address
from firecrawl_interact.server.fake import FakeEngine
from firecrawl_interact.server.port import PortEndpoint
from firecrawl_interact.server.settings import ServerSettings
from tests.server.conftest import KEY
from tests.server.rawhttp import UPGRADE, Reply, exchange, head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.server.conftest import Serve, Server

SHOWN = {"Authorization": f"Bearer {KEY}", "anchor-api-key": KEY}
HOSTS_OF_OTHERS = [
    "",
    "evil.example",
    "localhost.",
    "127.0.0.1.",
    "127.0.0.1.evil.example",
    "127.0.0.1:80@evil.example",
    "[::1]@evil.example",
    "[::1].evil.example",
    "user@127.0.0.1",
    "127.0.0.1:80:80",
    "127.0.0.1:port",
    "127.0.0.1:",
    "127.0.0.1:123456",
    "127.0.0.1/../evil.example",
    "127.0.0.1?evil.example",
    "127.0.0.1#evil.example",
    "127.0.0.1\\evil.example",
    "127.0.0.1, evil.example",
    "127.0.0.1 evil.example",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0",
    "[::ffff:127.0.0.1]",
    "[::1%lo]",
    "::1",
    "[::1",
    "\udcff",
    "xn--lcalhost-54a",
    "loca\u0142host",
]
ORIGINS_OF_OTHERS = [
    "null",
    "",
    "https://evil.example",
    "http://127.0.0.1.evil.example",
    "http://127.0.0.1:1",
    "https://127.0.0.1",
    "http://127.0.0.1/",
    "http://localhost",
    "file://",
    "chrome-extension://abc",
    "http://127.0.0.1 https://evil.example",
]


def port_of(server: Server) -> int:
    return int(server.base.rpartition(":")[2])


async def sockets(server: Server) -> dict[str, str]:
    """Create a session, and list every path at which a WebSocket with it can be opened."""
    made = await server.ask("POST", "/v2/interact", {})
    browser = server.browsers.get(made.body["id"])
    assert browser is not None
    return {
        "cdp": f"/cdp/{browser.id}?token={browser.cdp_token}",
        "stream": f"/live/{browser.id}/stream?token={browser.control_token}",
        "root": f"/?apiKey={KEY}&sessionId={browser.id}",
    }


async def get(server: Server, path: str, headers: dict[str, str], *, host: str = "127.0.0.1") -> Reply:
    return await exchange(port_of(server), head(f"GET {path} HTTP/1.1", headers, host=host))


@pytest.mark.parametrize("host", HOSTS_OF_OTHERS)
async def test_a_host_that_is_not_exactly_ours_is_refused(serve: Serve, host: str):
    """
    A name and a port, nothing else: links are built from it.
    """
    server = await serve()
    replies = [
        await get(server, path, SHOWN, host=host) for path in ("/v2/interact", "/v1/sessions", "/", "/live/x")
    ]

    assert {400, 403} >= {reply.status for reply in replies}


@pytest.mark.parametrize("host", ["127.0.0.1:80", "LOCALHOST", "localhost:65535", "[::1]:3002", "[::1]"])
async def test_our_own_names_in_any_spelling_are_served(serve: Serve, host: str):
    """
    With any port, since a proxy or a forwarded port may stand before us.
    """
    server = await serve()

    assert 200 == (await get(server, "/v2/interact", SHOWN, host=host)).status


async def test_refusal_of_a_name_says_how_to_give_one(serve: Serve):
    """
    Whoever runs the server reads what to set in the error of their first client.
    """
    server = await serve()

    assert b"--public-url" in (await get(server, "/v2/interact", SHOWN, host="browsers.internal")).body


async def test_a_name_of_the_settings_holds_for_itself_only(serve: Serve):
    """
    Neither for names below it nor for those it ends.
    """
    server = await serve(settings=ServerSettings(hosts=("box_1.example",)))
    hosts = ["box_1.example:81", "a.box_1.example", "abox_1.example", "box_1.example.evil"]
    statuses = [(await get(server, "/v2/interact", SHOWN, host=host)).status for host in hosts]

    assert [200, 403, 403, 403] == statuses


@pytest.mark.parametrize(
    "line",
    [
        "GET http://evil.example/v2/interact HTTP/1.1",
        "GET http://127.0.0.1/v2/interact HTTP/1.1",
        "CONNECT 127.0.0.1:9222 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
    ],
)
async def test_nothing_is_fetched_for_others(serve: Serve, line: str):
    """
    Requests as proxies take them name another server than the Host does.
    """
    server = await serve()

    assert 400 == (await exchange(port_of(server), head(line, SHOWN))).status


async def test_two_hosts_are_none(serve: Serve):
    """
    Whoever stands before us may have looked at the other.
    """
    server = await serve()
    headers = [("Host", "evil.example"), *SHOWN.items()]

    assert 400 == (await exchange(port_of(server), head("GET /v2/interact HTTP/1.1", headers))).status


@pytest.mark.parametrize("origin", ORIGINS_OF_OTHERS)
async def test_pages_of_others_open_no_websocket(serve: Serve, origin: str):
    """
    Whatever they know, at every address that takes WebSockets; without an Origin the door is open.
    """
    server = await serve()
    paths = await sockets(server)
    foreign = {
        name: (await get(server, path, UPGRADE | {"Origin": origin})).status for name, path in paths.items()
    }
    programs = {name: (await get(server, path, UPGRADE)).status for name, path in paths.items()}

    assert dict.fromkeys(paths, 403) == foreign
    assert dict.fromkeys(paths, 503) == programs  # Fakes have nothing behind them.


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    "path",
    [
        "/v2/interact",
        "/v1/sessions",
        "/json/version",
        "/metrics",
        "/healthz",
        "/dashboard/sessions",
        "/cdp/x",
        "//live/",
        "/x/live/",
    ],
)
async def test_pages_of_others_fetch_nothing(serve: Serve, path: str, site: str):
    """
    Only live views may be embedded elsewhere, and their addresses are not imitated by others.
    """
    server = await serve()

    assert 403 == (await get(server, path, SHOWN | {"Sec-Fetch-Site": site})).status


@pytest.mark.parametrize(
    "path",
    ["/live/../v2/interact", "/live/..%2fv2/interact", "/live/%2e%2e/v2/interact", "/%6cive/../v2/interact"],
)
async def test_a_way_out_of_the_live_view_leads_nowhere(serve: Serve, path: str):
    """
    What may be linked to cannot be turned into what may not.
    """
    server = await serve()
    reply = await get(server, path, SHOWN | {"Sec-Fetch-Site": "cross-site"})

    assert reply.status in {400, 403, 404}
    assert b"sessions" not in reply.body


MALFORMED = {
    "no key": {"Sec-WebSocket-Key": ""},
    "short key": {"Sec-WebSocket-Key": "abc"},
    "long key": {"Sec-WebSocket-Key": base64.b64encode(b"a" * 300).decode()},
    "odd key": {"Sec-WebSocket-Key": "\udcff\udcfe"},
    "old version": {"Sec-WebSocket-Version": "8"},
    "no version": {"Sec-WebSocket-Version": ""},
    "odd version": {"Sec-WebSocket-Version": "13, 8"},
    "other protocol": {"Upgrade": "h2c"},
    "several protocols": {"Upgrade": "websocket, h2c"},
    "no connection": {"Connection": "close"},
    "odd subprotocol": {"Sec-WebSocket-Protocol": "\udcff"},
    "endless subprotocol": {"Sec-WebSocket-Protocol": "a," * 4000},
    "odd extensions": {"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=99;;;"},
}


@pytest.fixture
async def chromium(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Event]:
    """Let fakes have something behind them: it refuses every handshake, and notes that it was asked."""
    asked = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setattr(
        FakeEngine, "endpoint", PortEndpoint(Address(host="127.0.0.1", port=port, path="/devtools"))
    )
    yield asked
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("spoilt", MALFORMED)
@pytest.mark.parametrize("name", ["cdp", "root"])
async def test_malformed_upgrades_to_a_browser_end_in_a_refusal(
    serve: Serve, chromium: asyncio.Event, spoilt: str, name: str
):
    """
    What we do not understand is the browser's to refuse, and its refusal is an answer, not an accident.
    """
    server = await serve()
    path = (await sockets(server))[name]
    reply = await get(server, path, UPGRADE | MALFORMED[spoilt])

    assert reply.status in ({400, 426, 502} | ({200} if name == "root" else set()))
    assert chromium.is_set() == (reply.status == 502)


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "TRACE"])
async def test_only_gets_are_upgraded(serve: Serve, chromium: asyncio.Event, method: str):
    """
    A body in the place of frames would reach the browser.
    """
    server = await serve()
    for path in (await sockets(server)).values():
        headers = UPGRADE | {"Content-Length": "2"}
        reply = await exchange(port_of(server), head(f"{method} {path} HTTP/1.1", headers) + b"{}")

        assert reply.status in {400, 404, 405, 426}
    assert not chromium.is_set()


async def test_a_browser_that_answers_with_nonsense_is_refused(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    """
    Neither endless heads nor silence hold the caller.
    """
    monkeypatch.setattr(gateway, "HANDSHAKE_TIMEOUT", 0.2)
    for nonsense in (b"", b"a" * 40_000, b"HTTP/1.1\r\n\r\n", b"\xff\r\n\r\n", b"HTTP/1.1 101"):

        async def accept(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes = nonsense
        ) -> None:
            writer.write(said)
            await reader.read()
            writer.close()

        browser = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = browser.sockets[0].getsockname()[1]
        monkeypatch.setattr(
            FakeEngine, "endpoint", PortEndpoint(Address(host="127.0.0.1", port=port, path="/"))
        )
        server = await serve()
        reply = await get(server, (await sockets(server))["cdp"], UPGRADE)
        browser.close()

        assert 502 == reply.status
