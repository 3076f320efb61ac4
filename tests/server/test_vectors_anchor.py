"""Every recorded exchange with Anchor, replayed against the server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server.settings import ServerSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Serve, Server

VECTORS = Path(__file__).parents[1] / "vectors" / "anchor.vectors.json"
SAMPLE_ID = "5f1c9a52-6f0e-4f3b-9d3a-0d3f6f0f6c11"
SAMPLE_REQUEST = "3d9f7b1a-5c2e-4a86-b0d4-92e1f7c6a853"
SAMPLE_BATCH = "7c4a1e90-2f6b-4b3d-8e57-a1c0d9f2b364"
SAMPLE_TOKEN = "tok-live"
KEY = "fc-TEST"
MINUTES = {"max_duration": 20, "idle_timeout": -1}
# What differs in every exchange: only its type must fit.
VOLATILE = {
    "actual_completion_time",
    "batch_id",
    "billing_period",
    "cdp_url",
    "configuration",
    "created_at",
    "credits",
    "credits_used",
    "date",
    "error",
    "gifts_balance",
    "id",
    "included_credits",
    "live_view_read_only_url",
    "live_view_url",
    "max_concurrent_browsers",
    "message",
    "request_id",
    "session_id",
    "team_id",
    "tier",
    "total_credits_used",
}
OPTIONAL = {"completed_at", "started_at"}  # Of one session in a batch: told here, and not in every example.

Ids = dict[str, str]


@attrs.frozen(kw_only=True)
class World:
    """What holds before the exchange; `prepare` may tell what stands in for the samples' ids."""

    prepare: Callable[[Server], Awaitable[Ids]] | None = None
    options: dict[str, Any] = attrs.field(factory=dict)
    key: str = KEY


def session(*tags: str, seconds: float = 0, ended: bool = False, body: Any = None, **settings: Any) -> World:
    """Have one session with these tags, made that long ago."""

    async def prepare(server: Server) -> Ids:
        asked = {"session": {"tags": list(tags), "timeout": MINUTES}, **(body or {})}
        made = await server.ask("POST", "/v1/sessions", asked)
        server.later(seconds)
        session_id = str(made.body["data"]["id"])
        if ended:
            await server.ask("DELETE", f"/v1/sessions/{session_id}")
        return {SAMPLE_ID: session_id}

    return World(prepare=prepare, options={"settings": ServerSettings(**settings)})


def waiting(word: str) -> World:
    """Have an asynchronous start that has come so far."""

    async def prepare(server: Server) -> Ids:
        launcher = server.browsers.launcher
        if word == "failed":
            launcher.launch = break_down
        elif word != "ready":
            launcher.delay = 60
        # Before one that is pending stand as many as are started at once.
        for _ in range(5 if word == "pending" else 1):
            made = await server.ask("POST", "/v1/sessions/async", {"session": {"timeout": MINUTES}})
        request_id = made.body["data"]["request_id"]
        await until(server, f"/v1/sessions/async/{request_id}/status", word)
        return {SAMPLE_REQUEST: request_id}

    return World(prepare=prepare)


def batch(
    *, fails: int = 0, retried: bool = False, delay: float = 0, count: int = 2, word: str = "completed"
) -> World:
    """Have a batch of which the last failed, once or once more, as far as it has come."""

    async def prepare(server: Server) -> Ids:
        launcher = server.browsers.launcher
        launcher.delay = delay
        good, launch = count - fails, launcher.launch

        async def launch_or_fail(spec: Any) -> Any:
            nonlocal good
            good -= 1
            return await (launch if good >= 0 else break_down)(spec)

        launcher.launch = launch_or_fail
        made = await server.ask("POST", "/v1/batch-sessions", {"count": count})
        batch_id = made.body["data"]["batch_id"]
        await until(server, f"/v1/batch-sessions/{batch_id}", word)
        if retried:
            await server.ask("POST", f"/v1/batch-sessions/{batch_id}/retry", {})
            await until(server, f"/v1/batch-sessions/{batch_id}", word)
        return {SAMPLE_BATCH: batch_id}

    return World(prepare=prepare)


def profile(*, session_of_it: bool = True) -> World:
    """Have a profile that was made from a session which has ended, and a running session."""

    async def prepare(server: Server) -> Ids:
        ids = await session().prepare(server)
        if session_of_it:
            asked = {"name": "shop-login", "description": "shop", "source": "session"}
            await server.ask("POST", "/v1/profiles", {**asked, "session_id": ids[SAMPLE_ID]})
            await server.ask("DELETE", f"/v1/sessions/{ids[SAMPLE_ID]}")
            ids = await session().prepare(server)
        return ids

    return World(prepare=prepare)


async def break_down(_: Any) -> Any:
    raise LocalBrowserError("Browser pod did not start")


async def until(server: Server, path: str, word: str) -> None:
    """Ask until the status is *word*; each asking lets the server go on."""
    async with asyncio.timeout(30):
        while (await server.ask("GET", path)).body["data"]["status"] != word:
            pass


async def token(server: Server) -> Ids:
    ids = await session().prepare(server)
    made = await server.ask("POST", f"/v1/sessions/{ids[SAMPLE_ID]}/tokens", {"scopes": ["live_view"]})
    return {**ids, SAMPLE_TOKEN: made.body["data"]["live_view_url"].partition("token=")[2].partition("&")[0]}


async def three_of_two_tags(server: Server) -> Ids:
    asked = {"tags": ["lib:demo", "production"], "proxy": {"active": True}}
    for _ in range(3):
        await server.ask("POST", "/v1/sessions", {"session": asked})
    return {}


async def three_that_ended(server: Server) -> Ids:
    for _ in range(3):
        ids = await session().prepare(server)
        server.later(60)
        await server.ask("DELETE", f"/v1/sessions/{ids[SAMPLE_ID]}")
    return {}


async def two_of_two_kinds(server: Server) -> Ids:
    await session("lib:demo").prepare(server)
    await server.ask("POST", "/v1/sessions", {})
    return {}


async def five_starts(server: Server) -> Ids:
    for _ in range(5):
        await server.ask("POST", "/v1/sessions", {})
    server.later(2)
    return {}


PLAIN = World()
HEADLESS = {"browser": {"headless": {"active": True}}}
WORLDS = {
    "start.minimal.empty_object": PLAIN,
    "start.no_body": PLAIN,
    "start.full": PLAIN,
    "start.unlimited_duration": PLAIN,
    "start.custom_proxy": PLAIN,
    "start.scoped_access": PLAIN,
    "start.400.captcha_needs_proxy": PLAIN,
    "start.400.bad_timeout_type": PLAIN,
    "start.401.bad_key": World(key="wrong"),
    "start.402.no_credits": World(options={"settings": ServerSettings(credits=0)}),
    "start.429.creation_rate": World(
        prepare=five_starts, options={"settings": ServerSettings(creates_per_minute=5)}
    ),
    "get.running": session("lib:demo"),
    "get.ended": session("lib:demo", seconds=420, ended=True),
    "get.404": PLAIN,
    "list.filtered_page2": World(prepare=three_of_two_tags),
    "list.400.limit": PLAIN,
    "status_all.by_tag": session("lib:demo", "attempt:1f0a"),
    "status_all.empty": PLAIN,
    "status_all.401": World(key="wrong"),
    "history.analytics": World(prepare=three_that_ended),
    "end.ok": session(),
    "end.ok.json_content_type_without_body": session(),
    "end.again.documented_reading": session(ended=True),
    "end.again.alt_404": session(ended=True, anchor_second_end=404),
    "end.again.alt_200": session(ended=True, anchor_second_end=200),
    "end.unknown_id": PLAIN,
    "end.401.bad_key": attrs.evolve(session(), key="wrong"),
    "end_all.ok": session(),
    "end.empty_id": session(),
    "async.create": PLAIN,
    "async.status.pending": waiting("pending"),
    "async.status.processing": waiting("processing"),
    "async.status.ready": waiting("ready"),
    "async.status.failed": waiting("failed"),
    "async.status.404": PLAIN,
    "async.create.429.batch_limit": World(prepare=session().prepare, options={"limit": 1}),
    "batch.create": PLAIN,
    "batch.create.400.count": PLAIN,
    "batch.get.partial": batch(fails=1, retried=True),
    "batch.get.404": PLAIN,
    "batch.list": batch(fails=1),
    "batch.cancel": batch(delay=60, count=1, word="processing"),
    "batch.cancel.409": batch(),
    "batch.retry": batch(fails=1),
    "batch.retry.400": batch(),
    "tokens.create": session(),
    "tokens.create.headless": session(body=HEADLESS),
    "tokens.revoke": World(prepare=token),
    "tags.get": session("lib:demo"),
    "tags.get.none": session(),
    "tags.put": session(),
    "tags.delete": session("a"),
    "profiles.create.from_session": profile(session_of_it=False),
    "profiles.create.409": profile(),
    "profiles.create.404": PLAIN,
    "profiles.list": profile(),
    "profiles.get": profile(),
    "profiles.get.404": PLAIN,
    "profiles.delete": profile(),
    "profiles.delete.404": PLAIN,
    "screenshot.404.string_error": PLAIN,
}
LEFT_OUT = {
    "start.500": "The fault engine's.",
    "start.502.gateway_html": "The fault engine's.",
    "get.tags_as_object": "An older shape.",
    "get.500": "The fault engine's.",
    "list.default": "Rows of a provider's life; see the test of the list.",
    "status_all": "Each row has tags here; see the test by tag.",
    "end.500": "See the test of a browser that fails to stop.",
    "async.create.403.cost_limit": "Nothing here costs.",
    "batch.delete": "See the test of a batch that cannot be ended.",
    "pages.new_shape": "Needs a real browser; see the test of the pages.",
    "pages.old_shape": "An older shape.",
    "profiles.create.sticky_ip": "There are no addresses to dedicate: 501, which is documented too.",
    "billing": "Has no limit of costs here; see its test.",
    "goto": "Needs a real browser; see the test of the controls.",
    "goto.404.nested_error": "A slip of the specification: the usual shape is answered.",
    "error.flat_message": "A shape that only one client's source names: the usual one is answered.",
}


def load() -> dict[str, dict[str, Any]]:
    return {case["name"]: case for case in json.loads(VECTORS.read_text())}


def steady(value: Any, name: str = "") -> Any:
    """Replace what differs in every exchange by what it must look like."""
    if name in VOLATILE and not isinstance(value, dict | list):
        return f"a {'number' if isinstance(value, int | float) else type(value).__name__}"
    if name == "configuration":
        return "an object"
    if isinstance(value, dict):
        return {key: steady(member, key) for key, member in value.items() if key not in OPTIONAL}
    if isinstance(value, list):
        return [steady(item) for item in value]
    return value


def test_every_recorded_exchange_is_replayed_or_left_out_for_a_reason():
    """
    No vector is forgotten, and none is in both lists.
    """

    assert load().keys() == WORLDS.keys() | LEFT_OUT.keys()
    assert not WORLDS.keys() & LEFT_OUT.keys()


@pytest.mark.parametrize("name", WORLDS)
async def test_the_server_answers_as_recorded(serve: Serve, name: str):
    """
    Status, body and the headers about rates are those of the recorded exchange.
    """
    case, world = load()[name], WORLDS[name]
    server = await serve(**world.options)
    ids = await world.prepare(server) if world.prepare else {}
    path, body = case["path"], json.dumps(case["request_body"])
    for sample, ours in ids.items():
        path, body = path.replace(sample, ours), body.replace(sample, ours)
    answer = await server.ask(case["method"], path, json.loads(body), anchor_api_key=world.key)

    expected = case["response_body"]
    if name == "async.status.processing":  # Nothing has an id here before it runs.
        del expected["data"]["session"]["session_id"]
    assert case["status"] == answer.status
    assert steady(expected) == steady(answer.body)
    if case["status"] != 200:
        assert expected == answer.body  # To the letter.
    for header in ("Retry-After", "RateLimit"):
        assert case["response_headers"].get(header) == answer.headers.get(header)
