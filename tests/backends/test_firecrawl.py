"""FirecrawlBackend translates exactly what Firecrawl's wire says."""

import asyncio
import json
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from firecrawl_interact.backends.firecrawl import FirecrawlBackend
from firecrawl_interact.errors import (
    AuthenticationError,
    BackendError,
    ConcurrencyLimitError,
    CreateUnknownError,
    InvalidOptionError,
    PaymentRequiredError,
    PermissionDeniedError,
    ProfileBusyError,
    ProtocolError,
    RateLimitError,
    ServerError,
    SessionGoneError,
    SessionNotFoundError,
    TransportError,
    UnsupportedError,
    UsageError,
)
from firecrawl_interact.models import Answer, CloseReceipt, Profile, Run, SessionOptions

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "firecrawl.vectors.json").read_text())
BY_NAME = {vector["name"]: vector for vector in VECTORS}
ID = "019a1f00-7a10-7c3e-9b1d-2f6a4d5e6f01"
ORIGIN = "https://api.firecrawl.dev"
OPTIONS = SessionOptions(ttl=60, activity_ttl=30)

REFUSALS = {
    "create.ttl_too_small": (BackendError, True),
    "create.malformed_json": (BackendError, True),
    "create.unauthorized_bad_token": (AuthenticationError, True),
    "create.team_without_credits": (PaymentRequiredError, True),
    "create.payment_required.docs": (PaymentRequiredError, True),
    "create.safe_mode": (PermissionDeniedError, True),
    "create.second_saver.g3": (ProfileBusyError, True),
    "create.second_saver.g1": (ProfileBusyError, True),
    "create.concurrency_limit.g3": (ConcurrencyLimitError, True),
    "create.concurrency_limit.g1": (ConcurrencyLimitError, True),
    "create.rate_limit": (RateLimitError, True),
    "create.backend_unreachable.g2_g3": (ServerError, False),
    "create.never_ready.g2_g3": (ServerError, False),
    "create.failed.g1": (ServerError, False),
    "create.not_configured.g2_g3": (ServerError, True),
    "create.not_configured.g1": (ServerError, True),
    "create.unexpected": (ServerError, False),
    "status.not_found": (SessionNotFoundError, True),
    "delete.forbidden": (PermissionDeniedError, True),
    "delete.rate_limited": (RateLimitError, True),
    "execute.gone": (SessionGoneError, True),
    "execute.unexpected_html": (ServerError, False),
    "interact.no_replay_context": (BackendError, True),
}

ENDS = {  # What the status of each recorded answer to a DELETE means.
    200: "gone",
    404: "gone",
    403: "final",
    429: "again",
    500: "again",
    502: "again",
}


@pytest.fixture
def backend():
    """
    A backend at the service's own address.
    """
    return FirecrawlBackend("fc-TEST")


def answer_of(vector):
    body = vector["response_body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Answer(vector["status"], {k.lower(): v for k, v in vector["response_headers"].items()}, raw)


def vectors(prefix, *, served):
    return [
        pytest.param(v, id=v["name"])
        for v in VECTORS
        if v["name"].startswith(prefix) and (v["status"] == 200) is served
    ]


def body_of(backend, options):
    return json.loads(backend.prepare(options).request.body)


# --- the create -----------------------------------------------------------------------------


def test_a_create_says_everything_that_was_asked(backend):
    """All options arrive in the fields of the recorded full body, as the documented request."""
    vector = BY_NAME["create.full_body.g3"]
    expected = {k: v for k, v in vector["request_body"].items() if k not in {"integration", "origin"}}
    options = SessionOptions(
        ttl=900,
        activity_ttl=120,
        live_view=True,
        record=False,
        block_ads=False,
        country="GB",
        profile=Profile("shop-login"),
    )
    plan = backend.prepare(options)

    assert expected == json.loads(plan.request.body)
    assert ("POST", ORIGIN + vector["path"]) == (plan.request.method, plan.request.url)
    assert vector["request_headers"].items() <= dict(plan.request.headers).items()
    assert (None, None, 900) == (plan.mark, plan.search, plan.ttl)


def test_a_reader_of_a_profile_says_that_it_does_not_save(backend):
    """The body of a read-only profile is the one the JavaScript SDK was seen to send."""
    expected = {k: v for k, v in BY_NAME["create.js_body"]["request_body"].items() if k != "origin"}

    assert expected == body_of(
        backend, SessionOptions(ttl=60, activity_ttl=30, profile=Profile("p", save_changes=False))
    )


def test_both_times_are_always_sent_and_nothing_else_unasked(backend):
    """The provider's own defaults contradict each other, so ours are explicit."""
    assert {"ttl": 600, "activityTtl": 300} == body_of(backend, SessionOptions())


def test_extra_is_merged_unchanged(backend):
    """Options that we do not model reach the provider, inside modelled objects too."""
    options = SessionOptions(
        ttl=60,
        activity_ttl=30,
        country="de",
        extra={"zeroDataRetention": True, "location": {"languages": ["de"]}},
    )
    expected = {
        "ttl": 60,
        "activityTtl": 30,
        "location": {"country": "DE", "languages": ["de"]},
        "zeroDataRetention": True,
    }

    assert expected == body_of(backend, options)
    assert {"zeroDataRetention": True, "location": {"languages": ["de"]}} == options.extra


@pytest.mark.parametrize(
    ("given", "option", "words"),
    [
        ({"ttl": 29}, "ttl", "ttl must be 30 to 3600 seconds, not 29"),
        ({"ttl": 3601}, "ttl", "ttl must be 30 to 3600 seconds, not 3601"),
        ({"ttl": 60.5}, "ttl", "whole number of seconds, 30 to 3600, not 60.5"),
        ({"ttl": "60"}, "ttl", "whole number of seconds, 30 to 3600, not '60'"),
        ({"ttl": True}, "ttl", "not True"),
        ({"activity_ttl": 9}, "activity_ttl", "activity_ttl must be 10 to 3600 seconds, not 9"),
        ({"profile": Profile("")}, "profile", "profile name must be 1 to 128 characters, not 0"),
        ({"profile": Profile("p" * 129)}, "profile", "not 129"),
        ({"profile": Profile(5)}, "profile", "a Profile of text and bool"),
        ({"profile": "p"}, "profile", "must be a Profile"),
        ({"country": "GBR"}, "country", "two letters"),
        ({"country": 44}, "country", "must be text"),
        ({"live_view": "yes"}, "live_view", "True, False or None"),
        ({"record": 1}, "record", "True, False or None"),
        ({"block_ads": 0}, "block_ads", "True, False or None"),
        ({"tags": "abc"}, "tags", "tuple of non-empty texts"),
        ({"extra": [1]}, "extra", "must be a mapping"),
        ({"extra": {"ttl": 5}}, "extra", "must not set ttl"),
        ({"extra": {1: 2}}, "extra", "texts for keys"),
        ({"extra": {"x": {1, 2}}}, "extra", "JSON"),
        ({"extra": {"x": float("nan")}}, "extra", "JSON"),
    ],
)
def test_a_bad_option_is_refused_by_name_and_bound(backend, given, option, words):
    """Nothing is described, and the text says what would have been right."""
    with pytest.raises(InvalidOptionError) as caught:
        backend.check(SessionOptions(**given))

    assert option == caught.value.option
    assert words in str(caught.value)


def test_a_whole_number_of_seconds_may_come_as_a_float(backend):
    """60.0 is 60 on the wire."""
    assert (
        '{"ttl": 60, "activityTtl": 30}'
        == backend.prepare(SessionOptions(ttl=60.0, activity_ttl=30.0)).request.body.decode()
    )


def test_tags_are_refused(backend):
    """Firecrawl shows no tags in a list, so they could not be honoured."""
    with pytest.raises(UnsupportedError, match="tags"):
        backend.check(SessionOptions(tags=("a",)))


@pytest.mark.parametrize("vector", vectors("create.", served=True))
def test_a_served_create_is_understood(backend, vector):
    """Every generation's answer becomes a session with the links that it really has."""
    body = vector["response_body"]
    info = backend.read_created(answer_of(vector), OPTIONS)

    assert (body["id"], body["cdpUrl"], "firecrawl") == (info.id, info.cdp_url, info.backend)
    assert (body["liveViewUrl"] or None) == info.live_view_url
    assert (body["interactiveLiveViewUrl"] or None) == info.interactive_live_view_url
    assert ("expiresAt" not in body) is info.expires_at_estimated
    assert info.expires_at.tzinfo is not None


def test_the_expiry_is_the_providers_where_it_says_one(backend):
    """The instant is read from the answer, not computed."""
    info = backend.read_created(answer_of(BY_NAME["create.minimal.g3"]), OPTIONS)

    assert datetime(2026, 1, 15, 10, 40, tzinfo=UTC) == info.expires_at


def test_the_expiry_is_computed_where_the_provider_says_none(backend):
    """Older answers hold none: now and the ttl make an estimate."""
    before = datetime.now(UTC)
    info = backend.read_created(answer_of(BY_NAME["create.no_expiry.g3"]), OPTIONS)

    assert before + timedelta(seconds=60) <= info.expires_at <= datetime.now(UTC) + timedelta(seconds=60)


def test_a_create_can_be_ended_by_whoever_sees_only_its_answer(backend):
    """The plan's path leads to the id in the recorded answer, and its template to the end request."""
    plan = backend.prepare(OPTIONS)
    found = BY_NAME["create.minimal.g3"]["response_body"]
    for key in plan.id_path:
        found = found[key]

    assert backend.end_request(ID).request.url == plan.end.request.url.replace("{id}", found)


@pytest.mark.parametrize(
    ("body", "field", "session_id"),
    [
        (b'{"success": true, "id": "s1"}', "cdpUrl", "s1"),
        (b'{"success": true, "id": "s1", "cdpUrl": ""}', "cdpUrl", "s1"),
        (b'{"success": true, "id": 7, "cdpUrl": "wss://x"}', "id", None),
        (b'{"success": true, "id": "", "cdpUrl": "wss://x"}', "id", None),
        (b'{"success": true, "id": "all", "cdpUrl": "wss://x"}', "id", None),
        (b'{"success": true, "id": "a/../b", "cdpUrl": "wss://x"}', "id", None),
        (b'{"success": false, "id": "s1", "cdpUrl": "wss://x"}', "success", "s1"),
        (b'{"success": false, "error": "Out of browsers."}', "success", None),
        (b'{"success": false, "id": "s1", "error": "Half made."}', "success", "s1"),
        (b"", "", None),
        (b"<html>", "", None),
        (b"[]", "", None),
    ],
)
def test_a_success_without_a_session_is_a_protocol_error(backend, body, field, session_id):
    """A status of success with a body that does not fit names the field, and the id if there is one."""
    with pytest.raises(ProtocolError) as caught:
        backend.read_created(Answer(200, {}, body), OPTIONS)

    assert (field, session_id, 200) == (caught.value.field, caught.value.session_id, caught.value.status)


# --- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_becomes_the_error_it_means(backend, name):
    """Status and words choose the class; the provider's words and the status are kept."""
    vector = BY_NAME[name]
    expected, refused = REFUSALS[name]
    error = backend.error(answer_of(vector), session_id=ID)
    body = vector["response_body"]

    assert expected is type(error)
    assert (vector["status"], "firecrawl", ID) == (error.status, error.backend, error.session_id)
    assert error.text.startswith((body if isinstance(body, str) else body["error"])[:200])
    assert refused is backend.refused(answer_of(vector))


def test_reading_a_refused_create_raises_its_error(backend):
    """There is no half-way answer."""
    with pytest.raises(PaymentRequiredError, match="Insufficient credits"):
        backend.read_created(answer_of(BY_NAME["create.team_without_credits"]), OPTIONS)


def test_a_validation_error_says_which_field(backend):
    """The provider's "Bad Request" alone would help nobody."""
    error = backend.error(answer_of(BY_NAME["create.ttl_too_small"]))

    assert ("BAD_REQUEST", "Bad Request (ttl: Too small: expected number to be >=30)") == (
        error.code,
        error.text,
    )


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"retry-after": "42"}, {"error": "Rate limit exceeded. Please retry after 30s."}, 42.0),
        ({}, {"error": "Rate limit exceeded. Please retry after 30s, resets at noon"}, 30.0),
        ({}, {"error": "Daily cap.", "retry_after_seconds": 3600}, 3600.0),
        ({}, {"error": "Rate limit exceeded."}, None),
    ],
)
def test_the_wait_is_read_wherever_it_is_said(backend, headers, body, expected):
    """The header comes first, then the body, then the text."""
    error = backend.error(Answer(429, headers, json.dumps(body).encode()))

    assert expected == error.retry_after


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": "said", "message": "else"}, "said"),
        ({"error": {"message": "said", "error": "else"}, "message": "else"}, "said"),
        ({"error": {"error": {"message": "said"}}, "message": "else"}, "said"),
        ({"message": "said"}, "said"),
        ({"error": None, "message": "said"}, "said"),
        ("said", "said"),
    ],
    ids=str,
)
def test_the_words_are_found_wherever_they_stand(backend, body, text):
    """What stands nearest to the error comes first."""
    assert text == backend.error(Answer(400, {}, json.dumps(body).encode())).text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_address_that_has_moved_is_told(backend, status):
    """The key goes nowhere else by itself; whoever has set the address learns where it leads."""
    headers = {"location": "https://moved.example/v2/interact?token=hush"}
    said = str(backend.error(Answer(status, headers, b"")))

    assert "to https://moved.example, which is not followed: check base_url" in said
    assert "hush" not in said


@pytest.mark.parametrize("location", ["", "/elsewhere", "http://[", "https://"])
def test_an_address_that_has_moved_somewhere_is_told_too(backend, location):
    """A place that cannot be read is left out."""
    said = str(backend.error(Answer(302, {"location": location}, b"")))

    assert "elsewhere, which is not followed: check base_url" in said


def test_the_request_id_is_kept_for_the_support(backend):
    """Of several ids the provider's own is taken."""
    error = backend.error(Answer(500, {"cf-ray": "r2", "x-request-id": "r1"}, b"{}"))

    assert "r1" == error.request_id


@pytest.mark.parametrize(
    ("status", "body", "refused"),
    [
        (503, b"<html>Service Unavailable</html>", False),
        (503, b"", False),
        (503, b'"upstream failed"', False),
        (503, b'{"success": false, "error": "Hangar request failed."}', False),
        (503, b'{"success": false, "error": "Browser feature is not configured."}', True),
        (500, b'{"success": false, "error": "No."}', False),
        (504, b"", False),
        (408, b"", True),
        (308, b"", True),
        (302, b"", False),
    ],
)
def test_only_a_proof_that_nothing_was_made_counts_as_refused(backend, status, body, refused):
    """4xx, redirections without processing, and the provider's own 503; a gateway's page proves nothing."""
    assert refused is backend.refused(Answer(status, {}, body))


def test_an_error_repeats_no_secret():
    """The key, an id and links in the provider's words are masked."""
    backend = FirecrawlBackend("odd-key-0815", "http://127.0.0.1:9")
    body = json.dumps({"error": "No odd-key-0815 for id-4711, see wss://host/cdp/abc?token=t"}).encode()
    error = backend.error(Answer(500, {}, body), session_id="id-4711")

    for secret in ("odd-key-0815", "id-4711", "host/cdp"):
        assert secret not in str(error)
        assert secret not in error.text


# --- the end --------------------------------------------------------------------------------


@pytest.mark.parametrize("vector", vectors("delete.", served=True) + vectors("delete.", served=False))
def test_each_answer_to_an_end_has_its_meaning(backend, vector):
    """Gone, again or final, by the status of every recorded answer."""
    end = backend.end_request(ID)
    status = vector["status"]
    meaning = "gone" if status in end.gone else "again" if status in end.again else "final"

    assert ENDS[status] == meaning


def test_an_end_is_the_documented_request(backend):
    """The DELETE that the documentation shows, key and birth included."""
    vector = BY_NAME["delete.ok.g3"]
    end = backend.end_request(ID, born=5.0)

    assert ("DELETE", ORIGIN + vector["path"], None) == (
        end.request.method,
        end.request.url,
        end.request.body,
    )
    assert vector["request_headers"].items() <= dict(end.request.headers).items()
    assert (5.0, None, None) == (end.born, end.verify, end.repeat_while_field)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("delete.ok.g3", CloseReceipt(confirmed=True, duration=timedelta(seconds=61), credits_billed=3)),
        ("delete.ok.g2", CloseReceipt(confirmed=True, duration=timedelta(seconds=61), credits_billed=3)),
        ("delete.ok.g1_and_docs_sample", CloseReceipt(confirmed=True)),
        ("delete.second_call.g3", CloseReceipt(confirmed=True, credits_billed=3)),
        ("delete.not_found", CloseReceipt(confirmed=True)),
    ],
)
def test_a_receipt_holds_what_was_said(backend, name, expected):
    """Nothing is invented: what the provider did not say is None."""
    assert expected == backend.read_ended(answer_of(BY_NAME[name]))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cleanupQueued": "later"}, (61, 3)),
        ({"status": 7}, (61, 3)),
        ({"creditsBilled": "3"}, (61, None)),
        ({"creditsBilled": 2.5}, (61, 2.5)),
        ({"sessionDurationMs": "a minute"}, (None, 3)),
        ({"sessionDurationMs": 10**400}, (None, 3)),
        ({"sessionDurationMs": True, "creditsBilled": False}, (None, None)),
        ({"success": None}, (61, 3)),
    ],
    ids=str,
)
def test_one_odd_field_takes_nothing_from_the_others(backend, changes, expected):
    """Each number of a receipt is read for itself."""
    body = {"success": True, "status": "stopped", "sessionDurationMs": 61_000, "creditsBilled": 3, **changes}
    receipt = backend.read_ended(Answer(200, {}, json.dumps(body).encode()))
    seconds = None if receipt.duration is None else receipt.duration.total_seconds()

    assert expected == (seconds, receipt.credits_billed)


def test_links_that_are_null_are_none(backend):
    """A server that has no live view may say so in either way; its session is as good."""
    body = {"success": True, "id": "s1", "cdpUrl": "wss://x/1", "liveViewUrl": None, "expiresAt": None}
    info = backend.read_created(
        Answer(200, {}, json.dumps({**body, "interactiveLiveViewUrl": None}).encode()), SessionOptions()
    )
    row = {"id": "s1", "status": "destroyed", "cdpUrl": None, "liveViewUrl": None, "streamWebView": None}
    (listed,) = backend.read_list(Answer(200, {}, json.dumps({"success": True, "sessions": [row]}).encode()))

    assert ("wss://x/1", None, None) == (info.cdp_url, info.live_view_url, info.interactive_live_view_url)
    assert (None, False) == (listed.cdp_url, listed.alive)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("text", "text"), ({"a": [1]}, '{"a": [1]}'), (0, "0"), (False, "false"), (None, None)],
    ids=str,
)
def test_outcome_of_a_run_that_is_no_text_comes_as_json(backend, said, meant):
    """What was run cannot be run again for the sake of a type."""
    body = {"success": True, "stdout": "out", "result": said, "output": said, "exitCode": 0}
    result = backend.read_run(Answer(200, {}, json.dumps(body).encode()), Run(code="1"), session_id="s1")

    assert ("out", meant, meant, 0) == (result.stdout, result.result, result.output, result.exit_code)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"success": true, "creditsBilled": "3"}',
        b'{"success": true, "sessionDurationMs": 1e300}',
    ],
)
def test_an_end_is_confirmed_whatever_the_body(backend, body):
    """The status has spoken; an unreadable body takes nothing back."""
    assert CloseReceipt(confirmed=True) == backend.read_ended(Answer(200, {}, body))


@pytest.mark.parametrize(
    "session_id",
    [
        "",
        ".",
        "..",
        "all",
        "ALL",
        "async",
        "history",
        "profiles",
        "a/b",
        "a\\b",
        "a%2fb",
        "%2e%2e",
        "a?b",
        "a#b",
        "a b",
        "a\n",
        "\x00",
        "a\u2028",
        "x" * 257,
        5,
        None,
        b"s1",
    ],
)
def test_an_id_that_is_not_one_session_never_reaches_a_url(backend, session_id):
    """Empty, reserved, escaped and foreign ids are refused, without being repeated."""
    with pytest.raises(InvalidOptionError, match=r"^session_id must") as caught:
        backend.end_request(session_id)

    assert "session_id" == caught.value.option


@pytest.mark.parametrize(
    ("session_id", "segment"), [("a:b", "a%3Ab"), ("bär", "b%C3%A4r"), ("S_1.x~", "S_1.x~")]
)
def test_an_unusual_id_is_escaped(backend, session_id, segment):
    """Ids are opaque: what can stay one segment does."""
    assert f"{ORIGIN}/v2/interact/{segment}" == backend.end_request(session_id).request.url


# --- looking --------------------------------------------------------------------------------


def test_the_list_asks_for_what_runs(backend):
    """The documented query."""
    vector = BY_NAME["list.docs_sample"]
    request = backend.list_request()

    assert ("GET", ORIGIN + vector["path"]) == (request.method, request.url)


@pytest.mark.parametrize("vector", vectors("list.", served=True))
def test_a_served_list_is_understood(backend, vector):
    """Status words become alive or not; times become aware instants."""
    rows = vector["response_body"]["sessions"]
    infos = backend.read_list(answer_of(vector))

    assert [row["id"] for row in rows] == [info.id for info in infos]
    assert [row["status"] == "active" for row in rows] == [info.alive for info in infos]
    assert all(info.created_at.tzinfo is not None for info in infos)


@pytest.mark.parametrize("vector", vectors("list.", served=False))
def test_a_refused_list_raises(backend, vector):
    """A list that was refused is no empty list."""
    with pytest.raises(BackendError) as caught:
        backend.read_list(answer_of(vector))

    assert vector["status"] == caught.value.status


# --- used on its own ------------------------------------------------------------------------


async def test_a_session_is_created_looked_up_listed_and_deleted(provider):
    """The verbs send the documented requests and read the recorded answers."""
    path = f"/v2/interact/{ID}"
    provider.answers("POST", "/v2/interact", 200, BY_NAME["create.minimal.g3"]["response_body"])
    provider.answers("GET", path, 200, BY_NAME["status.running.g2_g3"]["response_body"])
    provider.answers("GET", "/v2/interact", 200, BY_NAME["list.all"]["response_body"])
    provider.answers("DELETE", path, 502, BY_NAME["delete.still_stopping.g2_g3"]["response_body"])
    provider.answers("DELETE", path, 200, BY_NAME["delete.ok.g3"]["response_body"])

    async with asyncio.timeout(30), FirecrawlBackend("fc-TEST", provider.url) as backend:
        made = await backend.create(OPTIONS)
        found = await backend.get(ID)
        ended = await backend.list(alive=False)
        everything = await backend.list()
        await backend.list(alive=True)
        receipt = await backend.delete(ID)

    assert (ID, ID, "running", True) == (made.id, found.id, found.status, found.alive)
    assert [info for info in everything if not info.alive] == ended != []
    assert timedelta(seconds=61) == receipt.duration
    assert [
        ("POST", "/v2/interact"),
        ("GET", path),
        ("GET", "/v2/interact"),
        ("GET", "/v2/interact"),
        ("GET", "/v2/interact?status=active"),
        ("DELETE", path),
        ("DELETE", path),
    ] == [(asked.method, asked.path) for asked in provider.asked]
    assert all("Bearer fc-TEST" == asked.headers["Authorization"] for asked in provider.asked)


async def test_a_server_without_the_route_is_asked_for_its_list(provider):
    """Older servers cannot show one session, but list all of the team's."""
    provider.answers("GET", "/v2/interact", 200, BY_NAME["list.all"]["response_body"])

    async with asyncio.timeout(30), FirecrawlBackend("fc-TEST", provider.url) as backend:
        found = await backend.get(ID)
        with pytest.raises(SessionNotFoundError):
            await backend.get("unknown")

    assert (ID, "active") == (found.id, found.status)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"message": "no Route matched with those values"}),
        (404, {"success": False, "error": "Not Found"}),
        (405, {"error": "Method Not Allowed"}),
        (501, {"error": "Not Implemented"}),
    ],
    ids=str,
)
async def test_a_gateway_without_the_route_is_not_taken_for_the_provider(provider, status, body):
    """What knows no route says nothing of the session: the list does."""
    provider.answers("GET", f"/v2/interact/{ID}", status, body)
    row = {"id": ID, "status": "active"}
    provider.answers("GET", "/v2/interact", 200, {"success": True, "sessions": [row]})
    async with asyncio.timeout(30), FirecrawlBackend("fc-TEST", provider.url) as backend:
        info = await backend.get(ID)

    assert (ID, True) == (info.id, info.alive)


async def test_an_unknown_session_is_not_looked_for_in_the_list(provider):
    """The provider's own 404 is an answer."""
    provider.answers("GET", f"/v2/interact/{ID}", 404, BY_NAME["status.not_found"]["response_body"])

    async with asyncio.timeout(30), FirecrawlBackend("fc-TEST", provider.url) as backend:
        with pytest.raises(SessionNotFoundError):
            await backend.get(ID)

    assert 1 == len(provider.asked)


@pytest.mark.parametrize("status", [404, 410])
async def test_a_session_that_is_gone_counts_as_deleted(provider, status):
    """Whoever wanted it gone has what they wanted."""
    provider.answers("DELETE", f"/v2/interact/{ID}", status, {"success": False, "error": "Gone."})

    async with asyncio.timeout(30), FirecrawlBackend("fc-TEST", provider.url) as backend:
        receipt = await backend.delete(ID)

    assert CloseReceipt(confirmed=True) == receipt


async def test_a_final_refusal_of_a_delete_is_raised(provider):
    """Another team's session is not asked for twice."""
    provider.answers("DELETE", f"/v2/interact/{ID}", 403, {"success": False, "error": "Forbidden."})

    async with asyncio.timeout(30), FirecrawlBackend("fc-TEST", provider.url) as backend:
        with pytest.raises(PermissionDeniedError):
            await backend.delete(ID)

    assert 1 == len(provider.asked)


async def test_a_lost_answer_to_a_create_is_not_sent_again(provider):
    """One request, and an error that says what is not known."""
    provider.hangs_up("POST", "/v2/interact")

    async with asyncio.timeout(30), FirecrawlBackend("fc-TEST", provider.url) as backend:
        with pytest.raises(CreateUnknownError) as caught:
            await backend.create(OPTIONS)

    assert 1 == len(provider.asked)
    assert isinstance(caught.value.__cause__, TransportError)
    assert timedelta(seconds=60) == caught.value.may_live_until - caught.value.ended_at


async def test_an_answer_that_proves_nothing_leaves_a_create_unknown(provider):
    """A gateway's page may hide a session that was made."""
    provider.answers("POST", "/v2/interact", 502, "<html>Bad Gateway</html>")

    async with asyncio.timeout(30), FirecrawlBackend("fc-TEST", provider.url) as backend:
        with pytest.raises(CreateUnknownError) as caught:
            await backend.create(OPTIONS)

    assert 502 == caught.value.__cause__.status
    assert 1 == len(provider.asked)


async def test_a_refused_create_raises_the_refusal(provider):
    """Nothing was made, so nothing is unknown."""
    provider.answers("POST", "/v2/interact", 429, BY_NAME["create.concurrency_limit.g3"]["response_body"])

    async with asyncio.timeout(30), FirecrawlBackend("fc-TEST", provider.url) as backend:
        with pytest.raises(ConcurrencyLimitError):
            await backend.create(OPTIONS)


async def test_a_create_that_was_not_sent_is_a_transport_error():
    """Nobody listens: surely nothing was made."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # Held, lest somebody else listens there by then.
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        async with asyncio.timeout(30), FirecrawlBackend("fc-TEST", address) as backend:
            with pytest.raises(TransportError) as caught:
                await backend.create(OPTIONS)

    assert caught.value.sent is False


async def test_the_verbs_need_an_entered_backend():
    """Without a transport the error says what to write."""
    backend = FirecrawlBackend("fc-TEST")
    with pytest.raises(UsageError, match="async with FirecrawlBackend"):
        await backend.list()
    async with backend, backend:
        pass
    with pytest.raises(UsageError, match="Enter the backend"):
        await backend.delete(ID)


def test_one_backend_serves_one_loop_after_another(backend):
    """A backend belongs to no loop."""

    async def enter():
        async with backend as entered:
            return entered

    assert [backend, backend] == [asyncio.run(enter()), asyncio.run(enter())]
