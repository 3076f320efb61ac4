"""Firecrawl's recorded exchanges fit the wire classes."""

import json
from pathlib import Path

import pytest

from firecrawl_interact.wire import firecrawl as wire
from firecrawl_interact.wire._bounds import OutOfBoundsError
from firecrawl_interact.wire._converter import MisfitError

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "firecrawl.vectors.json").read_text())

REPLIES = {
    "create": wire.CreateReply,
    "status": wire.GetReply,
    "list": wire.ListReply,
    "delete": wire.DeleteReply,
    "stop": wire.DeleteReply,
}


def kind(vector):
    return vector["name"].partition(".")[0]


def named(vectors):
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


SERVED = named(v for v in VECTORS if kind(v) in REPLIES and v["status"] == 200)
REFUSED = named(v for v in VECTORS if kind(v) in REPLIES and v["status"] != 200)
CREATES = named(v for v in VECTORS if kind(v) == "create" and v["status"] == 200)
BAD_CREATES = named(v for v in VECTORS if kind(v) == "create" and "details" in v["response_body"])


def sprinkle(document):
    """Add a field nobody knows to every object."""
    if isinstance(document, dict):
        return {**{key: sprinkle(value) for key, value in document.items()}, "neverHeardOf": {"x": [1]}}
    if isinstance(document, list):
        return [sprinkle(item) for item in document]
    return document


@pytest.mark.parametrize("vector", SERVED)
def test_a_served_answer_fits_with_and_without_unknown_fields(vector):
    """All three generations of the server are understood, and so is the next."""
    cls, body = REPLIES[kind(vector)], vector["response_body"]
    reply = wire.DIALECT.structure(body, cls)

    assert reply == wire.DIALECT.structure(sprinkle(body), cls)
    assert body["success"] is reply.success


@pytest.mark.parametrize("vector", SERVED)
def test_a_reply_written_again_says_the_same(vector):
    """Both ends of the line agree: what the server writes, the client reads."""
    reply = wire.DIALECT.structure(vector["response_body"], REPLIES[kind(vector)])
    written = json.loads(wire.DIALECT.dumps(reply))

    assert reply == wire.DIALECT.structure(written, type(reply))
    assert set(vector["response_body"]) <= set(written)


@pytest.mark.parametrize("vector", REFUSED)
def test_an_error_body_can_be_written_with_the_error_class(vector):
    """The server's complaints have one class, which adds nothing but *success*."""
    body = vector["response_body"]
    reply = wire.DIALECT.structure(body, wire.ErrorReply)

    assert {"success": False, **body} == wire.DIALECT.unstructure(reply)


@pytest.mark.parametrize("vector", CREATES)
def test_a_recorded_create_fits(vector):
    """What the official SDKs send is read, and written again without fields nobody knows."""
    body = vector["request_body"]
    request = wire.DIALECT.structure(body, wire.CreateRequest)
    defaults = {"ttl": 600, "activityTtl": 300}
    known = {key: value for key, value in body.items() if key != "foo"}

    assert {**defaults, **known} == wire.DIALECT.unstructure(request)


@pytest.mark.parametrize("vector", BAD_CREATES)
def test_a_create_that_the_server_refuses_is_refused_here_at_the_same_path(vector):
    """Our bounds and types are the server's."""
    with pytest.raises(MisfitError) as caught:
        wire.DIALECT.structure(vector["request_body"], wire.CreateRequest)

    assert tuple(vector["response_body"]["details"][0]["path"]) == caught.value.issues[0].path


@pytest.mark.parametrize(
    ("option", "value", "fits"),
    [
        ("ttl", 29, False),
        ("ttl", 30, True),
        ("ttl", 3600, True),
        ("ttl", 3601, False),
        ("ttl", True, False),
        ("ttl", 60.0, False),
        ("activity_ttl", 9, False),
        ("activity_ttl", 10, True),
        ("activity_ttl", 3600, True),
        ("activity_ttl", 3601, False),
    ],
)
def test_bounds_hold_at_their_edges(option, value, fits):
    """30 to 3600 and 10 to 3600 whole seconds, edges included."""
    try:
        wire.CreateRequest(**{option: value})
    except OutOfBoundsError as error:
        outcome = (error.field, error.value)
    else:
        outcome = "fits"

    assert ("fits" if fits else (option, value)) == outcome


@pytest.mark.parametrize(("length", "fits"), [(0, False), (1, True), (128, True), (129, False)])
def test_profile_names_have_1_to_128_characters(length, fits):
    """The edges of the name's length belong to it."""
    try:
        wire.Profile(name="p" * length)
    except OutOfBoundsError:
        outcome = False
    else:
        outcome = True

    assert fits is outcome


def test_secrets_stay_out_of_reprs():
    """A reply can be logged."""
    vector = next(v for v in VECTORS if v["name"] == "create.with_playlist.g2")
    shown = repr(wire.DIALECT.structure(vector["response_body"], wire.CreateReply))

    assert "SECRET" not in shown
    assert "liveview" not in shown
