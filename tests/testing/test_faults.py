"""The fault engine, on a real server over a real socket."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
from contextlib import ExitStack

import aiohttp
import pytest
from aiohttp import web

from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.fake import FakeBrowsers
from firecrawl_interact.server.faults import FOREIGN_HEADER, FaultPlan
from firecrawl_interact.server.faults.switches import switched
from firecrawl_interact.server.faults.traffic import classify
from firecrawl_interact.server.settings import Generation, ServerSettings

KEY = {"Authorization": "Bearer fc-test"}
ANCHOR_KEY = {"anchor-api-key": "fc-test"}


class Lab:
    """A server under a plan, and a client that sends on fresh connections."""

    def __init__(self, plan: FaultPlan, client: aiohttp.ClientSession, runner: web.AppRunner, port: int):
        self.plan = plan
        self.client = client
        self.runner = runner
        self.port = port

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def send(self, method: str, path: str, headers=KEY, **kwargs):
        async with self.client.request(method, self.url(path), headers=headers, **kwargs) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if text and "json" in answer.content_type else text

    async def create(self) -> str:
        status, document = await self.send("POST", "/v2/interact", json={})
        assert 200 == status
        return document["id"]

    async def stop(self) -> None:
        await self.site.stop()

    async def start(self) -> None:
        self.site = web.TCPSite(self.runner, "127.0.0.1", self.port, reuse_address=True)
        await self.site.start()


@pytest.fixture
async def serve():
    """Start a server with the rules given."""
    labs = []

    async def start(*rules) -> Lab:
        plan = FaultPlan.from_json({"rules": list(rules)})
        runner = web.AppRunner(build_app(browsers=FakeBrowsers(), faults=plan))
        await runner.setup()
        place = places.enter_context(socket.socket())  # Keeps the port during outages.
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        labs.append(Lab(plan, client, runner, place.getsockname()[1]))
        await labs[-1].start()
        return labs[-1]

    with ExitStack() as places:
        yield start
        for lab in labs:
            await lab.client.close()
            await lab.runner.cleanup()


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "/v2/interact", ("create", None)),
        ("POST", "/v2/browser/", ("create", None)),
        ("POST", "/v1/sessions", ("create", None)),
        ("POST", "/v1/sessions/async", ("create", None)),
        ("DELETE", "/v2/interact/a1", ("delete", "a1")),
        ("DELETE", "/v1/sessions/a1", ("delete", "a1")),
        ("DELETE", "/v1/sessions/all", ("delete_all", None)),
        ("GET", "/v1/sessions/all/status", ("list", None)),
        ("GET", "/v2/browser/a1", ("get", "a1")),
        ("POST", "/v2/browser/a1/execute", ("execute", "a1")),
        ("POST", "/v1/tools/execute-code", ("execute", None)),
        ("POST", "/v2/scrape/j1/interact", ("run", "j1")),
        ("DELETE", "/v2/scrape/j1/interact", ("stop", "j1")),
        ("GET", "/dashboard", ("other", None)),
    ],
)
def test_both_dialects_fall_into_the_same_kinds(method, path, expected):
    """A request's kind depends on what it does, not on who invented its path."""

    assert expected == classify(method, path)


@pytest.mark.parametrize("do", ["drop", "reset"])
@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
async def test_a_cut_create_takes_effect_only_after(serve, do, when, made):
    """A connection cut before the effect leaves nothing; cut after it, it leaves a session."""
    lab = await serve({"on": "create", "do": do, "when": when})

    with pytest.raises(aiohttp.ClientConnectionError):
        await lab.create()

    assert made == len(lab.plan.traffic.live)


async def test_a_browser_that_no_answer_names_is_booked(serve):
    """What an asynchronous start makes counts as the asking client's, or as somebody else's."""
    lab = await serve()
    for headers in (ANCHOR_KEY, ANCHOR_KEY | {FOREIGN_HEADER: "1"}):
        await lab.send("POST", "/v1/sessions/async", headers, json={})
    traffic = lab.plan.traffic
    started = [
        await traffic.until(lambda them, event=event: them.counts[event] == 1, timeout=30)
        for event in ("browser.started", "foreign.started")
    ]

    assert [True, True] == started
    assert (1, 1, 1) == (len(traffic.live), len(traffic.made), traffic.foreign_made)
    for session_id in (*traffic.live, *traffic.foreign):
        await lab.send("DELETE", f"/v1/sessions/{session_id}", ANCHOR_KEY)

    assert (set(), set()) == (traffic.live, traffic.foreign)


async def test_a_reset_is_a_reset(serve):
    """The client sees ECONNRESET, not an orderly end."""
    lab = await serve({"on": "create", "do": "reset"})

    with pytest.raises(aiohttp.ClientOSError) as raised:
        await lab.create()

    assert errno.ECONNRESET == raised.value.errno


async def test_a_truncated_answer_breaks_off_after_its_effect(serve):
    """The head promises more bytes than come, and the session is there."""
    lab = await serve({"on": "create", "do": "truncate"})

    with pytest.raises(aiohttp.ClientPayloadError):
        await lab.create()

    assert 1 == len(lab.plan.traffic.live)


async def test_a_status_rule_answers_in_its_own_words(serve):
    """Status, headers and body come from the rule, and nothing was made."""
    rule = {
        "on": "create",
        "do": "status",
        "status": 429,
        "headers": {"Retry-After": "1"},
        "body": '{"error":"no"}',
    }
    lab = await serve(rule)

    async with lab.client.post(lab.url("/v2/interact"), headers=KEY, json={}) as answer:
        got = (answer.status, answer.headers["Retry-After"], await answer.json())

    assert (429, "1", {"error": "no"}) == got
    assert not lab.plan.traffic.made


async def test_a_page_comes_instead_of_json(serve):
    """A gateway's page has its status and its type."""
    lab = await serve({"on": "create", "do": "html", "status": 502, "when": "after"})

    status, text = await lab.send("POST", "/v2/interact", json={})

    assert 502 == status
    assert "<h1>" in text
    assert 1 == len(lab.plan.traffic.live)


@pytest.mark.parametrize(("path", "headers"), [("/v2/interact", KEY), ("/v1/sessions", ANCHOR_KEY)])
async def test_an_answer_can_lose_its_id(serve, path, headers):
    """Everything but the id is there, in either dialect."""
    lab = await serve({"on": "create", "do": "no-id"})

    _, document = await lab.send("POST", path, headers, json={})

    inner = document.get("data", document)
    assert "id" not in inner
    assert [name for name in inner if name.lower().startswith("cdp")]
    assert 1 == len(lab.plan.traffic.live)


async def test_a_lagging_replica_knows_no_session(serve):
    """The list is empty and the end is a 404, each as often as the rules say, then the truth comes."""
    lab = await serve({"on": "list", "do": "lag"}, {"on": "delete", "do": "lag", "times": 2})
    session_id = await lab.create()

    lists = [len((await lab.send("GET", "/v2/interact?status=active"))[1]["sessions"]) for _ in range(2)]
    ends = [(await lab.send("DELETE", f"/v2/interact/{session_id}"))[0] for _ in range(3)]

    assert [0, 1] == lists
    assert [404, 404, 200] == ends
    assert not lab.plan.traffic.live
    assert 3 == lab.plan.traffic.deletes[session_id]


async def test_rules_count_requests_of_their_kind(serve):
    """The second create and the one after it fail; others pass."""
    lab = await serve({"on": "create", "do": "status", "status": 500, "nth": 2, "times": 2})

    statuses = [(await lab.send("POST", "/v2/interact", json={}))[0] for _ in range(4)]

    assert [200, 500, 500, 200] == statuses


async def test_a_held_request_goes_on_when_released(serve):
    """Hold waits for the release, however long."""
    lab = await serve({"on": "create", "do": "hold"})

    async with asyncio.timeout(30):
        creating = asyncio.create_task(lab.create())
        await lab.send("GET", "/_lab/wait?event=create.received")
        assert not lab.plan.traffic.made
        await lab.send("POST", "/_lab/release")
        session_id = await creating

    assert {session_id} == lab.plan.traffic.live


async def test_a_create_whose_client_left_is_made_all_the_same(serve):
    """The server does not notice a hang-up, as the provider's does not."""
    lab = await serve({"on": "create", "do": "hold"})

    async with asyncio.timeout(30):
        creating = asyncio.create_task(lab.create())
        await lab.send("GET", "/_lab/wait?event=create.received")
        creating.cancel()
        await asyncio.wait((creating,))
        await lab.send("POST", "/_lab/release")
        await lab.send("GET", "/_lab/wait?event=create.done")

    assert 1 == len(lab.plan.traffic.live)


async def test_two_rules_act_on_one_request(serve):
    """A delay and a drop make a slow lost answer."""
    lab = await serve(
        {"on": "create", "do": "delay", "seconds": 0.01}, {"on": "create", "do": "drop", "when": "after"}
    )

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await lab.create()

    assert 1 == len(lab.plan.traffic.live)


async def test_an_outage_refuses_connections_until_it_ends(serve, lapse):
    """With a listener in hand nobody listens any more, and after the time somebody does."""
    lab = await serve()
    lab.plan.listener = lab

    async with asyncio.timeout(30):
        await lab.plan.begin_outage(10)
        with pytest.raises(aiohttp.ClientConnectorError):
            await lab.create()
        lapse(10)
        await lab.plan.traffic.until(lambda traffic: traffic.counts["outage.ended"] == 1, timeout=30)
        await lab.create()

    assert 1 == lab.plan.traffic.counts["create.received"]


async def test_an_outage_cuts_connections_that_were_open(serve):
    """Without a listener, each request of an outage meets a reset."""
    lab = await serve({"on": "delete", "do": "outage", "seconds": 30})
    session_id = await lab.create()

    with pytest.raises(aiohttp.ClientOSError):
        await lab.send("DELETE", f"/v2/interact/{session_id}")
    with pytest.raises(aiohttp.ClientOSError):
        await lab.create()

    assert {session_id} == lab.plan.traffic.live


async def test_a_foreign_session_has_its_own_books(serve):
    """What carries the header meets no fault and counts as somebody else's."""
    lab = await serve({"on": "create", "do": "status", "status": 500})

    status, document = await lab.send("POST", "/v2/interact", KEY | {FOREIGN_HEADER: "1"}, json={})
    _, state = await lab.send("GET", "/_lab/state")

    assert 200 == status
    assert ([document["id"]], 1, [], 0) == (
        state["foreign"],
        state["foreign_made"],
        state["live"],
        state["posts"],
    )


async def test_ending_all_ends_the_foreign_session_too(serve):
    """The call that nobody should make shows in the books."""
    lab = await serve()
    await lab.send("POST", "/v1/sessions", ANCHOR_KEY | {FOREIGN_HEADER: "1"}, json={})

    await lab.send("DELETE", "/v1/sessions/all", ANCHOR_KEY)

    assert (1, 0) == (lab.plan.traffic.foreign_made, len(lab.plan.traffic.foreign))


async def test_waiting_for_what_does_not_come_is_a_408(serve):
    """A wait ends with its time limit."""
    lab = await serve()

    status, document = await lab.send("GET", "/_lab/wait?event=create.done&timeout=0.01")

    assert (408, {"reached": False}) == (status, document)


async def test_marks_are_events(serve):
    """A program under test can say where it is."""
    lab = await serve()

    await lab.send("POST", "/_lab/mark/inside")
    status, _ = await lab.send("GET", "/_lab/wait?event=mark.inside&count=1")

    assert 200 == status


async def test_the_control_paths_are_for_loopback_names_only(serve):
    """A page that got here by DNS rebinding learns nothing."""
    lab = await serve()

    status, _ = await lab.send("GET", "/_lab/state", {"Host": "evil.example"})

    assert 404 == status


async def test_rules_can_be_replaced_while_it_runs(serve):
    """The new ones hold from the next request on; a bad one is a 400 and changes nothing."""
    lab = await serve({"on": "create", "do": "status", "status": 500, "times": None})

    bad, _ = await lab.send("POST", "/_lab/rules", json=[{"on": "create", "do": "explode"}])
    before, _ = await lab.send("POST", "/v2/interact", json={})
    await lab.send("POST", "/_lab/rules", json=[])
    after, _ = await lab.send("POST", "/v2/interact", json={})

    assert (400, 500, 200) == (bad, before, after)


@pytest.mark.parametrize(
    "rule",
    [
        {"on": "creation", "do": "drop"},
        {"on": "create", "do": "explode"},
        {"on": "create", "do": "drop", "when": "later"},
        {"on": "create", "do": "drop", "nth": 0},
        {"on": "create", "do": "drop", "sometimes": 3},
        {"on": "create"},
    ],
)
def test_a_rule_that_does_not_fit_is_refused(rule):
    """A typing error in a plan must not become a fault that never strikes."""
    with pytest.raises(ValueError, match="rules"):
        FaultPlan.from_json({"rules": [rule]})


def test_a_plan_is_read_from_a_file(tmp_path):
    """`serve --test-faults FILE` reads the same JSON."""
    path = tmp_path / "faults.json"
    path.write_text('{"rules": [{"on": "delete", "do": "status", "status": 503, "times": null}]}')

    plan = FaultPlan.load(path)

    assert (503, None) == (plan.rules[0].status, plan.rules[0].times)


def test_a_plan_can_switch_the_servers_own_ways():
    """What it names is changed, everything else stays as it was set."""
    plan = FaultPlan.from_json({"server": {"generation": 2, "credits": 20, "anchor_second_end": 404}})

    settings = switched(ServerSettings(calls_per_minute=7), plan.switches)

    assert (Generation.G2, 20, 404) == (settings.generation, settings.credits, settings.anchor_second_end)
    assert 7 == settings.calls_per_minute


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"server": []},
        {"server": {"keys": {}}},
        {"server": {"generation": 4}},
        {"server": {"generation": True}},
        {"server": {"calls_per_minute": 0}},
        {"server": {"retry_after": 1}},
        {"server": {"anchor_minute": 0}},
        {"server": {"anchor_second_end": 200.0}},
        {"server": {"credits": "20"}},
    ],
)
def test_a_plan_that_does_not_fit_is_refused(data):
    """Nothing starts with a switch that means nothing."""
    with pytest.raises(ValueError, match=r"server|plan"):
        FaultPlan.from_json(data)


async def test_an_answer_can_lose_any_field(serve):
    """Fields are taken out at any depth, the others stay."""
    lab = await serve({"on": "create", "do": "strip", "fields": ["cdpUrl"]})

    _, document = await lab.send("POST", "/v2/interact", json={})

    assert "cdpUrl" not in document
    assert "liveViewUrl" in document


async def test_a_kept_connection_is_left_without_a_word(serve):
    """The answer is whole and promises to keep the connection, which then is gone."""
    lab = await serve({"on": "create", "do": "leave"})
    reader, writer = await asyncio.open_connection("127.0.0.1", lab.port)
    writer.write(b"POST /v2/interact HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")

    async with asyncio.timeout(30):
        received = await reader.read()
    writer.close()
    await writer.wait_closed()

    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" not in head.lower()
    assert json.loads(body)["success"]


async def test_waiting_for_no_session_waits_for_creates_under_way(serve):
    """A create under way may yet make a session; one that is held may not before its release."""
    lab = await serve({"on": "create", "do": "hold"}, {"on": "create", "do": "delay", "seconds": 0.05})

    async with asyncio.timeout(30):
        creating = asyncio.create_task(lab.create())
        await lab.send("GET", "/_lab/wait?event=create.received")
        held, _ = await lab.send("GET", "/_lab/wait?live=0")
        await lab.send("POST", "/_lab/release")
        released, _ = await lab.send("GET", "/_lab/wait?live=0&timeout=0.01")
        await creating

    assert (200, 408) == (held, released)
    assert 0 == lab.plan.traffic.busy
