"""Anchor's recorded exchanges fit the wire classes."""

import json
from pathlib import Path

import pytest

from firecrawl_interact.wire import anchor as wire
from firecrawl_interact.wire._bounds import OutOfBoundsError
from firecrawl_interact.wire._converter import MisfitError

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "anchor.vectors.json").read_text())

REPLIES = {
    "start": wire.CreateReply,
    "get": wire.GetReply,
    "list": wire.ListReply,
    "status_all": wire.StatusReply,
    "end": wire.EndReply,
    "end_all": wire.EndReply,
    "tags.get": wire.TagsReply,
    "tags.put": wire.TagsChanged,
    "tags.delete": wire.TagsChanged,
}


def kind(vector):
    name = vector["name"]
    return ".".join(name.split(".")[:2]) if name.startswith("tags.") else name.partition(".")[0]


def named(vectors):
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


SERVED = named(v for v in VECTORS if kind(v) in REPLIES and v["status"] == 200)
REFUSED = named(
    v for v in VECTORS if kind(v) in REPLIES and v["status"] != 200 and isinstance(v["response_body"], dict)
)
STARTS = named(v for v in VECTORS if kind(v) == "start" and v["status"] == 200)


def sprinkle(document):
    """Add a field nobody knows to every object."""
    if isinstance(document, dict):
        return {**{key: sprinkle(value) for key, value in document.items()}, "never_heard_of": {"x": [1]}}
    if isinstance(document, list):
        return [sprinkle(item) for item in document]
    return document


@pytest.mark.parametrize("vector", SERVED)
def test_a_served_answer_written_again_is_the_same(vector):
    """Nothing of a recorded answer is lost or respelt, but for a null that is left out."""
    body = vector["response_body"]
    written = wire.DIALECT.unstructure(wire.DIALECT.structure(body, REPLIES[kind(vector)]))

    assert body == written


@pytest.mark.parametrize("vector", SERVED)
def test_unknown_fields_are_passed_over(vector):
    """An answer with more in it than we know still fits."""
    cls = REPLIES[kind(vector)]
    wire.DIALECT.structure(sprinkle(vector["response_body"]), cls)
    known = set(wire.DIALECT.unstructure(wire.DIALECT.structure(sprinkle(vector["response_body"]), cls)))

    assert set(vector["response_body"]) == known


@pytest.mark.parametrize("vector", REFUSED)
def test_an_error_body_can_be_written_with_the_error_class(vector):
    """The server's complaints have one class."""
    body = vector["response_body"]

    assert body == wire.DIALECT.unstructure(wire.DIALECT.structure(body, wire.ErrorReply))


@pytest.mark.parametrize("vector", STARTS)
def test_a_recorded_start_fits(vector):
    """What the official SDKs send is read; every member that we model is kept."""
    body = vector["request_body"] or {}
    request = wire.DIALECT.structure(body, wire.CreateRequest)
    written = wire.DIALECT.unstructure(request)
    session, browser = dict(body.get("session", {})), dict(body.get("browser", {}))
    browser.pop("extensions", None)

    assert {"session": session, "browser": browser} == {"session": {}, "browser": {}, **written}


@pytest.mark.parametrize(
    ("minutes", "fits"),
    [(-2, False), (-1, True), (0, False), (1, True), (10_000, True), (True, False), (1.5, False)],
)
def test_minutes_are_whole_and_above_0_or_no_limit(minutes, fits):
    """-1 means no limit; neither 0 nor fractions are documented."""
    try:
        wire.Timeout(max_duration=minutes)
    except OutOfBoundsError:
        outcome = False
    else:
        outcome = True

    assert fits is outcome


def test_a_timeout_of_the_wrong_type_is_a_misfit():
    """``"10m"`` is no number of minutes."""
    vector = next(v for v in VECTORS if v["name"] == "start.400.bad_timeout_type")
    with pytest.raises(MisfitError) as caught:
        wire.DIALECT.structure(vector["request_body"], wire.CreateRequest)

    assert "session.timeout.max_duration" == caught.value.issues[0].field


def test_secrets_stay_out_of_reprs():
    """A reply can be logged: no key, and no link."""
    vector = next(v for v in VECTORS if v["name"] == "start.minimal.empty_object")
    shown = repr(wire.DIALECT.structure(vector["response_body"], wire.CreateReply))

    assert "test-key" not in shown
    assert "live.anchorbrowser" not in shown
