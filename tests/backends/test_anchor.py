"""AnchorBackend maps our options onto Anchor's, and finds its sessions again by their marks."""

import asyncio
import json
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firecrawl_interact.backends.anchor import AnchorBackend
from firecrawl_interact.errors import (
    AuthenticationError,
    BackendError,
    CreateUnknownError,
    InvalidOptionError,
    PaymentRequiredError,
    ProtocolError,
    RateLimitError,
    ServerError,
    SessionNotFoundError,
    UnsupportedError,
)
from firecrawl_interact.models import Answer, CloseReceipt, Profile, SessionOptions

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "anchor.vectors.json").read_text())
BY_NAME = {vector["name"]: vector for vector in VECTORS}
ID = "5f1c9a52-6f0e-4f3b-9d3a-0d3f6f0f6c11"
OTHER_ID = "0b7d2c1e-93a4-4c55-8a0f-6d1b2f3e4a5c"
ORIGIN = "https://api.anchorbrowser.io"
READ_ONLY = {"session": {"live_view": {"read_only": True}}}

REFUSALS = {
    "start.400.captcha_needs_proxy": (BackendError, True, "CAPTCHA solver requires proxy to be active."),
    "start.401.bad_key": (AuthenticationError, True, "Invalid API Key"),
    "start.402.no_credits": (PaymentRequiredError, True, "Insufficient credits to allocate a new browser"),
    "start.429.creation_rate": (RateLimitError, True, "Session creation rate limit exceeded."),
    "start.500": (ServerError, False, "Internal Server Error"),
    "start.502.gateway_html": (ServerError, False, "<html><body>502 Bad Gateway</body></html>"),
    "get.404": (SessionNotFoundError, True, "Session not found."),
    "goto.404.nested_error": (
        SessionNotFoundError,
        True,
        BY_NAME["goto.404.nested_error"]["response_body"]["error"]["error"]["message"],
    ),
    "screenshot.404.string_error": (
        SessionNotFoundError,
        True,
        BY_NAME["screenshot.404.string_error"]["response_body"]["error"],
    ),
    "error.flat_message": (SessionNotFoundError, True, "Session not found"),
}

ENDS = {  # What the status of each recorded answer to a DELETE means.
    "end.ok": "gone",
    "end.ok.json_content_type_without_body": "gone",
    "end.again.documented_reading": "verify",
    "end.again.alt_404": "gone",
    "end.again.alt_200": "gone",
    "end.unknown_id": "verify",
    "end.401.bad_key": "verify",
    "end.500": "again",
}


@pytest.fixture
def backend():
    """
    A backend at the service's own address.
    """
    return AnchorBackend("test-key")


def answer_of(vector):
    body = vector["response_body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Answer(vector["status"], {k.lower(): v for k, v in vector["response_headers"].items()}, raw)


def created(data):
    return Answer(200, {}, json.dumps({"data": data}).encode())


def served(prefix):
    return [
        pytest.param(v, id=v["name"]) for v in VECTORS if v["name"].startswith(prefix) and v["status"] == 200
    ]


# --- the create -----------------------------------------------------------------------------


def test_a_create_says_everything_that_was_asked(backend):
    """Every option arrives in the member that the recorded full start shows."""
    full = BY_NAME["start.full"]["request_body"]
    options = SessionOptions(
        ttl=120,
        activity_ttl=60,
        profile=Profile("shop-login"),
        record=False,
        block_ads=True,
        country="US",
        tags=("lib:demo",),
        extra={
            "session": {
                "live_view": full["session"]["live_view"],
                "initial_url": full["session"]["initial_url"],
            }
        },
    )
    plan = backend.prepare(options)
    body = json.loads(plan.request.body)
    session = {**full["session"], "tags": ["lib:demo", plan.mark]}
    browser = {key: full["browser"][key] for key in ("profile", "adblock")}

    assert {"session": session, "browser": browser} == body
    assert ("POST", f"{ORIGIN}/v1/sessions") == (plan.request.method, plan.request.url)
    assert ("test-key", "application/json") == (
        plan.request.headers["anchor-api-key"],
        plan.request.headers["Content-Type"],
    )


def test_nothing_is_sent_unasked_but_both_times_and_the_mark(backend):
    """Anchor's documents contradict each other about the defaults."""
    plan = backend.prepare(SessionOptions())
    timeout = {"max_duration": 10, "idle_timeout": 5}

    assert {"session": {"tags": [plan.mark], "timeout": timeout}} == json.loads(plan.request.body)


@pytest.mark.parametrize(
    ("ttl", "activity_ttl", "minutes", "idle_minutes"),
    [(30, 10, 1, 1), (60, 60, 1, 1), (61, 60.5, 2, 2), (7200, 3601, 120, 61)],
)
def test_seconds_become_whole_minutes_rounded_up(backend, ttl, activity_ttl, minutes, idle_minutes):
    """A session never ends earlier than asked, and the plan tells its real life."""
    plan = backend.prepare(SessionOptions(ttl=ttl, activity_ttl=activity_ttl))
    timeout = json.loads(plan.request.body)["session"]["timeout"]

    assert {"max_duration": minutes, "idle_timeout": idle_minutes} == timeout
    assert 60 * minutes == plan.ttl


@pytest.mark.parametrize("save", [True, False])
def test_whether_a_profile_is_saved_is_always_explicit(backend, save):
    """Anchor's default is the opposite of ours."""
    plan = backend.prepare(SessionOptions(profile=Profile("p", save_changes=save)))

    assert {"name": "p", "persist": save} == json.loads(plan.request.body)["browser"]["profile"]


def test_without_the_ad_blocker_the_popup_blocker_is_off_too(backend):
    """Anchor's popup blocker needs the ad blocker, and is on by default."""
    plan = backend.prepare(SessionOptions(block_ads=False))
    off = {"active": False}

    assert {"adblock": off, "popup_blocker": off} == json.loads(plan.request.body)["browser"]


def test_each_create_has_a_mark_of_its_own(backend):
    """The mark finds exactly one create, in the tags and in the search."""
    first, second = (backend.prepare(SessionOptions(tags=("a",))) for _ in range(2))

    assert first.mark != second.mark
    assert ["a", first.mark] == json.loads(first.request.body)["session"]["tags"]
    assert first.mark.startswith("fi-")


def test_the_search_finds_and_ends_what_carries_the_mark(backend):
    """The search is the recorded query, and its rows lead to the ids in the recorded answer."""
    plan = backend.prepare(SessionOptions())
    vector = BY_NAME["status_all.by_tag"]
    rows = vector["response_body"]
    for key in plan.search.rows.path:
        rows = rows[key]

    assert f"{ORIGIN}/v1/sessions/all/status?tags={plan.mark}" == plan.search.request.url
    assert vector["path"].partition("?")[0] in plan.search.request.url
    assert [(ID, "running")] == [
        (row[plan.search.rows.id_field], row[plan.search.rows.status_field]) for row in rows
    ]
    assert ["attempt:1f0a"] == rows[0][plan.search.rows.tags_field][1:]
    assert backend.end_request(ID).request.url == plan.search.end.request.url.replace("{id}", ID)
    assert backend.end_request(ID).verify == plan.search.end.verify


def test_a_create_can_be_ended_by_whoever_sees_only_its_answer(backend):
    """The plan's path leads to the id in the recorded answer, and its template to the end request."""
    plan = backend.prepare(SessionOptions())
    found = BY_NAME["start.minimal.empty_object"]["response_body"]
    for key in plan.id_path:
        found = found[key]

    assert backend.end_request(ID).request.url == plan.end.request.url.replace("{id}", found)


@pytest.mark.parametrize(
    ("given", "option", "words"),
    [
        ({"ttl": 29}, "ttl", "ttl must be at least 30 seconds, not 29"),
        ({"ttl": -1}, "ttl", "at least 30 seconds, not -1"),
        ({"ttl": float("inf")}, "ttl", "finite number of seconds"),
        ({"ttl": True}, "ttl", "not True"),
        ({"ttl": "60"}, "ttl", "not '60'"),
        ({"activity_ttl": 9.9}, "activity_ttl", "activity_ttl must be at least 10 seconds, not 9.9"),
        ({"profile": Profile("")}, "profile", "1 to 128 characters, not 0"),
        ({"profile": Profile("p" * 129)}, "profile", "1 to 128 characters, not 129"),
        ({"profile": Profile(5)}, "profile", "a Profile of text and bool"),
        ({"country": "D1"}, "country", "two letters"),
        ({"extra": {"session": {"tags": ["x"]}}}, "extra", "must not set session.tags"),
        (
            {"extra": {"session": {"timeout": {"max_duration": -1}}}},
            "extra",
            "must not set session.timeout.max_duration",
        ),
        ({"extra": {"session": 5}}, "extra", "must not set session"),
    ],
)
def test_a_bad_option_is_refused_by_name_and_bound(backend, given, option, words):
    """The floors are Firecrawl's, so that options fit both; there is no ceiling."""
    with pytest.raises(InvalidOptionError) as caught:
        backend.check(SessionOptions(**given))

    assert option == caught.value.option
    assert words in str(caught.value)


def test_a_session_without_live_view_is_refused(backend):
    """Anchor always has one: to drop the wish silently would expose the page."""
    with pytest.raises(UnsupportedError, match="live_view"):
        backend.check(SessionOptions(live_view=False))


@pytest.mark.parametrize("vector", served("start."))
def test_a_served_start_is_understood(backend, vector):
    """Id and CDP address are taken as they are; the expiry is an estimate."""
    data = vector["response_body"]["data"]
    before = datetime.now(UTC)
    info = backend.read_created(answer_of(vector), SessionOptions(ttl=90, tags=("a",)))

    assert (data["id"], data["cdp_url"], "anchor", ("a",)) == (info.id, info.cdp_url, info.backend, info.tags)
    assert info.expires_at_estimated
    assert before + timedelta(minutes=2) <= info.expires_at <= datetime.now(UTC) + timedelta(minutes=2)


@pytest.mark.parametrize(
    ("extra", "scoped", "watch", "control"),
    [
        (None, False, None, "live"),
        ({"session": {"live_view": {"read_only": False}}}, False, None, "live"),
        ({"session": None}, False, None, "live"),
        (READ_ONLY, False, "live", None),
        (None, True, "watch", "live"),
        (READ_ONLY, True, "watch", None),
    ],
)
def test_an_interactive_link_is_never_handed_out_as_watch_only(backend, extra, scoped, watch, control):
    """Anchor's link takes input unless read-only was asked for."""
    links = {"live_view_url": "live"} | ({"live_view_read_only_url": "watch"} if scoped else {})
    info = backend.read_created(
        created({"id": ID, "cdp_url": "wss://x", **links}), SessionOptions(extra=extra)
    )

    assert (watch, control) == (info.live_view_url, info.interactive_live_view_url)


@pytest.mark.parametrize(
    ("body", "field", "session_id"),
    [
        (b'{"data": {"id": "s1"}}', "data.cdp_url", "s1"),
        (b'{"data": {"id": "s1", "cdp_url": null}}', "data.cdp_url", "s1"),
        (b'{"data": {"cdp_url": "wss://x"}}', "data.id", None),
        (b'{"data": {"id": "all", "cdp_url": "wss://x"}}', "data.id", None),
        (b'{"id": "s1", "cdp_url": "wss://x"}', "data", None),
        (b'{"data": []}', "data", None),
        (b"", "", None),
    ],
)
def test_a_success_without_a_session_is_a_protocol_error(backend, body, field, session_id):
    """The schema makes all members optional; a session without id or address is none."""
    with pytest.raises(ProtocolError) as caught:
        backend.read_created(Answer(200, {}, body), SessionOptions())

    assert (field, session_id) == (caught.value.field, caught.value.session_id)


# --- refusals and ends ----------------------------------------------------------------------


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_becomes_the_error_it_means(backend, name):
    """All shapes of error bodies are read, whatever the nesting."""
    expected, refused, text = REFUSALS[name]
    answer = answer_of(BY_NAME[name])
    error = backend.error(answer)

    assert (expected, text) == (type(error), error.text)
    assert refused is backend.refused(answer)


def test_the_rate_limit_says_how_long_to_wait(backend):
    """The recorded header is read."""
    assert 58.0 == backend.error(answer_of(BY_NAME["start.429.creation_rate"])).retry_after


def test_the_rate_limit_says_what_the_limits_are(backend):
    """What the provider tells of them is kept as it came, and survives pickling."""
    error = backend.error(answer_of(BY_NAME["start.429.creation_rate"]))
    headers = BY_NAME["start.429.creation_rate"]["response_headers"]
    expected = {name.lower(): headers[name] for name in ("RateLimit", "RateLimit-Policy")}

    assert expected == error.limits
    assert expected == pickle.loads(pickle.dumps(error)).limits
    assert {} == backend.error(Answer(400)).limits


def test_the_code_of_a_refusal_is_kept(backend):
    """Anchor's numbers are kept as text."""
    assert "402" == backend.error(answer_of(BY_NAME["start.402.no_credits"])).code


@pytest.mark.parametrize("name", ENDS)
def test_each_answer_to_an_end_has_its_meaning(backend, name):
    """401 means a bad key or a session that is gone: the list decides."""
    vector = BY_NAME[name]
    status = vector["status"]
    end = backend.end_request(vector["path"].rpartition("/")[2])
    meaning = "verify" if status == end.verify.status else "gone" if status in end.gone else "again"

    assert ENDS[name] == meaning
    assert ("DELETE", ORIGIN + vector["path"]) == (end.request.method, end.request.url)
    assert meaning != "again" or status in end.again


@pytest.mark.parametrize("status", [200, 204, 404, 409, 410])
def test_an_end_is_over_with_any_status_of_the_contract(backend, status):
    """None of them leaves anything to end."""
    assert status in backend.end_request(ID).gone


def test_the_doubtful_status_is_verified_by_the_list_of_what_runs(backend):
    """The list is the recorded one, and shows ids and words where the rows say."""
    verify = backend.end_request(ID).verify

    assert ORIGIN + BY_NAME["status_all"]["path"] == verify.request.url
    assert (("data", "items"), "session_id", "status") == (
        verify.rows.path,
        verify.rows.id_field,
        verify.rows.status_field,
    )
    assert "running" not in verify.rows.over
    assert "completed" in verify.rows.over


@pytest.mark.parametrize(
    "session_id", ["", "all", "async", "history", "pending-interventions", "..", "a/b", "x\n"]
)
def test_an_id_that_is_not_one_session_never_reaches_a_url(backend, session_id):
    """``DELETE /v1/sessions/all`` would end everybody's sessions."""
    with pytest.raises(InvalidOptionError, match="session_id"):
        backend.end_request(session_id)


def test_a_receipt_invents_nothing(backend):
    """Anchor's answer to an end holds no duration and no credits."""
    assert CloseReceipt(confirmed=True) == backend.read_ended(answer_of(BY_NAME["end.ok"]))


# --- used on its own ------------------------------------------------------------------------


@pytest.mark.parametrize("vector", served("status_all"))
def test_the_list_of_what_runs_is_understood(backend, vector):
    """Ids, tags and times come out; a row without tags has none."""
    items = vector["response_body"]["data"]["items"]
    infos = backend.read_list(answer_of(vector))

    assert [item["session_id"] for item in items] == [info.id for info in infos]
    assert [tuple(item.get("tags", ())) for item in items] == [info.tags for info in infos]
    assert all(info.alive and info.created_at.tzinfo is not None for info in infos)


@pytest.mark.parametrize(
    ("name", "alive", "tags"),
    [
        ("get.running", True, ("lib:demo",)),
        ("get.ended", False, ("lib:demo",)),
        ("get.tags_as_object", True, ()),
    ],
)
async def test_one_session_is_looked_up(provider, name, alive, tags):
    """Old and new shapes of a session are read; only a browser that runs has an address."""
    vector = BY_NAME[name]
    provider.answers("GET", vector["path"], 200, vector["response_body"])

    async with asyncio.timeout(30), AnchorBackend("test-key", provider.url) as backend:
        info = await backend.get(ID)

    assert (ID, alive, tags) == (info.id, info.alive, info.tags)
    assert alive is (info.cdp_url is not None)


@pytest.mark.parametrize(
    ("name", "expected"), [("get.404", SessionNotFoundError), ("start.401.bad_key", AuthenticationError)]
)
async def test_a_refused_look_up_raises(provider, name, expected):
    """An unknown id and a bad key are told apart, and the session is named."""
    vector = BY_NAME[name]
    provider.answers("GET", f"/v1/sessions/{ID}", vector["status"], vector["response_body"])

    async with asyncio.timeout(30), AnchorBackend("test-key", provider.url) as backend:
        with pytest.raises(expected) as caught:
            await backend.get(ID)

    assert ID == caught.value.session_id


async def test_the_history_is_read_page_by_page(provider):
    """Pages follow each other until the last, newest first."""
    row = {"status": "completed", "created_at": "2026-03-09T12:34:56.789Z"}
    pages = [
        {"data": {"sessions": [{**row, "id": name}], "total": 2, "page": number, "total_pages": 2}}
        for number, name in ((1, "s1"), (2, "s2"))
    ]
    for page in pages:
        provider.answers("GET", "/v1/sessions", 200, page)

    async with asyncio.timeout(30), AnchorBackend("test-key", provider.url) as backend:
        infos = await backend.list(alive=False)

    assert ["s1", "s2"] == [info.id for info in infos]
    assert [
        f"/v1/sessions?page={number}&limit=50&sort_by=created_at&sort_order=desc" for number in (1, 2)
    ] == [asked.path for asked in provider.asked]


async def test_the_recorded_history_is_understood(provider):
    """Credits as numbers, texts and "N/A" disturb nobody."""
    provider.answers("GET", "/v1/sessions", 200, BY_NAME["list.default"]["response_body"])

    async with asyncio.timeout(30), AnchorBackend("test-key", provider.url) as backend:
        infos = await backend.list()

    assert [False, True, False] == [info.alive for info in infos]


async def test_a_history_that_never_ends_is_left_after_its_bound(provider):
    """A provider that counts wrongly cannot keep us asking."""
    row = {"status": "completed", "id": "s1"}
    provider.answers(
        "GET", "/v1/sessions", 200, {"data": {"sessions": [row], "total": 1, "page": 1, "total_pages": 10**9}}
    )

    async with asyncio.timeout(30), AnchorBackend("test-key", provider.url) as backend:
        infos = await backend.list()

    assert 20 == len(infos) == len(provider.asked)


async def test_a_second_delete_is_confirmed_by_the_list(provider):
    """401 and a list without the id: the session is gone."""
    provider.answers(
        "DELETE", f"/v1/sessions/{ID}", 401, BY_NAME["end.again.documented_reading"]["response_body"]
    )
    provider.answers("GET", "/v1/sessions/all/status", 200, BY_NAME["status_all.empty"]["response_body"])

    async with asyncio.timeout(30), AnchorBackend("test-key", provider.url) as backend:
        receipt = await backend.delete(ID)

    assert CloseReceipt(confirmed=True) == receipt


@pytest.mark.parametrize("name", ["status_all.401", "status_all"])
async def test_a_refused_delete_is_raised_unless_the_list_proves_it_gone(provider, name):
    """A bad key, and a session that still runs, are errors."""
    vector = BY_NAME[name]
    provider.answers("DELETE", f"/v1/sessions/{ID}", 401, BY_NAME["end.401.bad_key"]["response_body"])
    provider.answers("GET", "/v1/sessions/all/status", vector["status"], vector["response_body"])

    async with asyncio.timeout(30), AnchorBackend("test-key", provider.url) as backend:
        with pytest.raises(AuthenticationError):
            await backend.delete(ID)


async def test_a_session_that_is_listed_as_ended_is_gone(provider):
    """Whether ended sessions are in the list is documented nowhere; their word decides."""
    item = {"session_id": ID, "status": "Completed"}
    provider.answers("DELETE", f"/v1/sessions/{ID}", 401, BY_NAME["end.unknown_id"]["response_body"])
    provider.answers("GET", "/v1/sessions/all/status", 200, {"data": {"count": 1, "items": [item]}})

    async with asyncio.timeout(30), AnchorBackend("test-key", provider.url) as backend:
        receipt = await backend.delete(ID)

    assert receipt.confirmed


async def test_an_unknown_create_tells_its_mark(provider):
    """Whoever gets the error can look for the tag."""
    provider.answers("POST", "/v1/sessions", 500, BY_NAME["start.500"]["response_body"])

    async with asyncio.timeout(30), AnchorBackend("test-key", provider.url) as backend:
        with pytest.raises(CreateUnknownError) as caught:
            await backend.create(SessionOptions())

    assert [caught.value.mark] == provider.asked[0].body["session"]["tags"]


async def test_what_is_created_is_listed_as_alive(provider):
    """Create and list travel with the key in Anchor's header."""
    provider.answers("POST", "/v1/sessions", 200, BY_NAME["start.minimal.empty_object"]["response_body"])
    provider.answers("GET", "/v1/sessions/all/status", 200, BY_NAME["status_all"]["response_body"])

    async with asyncio.timeout(30), AnchorBackend("test-key", provider.url) as backend:
        made = await backend.create(SessionOptions())
        alive = await backend.list(alive=True)

    assert [made.id, OTHER_ID] == [info.id for info in alive]
    assert all("test-key" == asked.headers["anchor-api-key"] for asked in provider.asked)
