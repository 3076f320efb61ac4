"""Code, prompts and scraped pages on Firecrawl's wire, beyond what its recorded exchanges show."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from firecrawl_interact.server.dialects import firecrawl_scrapes
from firecrawl_interact.server.engine import LaunchSpec
from firecrawl_interact.server.fake import FakeEngine, FakePrompts, FakeRuns
from firecrawl_interact.server.reopening import ReopeningError
from firecrawl_interact.server.runs import CannotRunError
from firecrawl_interact.server.settings import ServerSettings

if TYPE_CHECKING:
    from tests.server.conftest import Serve, Server

JOB = "019a1f01-1111-7222-8333-444455550000"
FOREIGN_KEY = "fc-FOREIGN"


async def session(server: Server, **body: Any) -> str:
    return str((await server.ask("POST", "/v2/interact", body)).body["id"])


async def scrape(server: Server, **body: Any) -> str:
    made = await server.ask("POST", "/v2/scrape", {"url": "https://example.com/", **body})
    return str(made.body["scrape_id"])


async def test_a_run_is_asked_for_as_it_was_sent(serve: Serve):
    """
    Language and limit reach whoever runs it; node and 30 seconds are the defaults.
    """
    runs = FakeRuns()
    server = await serve(runs=runs)
    session_id = await session(server)
    path = f"/v2/browser/{session_id}/execute"
    await server.ask("POST", path, {"code": "1", "language": "python", "timeout": 5})
    await server.ask("POST", path, {"code": "2", "unknown": True})

    assert [(session_id, "python", "1", 5), (session_id, "node", "2", 30)] == runs.asked


async def test_a_session_is_not_idle_while_code_runs_in_it(serve: Serve):
    """
    Its time without activity starts when the run ends.
    """
    runs = FakeRuns()
    runs.proceed.clear()
    server = await serve(runs=runs)
    session_id = await session(server, ttl=600, activityTtl=10)
    browser = server.browsers.get(session_id)
    assert browser is not None
    running = asyncio.create_task(server.ask("POST", f"/v2/interact/{session_id}/execute", {"code": "1"}))
    async with asyncio.timeout(30):
        await runs.started.wait()
        server.later(60)
        alive = browser.alive and browser.ending is None
        runs.proceed.set()
        answer = await running

    assert alive
    assert 200 == answer.status
    assert server.clock.now == browser.last_activity


async def test_a_run_ends_with_its_session(serve: Serve):
    """
    Code that is still running when the session is deleted is answered: gone.
    """
    runs = FakeRuns()
    runs.proceed.clear()
    server = await serve(runs=runs)
    session_id = await session(server)
    running = asyncio.create_task(server.ask("POST", f"/v2/interact/{session_id}/execute", {"code": "1"}))
    async with asyncio.timeout(30):
        await runs.started.wait()
        await server.ask("DELETE", f"/v2/interact/{session_id}")
        answer = await running

    assert (410, "Browser session has been destroyed.") == (answer.status, answer.body["error"])


@pytest.mark.parametrize("seconds", [10, 600])
async def test_an_expired_session_runs_nothing(serve: Serve, seconds: float):
    """
    Idle for too long or too old, it is gone between two calls.
    """
    runs = FakeRuns()
    server = await serve(runs=runs)
    session_id = await session(server, ttl=600, activityTtl=10)
    server.later(seconds)
    answer = await server.ask("POST", f"/v2/interact/{session_id}/execute", {"code": "1"})

    assert 410 == answer.status
    assert [] == runs.asked


async def test_what_this_server_does_not_run_is_a_501_that_says_so(serve: Serve):
    """
    No browser is started for it, and no official SDK sends it again.
    """
    server = await serve()
    session_id, job_id = await session(server), await scrape(server)
    answers = [
        await server.ask("POST", f"/v2/interact/{session_id}/execute", {"code": "1"}),
        await server.ask("POST", f"/v2/scrape/{job_id}/interact", {"code": "1"}),
        await server.ask("POST", f"/v2/scrape/{job_id}/interact", {"prompt": "1"}),
    ]

    assert [501, 501, 501] == [answer.status for answer in answers]
    assert ["--allow-execute" in answer.body["error"] for answer in answers] == [True, True, False]
    assert 1 == len(server.browsers.list())


async def test_a_missing_tool_is_a_501_in_the_runners_words(serve: Serve):
    """
    Whoever asked learns what to install.
    """
    runs = FakeRuns(outcomes=[CannotRunError("Install node.")])
    server = await serve(runs=runs)
    answer = await server.ask("POST", f"/v2/interact/{await session(server)}/execute", {"code": "1"})

    assert (501, {"success": False, "error": "Install node."}) == (answer.status, answer.body)


async def test_another_teams_session_runs_nothing(serve: Serve):
    """
    Neither directly nor by adopting it for a scrape of one's own.
    """
    runs = FakeRuns()
    server = await serve(runs=runs, settings=ServerSettings(keys={FOREIGN_KEY: "strangers"}))
    session_id = await session(server)
    key = f"Bearer {FOREIGN_KEY}"
    made = await server.ask("POST", "/v2/scrape", {"url": "https://example.com"}, Authorization=key)
    direct = await server.ask("POST", f"/v2/interact/{session_id}/execute", {"code": "1"}, Authorization=key)
    adopted = await server.ask(
        "POST",
        f"/v2/scrape/{made.body['scrape_id']}/interact",
        {"code": "1", "existingSessionId": session_id},
        Authorization=key,
    )

    assert [403, 403] == [direct.status, adopted.status]
    assert [] == runs.asked


async def test_a_scrape_has_its_id_in_both_places(serve: Serve):
    """
    The official SDKs read one, the documentation shows the other; it is no session.
    """
    server = await serve()
    made = await server.ask("POST", "/v2/scrape", {"url": "https://example.com/", "formats": ["markdown"]})

    assert made.body["scrape_id"] == made.body["data"]["metadata"]["scrapeId"]
    assert "https://example.com/" == made.body["data"]["metadata"]["sourceURL"]
    assert () == server.browsers.list()


async def test_runs_in_a_scrape_share_one_session_until_it_is_stopped(serve: Serve):
    """
    The first makes it, with ten minutes to live; after the stop every further one is gone.
    """
    server = await serve(runs=FakeRuns())
    path = f"/v2/scrape/{await scrape(server)}/interact"
    first, second = [await server.ask("POST", path, {"code": "1"}) for _ in range(2)]
    browser = server.browsers.get(first.body["sessionId"])
    stopped = await server.ask("DELETE", path)
    again = await server.ask("DELETE", path)
    after = await server.ask("POST", path, {"code": "1"})

    assert browser is not None
    assert (600, 300) == (browser.wish.ttl, browser.wish.activity_ttl)
    assert first.body["sessionId"] == second.body["sessionId"]
    assert "sessionDurationMs" in stopped.body
    assert {"success": True, "status": "stopped", "creditsBilled": 2} == again.body
    assert 410 == after.status


async def test_an_expired_scrape_session_is_gone(serve: Serve):
    """
    A further run does not start another one in its place.
    """
    server = await serve(runs=FakeRuns())
    path = f"/v2/scrape/{await scrape(server)}/interact"
    await server.ask("POST", path, {"code": "1"})
    server.later(600)
    after = await server.ask("POST", path, {"code": "1"})

    assert 410 == after.status
    assert 1 == len(server.browsers.list())


async def test_two_first_runs_at_once_make_two_sessions_and_a_stop_ends_one(serve: Serve):
    """
    As at Firecrawl: a client repeats the stop until its answer has no duration.
    """
    server = await serve(runs=FakeRuns())
    path = f"/v2/scrape/{await scrape(server)}/interact"
    launch, both_begun = server.browsers.launcher.launch, asyncio.Barrier(2)

    async def launch_with_the_other(spec: LaunchSpec) -> FakeEngine:
        await both_begun.wait()
        return await launch(spec)

    server.browsers.launcher.launch = launch_with_the_other
    async with asyncio.timeout(30):
        both = await asyncio.gather(*(server.ask("POST", path, {"code": "1"}) for _ in range(2)))
    alive = [len(server.browsers.list(alive=True))]
    stops = []
    for _ in range(3):
        stops.append(await server.ask("DELETE", path))
        alive.append(len(server.browsers.list(alive=True)))

    assert 2 == len({answer.body["sessionId"] for answer in both})
    assert [2, 1, 0, 0] == alive
    assert [True, True, False] == ["sessionDurationMs" in answer.body for answer in stops]


async def test_a_run_can_go_on_in_a_session_that_is_there(serve: Serve):
    """
    It is adopted: no other is started, and the stop of the scrape ends it.
    """
    server = await serve(runs=FakeRuns())
    session_id = await session(server)
    path = f"/v2/scrape/{await scrape(server)}/interact"
    ran = await server.ask("POST", path, {"code": "1", "existingSessionId": session_id})
    await server.ask("DELETE", path)
    unknown = await server.ask(
        "POST", f"/v2/scrape/{await scrape(server)}/interact", {"code": "1", "existingSessionId": JOB}
    )

    assert session_id == ran.body["sessionId"]
    assert () == server.browsers.list(alive=True)
    assert (404, "Browser session not found.") == (unknown.status, unknown.body["error"])


async def test_a_scrapes_profile_is_inherited(serve: Serve):
    """
    A second saver of the same profile is refused, as with a create.
    """
    server = await serve(runs=FakeRuns())
    shop = {"profile": {"name": "shop"}}
    await server.ask("POST", "/v2/interact", shop)
    job_id = await scrape(server, **shop)
    answer = await server.ask("POST", f"/v2/scrape/{job_id}/interact", {"code": "1"})

    assert 409 == answer.status


async def test_a_page_that_cannot_be_opened_again_is_a_409_and_leaves_no_session(serve: Serve, monkeypatch):
    """
    The browser that was started for it is ended.
    """

    async def fail(*_: object) -> None:
        raise ReopeningError

    monkeypatch.setattr(firecrawl_scrapes, "reopen", fail)
    server = await serve(runs=FakeRuns())
    answer = await server.ask("POST", f"/v2/scrape/{await scrape(server)}/interact", {"code": "1"})

    assert 409 == answer.status
    assert answer.body["error"].startswith("Failed to initialize browser session")
    assert () == server.browsers.list(alive=True)


async def test_an_address_can_stand_in_for_one_that_was_not_retained(serve: Serve):
    """
    The newest servers take it with the run.
    """
    server = await serve(runs=FakeRuns())
    job_id = await scrape(server, zeroDataRetention=True)
    body = {"code": "1", "url": "https://example.com/"}
    answer = await server.ask("POST", f"/v2/scrape/{job_id}/interact", body)

    assert 200 == answer.status


async def test_a_prompt_that_races_a_stop_is_told_so(serve: Serve, monkeypatch):
    """
    A session that is being ended accepts no more of them.
    """
    runs = FakeRuns()
    server = await serve(runs=runs, prompts=FakePrompts(runs))
    path = f"/v2/scrape/{await scrape(server)}/interact"
    await server.ask("POST", path, {"prompt": "x"})
    stopping, go = asyncio.Event(), asyncio.Event()
    stop = FakeEngine.stop

    async def wait(engine: FakeEngine) -> None:
        stopping.set()
        await go.wait()
        await stop(engine)

    monkeypatch.setattr(FakeEngine, "stop", wait)
    ending = asyncio.create_task(server.ask("DELETE", path))
    async with asyncio.timeout(30):
        await stopping.wait()
        try:
            prompt = await server.ask("POST", path, {"prompt": "x"})
            code = await server.ask("POST", path, {"code": "1"})
        finally:
            go.set()
            await ending

    assert (410, "Browser session is no longer accepting prompts.") == (prompt.status, prompt.body["error"])
    assert (410, "Browser session has been destroyed.") == (code.status, code.body["error"])


async def test_one_prompt_makes_the_whole_session_dearer(serve: Serve):
    """
    The time before it included.
    """
    runs = FakeRuns()
    server = await serve(runs=runs, prompts=FakePrompts(runs))
    path = f"/v2/scrape/{await scrape(server)}/interact"
    await server.ask("POST", path, {"code": "1"})
    server.later(59)
    await server.ask("POST", path, {"prompt": "x", "timeout": 2.5})
    server.later(1)
    stopped = await server.ask("DELETE", path)

    assert 7 == stopped.body["creditsBilled"]
    assert ("", "x", 2.5) == runs.asked[-1][1:]


async def test_runs_and_deletes_share_their_rate(serve: Serve):
    """
    So a delete can be refused, and has to be repeated.
    """
    server = await serve(runs=FakeRuns(), settings=ServerSettings(calls_per_minute=1))
    session_id = await session(server)
    ran = await server.ask("POST", f"/v2/interact/{session_id}/execute", {"code": "1"})
    refused = await server.ask("DELETE", f"/v2/interact/{session_id}")
    server.later(60)
    ended = await server.ask("DELETE", f"/v2/interact/{session_id}")

    assert [200, 429, 200] == [ran.status, refused.status, ended.status]
