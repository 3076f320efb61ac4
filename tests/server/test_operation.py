"""Health and metrics: who is told what."""

from __future__ import annotations

import sys

import pytest

from firecrawl_interact.server import room
from firecrawl_interact.server.settings import ServerSettings
from tests.server.conftest import KEY, Serve

NO_KEY = {"Authorization": "", "anchor_api_key": ""}


async def test_health_says_ok_without_a_key(serve: Serve):
    """
    And nothing else.
    """
    server = await serve()
    answer = await server.ask("GET", "/healthz", **NO_KEY)

    assert (200, "ok\n") == (answer.status, answer.body)


async def test_health_says_not_ok_where_creates_would_be_refused(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
):
    """
    Without telling strangers why.
    """
    monkeypatch.setattr(room, "LEAST_DISK", 2**60)
    server = await serve()
    answer = await server.ask("GET", "/healthz", **NO_KEY)

    assert (503, "not ok\n") == (answer.status, answer.body)


async def test_metrics_count_sessions_and_requests(serve: Serve):
    """
    Started, ended by reason, still running; requests by pattern.
    """
    pytest.importorskip("prometheus_client")
    server = await serve()
    ids = [(await server.ask("POST", "/v2/interact", {})).body["id"] for _ in range(3)]
    await server.ask("DELETE", f"/v2/interact/{ids[0]}")
    answer = await server.ask("GET", "/metrics")
    lines = answer.body.splitlines()

    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'firecrawl_interact_sessions{status="running"} 2.0' in lines
    assert "firecrawl_interact_sessions_started_total 3.0" in lines
    assert 'firecrawl_interact_sessions_ended_total{reason="asked"} 1.0' in lines
    route = 'method="DELETE",route="/v2/interact/{session_id}",status="200"'
    assert f"firecrawl_interact_request_seconds_count{{{route}}} 1.0" in lines
    assert not [id_ for id_ in ids if id_ in answer.body]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": f"Bearer {KEY}", "anchor_api_key": ""}, 200),
        ({"Authorization": "", "anchor_api_key": KEY}, 200),
        ({"Authorization": "Bearer fc-OTHER", "anchor_api_key": ""}, 401),
        ({"Authorization": "Bearer wrong", "anchor_api_key": ""}, 401),
        (NO_KEY, 401),
    ],
)
async def test_metrics_are_the_operators(serve: Serve, headers: dict[str, str], status: int):
    """
    The server's own key opens them in either header; another team's does not.
    """
    pytest.importorskip("prometheus_client")
    server = await serve(settings=ServerSettings(keys={"fc-OTHER": "other"}))
    answer = await server.ask("GET", "/metrics", **headers)

    assert status == answer.status


async def test_metrics_without_the_extra_say_how_to_get_it(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    """
    501, with the line to type.
    """
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    server = await serve()
    answer = await server.ask("GET", "/metrics")

    assert (501, True) == (answer.status, "pip install 'firecrawl-interact[metrics]'" in answer.body)


async def test_unusual_methods_make_no_metrics(serve: Serve):
    """
    Nobody without a key can fill the server's memory with names.
    """
    pytest.importorskip("prometheus_client")
    server = await serve()
    for number, method in enumerate(("PROPFIND", "MKCOL", "PURGE")):
        await server.ask(method, f"/nowhere/{number}", **NO_KEY)
    answer = await server.ask("GET", "/metrics")

    assert 'request_seconds_count{method="OTHER",route="(no route)",status="404"} 3.0' in answer.body
    assert "PURGE" not in answer.body
