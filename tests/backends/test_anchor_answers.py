"""Whatever Anchor answers, it is read or refused by type, and no session's id is lost."""

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firecrawl_interact.backends.anchor import AnchorBackend
from firecrawl_interact.backends.anchor_reading import number
from firecrawl_interact.errors import InteractError, ProtocolError, ServerError
from firecrawl_interact.models import Answer, CloseReceipt, Run, SessionOptions

VECTORS = {
    vector["name"]: vector
    for vector in json.loads((Path(__file__).parents[1] / "vectors" / "anchor.vectors.json").read_text())
}
ID = "5f1c9a52-6f0e-4f3b-9d3a-0d3f6f0f6c11"
HOME = "https://api.anchorbrowser.io"

BACKEND = AnchorBackend("test-key")
ASYNC = AnchorBackend("test-key", async_start=True)
HASTY = AnchorBackend("test-key", receipts=False)

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.builds(list),
    st.builds(dict),
    st.builds(lambda: ["x"]),
    st.just("completed"),
    st.just("1e999"),
    st.just(10**400),
)


def places(document, path=()):
    """Every place in a document, itself included."""
    yield path
    members = (
        document.items()
        if isinstance(document, dict)
        else enumerate(document)
        if isinstance(document, list)
        else ()
    )
    for key, value in members:
        yield from places(value, (*path, key))


@st.composite
def damaged(draw, *names):
    """A recorded body in which up to three places were replaced or removed, or that was cut."""
    body = copy.deepcopy(VECTORS[draw(st.sampled_from(names))]["response_body"])
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(sorted(places(body), key=repr)))
        if not path:
            body = draw(JUNK)
            continue
        holder = body
        for key in path[:-1]:
            holder = holder[key]
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[path[-1]]
        else:
            holder[path[-1]] = draw(JUNK)
    raw = json.dumps(body).encode()
    if draw(st.booleans()):
        return raw
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw


def id_in(raw, *path):
    """The id at a path of a body, if it is one."""
    try:
        found = json.loads(raw)
        for key in path:
            found = found[key]
    except (ValueError, LookupError, TypeError):
        return None
    return found if found == ID else None


QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(
    damaged("start.minimal.empty_object", "start.scoped_access", "get.404"), st.sampled_from([200, 201, 400])
)
def test_a_damaged_create_is_typed_and_its_id_is_kept(raw, status):
    """Whoever has the id can end the session."""
    try:
        info = BACKEND.read_created(Answer(status, {}, raw), SessionOptions())
    except InteractError as error:
        known = error.session_id
    else:
        known = info.id

    assert status == 400 or id_in(raw, "data", "id") in {known, None}


@QUICK
@given(
    damaged(
        "async.create",
        "async.status.pending",
        "async.status.processing",
        "async.status.ready",
        "async.status.failed",
    )
)
def test_a_damaged_start_to_come_is_typed_and_its_id_is_kept(raw):
    """There is another question to ask, a session, or an error that has its id."""
    answer = Answer(200, {}, raw)
    following = ASYNC.pending(answer)
    if following is not None:
        assert following.url.startswith(f"{HOME}/v1/sessions/async/")

        return
    try:
        known = ASYNC.read_created(answer, SessionOptions()).id
    except InteractError as error:
        known = error.session_id

    assert id_in(raw, "data", "session", "session_id") in {known, None}


@QUICK
@given(damaged("status_all", "status_all.by_tag"))
def test_a_damaged_list_is_read_or_refused(raw):
    """There is no third."""
    try:
        BACKEND.read_list(Answer(200, {}, raw))
    except ProtocolError:
        pass


@QUICK
@given(damaged("get.running", "get.ended"), st.sampled_from([200, 404, 500]))
def test_a_damaged_receipt_confirms_all_the_same(raw, status):
    """The session is gone, whatever is said of its cost."""
    receipt = ASYNC.read_receipt(Answer(status, {}, raw))

    assert receipt.confirmed
    assert receipt.credits_billed is None or receipt.credits_billed >= 0
    assert receipt.duration is None or receipt.duration >= timedelta()


@QUICK
@given(st.one_of(damaged("get.404", "goto.404.nested_error"), st.binary(max_size=40)), st.integers(300, 599))
def test_a_damaged_refusal_is_an_error_of_ours(raw, status):
    """Text, code and wait are taken if they are there."""
    assert status == BACKEND.error(Answer(status, {}, raw), session_id=ID).status


@QUICK
@given(
    st.one_of(
        damaged("get.404"),
        st.recursive(JUNK, lambda each: st.dictionaries(st.text(max_size=8), each), max_leaves=5).map(
            lambda found: json.dumps(found).encode()
        ),
    ),
    st.sampled_from([Run(code="1"), Run(prompt="p")]),
)
def test_a_damaged_run_is_a_result_or_refused(raw, run):
    """A run's answer has few members to rely on."""
    try:
        BACKEND.read_run(Answer(200, {}, raw), run, session_id=ID)
    except ProtocolError:
        pass


# --- receipts -------------------------------------------------------------------------------


def test_a_receipt_is_asked_for_unless_nobody_wants_it():
    """The answer to an end tells no numbers; one request more is what they cost."""
    assert f"{HOME}/v1/sessions/{ID}" == BACKEND.receipt_request(ID).url
    assert HASTY.receipt_request(ID) is None
    assert (True, False) == (BACKEND.capabilities.receipts, HASTY.capabilities.receipts)


def test_an_ended_session_tells_what_it_has_cost():
    """Seconds and credits of the recorded answer."""
    body = json.dumps(VECTORS["get.ended"]["response_body"]).encode()

    assert CloseReceipt(
        confirmed=True, duration=timedelta(seconds=420), credits_billed=0.12
    ) == ASYNC.read_receipt(Answer(200, {}, body))


def test_numbers_that_are_not_final_are_not_told():
    """A session that still reads as running counts on."""
    body = json.dumps(VECTORS["get.running"]["response_body"]).encode()

    assert CloseReceipt(confirmed=True) == ASYNC.read_receipt(Answer(200, {}, body))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (0, 0),
        (12.5, 12.5),
        ("3.25", 3.25),
        ("N/A", None),
        (None, None),
        (True, None),
        (-1, None),
        ("nan", None),
        ("1e999", None),
        (10**400, None),
    ],
)
def test_credits_are_numbers_in_three_spellings(said, meant):
    """``"N/A"`` is not zero."""
    assert meant == number(said)


# --- starts to come -------------------------------------------------------------------------


def test_a_start_that_failed_tells_why_and_of_whom():
    """The reason is Anchor's; the id, where there is one, can be ended."""
    body = copy.deepcopy(VECTORS["async.status.failed"]["response_body"])
    body["data"]["session"]["session_id"] = ID
    with pytest.raises(ServerError, match="Browser pod did not start") as caught:
        ASYNC.read_created(Answer(200, {}, json.dumps(body).encode()), SessionOptions())

    assert ID == caught.value.session_id


def test_a_start_that_failed_repeats_no_secret():
    """The reason may quote what opens the browser, or the account."""
    body = copy.deepcopy(VECTORS["async.status.failed"]["response_body"])
    body["data"]["session"] |= {"session_id": ID, "error": f"no wss://h/?apiKey={ASYNC.key}, {ID}"}
    with pytest.raises(ServerError, match="no ") as caught:
        ASYNC.read_created(Answer(200, {}, json.dumps(body).encode()), SessionOptions())

    said = f"{caught.value!r}{caught.value.text}"
    assert not any(secret in said for secret in (ASYNC.key, ID, "wss://h"))


def test_a_start_without_the_wish_is_never_asked_after():
    """An answer to a plain start is final, whatever it says."""
    body = json.dumps(VECTORS["async.create"]["response_body"]).encode()

    assert BACKEND.pending(Answer(200, {}, body)) is None
    assert ASYNC.pending(Answer(200, {}, body)) is not None
    assert ASYNC.pending(Answer(404, {}, body)) is None


@pytest.mark.parametrize("request_id", ["", "..", "a/b", "all"])
def test_a_request_id_that_cannot_be_asked_for_is_not(request_id):
    """It would lead to another route."""
    body = {"data": {"request_id": request_id, "status": "pending", "session_id": None}}

    assert ASYNC.pending(Answer(200, {}, json.dumps(body).encode())) is None


# --- taking a session up again --------------------------------------------------------------


@pytest.mark.parametrize(
    ("base_url", "key", "address"),
    [
        (None, "k&y=", f"wss://connect.anchorbrowser.io?apiKey=k%26y%3D&sessionId={ID}"),
        ("http://127.0.0.1:9", "k", f"ws://127.0.0.1:9/?apiKey=k&sessionId={ID}"),
        ("https://api.example.com", "k", f"wss://api.example.com/?apiKey=k&sessionId={ID}"),
        ("http://127.0.0.1:9", None, f"ws://127.0.0.1:9/?sessionId={ID}"),
    ],
)
async def test_a_running_sessions_address_is_built_anew(monkeypatch, base_url, key, address):
    """Anchor does not repeat it; only its own hosts are known to be two."""
    backend = AnchorBackend(key, base_url)
    info = await _looked_up(monkeypatch, backend, VECTORS["get.running"]["response_body"])

    assert address == info.cdp_url
    assert ID not in repr(info).replace(f"id='{ID}'", "")


@pytest.mark.parametrize("name", ["ended", "scoped"])
async def test_an_address_that_opens_nothing_is_not_built(monkeypatch, name):
    """The session is over, or takes tokens alone."""
    body = copy.deepcopy(VECTORS["get.ended" if name == "ended" else "get.running"]["response_body"])
    if name == "scoped":
        body["data"]["configuration"]["session"]["scoped_access"] = {"active": True}

    assert (await _looked_up(monkeypatch, BACKEND, body)).cdp_url is None


@pytest.mark.parametrize(
    ("minutes", "ends"), [(20, timedelta(minutes=20)), (-1, None), ("x", None), (10**12, None)]
)
async def test_when_a_session_ends_is_reckoned_from_its_configuration(monkeypatch, minutes, ends):
    """So that whoever takes it up knows how long it is owed."""
    body = copy.deepcopy(VECTORS["get.running"]["response_body"])
    body["data"]["configuration"]["session"]["timeout"]["max_duration"] = minutes
    made = datetime(2026, 3, 9, 12, 34, 56, 789000, tzinfo=UTC)
    info = await _looked_up(monkeypatch, BACKEND, body)

    assert (None if ends is None else made + ends) == info.expires_at
    assert info.expires_at_estimated is (ends is not None)


async def _looked_up(monkeypatch, backend, body):
    async def ask(_):
        return Answer(200, {}, json.dumps(body).encode())

    monkeypatch.setattr(backend, "_ask", ask)
    return await backend.get(ID)
