"""Nothing of one session, team or login is reached with what belongs to another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs
import pytest

from firecrawl_interact.server.dashboard import COOKIE
from firecrawl_interact.server.replay.links import player_url
from firecrawl_interact.server.settings import ServerSettings
from tests.server.conftest import KEY
from tests.server.rawhttp import UPGRADE, exchange, head

if TYPE_CHECKING:
    from firecrawl_interact.server.record import Browser
    from tests.server.conftest import Serve, Server

OTHER = "fc-OTHER"
TEAMS = ServerSettings(keys={OTHER: "others"})

# Who gets past the check of tokens meets that fakes have nothing behind them (503), or no recording (410).
LINKS = {
    "cdp": ("/cdp/ID", {"cdp": 503}),
    "version": ("/cdp/ID/json/version", {"cdp": 200}),
    "list": ("/cdp/ID/json/list", {"cdp": 503}),
    "page": ("/live/ID", {"watch": 200, "control": 200}),
    "frame": ("/live/ID/frame", {"watch": 503, "control": 503}),
    "stream": ("/live/ID/stream", {"watch": 503, "control": 503}),
    "replay": ("/live/ID/replay", {"replay": 410}),
    "index": ("/live/ID/replay/index.json", {"replay": 410}),
    "picture": ("/live/ID/replay/0.jpg", {"replay": 410}),
}


@attrs.frozen
class Two:
    """A server with two sessions of each of two teams."""

    server: Server
    ours: list[Browser]
    theirs: list[Browser]

    @property
    def port(self) -> int:
        return int(self.server.base.rpartition(":")[2])

    async def status(self, path: str, method: str = "GET", **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await exchange(self.port, head(f"{method} {path} HTTP/1.1", UPGRADE | named))).status


@pytest.fixture
async def two(serve: Serve) -> Two:
    server = await serve(settings=TEAMS)
    made: dict[str, list[Browser]] = {KEY: [], OTHER: []}
    for key, browsers in made.items():
        for body in ({}, {"session": {"recording": {"active": True}}}):
            answer = await server.ask("POST", "/v1/sessions", body, anchor_api_key=key)
            browser = server.browsers.get(answer.body["data"]["id"])
            assert browser is not None
            browsers.append(browser)
    return Two(server, made[KEY], made[OTHER])


def tokens_of(browser: Browser) -> dict[str, str]:
    return {
        "cdp": browser.cdp_token,
        "watch": browser.watch_token,
        "control": browser.control_token,
        "replay": browser.replay_token,
        **{f"minted {kind}": token for token, kind in browser.grants.items()},
    }


def link(pattern: str, browser: Browser, token: str) -> str:
    """The link of a pattern: its id first, as a random token may itself hold "ID"."""
    return f"{pattern.replace('ID', browser.id)}?token={token}"


@pytest.mark.parametrize("name", LINKS)
async def test_every_token_opens_what_it_is_for_and_nothing_of_another_session(two: Two, name: str):
    """
    All tokens of all sessions on one kind of link of each.
    """
    pattern, opened = LINKS[name]
    everybody = [*two.ours, *two.theirs]
    for browser in everybody:
        for other in everybody:
            found = {
                kind: await two.status(link(pattern, browser, token))
                for kind, token in tokens_of(other).items()
            }
            right = opened if other is browser else {}

            assert {kind: right.get(kind, 403) for kind in found} == found


async def test_minted_tokens_open_their_own_session_only_and_old_ones_nothing(two: Two):
    """
    Each scope what it says; once there is one, the links of the start are worth nothing.
    """
    first, second = two.ours
    old = tokens_of(first)
    minted = {kind: first.grant(kind) for kind in ("cdp", "watch", "control")}
    for pattern, opened in LINKS.values():
        if "replay" in opened:
            continue
        for kind, token in minted.items():
            assert opened.get(kind, 403) == await two.status(link(pattern, first, token))
            assert 403 == await two.status(link(pattern, second, token))
        for kind in ("cdp", "watch", "control"):
            assert 403 == await two.status(link(pattern, first, old[kind]))


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "TOKENa",
        "%20TOKEN",
        "TOKEN%00",
        "TOKEN%0a",
        "TOKEN,TOKEN",
        "&token=TOKEN",
        "x&token=TOKEN",
        "%ff%fe",
        "%ED%A0%80",
        "*",
        "null",
        "SHORT",
        "SWAPPED",
    ],
)
async def test_near_misses_open_nothing(two: Two, shown: str):
    """
    What counts is the first token of the query, all of it.
    """
    browser = two.ours[0]
    for pattern, opened in LINKS.values():
        token = tokens_of(browser)[next(iter(opened))]
        spoilt = shown
        for word, meaning in {"TOKEN": token, "SHORT": token[:-1], "SWAPPED": token.swapcase()}.items():
            spoilt = spoilt.replace(word, meaning)

        assert 403 == await two.status(link(pattern, browser, spoilt))


@pytest.mark.parametrize(
    "spelling", ["{id}%00", "{id}%0a", "%20{id}", "{id}/", "./{id}", "{upper}", "..%2f{id}"]
)
async def test_an_id_has_one_spelling(two: Two, spelling: str):
    """
    Nothing is cut off or made small before it is looked up.
    """
    browser = two.ours[0]
    name = spelling.format(id=browser.id, upper=browser.id.upper())
    statuses = {
        await two.status(f"/cdp/{name}?token={browser.cdp_token}"),
        await two.status(f"/live/{name}?token={browser.watch_token}"),
        await two.status(f"/?apiKey={KEY}&sessionId={name}"),
    }

    assert statuses <= {401, 403, 404} or spelling == "./{id}"


async def test_a_key_connects_to_sessions_of_its_team_only(two: Two):
    """
    At the addresses that Anchor's helpers build, over WebSocket and HTTP.
    """
    for path, good in (("/", 503), ("/json/version", 200), ("/json/version/", 200), ("/json/list", 503)):
        for key, browsers in ((KEY, two.ours), (OTHER, two.theirs)):
            for browser in (*two.ours, *two.theirs):
                status = await two.status(f"{path}?apiKey={key}&sessionId={browser.id}")

                assert (good if browser in browsers else 401) == status
        for token in tokens_of(two.ours[0]).values():
            assert 401 == await two.status(f"{path}?apiKey={token}&sessionId={two.ours[0].id}")


def requests_about(two: Two) -> list[tuple[str, str]]:
    """List each request that the server takes whose path names a session."""
    found = set()
    for route in two.server.runner.app.router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        for name in ("{session_id}", "{browser_id}"):
            if name in path and route.method not in {"*", "HEAD"}:
                found.add((route.method, path.replace(name, "ID")))
    fillings = {"{page_id}": "0", "{token}": "TOKEN", "{recording_id}": "primary", "{number}": "0"}
    fillings |= {"{kind}": "control", "{version}": "0", "{name}": "x"}
    filled = []
    for method, path in sorted(found):
        for word, filling in fillings.items():
            path = path.replace(word, filling)  # noqa: PLW2901  # one word after the other
        filled.append((method, path))
    return filled


async def test_another_teams_key_reaches_nothing_of_a_session(two: Two):
    """
    Each route of both dialects that names a session refuses, and most as if there were none.
    """
    browser = two.theirs[0]
    minted = browser.grant("cdp")
    asked = [request for request in requests_about(two) if request[1].startswith(("/v1/", "/v2/"))]
    for method, path in asked:
        known = path.replace("ID", browser.id).replace("TOKEN", minted)
        unknown = path.replace("ID", "019bc134-0000-7000-8000-000000000000").replace("TOKEN", minted)
        foreign, missing = [await two.server.ask(method, one, {}) for one in (known, unknown)]

        if foreign.status == 403:  # Firecrawl tells the two apart; its ids cannot be guessed.
            assert {"success": False, "error": "Forbidden."} == foreign.body
        else:
            assert (missing.status, missing.body) == (foreign.status, foreign.body), (method, path)
        assert foreign.status >= 400, (method, path)
    assert len(asked) > 30
    assert browser.alive
    assert minted in browser.grants


async def test_no_route_tells_anything_without_a_key(two: Two):
    """
    All of them, with nothing shown, with a token shown as a key, and with a cookie that is none.
    """
    browser = two.ours[0]
    shown = [
        {"Authorization": "", "anchor_api_key": ""},
        {"Authorization": f"Bearer {browser.cdp_token}", "anchor_api_key": browser.control_token},
        {"Authorization": "", "anchor_api_key": "", "Cookie": f"{COOKIE}={KEY}"},
    ]
    everything = {
        (route.method, route.resource.canonical)
        for route in two.server.runner.app.router.routes()
        if route.resource is not None and route.method not in {"*", "HEAD"}
    }
    open_to_all = {"/", "/healthz", "/live/static/{version}/{name}", "/dashboard/{name}"}
    for method, pattern in sorted(everything):
        if pattern in open_to_all:
            continue
        path = pattern.replace("{session_id}", browser.id).replace("{browser_id}", browser.id)
        path = path.replace("{kind}", "control").replace("{number}", "0")
        for headers in shown:
            answer = await two.server.ask(method, path, b"{}", **headers)

            assert answer.status in {401, 403}, (method, pattern)
    assert 4 == len(two.server.browsers.list(alive=True))


async def test_a_login_ends_with_its_logout_and_is_no_key(two: Two):
    """
    The cookie opens the dashboard, no route of the API, and after the logout nothing.
    """
    origin = two.server.base
    async with two.server.http.post(
        f"{origin}/dashboard/login", data={"key": OTHER}, headers={"Origin": origin}, allow_redirects=False
    ) as answer:
        value = answer.cookies[COOKIE].value
    mine, other = two.theirs[0].id, two.ours[0].id
    shown = {"Authorization": "", "anchor_api_key": "", "Cookie": f"{COOKIE}={value}"}
    seen = await two.server.ask("GET", "/dashboard/sessions", **shown)
    api = [
        await two.server.ask("GET", path, **shown) for path in ("/v2/interact", "/v1/sessions", "/metrics")
    ]
    as_key = await two.server.ask("GET", "/v2/interact", Authorization=f"Bearer {value}", anchor_api_key="")
    foreign = await two.server.ask("POST", f"/dashboard/sessions/{other}/end", Origin=origin, **shown)
    forged = await two.server.ask("POST", f"/dashboard/sessions/{mine}/end", Origin="null", **shown)
    async with two.server.http.post(
        f"{origin}/dashboard/logout",
        headers={"Origin": origin, "Cookie": f"{COOKIE}={value}"},
        allow_redirects=False,
    ) as answer:
        assert 303 == answer.status
    later = await two.server.ask("GET", "/dashboard/sessions", **shown)

    assert {browser.id for browser in two.theirs} == {row["id"] for row in seen.body["sessions"]}
    assert [401, 401, 401, 401] == [*(answer.status for answer in api), as_key.status]
    assert [404, 403, 401] == [foreign.status, forged.status, later.status]
    assert all(browser.alive for browser in (*two.ours, *two.theirs))


async def test_recordings_are_opened_by_their_own_token_and_say_nothing_else(two: Two):
    """
    It is the one token that outlives its session.
    """
    browser = two.ours[1]
    link = player_url("", browser)

    assert not [token for kind, token in tokens_of(browser).items() if kind != "replay" and token in link]


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "a/../../b", "..", "x\0y", "\ud800", "a" * 5000, "CON", "\n", "-rf", "~"],
    ids=range(11),
)
async def test_names_of_profiles_are_data(two: Two, name: str):
    """
    Whatever they look like, they are taken or refused in words, and found again under that name only.
    """
    async with asyncio.timeout(30):
        made = await two.server.ask("POST", "/v2/interact", {"profile": {"name": name}})
        other = await two.server.ask(
            "POST", "/v2/interact", {"profile": {"name": name}}, Authorization=f"Bearer {OTHER}"
        )

    assert made.status == other.status
    assert made.status in {200, 400}


@pytest.mark.parametrize(
    "path",
    [
        "/live/static/0/../../../../../etc/passwd",
        "/live/static/0/..%2f..%2fdashboard.html",
        "/live/static/..%2f..%2f/live_view.js%00.html",
        "/live/static/0/%2fetc%2fpasswd",
        "/live/static/0/dashboard.html",
        "/live/static/0/live_view.html",
        "/dashboard/..%2flogin.html",
        "/dashboard/style.css%00",
        "/dashboard/%2e%2e/%2e%2e/etc/passwd",
        "/dashboard/script.js/../../app.py",
        "/static/app.py",
        "//etc/passwd",
        "/..%5c..%5cwindows",
    ],
)
async def test_no_path_leads_to_another_file(two: Two, path: str):
    """
    Files are found by name in a table, never by path.
    """
    reply = await exchange(two.port, head(f"GET {path} HTTP/1.1"))

    assert 404 == reply.status
    assert b"root:" not in reply.raw
