"""Anchor's routes about profiles, usage, tools, files and scoped tokens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from firecrawl_interact.server.dialects import anchor_links
from firecrawl_interact.server.fake import FakePrompts, FakeRuns
from firecrawl_interact.server.runs import BrowserEndedError, CannotRunError, RunOutcome
from firecrawl_interact.server.settings import ServerSettings

if TYPE_CHECKING:
    from firecrawl_interact.server.profiles import SavedProfile
    from tests.server.conftest import Serve, Server

SESSION = "/v1/sessions"
PROFILES = "/v1/profiles"
TOOLS = "/v1/tools"


async def start(server: Server, body: Any = None) -> str:
    return str((await server.ask("POST", SESSION, body)).body["data"]["id"])


async def mint(server: Server, session_id: str, *scopes: str) -> Any:
    return (await server.ask("POST", f"{SESSION}/{session_id}/tokens", {"scopes": scopes})).body


# --- profiles ---------------------------------------------------------------------------


async def test_a_profile_is_filled_when_the_session_it_is_made_from_ends(serve: Serve):
    """
    Until then it is pending; the session's own save goes there.
    """
    server = await serve()
    session_id = await start(server)
    made = {"name": "shop", "source": "session", "session_id": session_id, "description": "Shop"}
    await server.ask("POST", PROFILES, made)
    before = (await server.ask("GET", f"{PROFILES}/shop")).body["data"]
    in_use = await server.ask("DELETE", f"{PROFILES}/shop")
    await server.ask("DELETE", f"{SESSION}/{session_id}")
    after = (await server.ask("GET", f"{PROFILES}/shop")).body["data"]
    deleted = await server.ask("DELETE", f"{PROFILES}/shop")

    assert ("pending", "ready") == (before["status"], after["status"])
    assert {**made, "status": "ready", "created_at": before["created_at"]} == after
    assert (409, 200) == (in_use.status, deleted.status)


async def test_a_session_that_saves_makes_its_profile(serve: Serve):
    """
    A name that is unknown starts blank.
    """
    server = await serve()
    session_id = await start(server, {"browser": {"profile": {"name": "new one", "persist": True}}})
    before = await server.ask("GET", f"{PROFILES}/new%20one")
    await server.ask("DELETE", f"{SESSION}/{session_id}")
    after = await server.ask("GET", f"{PROFILES}/new%20one")

    assert (404, 200) == (before.status, after.status)
    assert ("ready", session_id) == (after.body["data"]["status"], after.body["data"]["session_id"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"name": ""}, 400),
        ({"name": 1}, 400),
        ({"name": "p", "source": "file"}, 400),
        ({"name": "p", "source": "session"}, 400),
        ({"name": "p", "source": "session", "session_id": "ENDED"}, 404),
        ({"name": "p", "source": "session", "session_id": "SAVING"}, 400),
        ({"name": "p", "dedicated_sticky_ip": True}, 501),
        ([], 400),
    ],
)
async def test_a_profile_that_cannot_be_made_is_not(serve: Serve, body: Any, status: int):
    """
    Neither from nothing nor from what has ended or saves elsewhere.
    """
    server = await serve()
    ended = await start(server)
    saving = await start(server, {"browser": {"profile": {"name": "other", "persist": True}}})
    await server.ask("DELETE", f"{SESSION}/{ended}")
    if isinstance(body, dict) and "session_id" in body:
        body = {**body, "session_id": {"ENDED": ended, "SAVING": saving}[body["session_id"]]}
    answer = await server.ask("POST", PROFILES, body)
    listed = await server.ask("GET", PROFILES)

    assert status == answer.status
    assert {"count": 0, "items": []} == listed.body["data"]


async def test_a_profile_is_not_made_from_a_session_that_ends_meanwhile(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
):
    """
    Nothing would ever fill it, or let it go: its name stays free, for savers too.
    """
    server = await serve()
    session_id = await start(server)
    create = server.browsers.profiles.create

    async def slowly(profile: SavedProfile) -> None:
        await server.ask("DELETE", f"{SESSION}/{session_id}")
        await create(profile)

    monkeypatch.setattr(server.browsers.profiles, "create", slowly)
    body = {"name": "shop", "source": "session", "session_id": session_id}
    made = await server.ask("POST", PROFILES, body)
    found = await server.ask("GET", f"{PROFILES}/shop")
    saver = await server.ask("POST", "/v2/interact", {"profile": {"name": "shop"}})

    assert [404, 404, 200] == [made.status, found.status, saver.status]


async def test_profiles_belong_to_a_team(serve: Serve):
    """
    Another team has its own of the same name.
    """
    server = await serve(settings=ServerSettings(keys={"other": "strangers"}))
    answers = [
        await server.ask("POST", PROFILES, {"name": "p"}),
        await server.ask("POST", PROFILES, {"name": "p"}),
        await server.ask("GET", f"{PROFILES}/p", anchor_api_key="other"),
        await server.ask("POST", PROFILES, {"name": "p"}, anchor_api_key="other"),
        await server.ask("DELETE", f"{PROFILES}/p", anchor_api_key="other"),
        await server.ask("GET", f"{PROFILES}/p"),
    ]

    assert [200, 409, 404, 200, 200, 200] == [answer.status for answer in answers]


# --- usage ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "dates", "counts"),
    [
        ("", ["2026-01-15", "2026-01-16"], [2, 1]),
        (
            "granularity=hour",
            ["2026-01-15T10:00:00Z", "2026-01-15T11:00:00Z", "2026-01-16T11:00:00Z"],
            [1] * 3,
        ),
        ("granularity=week", ["2026-01-12"], [3]),
        ("granularity=month", ["2026-01-01"], [3]),
        ("from_date=2026-01-16", ["2026-01-16"], [1]),
        ("to_date=2026-01-15T11:00:00Z", ["2026-01-15"], [1]),
        ("limit=1&page=2", ["2026-01-16"], [1]),
    ],
)
async def test_the_history_counts_by_time(serve: Serve, query: str, dates: list[str], counts: list[int]):
    """
    Stretches without sessions are left out.
    """
    server = await serve()
    for pause in (3600, 24 * 3600, 0):
        await server.ask("DELETE", f"{SESSION}/{await start(server)}")
        server.later(pause)
    answer = await server.ask("GET", f"{SESSION}/history?{query}")

    assert dates == [point["date"] for point in answer.body["data"]]
    assert counts == [point["session_count"] for point in answer.body["data"]]


async def test_the_history_adds_up(serve: Serve):
    """
    Hours and credits of those that have ended; what is not counted is zero.
    """
    server = await serve()
    session_id = await start(server, {"session": {"timeout": {"idle_timeout": -1, "max_duration": -1}}})
    server.later(1800)
    await server.ask("DELETE", f"{SESSION}/{session_id}")
    answer = await server.ask("GET", f"{SESSION}/history?metrics=session_hours,credits_used,ai_steps")
    billing = await server.ask("GET", "/v1/billing")

    point = {"date": "2026-01-15", "session_hours": 0.5, "credits_used": 0.3, "ai_steps": 0}
    assert [point] == answer.body["data"]
    assert {"total_session_hours": 0.5, "total_credits_used": 0.3, "total_ai_steps": 0} == answer.body[
        "summary"
    ]
    assert 0.3 == billing.body["data"]["credits_used"]


@pytest.mark.parametrize(
    "query", ["granularity=year", "metrics=colour", "page=0", "limit=1001", "limit=0", "from_date=x"]
)
async def test_a_query_for_history_that_does_not_fit_is_a_400(serve: Serve, query: str):
    """
    Nothing is guessed.
    """
    server = await serve()
    answer = await server.ask("GET", f"{SESSION}/history?{query}")

    assert (400, "Invalid query parameters.") == (answer.status, answer.body["error"]["message"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (1_000_000, -1)),
        ({"limit": 3, "settings": ServerSettings(credits=42)}, (42, 3)),
    ],
)
async def test_billing_tells_limits(serve: Serve, options: Any, expected: tuple[int, int]):
    """
    Credits that are left, and how many browsers may run at a time.
    """
    server = await serve(**options)
    data = (await server.ask("GET", "/v1/billing")).body["data"]

    assert expected == (data["credits"], data["max_concurrent_browsers"])
    assert ("2026-01", "local") == (data["billing_period"], data["tier"])


# --- tools ------------------------------------------------------------------------------


async def test_code_is_run_as_the_body_of_a_function(serve: Serve):
    """
    What it returns comes back as JSON text.
    """
    runs = FakeRuns([RunOutcome(result='{"a":1}')])
    server = await serve(runs=runs)
    session_id = await start(server)
    answer = await server.ask("POST", f"{TOOLS}/execute-code?sessionId={session_id}", {"code": "return 1"})

    assert {"success": True, "message": "Execution succeeded", "output": '{"a":1}'} == answer.body
    ((_, language, code, _),) = runs.asked
    assert ("node", True, True) == (language, "return 1" in code, session_id in code)


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (RunOutcome(exit_code=1, stderr="Error: no"), "Error: no"),
        (RunOutcome(exit_code=1), "It failed."),
        (RunOutcome(killed=True, exit_code=137, stderr="x"), "It took too long and was killed."),
    ],
)
async def test_code_that_fails_is_an_answer(serve: Serve, outcome: RunOutcome, expected: str):
    """
    A program's failure is not the server's.
    """
    server = await serve(runs=FakeRuns([outcome]))
    answer = await server.ask("POST", f"{TOOLS}/execute-code?sessionId={await start(server)}", {"code": "x"})

    assert (200, False, expected) == (answer.status, answer.body["success"], answer.body["error"])


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("", {"code": "1"}, 400),
        ("?sessionId=unknown", {"code": "1"}, 404),
        ("?sessionId=ENDED", {"code": "1"}, 404),
        ("?sessionId=MINE", {}, 400),
        ("?sessionId=MINE", {"code": ""}, 400),
        ("?sessionId=MINE", {"code": "1"}, 501),
    ],
)
async def test_code_that_cannot_run_is_refused(serve: Serve, query: str, body: Any, status: int):
    """
    Without a session, without code, and where nobody runs any.
    """
    server = await serve()
    mine, ended = await start(server), await start(server)
    await server.ask("DELETE", f"{SESSION}/{ended}")
    query = query.replace("MINE", mine).replace("ENDED", ended)
    answer = await server.ask("POST", f"{TOOLS}/execute-code{query}", body)

    assert (status, status) == (answer.status, answer.body["error"]["code"])


@pytest.mark.parametrize(
    ("trouble", "status"), [(CannotRunError("node is missing"), 501), (BrowserEndedError(), 404)]
)
async def test_what_keeps_a_run_from_its_end_is_told(serve: Serve, trouble: Exception, status: int):
    """
    A tool that is missing, and a browser that went away.
    """

    server = await serve(runs=FakeRuns([trouble]), prompts=FakePrompts(FakeRuns([trouble])))
    query = f"sessionId={await start(server)}"
    code = await server.ask("POST", f"{TOOLS}/execute-code?{query}", {"code": "1"})
    task = await server.ask("POST", f"{TOOLS}/perform-web-task?{query}", {"prompt": "Buy milk"})

    assert [status, status] == [code.status, task.status]


async def test_a_task_is_given_to_whoever_follows_instructions(serve: Serve):
    """
    Where to begin is part of it.
    """
    runs = FakeRuns([RunOutcome(output="Done")] * 2)
    server = await serve(prompts=FakePrompts(runs))
    path = f"{TOOLS}/perform-web-task?sessionId={await start(server)}"
    answers = [
        await server.ask("POST", path, {"prompt": "Buy milk"}),
        await server.ask("POST", path, {"prompt": "Buy milk", "url": "https://shop.example/"}),
    ]

    assert [{"data": {"result": "Done"}}] * 2 == [answer.body for answer in answers]
    assert ["Buy milk", "Go to https://shop.example/ first. Buy milk"] == [
        text for _, _, text, _ in runs.asked
    ]


async def test_tasks_that_cannot_be_performed_are_refused(serve: Serve):
    """
    By nobody, later, or without success.
    """
    runs = FakeRuns([RunOutcome(exit_code=1, stderr="Lost")])
    plain, failing = await serve(), await serve(prompts=FakePrompts(runs))
    body = {"prompt": "Buy milk"}
    path = TOOLS + "/perform-web-task?sessionId="
    answers = [
        await plain.ask("POST", path + await start(plain), body),
        await failing.ask("POST", path + await start(failing), {**body, "async": True}),
        await failing.ask("POST", path + await start(failing), body),
    ]

    assert [501, 501, 500] == [answer.status for answer in answers]
    assert "Lost" == answers[-1].body["error"]["message"]


# --- files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "recordings", 200),
        ("POST", "recordings/pause", 400),
        ("POST", "recordings/resume", 400),
        ("DELETE", "recordings/primary", 400),
        ("GET", "recordings/primary/fetch", 404),
        ("GET", "downloads", 501),
        ("POST", "uploads", 501),
    ],
)
async def test_files_that_are_not_kept_are_refused(serve: Serve, method: str, path: str, status: int):
    """
    In Anchor's shapes; of unknown sessions there is nothing to say at all.
    """
    server = await serve()
    answer = await server.ask(method, f"{SESSION}/{await start(server)}/{path}")
    unknown = await server.ask(method, f"{SESSION}/unknown/{path}")

    assert (status, 404) == (answer.status, unknown.status)


# --- tokens -----------------------------------------------------------------------------


async def test_a_session_with_scoped_access_has_a_link_for_watching_alone(serve: Serve):
    """
    From the start on nothing but tokens opens it; asking again mints none.
    """
    server = await serve()
    asked = {"session": {"scoped_access": {"active": True}}}
    made = (await server.ask("POST", SESSION, asked)).body["data"]
    browser = server.browsers.get(made["id"])
    request_id = (await server.ask("POST", f"{SESSION}/async", asked)).body["data"]["request_id"]
    links = []
    async with asyncio.timeout(30):
        while len(links) < 2:
            status = (await server.ask("GET", f"{SESSION}/async/{request_id}/status")).body["data"]
            if status["status"] == "ready":
                links.append({key: url for key, url in status["session"].items() if key.endswith("_url")})

    opened = {made[name].partition("token=")[2].partition("&")[0] for name in made if name != "id"}
    assert {"cdp", "control", "watch"} == {browser.grants[token] for token in opened}
    assert browser.scoped
    assert links[0] == links[1]


async def test_what_was_revoked_is_not_given_out_again(serve: Serve):
    """
    The status of an asynchronous start has the links that still open something, and mints none.
    """
    server = await serve()
    request_id = (await server.ask("POST", f"{SESSION}/async")).body["data"]["request_id"]
    path = f"{SESSION}/async/{request_id}/status"
    async with asyncio.timeout(30):
        while (await server.ask("GET", path)).body["data"]["status"] != "ready":
            pass
    before = (await server.ask("GET", path)).body["data"]["session"]
    minted = (await mint(server, before["session_id"], "cdp", "live_view_read_only"))["data"]
    token = minted["cdp_url"].partition("token=")[2]
    await server.ask("DELETE", f"{SESSION}/{before['session_id']}/tokens/{token}")
    after = (await server.ask("GET", path)).body["data"]["session"]

    assert {"cdp_url", "live_view_url"} == {name for name in before if name.endswith("_url")}
    assert {"live_view_read_only_url": minted["live_view_read_only_url"]} == {
        name: url for name, url in after.items() if name.endswith("_url")
    }


async def test_a_read_only_sessions_live_view_stays_so(serve: Serve):
    """
    Both links are the same, and none can control.
    """
    server = await serve()
    session_id = await start(server, {"session": {"live_view": {"read_only": True}}})
    links = (await mint(server, session_id))["data"]

    assert links["live_view_url"] == links["live_view_read_only_url"]
    assert {"cdp", "watch"} == set(server.browsers.get(session_id).grants.values())


@pytest.mark.parametrize(
    ("body", "scopes", "expected"),
    [
        (
            {},
            ["live_view", "cdp", "live_view_read_only"],
            ["cdp_url", "live_view_read_only_url", "live_view_url"],
        ),
        ({}, ["live_view", "live_view"], ["live_view_url"]),
        ({"browser": {"headless": {"active": True}}}, [], ["cdp_url"]),
        ({"session": {"live_view": {"one_time_url": True}}}, [], ["cdp_url", "live_view_read_only_url"]),
    ],
)
async def test_links_are_minted_for_the_scopes_asked_for(serve: Serve, body: Any, scopes: Any, expected: Any):
    """
    None asked for means all that the session can serve.
    """
    server = await serve()
    links = (await mint(server, await start(server, body), *scopes))["data"]

    assert expected == sorted(links)


@pytest.mark.parametrize(
    ("body", "asked"),
    [
        ({}, {"scopes": ["everything"]}),
        ({}, {"scopes": "cdp"}),
        ({"browser": {"headless": {"active": True}}}, {"scopes": ["live_view"]}),
    ],
)
async def test_scopes_that_cannot_be_served_are_refused(serve: Serve, body: Any, asked: Any):
    """
    Nothing is minted, so that the session's own links go on working.
    """
    server = await serve()
    session_id = await start(server, body)
    answer = await server.ask("POST", f"{SESSION}/{session_id}/tokens", asked)

    assert 400 == answer.status
    assert not server.browsers.get(session_id).scoped


async def test_tokens_have_an_end(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    """
    There is a bound, revoking makes room, and an ended session gets none.
    """
    monkeypatch.setattr(anchor_links, "MOST_TOKENS", 2)
    server = await serve()
    session_id = await start(server)
    path = f"{SESSION}/{session_id}/tokens"
    await mint(server, session_id, "cdp")
    link = (await mint(server, session_id, "cdp"))["data"]["cdp_url"]
    full = await server.ask("POST", path, {"scopes": ["cdp"]})
    revoked = await server.ask("DELETE", f"{path}/{link.partition('token=')[2]}")
    twice = await server.ask("DELETE", f"{path}/{link.partition('token=')[2]}")
    room = await server.ask("POST", path, {"scopes": ["cdp"]})
    await server.ask("DELETE", f"{SESSION}/{session_id}")
    ended = await server.ask("POST", path, {})

    assert [400, 200, 404, 200, 404] == [answer.status for answer in (full, revoked, twice, room, ended)]
