"""Anchor's asynchronous starts and batches."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server.dialects import anchor_async, anchor_batch
from firecrawl_interact.server.dialects.anchor_orders import AT_ONCE
from firecrawl_interact.server.fake import FakeEngine
from firecrawl_interact.server.settings import ServerSettings

if TYPE_CHECKING:
    from tests.server.conftest import Answer, Serve, Server

ASYNC = "/v1/sessions/async"
BATCHES = "/v1/batch-sessions"


class Held:
    """A launcher's launch that waits until it is let go."""

    def __init__(self, server: Server) -> None:
        self.launch = server.browsers.launcher.launch
        self.go = asyncio.Event()
        self.begun = 0
        server.browsers.launcher.launch = self

    async def __call__(self, spec: Any) -> Any:
        self.begun += 1
        await self.go.wait()
        return await self.launch(spec)


def fail_launches(server: Server, *outcomes: bool) -> None:
    """Let the coming launches fail where *outcomes* are false; later ones go well."""
    launch, left = server.browsers.launcher.launch, list(outcomes)

    async def launch_or_fail(spec: Any) -> Any:
        if left and not left.pop(0):
            raise LocalBrowserError("It did not start.")
        return await launch(spec)

    server.browsers.launcher.launch = launch_or_fail


async def ask(server: Server, body: Any = None) -> str:
    return str((await server.ask("POST", ASYNC, body)).body["data"]["request_id"])


async def look(server: Server, request_id: str) -> dict[str, Any]:
    return dict((await server.ask("GET", f"{ASYNC}/{request_id}/status")).body["data"])


async def make(server: Server, count: int, **body: Any) -> str:
    return str((await server.ask("POST", BATCHES, {"count": count, **body})).body["data"]["batch_id"])


async def read(server: Server, batch_id: str) -> dict[str, Any]:
    return dict((await server.ask("GET", f"{BATCHES}/{batch_id}")).body["data"])


async def until(server: Server, path: str, word: str) -> dict[str, Any]:
    """Ask until the status is *word*."""
    async with asyncio.timeout(30):
        while True:
            data = (await server.ask("GET", path)).body["data"]
            if data["status"] == word:
                return dict(data)


@pytest.fixture
async def server(serve: Serve) -> Server:
    return await serve()


async def test_an_asynchronous_start_goes_on_while_nobody_looks(server: Server):
    """
    It is answered before there is a browser; then it has an id and links, and is found by its tag.
    """
    held = Held(server)
    request_id = await ask(server, {"session": {"tags": ["mark"]}})
    before = await look(server, request_id)
    held.go.set()
    after = await until(server, f"{ASYNC}/{request_id}/status", "ready")
    found = await server.ask("GET", "/v1/sessions/all/status?tags=mark")

    assert ("processing", "provisioning") == (before["status"], before["progress"]["current_phase"])
    assert "cdp_url" not in before["session"]
    assert ("completed", "ready") == (after["session"]["status"], after["progress"]["current_phase"])
    assert after["session"]["cdp_url"].startswith("ws://127.0.0.1:")
    assert [after["session"]["session_id"]] == [row["session_id"] for row in found.body["data"]["items"]]


async def test_only_a_few_are_started_at_once(server: Server):
    """
    The others are pending, and have no session in their answer.
    """
    held = Held(server)
    ids = [await ask(server) for _ in range(AT_ONCE + 1)]
    last = await look(server, ids[-1])
    begun = held.begun
    held.go.set()
    await until(server, f"{ASYNC}/{ids[-1]}/status", "ready")

    assert AT_ONCE == begun
    assert ("pending", "queued", False) == (
        last["status"],
        last["progress"]["current_phase"],
        "session" in last,
    )


async def test_a_start_that_fails_is_told_when_asked_for(server: Server):
    """
    The reason is in it.
    """
    fail_launches(server, False)
    data = await until(server, f"{ASYNC}/{await ask(server)}/status", "failed")

    assert ("failed", "It did not start.") == (data["session"]["status"], data["session"]["error"])


async def test_a_surprise_in_a_start_is_a_failed_start(server: Server, caplog: pytest.LogCaptureFixture):
    """
    It is logged, and its text is nobody's business.
    """

    async def break_down(_: Any) -> Any:
        raise RuntimeError("secret")

    server.browsers.launcher.launch = break_down
    data = await until(server, f"{ASYNC}/{await ask(server)}/status", "failed")

    assert "Internal Server Error" == data["session"]["error"]
    assert "secret" in caplog.text


async def test_starts_are_counted_before_they_run(serve: Serve):
    """
    Those on order take room, and so do those that run; what there is no room for is not taken on.
    """
    server = await serve(limit=2)
    held = Held(server)
    statuses = [(await server.ask("POST", ASYNC)).status for _ in range(3)]
    too_many = await server.ask("POST", BATCHES, {"count": 1})
    held.go.set()

    assert [200, 200, 429] == statuses
    assert (429, "API key would exceed batch browser limit.") == (
        too_many.status,
        too_many.body["error"]["message"],
    )


async def test_a_start_that_others_were_faster_than_fails(serve: Serve):
    """
    Between order and start somebody may take the last slot.
    """
    server = await serve(limit=1)
    real = server.browsers.create

    async def create(wish: Any) -> Any:
        server.browsers.create = real
        await real(wish)
        return await real(wish)

    server.browsers.create = create
    data = await until(server, f"{ASYNC}/{await ask(server)}/status", "failed")

    assert "Concurrent browser limit reached (1)." == data["session"]["error"]


@pytest.mark.parametrize("path", [ASYNC, BATCHES])
async def test_what_cannot_be_started_is_refused_at_once(serve: Serve, path: str):
    """
    Bodies, credits and rates are looked at before anything is put on order.
    """
    server = await serve(settings=ServerSettings(creates_per_minute=2))
    poor = await serve(settings=ServerSettings(credits=0))
    body = {"session": {"timeout": {"max_duration": 0}}}
    asked = body if path == ASYNC else {"count": 1, "configuration": body}
    fine = {} if path == ASYNC else {"count": 1}
    statuses = [
        (await server.ask("POST", path, asked)).status,
        (await poor.ask("POST", path, fine)).status,
        (await server.ask("POST", path, fine)).status,
        (await server.ask("POST", path, fine)).status,
        (await server.ask("POST", path, fine, anchor_api_key="wrong")).status,
    ]

    assert [400, 402, 200, 429, 401] == statuses


async def test_the_oldest_request_is_forgotten(server: Server, monkeypatch: pytest.MonkeyPatch):
    """
    Memory has an end; its session goes on.
    """
    monkeypatch.setattr(anchor_async, "KEPT", 1)
    first = await ask(server)
    await until(server, f"{ASYNC}/{first}/status", "ready")
    await ask(server)
    gone = await server.ask("GET", f"{ASYNC}/{first}/status")

    assert 404 == gone.status
    assert server.browsers.list(alive=True)


async def test_another_teams_requests_cannot_be_seen(serve: Serve):
    """
    They look like none.
    """
    server = await serve(settings=ServerSettings(keys={"other": "strangers"}))
    request_id, batch_id = await ask(server), await make(server, 1)
    answers = [
        await server.ask("GET", f"{ASYNC}/{request_id}/status", anchor_api_key="other"),
        await server.ask("GET", f"{BATCHES}/{batch_id}", anchor_api_key="other"),
        await server.ask("DELETE", f"{BATCHES}/{batch_id}", anchor_api_key="other"),
    ]
    listed = await server.ask("GET", BATCHES, anchor_api_key="other")

    assert [404, 404, 404] == [answer.status for answer in answers]
    assert [] == listed.body["data"]["batches"]


async def test_a_server_that_ends_leaves_no_order_open(serve: Serve):
    """
    What was on order fails; nothing runs on.
    """
    server = await serve()
    Held(server)
    ids = [await ask(server) for _ in range(AT_ONCE + 1)]
    async with asyncio.timeout(30):
        await server.runner.cleanup()
    asked = server.runner.app[anchor_async.ASKED]

    assert {"The server is shutting down."} == {asked[request_id].order.error for request_id in ids}
    assert not server.browsers.list(alive=True)


async def test_a_batch_makes_as_many_as_it_counts(server: Server):
    """
    Each has an id, its links and its place; the list of sessions finds them by the batch.
    """
    body = {"configuration": {"session": {"tags": ["many"]}}}
    batch_id = await make(server, 6, **body)
    data = await until(server, f"{BATCHES}/{batch_id}", "completed")
    listed = await server.ask("GET", f"/v1/sessions?batch_id={batch_id}")
    none = await server.ask("GET", "/v1/sessions?batch_id=other")

    assert list(range(6)) == [session["item_index"] for session in data["sessions"]]
    assert {100} == {data["progress"]["percentage"]}
    ids = {session["session_id"] for session in data["sessions"]}
    assert ids == {row["id"] for row in listed.body["data"]["sessions"]}
    assert {("many",)} == {browser.tags for browser in server.browsers.list()}
    assert 0 == none.body["data"]["total"]


@pytest.mark.parametrize("count", [0, -1, 1001, None, "2", 1.5, True])
async def test_a_batch_of_no_possible_size_is_refused(server: Server, count: Any):
    """
    From one to a thousand.
    """
    answer = await server.ask("POST", BATCHES, {"count": count})

    assert 400 == answer.status
    assert [] == (await server.ask("GET", BATCHES)).body["data"]["batches"]


async def test_a_cancelled_batch_ends_what_it_made(server: Server):
    """
    Running sessions end, coming ones are ended as they come, and the rest is not begun.
    """
    batch_id = await make(server, 1)
    await until(server, f"{BATCHES}/{batch_id}", "completed")
    held = Held(server)
    batch_id = await make(server, AT_ONCE + 2)
    await until(server, f"{BATCHES}/{batch_id}", "processing")
    cancelled = await server.ask("PATCH", f"{BATCHES}/{batch_id}", {"status": "cancelled"})
    held.go.set()
    again = await server.ask("PATCH", f"{BATCHES}/{batch_id}", {"status": "cancelled"})
    data = await read(server, batch_id)
    async with asyncio.timeout(30):
        await server.runner.app[anchor_async.ORDERS].aclose()

    assert AT_ONCE + 2 == cancelled.body["data"]["cancelled_sessions"]
    assert (409, "cancelled") == (again.status, data["status"])
    assert AT_ONCE == held.begun
    assert 1 == len(server.browsers.list(alive=True))
    assert {"cancelled"} == {session["status"] for session in data["sessions"]}


@pytest.mark.parametrize("body", [{"status": "paused"}, [], b"{", {"status": None}])
async def test_a_batch_can_be_changed_in_no_other_way(server: Server, body: Any):
    """
    There is one word for it.
    """
    batch_id = await make(server, 1)
    answer = await server.ask("PATCH", f"{BATCHES}/{batch_id}", body)

    assert 400 == answer.status


async def test_a_deleted_batch_ends_its_sessions_and_is_forgotten(server: Server):
    """
    Those that had ended before count as well.
    """
    batch_id = await make(server, 2)
    data = await until(server, f"{BATCHES}/{batch_id}", "completed")
    await server.ask("DELETE", f"/v1/sessions/{data['sessions'][0]['session_id']}")
    deleted = await server.ask("DELETE", f"{BATCHES}/{batch_id}")
    gone = await server.ask("GET", f"{BATCHES}/{batch_id}")

    assert (2, 0, []) == tuple(
        deleted.body["data"][name] for name in ("deleted_sessions", "failed_deletions", "errors")
    )
    assert 404 == gone.status
    assert () == server.browsers.list(alive=True)


async def test_a_batch_that_cannot_be_ended_says_which_and_stays(server: Server, monkeypatch):
    """
    A 200 that tells of failures; the next DELETE ends what is left.
    """

    async def refuse(_: FakeEngine) -> None:
        raise RuntimeError("It does not stop.")

    batch_id = await make(server, 1)
    data = await until(server, f"{BATCHES}/{batch_id}", "completed")
    with monkeypatch.context() as broken:
        broken.setattr(FakeEngine, "stop", refuse)
        failed = await server.ask("DELETE", f"{BATCHES}/{batch_id}")
    ended = await server.ask("DELETE", f"{BATCHES}/{batch_id}")

    assert (200, 1) == (failed.status, failed.body["data"]["failed_deletions"])
    assert [data["sessions"][0]["session_id"]] == [
        error["session_id"] for error in failed.body["data"]["errors"]
    ]
    assert 1 == ended.body["data"]["deleted_sessions"]


async def test_what_failed_in_a_batch_can_be_tried_again(server: Server):
    """
    As often as asked for, and only what failed.
    """
    fail_launches(server, True, False, False)
    batch_id = await make(server, 2)
    before = await until(server, f"{BATCHES}/{batch_id}", "completed")
    retried = await server.ask("POST", f"{BATCHES}/{batch_id}/retry", {"max_retries": 3})
    async with asyncio.timeout(30):
        while (after := await read(server, batch_id))["completed_requests"] != 2:
            pass

    assert (1, 1) == (before["failed_requests"], retried.body["data"]["retried_sessions"])
    assert [0, 2] == [session["retry_count"] for session in after["sessions"]]
    assert 2 == len(server.browsers.list(alive=True))


@pytest.mark.parametrize("body", [{"max_retries": 0}, {"max_retries": 4}, {"retry_failed_only": "yes"}])
async def test_a_retry_has_bounds(server: Server, body: Any):
    """
    Up to three times.
    """
    fail_launches(server, False)
    batch_id = await make(server, 1)
    await until(server, f"{BATCHES}/{batch_id}", "failed")
    answer = await server.ask("POST", f"{BATCHES}/{batch_id}/retry", body)

    assert 400 == answer.status


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [0, 1, 2]),
        ("limit=2", [0, 1]),
        ("limit=2&page=2", [2]),
        ("page=3", []),
        ("status=failed", [1]),
        ("created_after=2026-01-15T10:30:01Z", [1, 2]),
        ("created_before=2026-01-15T10:30:01Z", [0, 1]),
    ],
)
async def test_batches_are_listed(server: Server, query: str, expected: list[int]):
    """
    The oldest first, in pages, and by what they are.
    """
    fail_launches(server, True, False)
    ids = []
    for word in ("completed", "failed", "completed"):
        ids.append(await make(server, 1))
        await until(server, f"{BATCHES}/{ids[-1]}", word)
        server.later(1)
    answer = await server.ask("GET", f"{BATCHES}?{query}")

    assert [ids[index] for index in expected] == [row["batch_id"] for row in answer.body["data"]["batches"]]


async def test_pages_of_batches_say_where_they_stand(server: Server):
    """
    Whether there are some before and after.
    """
    for _ in range(3):
        await make(server, 1)
    answers = [await server.ask("GET", f"{BATCHES}?limit=2&page={page}") for page in (1, 2)]

    def stand(answer: Answer) -> tuple[Any, ...]:
        names = ("current_page", "total_pages", "total_records", "has_next", "has_prev")
        return tuple(answer.body["data"]["pagination"][name] for name in names)

    assert [(1, 2, 3, True, False), (2, 2, 3, False, True)] == [stand(answer) for answer in answers]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "page=0", "page=x", "created_after=soon"])
async def test_a_query_for_batches_that_does_not_fit_is_a_400(server: Server, query: str):
    """
    Nothing is guessed.
    """
    answer = await server.ask("GET", f"{BATCHES}?{query}")

    assert (400, "Invalid query parameters.") == (answer.status, answer.body["error"]["message"])


async def test_the_oldest_batch_is_forgotten(server: Server, monkeypatch: pytest.MonkeyPatch):
    """
    Memory has an end.
    """
    monkeypatch.setattr(anchor_batch, "KEPT", 1)
    first = await make(server, 1)
    await make(server, 1)

    assert 404 == (await server.ask("GET", f"{BATCHES}/{first}")).status
