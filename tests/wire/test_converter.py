"""The converter checks and never converts, and says where a document does not fit."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firecrawl_interact.errors import ProtocolError
from firecrawl_interact.wire import anchor, firecrawl
from firecrawl_interact.wire._converter import MisfitError, camel_case, time_text

ROW = {"id": "s1", "status": "active"}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
DELETE_REPLIES = JSON | st.fixed_dictionaries(
    {"success": st.booleans() | JSON},
    optional={"status": st.text(max_size=5) | JSON, "neverHeardOf": JSON},
)


def misfit_of(document, cls, dialect=firecrawl.DIALECT):
    with pytest.raises(MisfitError) as caught:
        dialect.structure(document, cls)
    return caught.value


@pytest.mark.parametrize(
    ("document", "field", "words"),
    [
        ({"success": True, "sessions": [{**ROW, "id": 5}]}, "sessions[0].id", "of type string, not number"),
        ({"success": True, "sessions": [ROW, {"id": "s2"}]}, "sessions[1].status", "is missing"),
        ({"success": True, "sessions": [ROW, "s2"]}, "sessions[1]", "of type object, not string"),
        ({"success": True, "sessions": "ab"}, "sessions", "of type array, not string"),
        ({"success": True, "sessions": {"0": ROW}}, "sessions", "of type array, not object"),
        ({"success": True, "sessions": [{**ROW, "status": None}]}, "sessions[0].status", "string, not null"),
        ({"success": True, "sessions": [{**ROW, "id": ""}]}, "sessions[0].id", "is empty"),
        ({"success": True, "sessions": [{**ROW, "createdAt": "soon"}]}, "sessions[0].createdAt", "type time"),
        ({"success": True, "sessions": [{**ROW, "createdAt": 1}]}, "sessions[0].createdAt", "type time"),
        ({"success": 1, "sessions": []}, "success", "of type boolean, not number"),
        ({"sessions": []}, "success", "is missing"),
        ([], "", "of type object, not array"),
        (None, "", "of type object, not null"),
    ],
)
def test_a_misfit_is_named_by_its_path_on_the_wire(document, field, words):
    """The first misfit carries the path as the provider spells it, and the reason."""
    misfit = misfit_of(document, firecrawl.ListReply)

    assert field == misfit.issues[0].field
    assert words in str(misfit)


def test_every_misfit_is_found():
    """A server can complain about all fields at once."""
    misfit = misfit_of({"ttl": "60", "activityTtl": 1.5, "profile": {}}, firecrawl.CreateRequest)

    assert ["ttl", "activityTtl", "profile.name"] == [issue.field for issue in misfit.issues]


@pytest.mark.parametrize("number", [True, "3", float("nan"), float("inf"), None, []])
def test_a_number_is_never_made_from_something_else(number):
    """Only JSON numbers are numbers, and only finite ones."""
    misfit = misfit_of(
        {"data": {"sessions": [], "total": number, "page": 1, "total_pages": 1}},
        anchor.ListReply,
        anchor.DIALECT,
    )

    assert "data.total" == misfit.issues[0].field


@pytest.mark.parametrize(("sent", "kept"), [(3, int), (2.5, float)])
def test_credits_keep_the_form_they_were_sent_in(sent, kept):
    """Whole credits stay whole, fractions are accepted."""
    reply = firecrawl.DIALECT.structure({"success": True, "creditsBilled": sent}, firecrawl.DeleteReply)

    assert (sent, kept) == (reply.credits_billed, type(reply.credits_billed))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-15T10:40:00.000Z", datetime(2026, 1, 15, 10, 40, tzinfo=UTC)),
        ("2026-01-15 10:30:00.98+00", datetime(2026, 1, 15, 10, 30, 0, 980_000, tzinfo=UTC)),
        ("2026-01-15 12:30:00+02", datetime(2026, 1, 15, 10, 30, tzinfo=UTC)),
        ("2026-01-15T10:30:00", datetime(2026, 1, 15, 10, 30, tzinfo=UTC)),
    ],
)
def test_both_spellings_of_time_are_read_as_aware_instants(text, expected):
    """ISO 8601 and PostgreSQL's text mean the same instant; without a zone it is UTC."""
    row = firecrawl.DIALECT.structure({**ROW, "createdAt": text}, firecrawl.SessionRow)

    assert expected == row.created_at
    assert row.created_at.tzinfo is not None


def test_time_is_written_as_javascript_does():
    """Milliseconds and Z, whatever the zone."""
    moment = datetime.fromisoformat("2026-01-15T12:40:00.1239+02:00")

    assert "2026-01-15T10:40:00.123Z" == time_text(moment)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("id", "id"), ("interactive_live_view_url", "interactiveLiveViewUrl")]
)
def test_the_renaming_rule_spells_camel_case(ours, theirs):
    """One rule makes their spelling from ours."""
    assert theirs == camel_case(ours)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff\xfe\xfa", b"[" * 100_000, b"1" * 5000])
def test_what_is_no_json_is_a_protocol_error(body):
    """Truncated, foreign, malicious: all end in one error."""
    with pytest.raises(ProtocolError) as caught:
        firecrawl.DIALECT.loads(body, firecrawl.CreateReply, status=200)

    assert 200 == caught.value.status


def test_the_session_id_survives_a_misfit():
    """Whoever gets the error can still end the session."""
    with pytest.raises(ProtocolError, match="Firecrawl's answer does not fit: cdpUrl is missing") as caught:
        firecrawl.DIALECT.loads(b'{"success": true, "id": "s1"}', firecrawl.CreateReply, id_path=("id",))

    assert ("s1", "cdpUrl") == (caught.value.session_id, caught.value.field)


def test_a_misfit_repeats_no_value():
    """What is in the wrong place may be a secret."""
    with pytest.raises(ProtocolError) as caught:
        firecrawl.DIALECT.loads(
            b'{"success": true, "id": "s1", "cdpUrl": ["wss://SECRET"], "expiresAt": "SECRET"}',
            firecrawl.CreateReply,
        )

    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(DELETE_REPLIES)
@settings(max_examples=100, deadline=None, database=None)
def test_a_document_fits_exactly_if_its_types_are_right(document):
    """Whatever comes in: it fits, or it is refused as a misfit, and by its types alone."""
    try:
        firecrawl.DIALECT.structure(document, firecrawl.DeleteReply)
    except MisfitError:
        fits = False
    else:
        fits = True

    expected = (
        isinstance(document, dict)
        and isinstance(document.get("success"), bool)
        and isinstance(document.get("status"), str | None)
    )
    assert expected is fits


def test_the_converter_is_imported_on_first_use():
    """Importing the wire classes does not pay for cattrs."""
    code = (
        "import sys, firecrawl_interact.wire.firecrawl, firecrawl_interact.wire.anchor;"
        "print('cattrs' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert "False" == done.stdout.strip()
