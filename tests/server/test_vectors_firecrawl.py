"""The routes that speak Firecrawl's wire, against its recorded exchanges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from firecrawl_interact.server.fake import FakePrompts, FakeRuns
from firecrawl_interact.server.runs import RunOutcome
from firecrawl_interact.server.settings import Generation, ServerSettings
from tests.server.conftest import crash, delete

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.server.conftest import Serve, Server

VECTORS = Path(__file__).parents[1] / "vectors" / "firecrawl.vectors.json"
SAMPLE_ID = "019a1f00-7a10-7c3e-9b1d-2f6a4d5e6f01"
OTHER_SAMPLE_ID = SAMPLE_ID[:-1] + "2"
SAMPLE_JOB = "019a1f01-1111-7222-8333-444455556666"
FOREIGN = "fc-FOREIGN"
VOLATILE = {"id", "sessionId", "cdpUrl", "liveViewUrl", "interactiveLiveViewUrl", "playlistUrl"}
INSTANTS = {"expiresAt", "createdAt", "lastActivity"}

G1 = ServerSettings(generation=Generation.G1)
G2 = ServerSettings(generation=Generation.G2)
SHOP = {"profile": {"name": "shop-login"}}


@attrs.frozen(kw_only=True)
class World:
    """
    What holds before the exchange.

    `prepare` may return the id that stands in for the sample's; `outcomes` are those of its runs.
    """

    prepare: Callable[[Server], Awaitable[str | None]] | None = None
    options: dict[str, Any] = attrs.field(factory=dict)
    outcomes: tuple[RunOutcome, ...] = ()


def session(body: Any = None, *, seconds: float = 0, then: Callable[..., Any] | None = None) -> World:
    """Have one session, made by *body* that long ago, that *then* was done to."""

    async def prepare(server: Server) -> str:
        made = await server.ask("POST", "/v2/interact", body or {"ttl": 3600, "activityTtl": 3600})
        server.later(seconds)
        if then is not None:
            await then(server, made.body["id"])
        return str(made.body["id"])

    return World(prepare=prepare)


def scraped(body: Any = None, *, key: str | None = None, then: Callable[..., Any] | None = None) -> World:
    """Have one scrape that *then* was done to, perhaps by another team."""

    async def prepare(server: Server) -> str:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        made = await server.ask(
            "POST", "/v2/scrape", {"url": "https://example.com", **(body or {})}, **headers
        )
        if then is not None:
            await then(server, made.body["scrape_id"])
        return str(made.body["scrape_id"])

    return World(prepare=prepare)


def ran(world: World, **outcome: Any) -> World:
    """Have the same, and a run that comes to this."""
    return attrs.evolve(world, outcomes=(RunOutcome(**outcome),))


def settled(world: World, **settings: Any) -> World:
    """Have the same with other settings."""
    return attrs.evolve(world, options={"settings": ServerSettings(**settings)})


async def two_sessions(server: Server) -> None:
    for _ in range(2):
        await server.ask("POST", "/v2/interact", {})


async def too_many_creates(server: Server) -> None:
    await two_sessions(server)
    server.later(18)


async def too_many_calls(server: Server) -> None:
    for _ in range(10):
        await server.ask("GET", "/v2/interact")
    server.later(30)


async def interact(server: Server, job_id: str, **body: Any) -> None:
    await server.ask("POST", f"/v2/scrape/{job_id}/interact", {"code": "1", **body})


async def prompt_for_five_minutes(server: Server, job_id: str) -> None:
    for _ in range(2):  # One alone would leave it idle for too long.
        await server.ask("POST", f"/v2/scrape/{job_id}/interact", {"prompt": "x"})
        server.later(150)


async def stop(server: Server, job_id: str) -> None:
    await server.ask("DELETE", f"/v2/scrape/{job_id}/interact")


async def stopped_after_five_minutes(server: Server, job_id: str) -> None:
    await prompt_for_five_minutes(server, job_id)
    await stop(server, job_id)


async def interacted_and_stopped(server: Server, job_id: str) -> None:
    await interact(server, job_id)
    await stop(server, job_id)


PLAIN = World()
ELSEWHERE = {"settings": ServerSettings(keys={FOREIGN: "strangers"})}
WORLDS = {
    "create.minimal.g3": PLAIN,
    "create.alias_browser.g3": PLAIN,
    "create.full_body.g3": PLAIN,
    "create.py_camelcase_profile_becomes_saver": PLAIN,
    "create.js_body": PLAIN,
    "create.unknown_field_ignored.g3": PLAIN,
    "create.no_live_view.g3": PLAIN,
    "create.with_playlist.g2": World(options={"settings": G2}),
    "create.ttl_too_small": PLAIN,
    "create.ttl_too_big": PLAIN,
    "create.ttl_fraction.g2_g3": PLAIN,
    "create.ttl_string": PLAIN,
    "create.ttl_null": PLAIN,
    "create.activity_ttl_too_small": PLAIN,
    "create.profile_name_empty": PLAIN,
    "create.profile_name_too_long": PLAIN,
    "create.profile_without_name": PLAIN,
    "create.block_ads_wrong_type.g3": PLAIN,
    "create.malformed_json": PLAIN,
    "create.unauthorized_no_header.keyless_off": PLAIN,
    "create.unauthorized_token_missing": PLAIN,
    "create.unauthorized_bad_token": PLAIN,
    "create.team_without_credits": settled(PLAIN, credits=1),
    "create.insufficient_for_ttl.g3": settled(PLAIN, credits=119),
    "create.insufficient_for_ttl.g1": settled(PLAIN, credits=19, generation=Generation.G1),
    "create.zdr_not_enabled.g3": PLAIN,
    "create.second_saver.g3": session(SHOP),
    "create.second_saver.g1": settled(session(SHOP), generation=Generation.G1),
    "create.reader_beside_saver": session(SHOP),
    "create.concurrency_limit.g3": World(options={"limit": 2}, prepare=two_sessions),
    "create.concurrency_limit.g1": World(options={"limit": 2, "settings": G1}, prepare=two_sessions),
    "create.rate_limit": settled(World(prepare=too_many_creates), creates_per_minute=2),
    "status.running.g2_g3": session(),
    "status.stopped.g2_g3": session(seconds=61, then=delete),
    "status.not_found": PLAIN,
    "list.active": session(),
    "list.empty": session(),
    "list.bad_status.g2_g3": PLAIN,
    "list.unauthorized": PLAIN,
    "delete.ok.g3": session(seconds=61),
    "delete.alias_browser.g3": session(seconds=10),
    "delete.failed_browser.g2_g3": session(seconds=5, then=crash),
    "delete.ok.g2": settled(session(seconds=61), generation=Generation.G2),
    "delete.ok.g1_and_docs_sample": settled(session(seconds=61), generation=Generation.G1),
    "delete.second_call.g3": session(seconds=61, then=delete),
    "delete.second_call.g2": settled(session(seconds=61, then=delete), generation=Generation.G2),
    "delete.expired_unsettled.g2_g3": session({"ttl": 600, "activityTtl": 3600}, seconds=600),
    "delete.not_found": PLAIN,
    "delete.rate_limited": settled(World(prepare=too_many_calls), calls_per_minute=10),
    "profile_delete.ok": PLAIN,
    "profile_delete.busy": session(SHOP),
    "profile_delete.bad_name": PLAIN,
    "execute.node_last_expression": ran(session(), result="Example Domain"),
    "execute.python_print": ran(session(), stdout="Example Domain\n"),
    "execute.bash": ran(session(), stdout="https://example.com/\n"),
    "execute.sdk_default_language_bash": ran(session(), stdout="https://example.com/\n"),
    "execute.code_error": ran(session(), stderr="Error: boom", exit_code=1),
    "execute.code_error_no_stderr": ran(session(), exit_code=3),
    "execute.killed": ran(session(), exit_code=1, killed=True),
    "execute.truncated.g2_g3": ran(session(), stdout="xxxxxxxx", truncated=True),
    "execute.missing_code": session(),
    "execute.empty_code": session(),
    "execute.bad_language": session(),
    "execute.timeout_too_big": session(),
    "execute.timeout_zero": session(),
    "execute.code_too_long.g2_g3": session(),
    "execute.bad_body_beats_unknown_id": PLAIN,
    "execute.not_found": PLAIN,
    "execute.gone": session(then=delete),
    "interact.code": ran(scraped(), result='{"title":"Example Domain"}'),
    "interact.prompt": ran(scraped(), output="The Pro plan costs $49 a month.", stdout="...", result="..."),
    "interact.code_beats_prompt": ran(scraped(), result="2"),
    "interact.code_error": ran(scraped(), stderr="Error: boom", exit_code=1),
    "interact.prompt_agent_error": ran(scraped(), stderr="model unavailable", exit_code=1),
    "interact.no_session_id.early_g1": settled(ran(scraped(), result="2"), generation=Generation.G1),
    "interact.bad_job_id": PLAIN,
    "interact.neither": scraped(),
    "interact.job_not_found": PLAIN,
    "interact.forbidden": attrs.evolve(scraped(key=FOREIGN), options=ELSEWHERE),
    "interact.no_replay_context": settled(scraped({"zeroDataRetention": True}), generation=Generation.G2),
    "interact.no_replay_context.latest": scraped({"zeroDataRetention": True}),
    "interact.gone": scraped(then=interacted_and_stopped),
    "interact.prompt_credits.g2_g3": settled(scraped(), credits=69),
    "interact.concurrency.g3": attrs.evolve(
        scraped(then=lambda server, _: two_sessions(server)), options={"limit": 2}
    ),
    "stop.ok.g3": scraped(then=prompt_for_five_minutes),
    "stop.ok.docs_sample": settled(scraped(then=interact), generation=Generation.G1),
    "stop.second_call.g3": scraped(then=stopped_after_five_minutes),
    "stop.second_call.g1": settled(scraped(then=interacted_and_stopped), generation=Generation.G1),
    "stop.never_interacted": PLAIN,
    "stop.forbidden": attrs.evolve(scraped(key=FOREIGN), options=ELSEWHERE),
    "stop.bad_job_id": PLAIN,
    "replay.bad_page": session(),
    "replay.other_page": session(),
    "replay.not_recorded": session(),
}
LEFT_OUT = {
    "create.no_expiry.g3": "Our browsers always have an expiry in this dialect.",
    "create.docs_sample": "An older shape than any generation's.",
    "create.unauthorized_no_header.keyless_on": "There is no keyless tier here.",
    "create.payment_required.docs": "The documentation's 402; no server sends it.",
    "create.safe_mode": "There are no organisations here.",
    "create.zdr_with_profile.g3": "No team has zero data retention here.",
    "create.backend_unreachable.g2_g3": "The fault engine's.",
    "create.never_ready.g2_g3": "A create that fails answers 503 here, which no SDK sends again.",
    "create.failed.g1": "As above.",
    "create.not_configured.g2_g3": "The fault engine's.",
    "create.not_configured.g1": "The fault engine's.",
    "create.unexpected": "Its text is a placeholder.",
    "list.all": "Two rows that cannot be told from two samples; see the test of the list.",
    "list.postgres_timestamps": "A way of writing that we do not have.",
    "list.docs_sample": "The official SDK fails on it.",
    "delete.forbidden": "See the test of another team's session.",
    "delete.still_stopping.g2_g3": "See the test of a browser that does not stop.",
    "delete.not_confirmed.g2_g3": "See the test of a browser that fails to stop.",
    "delete.backend_error.g2_g3": "The fault engine's.",
    "profile_delete.backend": "The fault engine's.",
    "execute.docs_error_sample": "An older shape than any generation's.",
    "execute.forbidden": "See the test of another team's session.",
    "execute.backend_down.g2_g3": "The fault engine's.",
    "execute.backend_status.g2_g3": "The fault engine's; an expired session is a 410 here at once.",
    "execute.failed.g1": "The fault engine's.",
    "execute.unexpected_html": "The fault engine's.",
    "interact.replay_failed": "See the test of a page that cannot be opened again.",
    "interact.prompt_while_stopping.g3": "See the test of a prompt that races a stop.",
    "interact.agent_failed": "The fault engine's; SDKs send again on it.",
    "interact.exec_failed": "As above.",
    "interact.self_hosted": "Our 501 says what this server lacks; see the test of what it does not run.",
    "interact.keyless_ok": "There is no keyless tier here.",
    "stop.ok.late_g1": "Of a server between two generations.",
    "stop.not_confirmed.late_g1": "As above.",
    "scrape.for_interact": "Ours makes no markdown; see the tests of scrapes.",
    "replay.index": "See the tests of recordings.",
    "replay.playlist": "See the tests of recordings.",
}


def load() -> dict[str, dict[str, Any]]:
    return {case["name"]: case for case in json.loads(VECTORS.read_text())}


def steady(value: Any, name: str = "") -> Any:
    """Replace what differs in every exchange by what it must look like."""
    if isinstance(value, dict):
        return {key: steady(member, key) for key, member in value.items()}
    if isinstance(value, list):
        return [steady(item) for item in value]
    if name in VOLATILE and value:
        return f"a {type(value).__name__}"
    if name in INSTANTS:
        return f"{len(value)} characters, {value[-1]} last"
    return value


def test_every_recorded_exchange_is_replayed_or_left_out_for_a_reason():
    """
    No vector is forgotten.
    """

    assert load().keys() == WORLDS.keys() | LEFT_OUT.keys()


@pytest.mark.parametrize("name", WORLDS)
async def test_the_server_answers_as_recorded(serve: Serve, name: str):
    """
    Status, body and `Retry-After` are those of the recorded exchange.
    """
    case, world = load()[name], WORLDS[name]
    runs = FakeRuns()
    server = await serve(**{"runs": runs, "prompts": FakePrompts(runs), **world.options})
    stand_in = await world.prepare(server) if world.prepare else None
    path = case["path"]
    if stand_in is not None:
        for sample in (SAMPLE_ID, OTHER_SAMPLE_ID, SAMPLE_JOB):
            path = path.replace(sample, stand_in)
    runs.outcomes += world.outcomes
    body = case["request_body"]
    if name == "execute.code_too_long.g2_g3":
        body = {"code": "é" * 50_001}  # Abbreviated in the recording.
    answer = await server.ask(
        case["method"],
        path,
        body.encode() if isinstance(body, str) else body,
        Authorization=case["request_headers"].get("Authorization", ""),
    )

    assert case["status"] == answer.status
    assert steady(case["response_body"]) == steady(answer.body)
    if "Retry-After" in case["response_headers"]:
        assert case["response_headers"]["Retry-After"] == answer.headers["Retry-After"]
