"""Whatever a server answers, Firecrawl's backend raises typed errors only and loses no id."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firecrawl_interact.backends.firecrawl import FirecrawlBackend
from firecrawl_interact.backends.firecrawl_extras import read_replay, read_scrape
from firecrawl_interact.backends.scraper import ScrapeTerms, Started
from firecrawl_interact.errors import InteractError, ProtocolError
from firecrawl_interact.models import Answer, CloseReceipt, Run, SessionInfo, SessionOptions

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "firecrawl.vectors.json").read_text())
BACKEND = FirecrawlBackend("fc-TEST")
TERMS = ScrapeTerms(job_id="019a1f01-1111-7222-8333-444455556666")

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "0", "\x00", "x" * 5000, 10**400, -1, "javascript:alert(1)", "../..", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)

READERS = {
    "create": lambda answer: BACKEND.read_created(answer, SessionOptions()),
    "list": BACKEND.read_list,
    "execute": lambda answer: BACKEND.read_run(answer, Run(code="1"), session_id="s1"),
    "interact": lambda answer: BACKEND.read_scrape_run(answer, TERMS),
    "scrape": read_scrape,
    "replay": read_replay,
}


def documents(kind):
    return [
        vector["response_body"]
        for vector in VECTORS
        if vector["name"].startswith(f"{kind}.")
        and vector["status"] == 200
        and isinstance(vector["response_body"], dict)
    ]


@st.composite
def mutated(draw, kind):
    """A recorded answer with one value anywhere in it taken out or replaced, or a field added."""
    document = json.loads(json.dumps(draw(st.sampled_from(documents(kind)))))
    places = list(_places(document))
    holder, key = draw(st.sampled_from(places))
    action = draw(st.sampled_from(["remove", "replace", "add"]))
    if action == "remove":
        del holder[key]
    elif action == "replace":
        holder[key] = draw(JUNK)
    elif isinstance(holder, dict):
        holder[draw(st.text(max_size=8))] = draw(JUNK)
    return document


def _places(node):
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield node, key
        yield from _places(value)


@pytest.mark.parametrize("kind", READERS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_mutated_answers_raise_typed_errors_only(kind, data):
    """A field that is missing, null, of another type, huge or new breaks nothing."""
    answer = Answer(200, {}, json.dumps(data.draw(mutated(kind))).encode())
    with contextlib.suppress(ProtocolError):
        READERS[kind](answer)


@settings(max_examples=100, deadline=None)
@given(mutated("create"))
def test_id_in_a_mutated_create_is_never_lost(document):
    """Either the answer is read, or the error holds the id that has to be ended."""
    session_id = document.get("id")
    try:
        info = BACKEND.read_created(Answer(200, {}, json.dumps(document).encode()), SessionOptions())
    except ProtocolError as error:
        known = error.session_id
    else:
        known = info.id
        assert isinstance(info, SessionInfo)

    if _can_be_ended(session_id):
        assert session_id == known


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=60)
    | JUNK.map(lambda junk: json.dumps(junk).encode())
    | mutated("delete").map(lambda document: json.dumps(document).encode())
)
def test_any_confirming_answer_is_a_receipt(body):
    """Once the status says that it is gone, no body makes the end a failure."""
    assert isinstance(BACKEND.read_ended(Answer(200, {}, body)), CloseReceipt)


@settings(max_examples=100, deadline=None)
@given(st.integers(300, 599), st.binary(max_size=60) | JUNK.map(lambda junk: json.dumps(junk).encode()))
def test_any_refusal_is_typed(status, body):
    """Every status with every body is an error of ours, and says whether something was started."""
    answer = Answer(status, {}, body)

    assert isinstance(BACKEND.error(answer), InteractError)
    assert isinstance(BACKEND.scrape_started(answer), Started)


def _can_be_ended(session_id):
    try:
        BACKEND.end_request(session_id)
    except InteractError:
        return False
    return True
