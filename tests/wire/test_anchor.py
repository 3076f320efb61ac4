"""Anchor's recorded exchanges fit the wire classes."""

import json
from pathlib import Path

import pytest

from firecrawl_interact.wire import anchor as wire
from firecrawl_interact.wire import anchor_batch as batch
from firecrawl_interact.wire import anchor_controls as controls
from firecrawl_interact.wire import anchor_files as files
from firecrawl_interact.wire import anchor_profiles as profiles
from firecrawl_interact.wire import anchor_start as start
from firecrawl_interact.wire import anchor_tools as tools
from firecrawl_interact.wire._bounds import OutOfBoundsError
from firecrawl_interact.wire._converter import MisfitError

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "anchor.vectors.json").read_text())

# How each recorded exchange is read: the class of its body, and that of its answer.
# The longest name that a vector's own begins with decides.
CLASSES = {
    "start": (start.CreateRequest, wire.CreateReply),
    "get": (None, wire.GetReply),
    "list": (None, wire.ListReply),
    "status_all": (None, wire.StatusReply),
    "history": (None, None),  # Usage statistics; nobody here asks for them.
    "end": (None, wire.EndReply),
    "async.create": (start.CreateRequest, start.AcceptedReply),
    "async.status": (None, start.StartStatusReply),
    "batch.create": (batch.BatchRequest, batch.BatchMadeReply),
    "batch.get": (None, batch.BatchReply),
    "batch.list": (None, batch.BatchListReply),
    "batch.cancel": (batch.BatchChange, batch.BatchCancelledReply),
    "batch.delete": (None, batch.BatchDeletedReply),
    "batch.retry": (batch.BatchRetry, batch.BatchRetriedReply),
    "tokens.create": (wire.LinksRequest, wire.LinksReply),
    "tokens.revoke": (None, files.StatusTextReply),
    "tags.get": (None, wire.TagsReply),
    "tags.put": (wire.TagsRequest, wire.TagsChanged),
    "tags.delete": (None, wire.TagsChanged),
    "pages": (None, wire.PagesReply),
    "pages.old_shape": (None, None),  # A bare array; its items are read with the class of the new shape.
    "profiles.create": (profiles.ProfileRequest, profiles.ProfileChangedReply),
    "profiles.list": (None, profiles.ProfileListReply),
    "profiles.get": (None, profiles.ProfileReply),
    "profiles.delete": (None, profiles.ProfileChangedReply),
    "billing": (None, None),  # The account's money is none of our business.
    "goto": (controls.GotoRequest, controls.Done),
    "screenshot": (None, None),  # Pictures.
    "error": (controls.ClickRequest, controls.Done),
}
# Bodies that are recorded because they are refused.
BAD_BODIES = {"start.400.bad_timeout_type", "batch.create.400.count"}


def classes(vector):
    return CLASSES[max((name for name in CLASSES if vector["name"].startswith(name)), key=len)]


def dialect(vector):
    return (
        controls.CONTROLS
        if classes(vector)[0] in {controls.GotoRequest, controls.ClickRequest}
        else wire.DIALECT
    )


def named(vectors):
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def without_nulls(document):
    """Leave out what is null: whether a member is null or absent means the same."""
    if isinstance(document, dict):
        return {key: without_nulls(value) for key, value in document.items() if value is not None}
    if isinstance(document, list):
        return [without_nulls(item) for item in document]
    return document


SERVED = named(v for v in VECTORS if v["status"] == 200 and classes(v)[1])
REFUSED = named(
    v
    for v in VECTORS
    if v["status"] != 200
    and isinstance(v["response_body"], dict)
    and isinstance(v["response_body"].get("error"), dict)
    and "code" in v["response_body"]["error"]
)
SENT = named(v for v in VECTORS if v["request_body"] is not None and v["name"] not in BAD_BODIES)


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
    _, cls = classes(vector)
    written = dialect(vector).unstructure(dialect(vector).structure(body, cls))

    assert without_nulls(body) == without_nulls(written)


@pytest.mark.parametrize("vector", SERVED)
def test_unknown_fields_are_passed_over(vector):
    """An answer with more in it than we know still fits."""
    _, cls = classes(vector)
    known = dialect(vector).unstructure(dialect(vector).structure(sprinkle(vector["response_body"]), cls))

    assert set(vector["response_body"]) == set(known)


@pytest.mark.parametrize("vector", REFUSED)
def test_an_error_body_can_be_written_with_the_error_class(vector):
    """The server's complaints have one class."""
    body = vector["response_body"]

    assert body == wire.DIALECT.unstructure(wire.DIALECT.structure(body, wire.ErrorReply))


@pytest.mark.parametrize("vector", SENT)
def test_a_recorded_body_written_again_is_the_same(vector):
    """What the official SDKs send is read, and every member is kept."""
    body = vector["request_body"]
    cls, _ = classes(vector)

    assert body == dialect(vector).unstructure(dialect(vector).structure(body, cls))


def test_pages_of_the_older_shape_fit_the_same_class():
    """The newest specification puts them into an envelope, an older one does not."""
    bare = next(v["response_body"] for v in VECTORS if v["name"] == "pages.old_shape")

    assert bare == [wire.DIALECT.unstructure(wire.DIALECT.structure(item, wire.Page)) for item in bare]


@pytest.mark.parametrize(
    ("cls", "document"),
    [
        (controls.ClickRequest, {"x": 1.5, "y": 2, "button": "left"}),
        (controls.ClickRequest, {"selector": "#go", "timeout": 5000, "index": 1}),
        (controls.PointRequest, {"x": 1, "y": 2}),
        (controls.DragRequest, {"startX": 1, "startY": 2, "endX": 3, "endY": 4, "button": "right"}),
        (controls.ScrollRequest, {"x": 1, "y": 2, "deltaY": -5, "deltaX": 5, "steps": 3, "useOs": True}),
        (controls.TypeRequest, {"text": "abc", "delay": 20}),
        (controls.ShortcutRequest, {"keys": ["Control", "a"], "holdTime": 100}),
        (controls.TextRequest, {"text": "abc"}),
        (controls.ClipboardReply, {"data": {"text": "abc"}}),
    ],
)
def test_controls_are_spelt_in_camel_case(cls, document):
    """As the vendor's own SDK spells them."""
    assert document == controls.CONTROLS.unstructure(controls.CONTROLS.structure(document, cls))


def test_a_word_of_pythons_is_spelt_plainly_on_the_wire():
    """``async`` cannot be the name of an attribute."""
    written = wire.DIALECT.unstructure(tools.TaskRequest(prompt="p", async_=True))

    assert {"prompt": "p", "async": True} == written
    assert tools.TaskRequest(prompt="p", async_=True) == wire.DIALECT.structure(written, tools.TaskRequest)


def test_a_scope_nobody_knows_is_refused():
    """A new link must not be wider than what was meant."""
    with pytest.raises(OutOfBoundsError, match="scopes"):
        wire.LinksRequest(scopes=["live_view", "everything"])


@pytest.mark.parametrize(
    ("minutes", "fits"),
    [(-2, False), (-1, True), (0, False), (1, True), (10_000, True), (True, False), (1.5, False)],
)
def test_minutes_are_whole_and_above_0_or_no_limit(minutes, fits):
    """-1 means no limit; neither 0 nor fractions are documented."""
    try:
        start.Timeout(max_duration=minutes)
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
