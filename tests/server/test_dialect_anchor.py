"""The routes that speak Anchor's wire, from the start of a session to its end."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.dialects import anchor_sessions
from firecrawl_interact.server.fake import FakeEngine, FakeLauncher
from firecrawl_interact.server.record import EndReason
from firecrawl_interact.server.settings import ServerSettings

if TYPE_CHECKING:
    from tests.server.conftest import Serve, Server

KEY = "fc-TEST"


async def start(server: Server, body: Any = None) -> str:
    return str((await server.ask("POST", "/v1/sessions", body)).body["data"]["id"])


async def listed(server: Server, query: str) -> list[str]:
    answer = await server.ask("GET", f"/v1/sessions?{query}")
    return [row["id"] for row in answer.body["data"]["sessions"]]


async def test_limits_are_minutes_and_the_defaults_20_and_5(serve: Serve):
    """
    A minute has 60 seconds unless a test says otherwise; idle time looks at connections.
    """
    server = await serve()
    fast = await serve(settings=ServerSettings(anchor_minute=0.5))
    plain = server.browsers.get(await start(server))
    asked = {"session": {"timeout": {"max_duration": 2, "idle_timeout": -1}}}
    quick = fast.browsers.get(await start(fast, asked))

    assert plain is not None
    assert quick is not None
    assert (1200, 300, True) == (plain.wish.ttl, plain.wish.activity_ttl, plain.wish.connections_count)
    assert (1.0, None) == (quick.wish.ttl, quick.wish.activity_ttl)


@pytest.mark.parametrize(
    "body",
    [
        [],
        b"{",
        {"session": []},
        {"session": {"tags": "a"}},
        {"session": {"tags": [1]}},
        {"session": {"timeout": {"max_duration": 0}}},
        {"session": {"timeout": {"idle_timeout": -2}}},
        {"session": {"timeout": {"idle_timeout": 1.5}}},
        {"session": {"timeout": {"idle_timeout": True}}},
        {"session": {"live_view": {"read_only": "yes"}}},
        {"browser": {"profile": {}}},
        {"browser": {"profile": {"name": ""}}},
        {"browser": {"viewport": {"width": 0}}},
        {"browser": {"adblock": True}},
    ],
)
async def test_a_body_that_does_not_fit_starts_nothing(serve: Serve, body: Any):
    """
    Wrong types and bounds are a 400.
    """
    server = await serve()
    answer = await server.ask("POST", "/v1/sessions", body)

    assert (400, 400) == (answer.status, answer.body["error"]["code"])
    assert () == server.browsers.list()


async def test_unknown_members_are_kept_and_given_back(serve: Serve):
    """
    What we do not model changes nothing and is in the configuration.
    """
    server = await serve()
    body = {"session": {"x402": True}, "identities": [{"id": "i"}]}
    session_id = await start(server, body)
    got = await server.ask("GET", f"/v1/sessions/{session_id}")

    assert body == got.body["data"]["configuration"]


async def test_no_link_of_a_start_holds_the_key(serve: Serve):
    """
    The links carry tokens of their own; a read-only live view gets the one that cannot control.
    """
    server = await serve()
    usual = (await server.ask("POST", "/v1/sessions")).body["data"]
    body = {"session": {"live_view": {"read_only": True}}}
    watched = (await server.ask("POST", "/v1/sessions", body)).body["data"]
    browsers = [server.browsers.get(data["id"]) for data in (usual, watched)]

    assert KEY not in json.dumps([usual, watched])
    assert browsers[0].control_token in usual["live_view_url"]
    assert browsers[1].watch_token in watched["live_view_url"]
    assert browsers[1].control_token not in watched["live_view_url"]


async def test_two_sessions_may_save_to_one_profile(serve: Serve):
    """
    No lock is documented, so there is none.
    """
    server = await serve()
    body = {"browser": {"profile": {"name": "p", "persist": True}}}
    answers = [await server.ask("POST", "/v1/sessions", body) for _ in range(2)]

    assert [200, 200] == [answer.status for answer in answers]


async def test_the_list_pages_and_sorts(serve: Serve):
    """
    Oldest first unless asked otherwise, ten to a page, and an empty page past the last.
    """
    server = await serve()
    ids = []
    for _ in range(11):
        ids.append(await start(server))
        server.later(1)
    await server.ask("DELETE", f"/v1/sessions/{ids[0]}")

    assert ids[:10] == await listed(server, "")
    assert ids[10:] == await listed(server, "page=2")
    assert [] == await listed(server, "page=3")
    assert ids[::-1] == await listed(server, "limit=20&sort_order=desc")
    assert sorted(ids) == await listed(server, "limit=50&sort_by=session_id")
    answer = await server.ask("GET", "/v1/sessions?limit=20")
    rows = answer.body["data"]["sessions"]
    assert (11, 1, 1) == tuple(answer.body["data"][name] for name in ("total", "page", "total_pages"))
    assert ["completed", "running"] == [row["status"] for row in rows[:2]]
    assert [0.01, "N/A"] == [row["used_credits"] for row in rows[:2]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("tags=a", [0, 1]),
        ("tags=a,b", [1]),
        ("search=A", [0, 1]),
        ("search=nothing", []),
        ("status=running", [0, 2]),
        ("status=completed", [1]),
        ("profile_name=sho", [2]),
        ("proxy=true", [2]),
        ("proxy=false", [0, 1]),
        ("extra_stealth=true", [1]),
        ("task_initiated=false", [0, 1, 2]),
        ("task_initiated=true", []),
        ("batch_id=x", []),
        ("domains=example.com", []),
        ("created_from=2026-01-15T10:30:01Z", [1, 2]),
        ("created_to=2026-01-15T10:30:01", [0, 1]),
        ("unknown=x", [0, 1, 2]),
    ],
)
async def test_filters_select(serve: Serve, query: str, expected: list[int]):
    """
    Every filter that is given must pass.
    """
    server = await serve()
    ids = []
    for body in (
        {"session": {"tags": ["a"]}},
        {"session": {"tags": ["a", "b"]}, "browser": {"extra_stealth": {"active": True}}},
        {"session": {"proxy": {"active": True}}, "browser": {"profile": {"name": "shop"}}},
    ):
        ids.append(await start(server, body))
        server.later(1)
    await server.ask("DELETE", f"/v1/sessions/{ids[1]}")

    assert [ids[index] for index in expected] == await listed(server, query)


@pytest.mark.parametrize(
    "query",
    [
        "limit=25",
        "limit=x",
        "page=0",
        "page=-1",
        "page=9999999999",
        "sort_order=up",
        "sort_by=colour",
        "proxy=maybe",
        "created_from=yesterday",
    ],
)
async def test_a_query_that_does_not_fit_is_a_400(serve: Serve, query: str):
    """
    Nothing is guessed.
    """
    server = await serve()
    answer = await server.ask("GET", f"/v1/sessions?{query}")

    assert (400, "Invalid query parameters.") == (answer.status, answer.body["error"]["message"])


async def test_ending_all_ends_the_teams_own_only(serve: Serve):
    """
    Another key's sessions go on.
    """
    server = await serve(settings=ServerSettings(keys={"other": "strangers"}))
    mine = [await start(server) for _ in range(3)]
    theirs = (await server.ask("POST", "/v1/sessions", anchor_api_key="other")).body["data"]["id"]
    answer = await server.ask("DELETE", "/v1/sessions/all")

    assert 200 == answer.status
    assert [theirs] == [browser.id for browser in server.browsers.list(alive=True)]
    assert {EndReason.ASKED} == {server.browsers.get(session_id).reason for session_id in mine}


async def test_another_teams_session_cannot_be_seen_or_ended(serve: Serve):
    """
    It looks like one that does not exist.
    """
    server = await serve(settings=ServerSettings(keys={"other": "strangers"}))
    session_id = await start(server)
    path = f"/v1/sessions/{session_id}"
    answers = [
        await server.ask("GET", path, anchor_api_key="other"),
        await server.ask("DELETE", path, anchor_api_key="other"),
        await server.ask("PUT", path + "/tags", {"tags": []}, anchor_api_key="other"),
    ]

    assert [404, 401, 404] == [answer.status for answer in answers]
    assert server.browsers.get(session_id).alive


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/v1/sessions/"),
        ("DELETE", "/v1/sessions"),
        ("DELETE", "/v1/sessions/async"),
        ("DELETE", "/v1/sessions/history"),
        ("DELETE", "/v1/sessions/pending-interventions"),
        ("DELETE", "/v1/sessions/%20all"),
        ("GET", "/v1/sessions/all"),
        ("GET", "/v1/sessions/async"),
        ("POST", "/v1/webhooks"),
    ],
)
async def test_what_is_not_offered_ends_and_makes_nothing(serve: Serve, method: str, path: str):
    """
    Reserved words are no ids, and an empty id does not mean all.
    """
    server = await serve()
    await start(server)
    answer = await server.ask(method, path)

    assert (401 if path.endswith("%20all") else 404) == answer.status
    assert 1 == len(server.browsers.list(alive=True))


async def test_tags_can_be_replaced_and_cleared(serve: Serve):
    """
    The lists find a session by the tags it has now.
    """
    server = await serve()
    session_id = await start(server, {"session": {"tags": ["old"]}})
    path = f"/v1/sessions/{session_id}/tags"
    await server.ask("PUT", path, {"tags": ["new"]})
    found = await server.ask("GET", "/v1/sessions/all/status?tags=new")
    bad = [await server.ask("PUT", path, body) for body in ({}, {"tags": "x"}, {"tags": None})]
    await server.ask("DELETE", path)
    cleared = await server.ask("GET", path)

    assert 1 == found.body["data"]["count"]
    assert [400, 400, 400] == [answer.status for answer in bad]
    assert {"tags": None} == cleared.body


async def test_a_browser_that_died_reads_failed(serve: Serve):
    """
    Its end is a second end.
    """
    server = await serve()
    session_id = await start(server)
    browser = server.browsers.get(session_id)
    browser.engine.crash()
    await asyncio.sleep(0)  # The table hears of it in the loop's next round.
    async with asyncio.timeout(30):
        await server.browsers.end(browser)
    got = await server.ask("GET", f"/v1/sessions/{session_id}")
    ended = await server.ask("DELETE", f"/v1/sessions/{session_id}")

    assert "failed" == got.body["data"]["status"]
    assert 401 == ended.status


async def test_a_browser_that_fails_to_stop_is_a_500(serve: Serve, monkeypatch):
    """
    What is not confirmed is not called ended.
    """

    async def refuse(_: FakeEngine) -> None:
        raise RuntimeError("It does not stop.")

    server = await serve()
    session_id = await start(server)
    with monkeypatch.context() as broken:
        broken.setattr(FakeEngine, "stop", refuse)
        failed = await server.ask("DELETE", f"/v1/sessions/{session_id}")
    ended = await server.ask("DELETE", f"/v1/sessions/{session_id}")

    assert [500, 200] == [failed.status, ended.status]


async def test_a_browser_that_takes_too_long_to_stop_is_a_500(serve: Serve, monkeypatch):
    """
    The DELETE gives up waiting; the stop goes on.
    """
    server = await serve()
    session_id = await start(server)
    go = asyncio.Event()
    stop = FakeEngine.stop

    async def wait(engine: FakeEngine) -> None:
        await go.wait()
        await stop(engine)

    monkeypatch.setattr(FakeEngine, "stop", wait)
    monkeypatch.setattr(anchor_sessions, "STOP_PATIENCE", 0)
    try:
        late = await server.ask("DELETE", f"/v1/sessions/{session_id}")
    finally:
        go.set()

    assert 500 == late.status


async def test_a_server_that_ends_starts_nothing(serve: Serve):
    """
    Nothing was made, so it may be asked elsewhere.
    """
    server = await serve()
    await server.browsers.aclose()
    answer = await server.ask("POST", "/v1/sessions", {})

    assert 503 == answer.status


async def test_a_fault_of_ours_is_a_500_in_the_same_words(serve: Serve, monkeypatch, caplog):
    """
    The caller gets JSON, the log what happened.
    """

    async def fail(_: Browsers, __: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Browsers, "create", fail)
    server = await serve()
    answer = await server.ask("POST", "/v1/sessions", {})

    assert (500, 500) == (answer.status, answer.body["error"]["code"])
    assert "ZeroDivisionError" in caplog.text


async def test_a_browser_that_cannot_start_is_a_503_in_the_launchers_words(serve: Serve, monkeypatch):
    """
    The words reach the user.
    """

    async def fail(_: FakeLauncher, __: object) -> FakeEngine:
        raise LocalBrowserError("No browser was found; install one.")

    monkeypatch.setattr(FakeLauncher, "launch", fail)
    server = await serve()
    answer = await server.ask("POST", "/v1/sessions", {})

    assert (503, "No browser was found; install one.") == (answer.status, answer.body["error"]["message"])


async def test_one_more_than_the_limit_is_a_429(serve: Serve):
    """
    Nothing is started, and no header asks to wait.
    """
    server = await serve(limit=1)
    await start(server)
    answer = await server.ask("POST", "/v1/sessions", {})

    assert 429 == answer.status
    assert "Retry-After" not in answer.headers


async def test_what_helpers_ask_first_names_the_websocket(serve: Serve):
    """
    `/json/version` wants the key and the id, and repeats only what was shown.
    """
    server = await serve()
    session_id = await start(server)
    query = f"apiKey={KEY}&sessionId={session_id}"
    answers = [await server.ask("GET", f"/json/version{slash}?{query}") for slash in ("", "/")]
    refused = [
        await server.ask("GET", f"/json/version?apiKey=wrong&sessionId={session_id}"),
        await server.ask("GET", f"/json/version?apiKey={KEY}&sessionId=unknown"),
        await server.ask("GET", "/json/version"),
    ]
    await server.ask("DELETE", f"/v1/sessions/{session_id}")
    gone = await server.ask("GET", f"/json/version?{query}")

    expected = f"ws{server.base.removeprefix('http')}/?{query}"
    assert [expected] * 2 == [answer.body["webSocketDebuggerUrl"] for answer in answers]
    assert [401, 401, 401, 410] == [answer.status for answer in (*refused, gone)]


@pytest.mark.parametrize(
    ("key", "status"),
    [("wrong", 401), (KEY, 503)],
)
async def test_the_websocket_at_the_root_wants_key_and_id(serve: Serve, key: str, status: int):
    """
    With both it gets as far as the browser, which a fake does not have.
    """
    server = await serve()
    session_id = await start(server)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await server.http.ws_connect(f"{server.base}/?apiKey={key}&sessionId={session_id}")

    assert status == refused.value.status


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clipboard", {"text": "x"}),
        ("copy", None),
        ("drag-and-drop", {"startX": 1, "startY": 2, "endX": 3, "endY": 4}),
        ("goto", {"url": "about:blank"}),
        ("keyboard/shortcut", {"keys": ["a"]}),
        ("mouse/click", {"x": 1, "y": 2}),
        ("scroll", {"x": 1, "y": 2, "deltaY": 3}),
    ],
)
async def test_controls_of_what_is_no_running_session_are_a_404(serve: Serve, path: str, body: Any):
    """
    Unknown, somebody else's, or ended.
    """
    server = await serve()
    made = (await server.ask("POST", "/v1/sessions", {})).body["data"]["id"]
    await server.ask("DELETE", f"/v1/sessions/{made}")
    ended = await server.ask("POST", f"/v1/sessions/{made}/{path}", body)
    unknown = await server.ask("POST", f"/v1/sessions/unknown/{path}", body)
    picture = await server.ask("GET", f"/v1/sessions/{made}/screenshot")

    refusal = {"error": {"code": 404, "message": "Session not found"}}
    assert [(404, refusal)] * 2 == [(answer.status, answer.body) for answer in (ended, unknown)]
    assert (404, {"error": "Session not found"}) == (picture.status, picture.body)


async def test_controls_of_a_fake_are_refused(serve: Serve):
    """
    There is no browser behind it.
    """
    server = await serve()
    made = (await server.ask("POST", "/v1/sessions", {})).body["data"]["id"]
    answers = [await server.ask("GET", f"/v1/sessions/{made}/{path}") for path in ("pages", "clipboard")]

    assert [503, 503] == [answer.status for answer in answers]
