"""Whatever is sent to Anchor's dialect, it answers in JSON, and never that something broke."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.server.conftest import Serve, Server

SESSION = "/v1/sessions"
PLAIN = settings(
    max_examples=60,
    deadline=None,
    # The second as a machine that is busy makes examples slowly.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
# What bodies may hold, with members of any kind and members of the right one mixed.
NAMES = st.sampled_from(
    """
    active browser button code configuration count custom_patterns delay deltaY extensions
    headless height id identities idle_timeout index initial_url keys live_view max_duration
    max_retries metadata name one_time_url persist profile prompt proxy read_only recording
    scoped_access scopes selector sensitive_data_mask session session_id source startX status
    steps tags text timeout type url viewport width x y
    """.split()  # noqa: SIM905  # a list of these would fill the screen
)
FITTING = st.sampled_from(
    [True, False, None, -1, 0, 1, 20, "cdp", "session", "cancelled", "left", [], {}, ["a"], {"active": True}]
)
BODIES = st.recursive(
    st.dictionaries(NAMES, FITTING | JSON, max_size=4),
    lambda inner: st.dictionaries(NAMES, inner | FITTING, max_size=4),
    max_leaves=6,
)
ROUTES = [
    ("POST", SESSION),
    ("POST", f"{SESSION}/async"),
    ("POST", "/v1/batch-sessions"),
    ("PATCH", "/v1/batch-sessions/BATCH"),
    ("POST", "/v1/batch-sessions/BATCH/retry"),
    ("POST", f"{SESSION}/ID/tokens"),
    ("PUT", f"{SESSION}/ID/tags"),
    ("POST", "/v1/profiles"),
    ("POST", "/v1/tools/execute-code?sessionId=ID"),
    ("POST", "/v1/tools/perform-web-task?sessionId=ID"),
    *(
        ("POST", f"{SESSION}/ID/{path}")
        for path in (
            "clipboard",
            "drag-and-drop",
            "goto",
            "keyboard/shortcut",
            "keyboard/type",
            "mouse/click",
            "mouse/down",
            "paste",
            "scroll",
            "uploads",
        )
    ),
]
UNDERSTOOD = {200, 400, 404, 409, 429, 501, 503}  # The last where a fake has nothing to control.


@pytest.fixture
async def server(serve: Serve) -> Server:
    return await serve(limit=20)


@pytest.fixture
async def ids(server: Server) -> dict[str, str]:
    session = await server.ask("POST", SESSION, {})
    batch = await server.ask("POST", "/v1/batch-sessions", {"count": 1})
    return {"ID": session.body["data"]["id"], "BATCH": batch.body["data"]["batch_id"]}


async def send(server: Server, ids: dict[str, str], method: str, path: str, body: bytes) -> None:
    for word, ours in ids.items():
        path = path.replace(word, ours)
    async with asyncio.timeout(30):
        answer = await server.ask(method, path, body)

    assert answer.status in UNDERSTOOD, (method, path, body, answer.body)
    assert "application/json" == answer.headers["Content-Type"].partition(";")[0]
    if answer.status != 200:
        assert answer.status == answer.body["error"]["code"]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_body_breaks_anything(server: Server, ids: dict[str, str], method: str, path: str):
    """
    JSON of all kinds, and what is no JSON.
    """
    loop = asyncio.get_running_loop()
    bodies: list[bytes] = []

    @PLAIN
    @given(body=(BODIES | JSON).map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20))
    def collect(body: bytes) -> None:
        bodies.append(body)

    await loop.run_in_executor(None, collect)
    for body in bodies:
        await send(server, ids, method, path, body)


@pytest.mark.parametrize(
    "path", [SESSION, f"{SESSION}/all/status", f"{SESSION}/history", "/v1/batch-sessions"]
)
async def test_no_query_breaks_anything(server: Server, ids: dict[str, str], path: str):
    """
    Every parameter with anything in it.
    """
    names = st.sampled_from(
        """
        batch_id created_after created_before created_from created_to domains extra_stealth from_date
        granularity limit metrics page profile_name proxy search sort_by sort_order status tags
        task_initiated to_date
        """.split()  # noqa: SIM905  # a list of these would fill the screen
    )
    values = (
        st.text(max_size=12) | st.integers().map(str) | st.sampled_from(["true", "day", "2026-01-01", ""])
    )
    queries: list[str] = []

    @PLAIN
    @given(pairs=st.lists(st.tuples(names, values), max_size=4))
    def collect(pairs: list[tuple[str, str]]) -> None:
        queries.append("&".join(f"{name}={quote(value)}" for name, value in pairs))

    await asyncio.get_running_loop().run_in_executor(None, collect)
    for query in queries:
        await send(server, ids, "GET", f"{path}?{query}", b"")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_no_path_breaks_or_ends_anything(server: Server, ids: dict[str, str], method: str):
    """
    Whatever stands in the place of an id or of a word.
    """
    paths: list[str] = []
    words = ["", "async", "history", "tags", "pages", "tokens", "recordings", "profiles", "null"]
    texts = st.text(max_size=10).filter(lambda text: text not in (".", "..")).map(partial(quote, safe=""))
    parts = texts | st.sampled_from(words)

    @PLAIN
    @given(found=st.lists(parts, max_size=4))
    def collect(found: list[str]) -> None:
        paths.append("/".join([SESSION, *found]))

    await asyncio.get_running_loop().run_in_executor(None, collect)
    for path in paths:
        if path != SESSION or method != "POST":
            async with asyncio.timeout(30):
                answer = await server.ask(method, path, b"")

            assert answer.status in {200, 400, 401, 404, 405}, (path, answer.body)
            assert isinstance(answer.body, dict), path

    assert server.browsers.get(ids["ID"]).alive
