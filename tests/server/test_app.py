"""Who gets in, what the links open, how the application ends."""

from __future__ import annotations

import asyncio
import io
import logging
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from firecrawl_interact.server import links, live_view
from firecrawl_interact.server.address import Address
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.fake import FakeBrowsers, FakeEngine
from firecrawl_interact.server.port import PortEndpoint
from firecrawl_interact.server.profile_store import ProfileFolder
from firecrawl_interact.server.record import EndReason, Wish
from firecrawl_interact.server.settings import ServerSettings

if TYPE_CHECKING:
    from pathlib import Path

    from aiohttp.typedefs import Handler, Middleware

    from firecrawl_interact.server.record import Browser
    from tests.server.conftest import Serve, Server

KEY = "fc-TEST"
CREATES = [("/v2/interact", {}), ("/v1/sessions", {})]


async def browser_of(server: Server) -> Browser:
    """Start one that belongs to the team of the server's key."""
    made = await server.ask("POST", "/v2/interact", {})
    browser = server.browsers.get(made.body["id"])
    assert browser is not None
    return browser


async def ws_status(server: Server, path: str, **headers: str) -> int:
    """Try to open a WebSocket, and tell how it was refused."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await server.http.ws_connect(server.base + path, headers=headers)
    return refused.value.status


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:1",
        "127.0.0.1",
        "127.0.0.1:80",
        "[::1]",
        "[::1]:8080",
        "box.example:1",
        "BOX.example",
    ],
)
async def test_the_servers_own_names_get_in(serve: Serve, host: str):
    """
    Loopback's names and those of the settings, with any port.
    """
    server = await serve(settings=ServerSettings(hosts=("Box.example",)))
    answer = await server.ask("GET", "/v2/interact", Host=host)

    assert 200 == answer.status


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.1.2.3", "["]
)
@pytest.mark.parametrize("path", ["/v2/interact", "/v1/sessions", "/live/x", "/cdp/x", "/"])
async def test_any_other_name_is_refused(serve: Serve, host: str, path: str):
    """
    A page whose name was rebound to loopback sends its own name as the Host.
    """
    server = await serve()
    answer = await server.ask("GET", path, Host=host)

    assert 403 == answer.status


@pytest.mark.parametrize(("path", "body"), CREATES)
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
async def test_a_foreign_page_cannot_create(serve: Serve, path: str, body: dict[str, str], origin: str):
    """
    Whatever key it may know.
    """
    server = await serve()
    answer = await server.ask("POST", path, body, Origin=origin)

    assert 403 == answer.status
    assert () == server.browsers.list()


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
async def test_a_foreign_page_cannot_change_anything(serve: Serve, method: str):
    """
    Not only POSTs change things.
    """
    server = await serve()
    answer = await server.ask(method, "/v1/sessions/all", Origin="https://evil.example")

    assert 403 == answer.status


async def test_the_servers_own_pages_may(serve: Serve):
    """
    The origin of a page that this server sent is this server's address.
    """
    server = await serve()
    answer = await server.ask("POST", "/v2/interact", {}, Origin=server.base)

    assert 200 == answer.status


async def test_a_foreign_page_cannot_open_a_websocket(serve: Serve):
    """
    Not even with the right token: browsers send the origin with every handshake.
    """
    server = await serve()
    browser = await browser_of(server)
    path = f"/cdp/{browser.id}?token={browser.cdp_token}"

    assert 403 == await ws_status(server, path, Origin="https://evil.example")
    assert 503 == await ws_status(server, path)  # A fake has nothing behind it, but the door was open.


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_the_api_refuses_what_other_sites_fetch(serve: Serve, site: str):
    """
    Reading included; other ports of this host are other sites.
    """
    server = await serve()
    refused = await server.ask("GET", "/v2/interact", Sec_Fetch_Site=site)
    served = await server.ask("GET", "/v2/interact", Sec_Fetch_Site="same-origin")

    assert [403, 200] == [refused.status, served.status]


@pytest.mark.parametrize(
    ("path", "member"),
    [("/v2/interact", "success"), ("/v1/sessions", "error")],
)
async def test_refusals_at_the_door_are_in_the_dialects_words(serve: Serve, path: str, member: str):
    """
    SDKs need JSON, and the member that they look for.
    """
    server = await serve()
    answer = await server.ask("POST", path, {}, Host="evil.example")

    assert member in answer.body


@pytest.mark.parametrize("shown", ["fc-TES", "fc-TEST2", "", "fc-TEST\udcff", "ключ"])
async def test_only_the_key_opens_either_dialect(serve: Serve, shown: str):
    """
    One key serves both headers; near misses and bytes that are no text do not.
    """
    server = await serve()
    raw = shown.encode(errors="surrogateescape").decode("latin-1")
    firecrawl = await server.ask("GET", "/v2/interact", Authorization=f"Bearer {raw}")
    anchor = await server.ask("GET", "/v1/sessions", anchor_api_key=raw)
    both = [await server.ask("GET", "/v2/interact"), await server.ask("GET", "/v1/sessions")]

    assert [401, 401] == [firecrawl.status, anchor.status]
    assert [200, 200] == [answer.status for answer in both]


async def test_without_a_key_every_caller_is_a_team(serve: Serve):
    """
    No key is asked for; who shows another one sees other sessions.
    """
    server = await serve(key=None)
    await server.ask("POST", "/v2/interact", {}, Authorization="")
    await server.ask("POST", "/v2/interact", {}, Authorization="Bearer a")
    bare = await server.ask("GET", "/v2/interact", Authorization="")
    named = await server.ask("GET", "/v2/interact", Authorization="Bearer a")
    other = await server.ask("GET", "/v1/sessions", anchor_api_key="b")

    assert [1, 1] == [len(answer.body["sessions"]) for answer in (bare, named)]
    assert 0 == other.body["data"]["total"]


async def test_without_a_key_nobody_is_shown_that_of_another(serve: Serve, tmp_path: Path):
    """
    Callers bring the keys of hosted providers along: none is on a page, in an answer, in a repr or on a disk.
    """
    secret, server = "fc-HOSTED", await serve(key=None)
    server.browsers.profiles = ProfileFolder(tmp_path)
    made = await server.ask("POST", "/v2/interact", {}, Authorization=f"Bearer {secret}")
    browser = server.browsers.get(made.body["id"])
    seen = await server.ask("GET", f"/v1/sessions/{made.body['id']}", anchor_api_key=secret)
    shown = await server.ask("GET", "/dashboard/sessions")
    kept = await server.ask("POST", "/v1/profiles", {"name": "shop"}, anchor_api_key=secret)
    listed = await server.ask("GET", "/v1/profiles", anchor_api_key=secret)
    (file,) = tmp_path.glob("*.profile")

    assert [200, 200, 200, 1] == [seen.status, shown.status, kept.status, listed.body["data"]["count"]]
    assert [made.body["id"]] == [row["id"] for row in shown.body["sessions"]]
    assert secret not in f"{seen.body} {shown.body} {browser!r}"
    assert secret.encode() not in file.read_bytes()


async def test_both_dialects_see_one_table(serve: Serve):
    """
    What is made in one can be read and ended in the other.
    """
    server = await serve()
    browser = await browser_of(server)
    seen = await server.ask("GET", f"/v1/sessions/{browser.id}")
    ended = await server.ask("DELETE", f"/v1/sessions/{browser.id}")
    listed = await server.ask("GET", "/v2/interact?status=destroyed")

    assert [200, 200] == [seen.status, ended.status]
    assert [browser.id] == [row["id"] for row in listed.body["sessions"]]


async def test_each_token_opens_its_own_link_only(serve: Serve):
    """
    The watch token neither drives nor controls, and no token opens another browser.
    """
    server = await serve()
    browser, other = await browser_of(server), await browser_of(server)
    tokens = {
        "cdp": browser.cdp_token,
        "watch": browser.watch_token,
        "control": browser.control_token,
        "other": other.cdp_token,
        "none": "",
    }

    drives = {name: await ws_status(server, f"/cdp/{browser.id}?token={tokens[name]}") for name in tokens}
    assert {"cdp": 503, "watch": 403, "control": 403, "other": 403, "none": 403} == drives


async def test_an_unknown_id_and_a_wrong_token_look_alike(serve: Serve):
    """
    Nobody can find out which ids exist.
    """
    server = await serve()
    browser = await browser_of(server)
    answers = [await server.ask("GET", f"/live/{name}/frame?token=x") for name in (browser.id, "unknown")]

    assert [403, 403] == [answer.status for answer in answers]
    assert answers[0].body == answers[1].body


async def test_links_of_an_ended_browser_are_gone(serve: Serve):
    """
    The right token gets 410, a wrong one still 403.
    """
    server = await serve()
    browser = await browser_of(server)
    await server.browsers.end(browser)

    assert 410 == await ws_status(server, f"/cdp/{browser.id}?token={browser.cdp_token}")
    assert 403 == await ws_status(server, f"/cdp/{browser.id}?token=x")


async def test_links_lead_where_the_caller_reached_the_server(serve: Serve):
    """
    Whoever came by a name gets links with that name.
    """
    server = await serve(settings=ServerSettings(hosts=("box.example",)))
    made = await server.ask("POST", "/v2/interact", {}, Host="box.example:81")

    assert made.body["cdpUrl"].startswith("ws://box.example:81/cdp/")
    assert made.body["liveViewUrl"].startswith("http://box.example:81/live/")


async def test_the_end_of_the_application_ends_its_browsers(serve: Serve):
    """
    Also the one whose start is under way.
    """
    server = await serve()
    browser = await browser_of(server)
    server.browsers.launcher.delay = 3600
    creating = asyncio.create_task(server.ask("POST", "/v2/interact", {}))
    async with asyncio.timeout(30):
        while not server.browsers._starting:  # noqa: ASYNC110  # Nothing tells when a request has come.
            await asyncio.sleep(0)
        await server.runner.cleanup()
        answer = await creating

    assert EndReason.SHUTDOWN is browser.reason
    assert set() == server.browsers.launcher.engines
    assert 503 == answer.status


async def test_an_application_that_never_served_ends_its_browsers_too():
    """
    Cleanup alone is enough.
    """
    browsers = FakeBrowsers()
    runner = web.AppRunner(build_app(browsers=browsers))
    await runner.setup()
    browser = await browsers.create(Wish())
    await runner.cleanup()

    assert not browser.alive


async def test_the_access_log_shows_neither_ids_nor_tokens_nor_keys(serve: Serve, caplog):
    """
    A line has the route's pattern in place of the path.
    """
    caplog.set_level(logging.INFO, logger="aiohttp.access")
    server = await serve()
    browser = await browser_of(server)
    await ws_status(server, f"/cdp/{browser.id}?token={browser.cdp_token}")
    await ws_status(server, f"/?apiKey={KEY}&sessionId={browser.id}")
    await server.ask("DELETE", f"/v1/sessions/{browser.id}")
    await server.ask("GET", f"/nowhere/{browser.id}")

    lines = [record.getMessage() for record in caplog.records if record.name == "aiohttp.access"]
    shown = "\n".join(lines)
    assert 5 == len(lines)
    assert "GET /cdp/{browser_id} 503" in shown
    assert "GET (no route) 404" in shown
    assert not [secret for secret in (browser.id, browser.cdp_token, KEY) if secret in shown]


async def test_faults_see_requests_before_the_doors(serve: Serve):
    """
    Their middleware is the outermost one, and they may add to the application.
    """
    hosts = []

    class Faults:
        def middleware(self) -> Middleware:
            @web.middleware
            async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
                hosts.append(request.host)
                return await handler(request)

            return note

        def setup(self, app: web.Application) -> None:
            app.on_shutdown.append(self.end)

        async def end(self, app: web.Application) -> None:
            del app
            hosts.append("the end")

    server = await serve(faults=Faults())
    await server.ask("GET", "/v2/interact", Host="evil.example")
    await server.runner.cleanup()

    assert ["evil.example", "the end"] == hosts


async def test_bodies_are_bounded(serve: Serve):
    """
    Ten megabytes are Firecrawl's limit, and 413 the answer.
    """
    server = await serve()
    answer = await server.ask("POST", "/v2/interact", io.BytesIO(b" " * (10 * 1024 * 1024 + 1)))

    assert (413, False) == (answer.status, answer.body["success"])


async def test_links_hold_one_token_each():
    """
    A page's address tells nothing that opens more than the page.
    """
    browsers = FakeBrowsers()
    browser = await browsers.create(Wish())
    await browsers.aclose()
    cdp, watch, control = (
        make("http://h", browser) for make in (links.cdp_url, links.watch_url, links.control_url)
    )

    assert cdp.startswith("ws://h/cdp/")
    assert browser.cdp_token not in watch + control
    assert browser.control_token not in watch


async def test_live_pages_tell_nobody_their_address(serve: Serve):
    """
    The link is the secret: it goes into no `Referer` and no cache.
    """
    server = await serve()
    browser = await browser_of(server)
    pages = [
        await server.ask("GET", f"/live/{browser.id}?token={token}", Sec_Fetch_Site="cross-site")
        for token in (browser.watch_token, browser.control_token)
    ]

    assert [200, 200] == [page.status for page in pages]
    assert {"no-referrer"} == {page.headers["Referrer-Policy"] for page in pages}
    assert {"no-store"} == {page.headers["Cache-Control"] for page in pages}
    assert not [page for page in pages if browser.control_token in page.body]


async def test_the_watch_token_never_controls(serve: Serve, monkeypatch):
    """
    Whatever its query says.
    """
    server = await serve()
    browser = await browser_of(server)
    monkeypatch.setattr(FakeEngine, "endpoint", PortEndpoint(Address(host="127.0.0.1", port=1, path="/")))
    controls = []

    async def stream(request: web.Request, *_: object, control: bool) -> web.Response:
        controls.append(control)
        return web.Response()

    monkeypatch.setattr(live_view, "stream", stream)
    for token in (browser.watch_token, browser.control_token):
        await server.ask("GET", f"/live/{browser.id}/stream?token={token}&interactive=true&control=true")

    assert [False, True] == controls


async def test_what_is_no_viewer_does_not_use_up_a_one_time_link(serve: Serve, monkeypatch):
    """
    A program that fetches the stream's address as a page is refused, and the viewer still gets in.
    """
    server = await serve()
    monkeypatch.setattr(FakeEngine, "endpoint", PortEndpoint(Address(host="127.0.0.1", port=1, path="/")))
    body = {"session": {"live_view": {"one_time_url": True}}}
    made = await server.ask("POST", "/v1/sessions", body)
    stream = made.body["data"]["live_view_url"].removeprefix(server.base).replace("?", "/stream?")
    fetched = await server.ask("GET", stream)
    async with server.http.ws_connect(server.base + stream):
        again = await ws_status(server, stream)

    assert (400, 403) == (fetched.status, again)


async def test_pages_of_a_browser_that_does_not_answer_are_a_502(serve: Serve, monkeypatch):
    """
    As its CDP link is.
    """
    server = await serve()
    browser = await browser_of(server)
    monkeypatch.setattr(FakeEngine, "endpoint", PortEndpoint(Address(host="127.0.0.1", port=1, path="/")))
    answer = await server.ask("GET", f"/cdp/{browser.id}/json/list?token={browser.cdp_token}")

    assert 502 == answer.status


async def test_a_server_may_leave_anchors_wire_out(serve: Serve):
    """
    The private one does, to be there sooner; what it does not speak is not found.
    """
    server = await serve(key=None, settings=ServerSettings(anchor=False))
    async with aiohttp.ClientSession(server.base) as client:
        async with client.post("/v1/sessions", json={}) as anchors:
            refused = anchors.status
        async with client.post("/v2/interact", json={}) as firecrawls:
            made = firecrawls.status

    assert (404, 200) == (refused, made)
