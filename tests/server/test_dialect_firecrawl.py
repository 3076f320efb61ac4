"""The routes that speak Firecrawl's wire, beyond what its recorded exchanges show."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.dialects import firecrawl, firecrawl_guard, firecrawl_life
from firecrawl_interact.server.engine import LaunchSpec
from firecrawl_interact.server.fake import FakeEngine, FakeLauncher
from firecrawl_interact.server.settings import Generation, ServerSettings
from tests.server.conftest import crash, delete

if TYPE_CHECKING:
    from aiohttp import web

    from firecrawl_interact.server.record import Browser
    from firecrawl_interact.wire.firecrawl import SessionRow
    from tests.server.conftest import Serve

FOREIGN_KEY = "fc-FOREIGN"
G1 = ServerSettings(generation=Generation.G1)


@pytest.mark.parametrize("prefix", firecrawl_guard.PREFIXES)
async def test_both_prefixes_reach_the_same_sessions(serve: Serve, prefix: str):
    """
    What is made under one name is read and ended under either.
    """
    server = await serve()
    made = await server.ask("POST", "/v2/interact", {})
    listed = await server.ask("GET", prefix)
    ended = await server.ask("DELETE", f"{prefix}/{made.body['id']}")

    assert [made.body["id"]] == [row["id"] for row in listed.body["sessions"]]
    assert 200 == ended.status


async def test_the_list_has_the_newest_first_and_ended_ones_too(serve: Serve):
    """
    Status words are those of the list, links are texts, and `status` filters.
    """
    server = await serve()
    ids = []
    for body in ({}, {"streamWebView": False}, {}):
        ids.append((await server.ask("POST", "/v2/interact", body)).body["id"])
        server.later(1)
    await delete(server, ids[0])
    await crash(server, ids[2])
    rows = (await server.ask("GET", "/v2/interact")).body["sessions"]
    filtered = [
        (await server.ask("GET", f"/v2/interact?status={status}")).body["sessions"]
        for status in ("error", "active", "destroyed")
    ]

    assert [(ids[2], "error"), (ids[1], "active"), (ids[0], "destroyed")] == [
        (row["id"], row["status"]) for row in rows
    ]
    assert [[ids[2]], [ids[1]], [ids[0]]] == [[row["id"] for row in some] for some in filtered]
    assert ["", ""] == [rows[1]["liveViewUrl"], rows[1]["interactiveLiveViewUrl"]]
    assert [True, False, True] == [row["streamWebView"] for row in rows]


async def test_the_list_of_those_that_run_costs_nothing_for_those_that_have_ended(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
):
    """
    There are thousands of them on a server that has run for long, and the loop waits for every row.
    """
    made: list[Browser] = []
    row = firecrawl._row

    def counted(request: web.Request, browser: Browser) -> SessionRow:
        made.append(browser)
        return row(request, browser)

    monkeypatch.setattr(firecrawl, "_row", counted)
    server = await serve()
    ids = [(await server.ask("POST", "/v2/interact", {})).body["id"] for _ in range(3)]
    await delete(server, ids[0])
    await crash(server, ids[1])
    await server.ask("GET", "/v2/interact?status=active")

    assert [ids[2]] == [browser.id for browser in made]


@pytest.mark.parametrize("body", [None, b"", {}])
async def test_defaults_are_600_and_300_seconds(serve: Serve, body: Any):
    """
    A body that says nothing, or none at all, asks for the defaults.
    """
    server = await serve()
    made = await server.ask("POST", "/v2/interact", body)
    browser = server.browsers.get(made.body["id"])

    assert browser is not None
    assert (600, 300) == (browser.wish.ttl, browser.wish.activity_ttl)
    assert "2026-01-15T10:40:00.000Z" == made.body["expiresAt"]


@pytest.mark.parametrize(
    "body", [[], [1], b"null", b'"text"', b"{", b"\xff", b'{"ttl": NaN}', b'{"ttl": 1e400}', b"[" * 100_000]
)
async def test_what_is_no_object_is_refused(serve: Serve, body: Any):
    """
    Neither another JSON value nor garbage makes a session or a fault.
    """
    server = await serve()
    answer = await server.ask("POST", "/v2/interact", body)

    assert 400 == answer.status
    assert answer.body["success"] is False
    assert () == server.browsers.list()


@pytest.mark.parametrize(
    "body",
    [
        {"ttl": True},
        {"ttl": 10**400},
        {"activityTtl": 3601},
        {"streamWebView": None},
        {"recordSession": "yes"},
        {"profile": None},
        {"profile": "name"},
        {"profile": {"name": "p", "saveChanges": 1}},
        {"location": {"country": 1}},
        {"location": {"country": "Germany"}},
        {"blockAds": None},
    ],
)
async def test_a_field_that_does_not_fit_is_named(serve: Serve, body: Any):
    """
    The complaint has zod's code, message and path.
    """
    server = await serve()
    answer = await server.ask("POST", "/v2/interact", body)
    (issue,) = answer.body["details"]

    assert (400, "BAD_REQUEST") == (answer.status, answer.body["code"])
    assert issue["path"][0] == next(iter(body))
    assert {"code", "message", "path"} <= issue.keys()


@pytest.mark.parametrize("number", [b"60.0", b"6e1"])
async def test_numbers_are_whole_as_javascript_sees_them(serve: Serve, number: bytes):
    """
    60.0 is the integer 60.
    """
    server = await serve()
    answer = await server.ask("POST", "/v2/interact", b'{"ttl": ' + number + b"}")

    assert 200 == answer.status


async def test_older_servers_know_neither_ad_blocking_nor_places(serve: Serve):
    """
    Fields that came later are unknown to them, so their types do not matter; G1 took fractions.
    """
    server = await serve(settings=G1)
    body = {"ttl": 60.5, "activityTtl": 10.5, "blockAds": "no", "location": 5, "zeroDataRetention": True}
    made = await server.ask("POST", "/v2/interact", body)
    status = await server.ask("GET", f"/v2/interact/{made.body['id']}")

    assert 200 == made.status
    assert 404 == status.status


async def test_another_teams_session_is_forbidden(serve: Serve):
    """
    It can neither be seen nor ended, by any of the three ways to ask.
    """
    server = await serve(settings=ServerSettings(keys={FOREIGN_KEY: "strangers"}))
    made = await server.ask("POST", "/v2/interact", {})
    path = f"/v2/interact/{made.body['id']}"
    key = f"Bearer {FOREIGN_KEY}"
    got = await server.ask("GET", path, Authorization=key)
    ended = await server.ask("DELETE", path, Authorization=key)
    listed = await server.ask("GET", "/v2/interact", Authorization=key)

    assert [403, 403] == [got.status, ended.status]
    assert {"success": False, "error": "Forbidden."} == ended.body
    assert [] == listed.body["sessions"]
    assert 1 == len(server.browsers.list(alive=True))


async def test_a_key_of_the_same_team_sees_its_sessions(serve: Serve):
    """
    Sessions belong to teams, not to keys.
    """
    server = await serve(settings=ServerSettings(keys={"fc-1": "t", "fc-2": "t"}))
    made = await server.ask("POST", "/v2/interact", {}, Authorization="Bearer fc-1")
    ended = await server.ask("DELETE", f"/v2/interact/{made.body['id']}", Authorization="Bearer fc-2")

    assert 200 == ended.status


async def test_a_browser_that_fails_to_stop_is_a_502_and_can_be_ended_again(serve: Serve, monkeypatch):
    """
    What is not confirmed is not called stopped.
    """
    server = await serve()
    made = await server.ask("POST", "/v2/interact", {})

    async def refuse(_: FakeEngine) -> None:
        raise RuntimeError("It does not stop.")

    with monkeypatch.context() as broken:
        broken.setattr(FakeEngine, "stop", refuse)
        failed = await server.ask("DELETE", f"/v2/interact/{made.body['id']}")
    ended = await server.ask("DELETE", f"/v2/interact/{made.body['id']}")

    assert (502, "Hangar did not confirm the stop request.") == (failed.status, failed.body["error"])
    assert "sessionDurationMs" in ended.body


async def test_a_browser_that_takes_too_long_to_stop_is_a_502(serve: Serve, monkeypatch):
    """
    The DELETE gives up waiting; the stop goes on.
    """
    server = await serve()
    made = await server.ask("POST", "/v2/interact", {})
    go = asyncio.Event()
    stop = FakeEngine.stop

    async def wait(engine: FakeEngine) -> None:
        await go.wait()
        await stop(engine)

    monkeypatch.setattr(FakeEngine, "stop", wait)
    monkeypatch.setattr(firecrawl_life, "STOP_PATIENCE", 0)
    try:
        late = await server.ask("DELETE", f"/v2/interact/{made.body['id']}")
    finally:
        go.set()

    assert (502, "Browser is still stopping. Retry deletion shortly.") == (late.status, late.body["error"])


async def test_a_browser_that_cannot_start_is_a_503_in_the_launchers_words(serve: Serve, monkeypatch):
    """
    The words reach the user, and no SDK sends the create again.
    """

    async def fail(_: FakeLauncher, __: LaunchSpec) -> FakeEngine:
        raise LocalBrowserError("No browser was found; install one.")

    monkeypatch.setattr(FakeLauncher, "launch", fail)
    server = await serve()
    answer = await server.ask("POST", "/v2/interact", {})

    assert (503, "LOCAL_BROWSER") == (answer.status, answer.body["code"])
    assert "No browser was found; install one." == answer.body["error"]


async def test_a_fault_of_ours_is_a_500_in_the_same_words(serve: Serve, monkeypatch, caplog):
    """
    The caller gets JSON, the log what happened.
    """

    async def fail(_: Browsers, __: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Browsers, "create", fail)
    server = await serve()
    answer = await server.ask("POST", "/v2/interact", {})

    assert (500, "UNKNOWN_ERROR") == (answer.status, answer.body["code"])
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/v2/interact"), ("DELETE", "/v2/interact/"), ("PUT", "/v2/interact/x"), ("GET", "/v2/no")],
)
async def test_other_paths_are_404_in_the_same_words(serve: Serve, method: str, path: str):
    """
    An empty id ends nothing.
    """
    server = await serve()
    await server.ask("POST", "/v2/interact", {})
    answer = await server.ask(method, path)

    assert (404, False) == (answer.status, answer.body["success"])
    assert 1 == len(server.browsers.list(alive=True))


async def test_a_refusal_by_rate_may_keep_the_wait_out_of_the_header(serve: Serve):
    """
    The seconds are in the text all the same.
    """
    server = await serve(settings=ServerSettings(creates_per_minute=0, retry_after=False))
    answer = await server.ask("POST", "/v2/interact", {})

    assert 429 == answer.status
    assert "Retry-After" not in answer.headers
    assert "retry after 60s" in answer.body["error"]
