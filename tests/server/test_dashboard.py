"""The dashboard: who gets in, what it shows, what it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from firecrawl_interact.server import logins
from firecrawl_interact.server.dashboard import COOKIE
from firecrawl_interact.server.faults import FaultPlan
from firecrawl_interact.server.logins import Logins
from firecrawl_interact.server.settings import ServerSettings
from tests.server.conftest import KEY, Answer, Serve, Server

OTHER = "fc-OTHER"


class Visitor:
    """A web browser that looks at a server: it keeps cookies, and tells its origin."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.http = http

    async def get(self, path: str) -> Answer:
        async with self.http.get(self.server.base + path, allow_redirects=False) as answer:
            body = await (answer.json() if answer.content_type == "application/json" else answer.text())
            return Answer(answer.status, answer.headers, body)

    async def post(self, path: str, origin: str | None = None, **form: str) -> Answer:
        headers = {"Origin": self.server.base if origin is None else origin}
        async with self.http.post(
            self.server.base + path, data=form, headers={k: v for k, v in headers.items() if v},
            allow_redirects=False,
        ) as answer:  # fmt: skip
            return Answer(answer.status, answer.headers, await answer.text())

    async def sessions(self) -> list[dict[str, Any]]:
        return list((await self.get("/dashboard/sessions")).body["sessions"])


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def made(server: Server, key: str = KEY) -> str:
    """Create a session with a key, and return its id."""
    answer = await server.ask("POST", "/v2/interact", {}, Authorization=f"Bearer {key}")
    return str(answer.body["id"])


PATHS = ["/dashboard/sessions", "/dashboard/sessions/x/frame", "/dashboard/sessions/x/watch"]


@pytest.mark.parametrize("path", PATHS)
async def test_strangers_get_the_login_form_and_nothing_else(
    serve: Serve, http: aiohttp.ClientSession, path: str
):
    """
    Without a login every answer is a refusal, but the form.
    """
    visitor = Visitor(await serve(), http)
    form, inside = await visitor.get("/"), await visitor.get(path)

    assert (200, True) == (form.status, 'type="password"' in form.body)
    assert 401 == inside.status


async def test_the_key_logs_in_and_is_not_the_cookie(serve: Serve, http: aiohttp.ClientSession):
    """
    The cookie is a random value that scripts cannot read and other sites cannot send.
    """
    visitor = Visitor(await serve(), http)
    answer = await visitor.post("/dashboard/login", key=KEY)
    cookie = answer.headers["Set-Cookie"]

    assert 303 == answer.status
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert KEY not in cookie
    assert [] == await visitor.sessions()


async def test_the_key_logs_in_to_a_server_that_misbehaves_for_tests(
    serve: Serve, http: aiohttp.ClientSession
):
    """
    A plan of faults reads every body before it is dealt with.
    """
    visitor = Visitor(await serve(faults=FaultPlan()), http)
    answers = [await visitor.post("/dashboard/login", key=key) for key in (KEY, "fc-WRONG")]

    assert [303, 401] == [answer.status for answer in answers]


async def test_a_wrong_key_is_refused_in_words(serve: Serve, http: aiohttp.ClientSession):
    """
    The form comes again, without what was typed.
    """
    visitor = Visitor(await serve(), http)
    answer = await visitor.post("/dashboard/login", key="fc-WRONG")

    assert (401, True) == (answer.status, "does not open" in answer.body)
    assert "fc-WRONG" not in answer.body
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
@pytest.mark.parametrize("path", ["/dashboard/login", "/dashboard/logout", "/dashboard/sessions/{}/end"])
async def test_only_its_own_page_may_post(serve: Serve, http: aiohttp.ClientSession, path: str, origin: str):
    """
    A form elsewhere is refused, and so is one that hides where it comes from.
    """
    server = await serve()
    visitor = Visitor(server, http)
    session_id = await made(server)
    await visitor.post("/dashboard/login", key=KEY)
    answer = await visitor.post(path.format(session_id), origin=origin, key=KEY)

    assert 403 == answer.status
    assert [session_id] == [row["id"] for row in await visitor.sessions()]


async def test_a_click_ends_a_session(serve: Serve, http: aiohttp.ClientSession):
    """
    It is gone from the list, and from the table.
    """
    server = await serve()
    visitor = Visitor(server, http)
    session_id, other = await made(server), await made(server)
    await visitor.post("/dashboard/login", key=KEY)
    answer = await visitor.post(f"/dashboard/sessions/{session_id}/end")
    again = await visitor.post(f"/dashboard/sessions/{session_id}/end")

    assert (200, 404) == (answer.status, again.status)
    assert [other] == [row["id"] for row in await visitor.sessions()]


async def test_the_list_tells_what_matters_and_no_secret(serve: Serve, http: aiohttp.ClientSession):
    """
    Age, idle time, time left; no token that would open the browser.
    """
    server = await serve()
    visitor = Visitor(server, http)
    session_id = await made(server)
    server.later(20)
    await visitor.post("/dashboard/login", key=KEY)
    answer = await visitor.get("/dashboard/sessions")
    (row,) = answer.body["sessions"]
    browser = server.browsers.get(session_id)

    assert (20, 20, 580, 0) == tuple(row[name] for name in ("age", "idle", "left", "connections"))
    assert browser is not None
    tokens = (browser.cdp_token, browser.watch_token, browser.control_token)
    assert not [token for token in tokens if token in str(answer.body)]


@pytest.mark.parametrize(("kind", "token"), [("watch", "watch_token"), ("control", "control_token")])
async def test_its_links_lead_to_the_live_view(
    serve: Serve, http: aiohttp.ClientSession, kind: str, token: str
):
    """
    Watching and controlling by separate links.
    """
    server = await serve()
    visitor = Visitor(server, http)
    session_id = await made(server)
    await visitor.post("/dashboard/login", key=KEY)
    answer = await visitor.get(f"/dashboard/sessions/{session_id}/{kind}")

    assert 303 == answer.status
    assert getattr(server.browsers.get(session_id), token) in answer.headers["Location"]


async def test_another_team_sees_and_ends_its_own_sessions_only(serve: Serve, http: aiohttp.ClientSession):
    """
    The server's own key sees all.
    """
    server = await serve(settings=ServerSettings(keys={OTHER: "other"}))
    visitor = Visitor(server, http)
    mine, theirs = await made(server), await made(server, OTHER)
    await visitor.post("/dashboard/login", key=OTHER)
    refused = await visitor.post(f"/dashboard/sessions/{mine}/end")
    theirs_seen = [row["id"] for row in await visitor.sessions()]
    await visitor.post("/dashboard/login", key=KEY)
    all_seen = {row["id"] for row in await visitor.sessions()}

    assert 404 == refused.status
    assert [theirs] == theirs_seen
    assert {mine, theirs} == all_seen


async def test_logging_out_ends_the_login_on_the_server(serve: Serve, http: aiohttp.ClientSession):
    """
    A copy of the cookie opens nothing any more.
    """
    server = await serve()
    visitor = Visitor(server, http)
    await visitor.post("/dashboard/login", key=KEY)
    value = next(cookie.value for cookie in http.cookie_jar if cookie.key == COOKIE)
    await visitor.post("/dashboard/logout")
    http.cookie_jar.update_cookies({COOKIE: value})

    assert 401 == (await visitor.get("/dashboard/sessions")).status


async def test_a_server_without_a_key_asks_for_none(serve: Serve, http: aiohttp.ClientSession):
    """
    On loopback, everybody is the operator.
    """
    server = await serve(key=None)
    visitor = Visitor(server, http)
    session_id = await made(server, "anything")

    assert [session_id] == [row["id"] for row in await visitor.sessions()]


async def test_the_pages_run_only_their_own_script(serve: Serve, http: aiohttp.ClientSession):
    """
    The policy allows nothing inline and nothing from elsewhere, and what it allows is there.
    """
    visitor = Visitor(await serve(key=None), http)
    page = await visitor.get("/")
    policy = page.headers["Content-Security-Policy"]
    names = ("look.css", "dashboard.css", "dashboard.js")
    files = [await visitor.get(f"/dashboard/{name}") for name in names]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert ["text/css", "text/css", "text/javascript"] == [
        answer.headers["Content-Type"].partition(";")[0] for answer in files
    ]
    assert "<style" not in page.body
    assert " onclick" not in page.body


async def test_the_root_still_takes_anchors_websockets(serve: Serve):
    """
    An upgrade at the root is a CDP connection, not the page.
    """
    server = await serve()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await server.http.ws_connect(f"{server.base}/?apiKey={KEY}&sessionId=none")

    assert 401 == refused.value.status


def test_a_login_ends_with_time():
    """
    Twelve hours later it opens nothing.
    """
    now = [0.0]
    known = Logins(clock=lambda: now[0])
    value = known.issue("team")
    now[0] = logins.LIFETIME - 1.0
    before = known.team(value)
    now[0] += 1.0

    assert ("team", None) == (before, known.team(value))


def test_logins_have_a_bound(monkeypatch: pytest.MonkeyPatch):
    """
    The oldest gives way.
    """
    monkeypatch.setattr(logins, "MOST", 2)
    known = Logins()
    values = [known.issue("team") for _ in range(3)]

    assert [None, "team", "team"] == [known.team(value) for value in values]


async def test_behind_a_proxy_that_ends_tls_everything_is_https(serve: Serve, http: aiohttp.ClientSession):
    """
    The login works by the public address, its cookie is for TLS only, and links lead there.
    """
    public = "https://browsers.example"
    server = await serve(settings=ServerSettings(public_url=public))
    headers = {"Host": "browsers.example", "Origin": public}
    path = server.base + "/dashboard/login"
    async with http.post(path, data={"key": KEY}, headers=headers, allow_redirects=False) as answer:
        status, cookie = answer.status, answer.headers["Set-Cookie"]
    made_there = await server.ask("POST", "/v2/interact", {}, Host="browsers.example")
    made_here = await server.ask("POST", "/v2/interact", {})

    assert (303, True) == (status, "Secure" in cookie)
    assert made_there.body["cdpUrl"].startswith("wss://browsers.example/cdp/")
    assert made_there.body["liveViewUrl"].startswith(f"{public}/live/")
    assert made_here.body["cdpUrl"].startswith("ws://127.0.0.1:")


async def test_without_a_public_address_another_name_is_refused(serve: Serve, http: aiohttp.ClientSession):
    """
    No header that a proxy might send changes that.
    """
    server = await serve()
    headers = {"Host": "browsers.example", "X-Forwarded-Host": "127.0.0.1", "X-Forwarded-Proto": "https"}
    async with http.get(server.base + "/", headers=headers) as answer:
        status = answer.status

    assert 403 == status


async def test_a_page_elsewhere_may_link_to_it_and_read_nothing(serve: Serve, http: aiohttp.ClientSession):
    """
    Following a link shows the page; its data is for the page itself.
    """
    server = await serve()
    headers = {"Sec-Fetch-Site": "cross-site"}
    statuses = []
    for path in ("/", "/dashboard/sessions"):
        async with http.get(server.base + path, headers=headers) as answer:
            statuses.append(answer.status)

    assert [200, 403] == statuses
