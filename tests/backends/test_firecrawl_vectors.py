"""Every recorded exchange with Firecrawl is sent and read as recorded."""

import json
from pathlib import Path

import pytest

from firecrawl_interact.backends.firecrawl import FirecrawlBackend
from firecrawl_interact.backends.firecrawl_extras import check_page_id, profile_path, read_replay, read_scrape
from firecrawl_interact.backends.scraper import ScrapeTerms, Started, check_job_id, scrape_ref
from firecrawl_interact.errors import (
    BackendError,
    ConcurrencyLimitError,
    InvalidOptionError,
    PaymentRequiredError,
    PermissionDeniedError,
    ProfileBusyError,
    ProtocolError,
    RateLimitError,
    ServerError,
    SessionGoneError,
    SessionNotFoundError,
)
from firecrawl_interact.guardian.answers import Verdict, judge
from firecrawl_interact.models import Answer, Profile, Run, SessionOptions

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "firecrawl.vectors.json").read_text())
ID = "019a1f00-7a10-7c3e-9b1d-2f6a4d5e6f01"
TERMS = ScrapeTerms(job_id="019a1f01-1111-7222-8333-444455556666")

REFUSED_HERE = {
    "list.bad_status.g2_g3",
    "replay.bad_page",
    "profile_delete.bad_name",
}  # Before they are sent.
MALFORMED = {"create.malformed_json", "create.ttl_null"}  # What our own types cannot even say.
ERRORS = {
    400: BackendError,
    401: BackendError,
    402: PaymentRequiredError,
    403: PermissionDeniedError,
    404: SessionNotFoundError,
    410: SessionGoneError,
    500: ServerError,
    501: ServerError,
    502: ServerError,
    503: ServerError,
    504: ServerError,
}
CONFLICTS = {
    "create.second_saver.g3": ProfileBusyError,
    "create.second_saver.g1": ProfileBusyError,
    "profile_delete.busy": ProfileBusyError,
    "interact.no_replay_context": BackendError,
    "interact.no_replay_context.latest": BackendError,
    "interact.replay_failed": BackendError,
}


@pytest.fixture
def backend():
    """A backend at the service's own address."""
    return FirecrawlBackend("fc-TEST")


def kind(vector):
    return vector["name"].partition(".")[0]


def named(vectors):
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def answer_of(vector):
    body = vector["response_body"]
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return Answer(vector["status"], {k.lower(): v for k, v in vector["response_headers"].items()}, raw)


def path_id(vector):
    return vector["path"].split("/")[3].partition("?")[0]


def a_run(vector):
    body = vector["request_body"]
    return Run(
        code=body.get("code"),
        prompt=body.get("prompt"),
        language=body.get("language", "node"),
        timeout=body.get("timeout", 30),
    )


def options_of(body):
    profile = body.get("profile")
    return SessionOptions(
        ttl=body.get("ttl", 600),
        activity_ttl=body.get("activityTtl", 300),
        live_view=body.get("streamWebView"),
        record=body.get("recordSession"),
        block_ads=body.get("blockAds"),
        country=body.get("location", {}).get("country"),
        profile=None if profile is None else Profile(profile.get("name"), profile.get("saveChanges", True)),
        extra={k: body[k] for k in ("integration", "zeroDataRetention") if k in body} or None,
    )


# --- what we send ---------------------------------------------------------------------------


def create(backend, vector):
    return backend.prepare(options_of(vector["request_body"])).request


def execute(backend, vector):
    code = vector["request_body"].get("code", "")
    if code.startswith("<100001"):  # The recording names its size instead of repeating it.
        vector = {**vector, "request_body": {"code": "x" * 100_001}}
    return backend.run_request(path_id(vector), a_run(vector))


def interact(backend, vector):
    return backend.scrape_run_request(ScrapeTerms(job_id=check_job_id(path_id(vector))), a_run(vector))


def delete(backend, vector):
    return backend.end_request(path_id(vector)).request


def stop(backend, vector):
    return backend.end_request(scrape_ref(path_id(vector))).request


REQUESTS = {"create": create, "execute": execute, "interact": interact, "delete": delete, "stop": stop}
DEFAULTS = {
    "create": {"ttl": 600, "activityTtl": 300},
    "execute": {"language": "node", "timeout": 30},
    "interact": {"language": "node", "timeout": 30},
}


def ours(vector):
    """Whether the body is one that we would send: valid, and no SDK's mistake."""
    body = vector["response_body"]
    refused = vector["status"] == 400 and isinstance(body, dict)
    return kind(vector) in REQUESTS and not refused and vector["name"] not in MALFORMED


@pytest.mark.parametrize("vector", named(v for v in VECTORS if ours(v)))
def test_request_is_the_recorded_one(backend, vector):
    """Method, path and every field of the body are sent as recorded, our defaults said aloud."""
    request = REQUESTS[kind(vector)](backend, vector)
    path = vector["path"].replace("/v2/browser", "/v2/interact")
    recorded = vector["request_body"]

    assert (vector["method"], f"https://api.firecrawl.dev{path}") == (request.method, request.url)
    if recorded is None:
        assert request.body is None
    else:
        ignored = {"origin", "foo"}
        expected = {k: v for k, v in recorded.items() if k not in ignored}
        if recorded.get("profile"):
            expected["profile"] = {"saveChanges": True, **recorded["profile"]}

        assert {**DEFAULTS[kind(vector)], **expected} == json.loads(request.body)


BAD_REQUESTS = [
    v
    for v in VECTORS
    if kind(v) in {"create", "execute", "interact", "stop"}
    and v["status"] == 400
    and v["name"] not in MALFORMED
    and "zdr" not in v["name"]
]


@pytest.mark.parametrize("vector", named(BAD_REQUESTS))
def test_what_the_provider_would_refuse_is_not_sent(backend, vector):
    """Bounds are checked here, with the value and the bound in the text."""
    with pytest.raises(InvalidOptionError):
        REQUESTS[kind(vector)](backend, vector)


async def test_words_the_list_does_not_have_are_not_sent(backend):
    """What the recorded server refuses is refused here."""
    with pytest.raises(InvalidOptionError, match="status"):
        await backend.list(status="foo")


@pytest.mark.parametrize("page_id", ["invalid", "", "1234", "1/2", 0, None])
def test_pages_that_cannot_be_are_not_asked_for(page_id):
    """One to three digits name a page."""
    with pytest.raises(InvalidOptionError):
        check_page_id(page_id)


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 129, 7, None])
def test_profiles_that_cannot_be_are_not_deleted(name):
    """Neither a name that is too long nor one that a path would lose is sent."""
    with pytest.raises(InvalidOptionError):
        profile_path(name)


def test_profile_names_are_escaped():
    """Whatever a name holds, it stays one segment of the path."""
    assert "/v2/browser/profiles/a%2Fb%3Fc%23%20%C3%A4" == profile_path("a/b?c# ä")


# --- what we read ---------------------------------------------------------------------------


def read_create(backend, answer, body):
    info = backend.read_created(answer, SessionOptions())

    assert (body["id"], body["cdpUrl"]) == (info.id, info.cdp_url)
    assert (body["liveViewUrl"] or None) == info.live_view_url
    assert info.expires_at_estimated is ("expiresAt" not in body)


def read_status(backend, answer, body):
    info = backend._info(backend._read(answer, _get_reply()))

    assert (body["id"], body["status"] == "running") == (info.id, info.alive)


def read_list(backend, answer, body):
    found = backend.read_list(answer)

    assert [(row["id"], row["status"] == "active") for row in body["sessions"]] == [
        (info.id, info.alive) for info in found
    ]
    assert all(info.created_at is not None and info.created_at.tzinfo is not None for info in found)


def same_run(result, body):
    assert (body.get("stdout", ""), body.get("stderr", "")) == (result.stdout, result.stderr)
    assert (body.get("exitCode"), body.get("killed", False)) == (result.exit_code, result.killed)
    assert (body.get("result"), body.get("output")) == (result.result, result.output)
    assert result.failed is ("error" in body)
    assert body.get("truncated", False) is result.truncated


def read_execute(backend, answer, body):
    same_run(backend.read_run(answer, Run(code="1"), session_id=ID), body)


def read_interact(backend, answer, body):
    ran = backend.read_scrape_run(answer, TERMS)

    assert (body.get("sessionId"), body.get("cdpUrl")) == (ran.session_id, ran.cdp_url)
    assert body["liveViewUrl"] == ran.live_view_url
    assert Started.YES is backend.scrape_started(answer)
    same_run(ran.result, body)


def read_ended(backend, answer, body):
    receipt = backend.read_ended(answer)
    told = None if receipt.duration is None else receipt.duration.total_seconds() * 1000

    assert receipt.confirmed
    assert (body.get("sessionDurationMs"), body.get("creditsBilled")) == (told, receipt.credits_billed)


def read_stop(backend, answer, body):
    read_ended(backend, answer, body)
    end = backend.end_request(scrape_ref(TERMS.job_id))
    wanted = Verdict.AGAIN if "sessionDurationMs" in body else Verdict.GONE

    assert wanted is judge(end, answer.status, answer.body, now=0)


def read_pages(_backend, answer, body):
    if isinstance(body, str):
        assert answer.body.startswith(b"#EXTM3U")
    else:
        assert [page["pageId"] for page in body["pages"]] == [page.id for page in read_replay(answer)]


def read_profile(_backend, _answer, body):
    assert {"success": True} == body


def read_scraped(_backend, answer, body):
    scrape = read_scrape(answer)

    assert body["data"]["metadata"]["scrapeId"] == scrape.job_id
    assert {"markdown": "# Example Domain"} == scrape.data


READERS = {
    "create": read_create,
    "status": read_status,
    "list": read_list,
    "execute": read_execute,
    "interact": read_interact,
    "delete": read_ended,
    "stop": read_stop,
    "replay": read_pages,
    "profile_delete": read_profile,
    "scrape": read_scraped,
}


def _get_reply():
    from firecrawl_interact.wire.firecrawl import GetReply

    return GetReply


@pytest.mark.parametrize("vector", named(v for v in VECTORS if v["status"] == 200))
def test_served_answer_is_read(backend, vector):
    """All generations of servers are understood, field by field."""
    READERS[kind(vector)](backend, answer_of(vector), vector["response_body"])


@pytest.mark.parametrize("vector", named(v for v in VECTORS if v["status"] != 200))
def test_refusal_is_typed(backend, vector):
    """Every refusal is the error that its status, and where needed its words, mean."""
    answer = answer_of(vector)
    error = backend.error(answer)
    if vector["status"] == 429:
        wanted = ConcurrencyLimitError if "concurren" in vector["name"] else RateLimitError
    elif vector["status"] == 409:
        wanted = CONFLICTS.get(vector["name"], BackendError)
    else:
        wanted = ERRORS[vector["status"]]

    assert isinstance(error, wanted)
    assert (vector["status"], True) == (error.status, kind(vector) in READERS)
    if isinstance(vector["response_body"], dict):
        assert vector["response_body"]["error"][:60] in error.text


@pytest.mark.parametrize("vector", named(v for v in VECTORS if kind(v) == "interact" and v["status"] != 200))
def test_refused_first_run_tells_whether_a_browser_was_started(backend, vector):
    """Only what failed after the browser was made leaves something to stop."""
    made = {"interact.replay_failed", "interact.agent_failed", "interact.exec_failed"}
    wanted = Started.YES if vector["name"] in made else Started.NO

    assert wanted is backend.scrape_started(answer_of(vector))


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_gateways_page_does_not_tell_whether_a_browser_was_started(backend, status):
    """Without a word of the provider's own, the run may still be going on."""
    assert Started.UNKNOWN is backend.scrape_started(Answer(status, {}, b"<html></html>"))


def test_young_stop_asks_again_where_nothing_is_found(backend):
    """A first run whose answer nobody has may still make its browser."""
    now = 1_000_000_000_000.0  # Far ahead: never older than the provider's worst case.
    end = backend.end_request(scrape_ref(TERMS.job_id), born=now)
    old = backend.end_request(scrape_ref(TERMS.job_id), born=1.0)

    assert Verdict.AGAIN is judge(end, 404, b"{}", now=now, not_found=9)
    assert Verdict.GONE is judge(old, 404, b"{}", now=now)


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"success": 1}', b'{"success": true, "stdout": {}}'])
def test_misfit_of_a_run_is_a_protocol_error(backend, body):
    """What cannot be a run's answer says so."""
    with pytest.raises(ProtocolError):
        backend.read_run(Answer(200, {}, body), Run(code="1"), session_id=ID)


@pytest.mark.parametrize(
    "name", ["stdout", "stderr", "result", "exitCode", "killed", "truncated", "error", "output"]
)
def test_null_in_a_runs_answer_is_nothing(backend, name):
    """Null and missing text are no protocol errors: the run has taken place."""
    body = json.dumps({"success": True, name: None}).encode()
    result = backend.read_run(Answer(200, {}, body), Run(code="1"), session_id=ID)

    assert not result.failed
    assert ("", "", None) == (result.stdout, result.stderr, result.error)
