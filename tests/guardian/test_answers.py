"""The judge of answers."""

import json
import time

import pytest

from firecrawl_interact.backends.base import RESERVED_IDS
from firecrawl_interact.guardian import answers
from firecrawl_interact.guardian.answers import Verdict, fill, find_id, judge, judge_list, live_ids
from firecrawl_interact.models import EndRequest, Request, Rows, Verify

GET = Request("GET", "http://provider/list")
ROWS = Rows(("data", "items"), "session_id", "status", frozenset({"ended", "failed"}), "tags")
VERIFY = Verify(401, GET, ROWS)
NOW = 1_000_000.0


def end(**more):
    return EndRequest(
        Request("DELETE", "http://provider/s1"),
        gone=frozenset({200, 204, 404, 410}),
        again=frozenset({429, 502, 503}),
        final=frozenset({401, 403}),
        **more,
    )


def listed(*rows):
    return json.dumps({"data": {"items": rows}}).encode()


def row(session_id="s1", status="running", **more):
    return {"session_id": session_id, "status": status, **more}


def test_what_is_owed_is_shown_without_its_lists_of_statuses():
    """
    A failing test's diff shows what would be sent, and not how every answer would be read.
    """
    assert (
        "EndRequest(request=Request(method='DELETE'), verify=None, repeat_while_field=None, born=None)"
        == (repr(end()))
    )


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.GONE),
        (204, Verdict.GONE),
        (404, Verdict.GONE),
        (410, Verdict.GONE),
        (429, Verdict.AGAIN),
        (502, Verdict.AGAIN),
        (401, Verdict.FINAL),
        (403, Verdict.FINAL),
        (302, Verdict.FINAL),
        (418, Verdict.FINAL),
    ],
)
def test_status_decides(status, verdict):
    """
    Each status means what the end request says, and one it does not name is final.
    """
    assert verdict is judge(end(), status, b"<html>", now=NOW)


@pytest.mark.parametrize(
    ("age", "not_found", "verdict"),
    [
        (0.0, 0, Verdict.AGAIN),
        (2.9, 1, Verdict.AGAIN),
        (2.9, 2, Verdict.GONE),
        (3.0, 0, Verdict.GONE),
    ],
)
def test_not_found_is_doubted_twice_while_the_session_is_young(age, not_found, verdict):
    """
    A 404 right after the birth may come from a replica that lags.
    """
    assert verdict is judge(end(born=NOW - age), 404, b"", now=NOW, not_found=not_found)


def test_other_confirmations_of_a_young_session_are_believed():
    """
    Only 404 can lag: 410 and 200 come from somebody who knows the session.
    """
    for status in (200, 410):
        assert Verdict.GONE is judge(end(born=NOW), status, b"", now=NOW)


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (b'{"sessionId": "s1"}', Verdict.AGAIN),
        (b'{"success": true}', Verdict.GONE),
        (b'["sessionId"]', Verdict.GONE),
        (b"sessionId", Verdict.GONE),
        (b"", Verdict.GONE),
        (b"[" * 100_000, Verdict.GONE),
    ],
)
def test_end_is_repeated_while_the_answer_holds_the_field(body, verdict):
    """
    A stop that named what it stopped is sent again, until it names nothing.
    """
    assert verdict is judge(end(repeat_while_field="sessionId"), 200, body, now=NOW)


def test_doubtful_status_asks_for_the_list():
    """
    A status that may mean a bad key is decided by the list, although it is among the final ones.
    """
    assert Verdict.VERIFY is judge(end(verify=VERIFY), 401, b"", now=NOW)


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (401, b"", Verdict.FINAL),
        (200, listed(row()), Verdict.AGAIN),
        (200, listed(row(status="ENDED")), Verdict.GONE),
        (200, listed(row("s2")), Verdict.GONE),
        (200, listed(), Verdict.GONE),
        (200, b"<html>", Verdict.AGAIN),
        (200, b'{"data": {"items": {"s1": 1}}}', Verdict.AGAIN),
        (200, b'{"data": []}', Verdict.AGAIN),
        (503, b"", Verdict.AGAIN),
        (429, b"", Verdict.AGAIN),
        (403, b"", Verdict.FINAL),
    ],
)
def test_list_decides_a_doubtful_end(status, body, verdict):
    """
    Refused too: the key is bad. Among the living: owed. Unreadable: ask again. Else gone.
    """
    assert verdict is judge_list(VERIFY, status, body, "s1")


def test_living_rows_with_the_mark_are_found():
    """
    A row counts if it is not over and carries the whole mark; an unknown status counts as alive.
    """
    body = listed(
        row("mine", tags=["fi-1"]),
        row("news", "hibernating", tags=["other", "fi-1"]),
        row("foreign", tags=["fi-2"]),
        row("prefix", tags=["fi-12"]),
        row("text", tags="fi-1"),
        row("none", tags=None),
        row("over", "Failed", tags=["fi-1"]),
        row(7, tags=["fi-1"]),
        "noise",
    )

    assert ["mine", "news"] == live_ids(ROWS, body, "fi-1")


def test_rows_without_tags_match_no_mark():
    """
    Where a list shows no tags nothing is provably ours.
    """
    rows = Rows(("data", "items"), "session_id", "status", frozenset())

    assert [] == live_ids(rows, listed(row(tags=["fi-1"])), "fi-1")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"null", b'{"data": 1}', b'{"data": {"items": null}}', b"[" * 100_000]
)
def test_body_that_is_no_list_is_an_error(body):
    """
    What cannot be read does not count as an empty list.
    """
    with pytest.raises(ValueError):
        live_ids(ROWS, body)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"data": {"id": "s1"}}', "s1"),
        (b'{"data": {"id": ""}}', None),
        (b'{"data": {"id": 7}}', None),
        (b'{"data": []}', None),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_id_is_found_at_its_path(body, found):
    """
    An id is a text at the end of the path; all else is none.
    """
    assert found == find_id(("data", "id"), body)


def test_id_takes_its_place_in_the_url():
    """
    A plain id becomes one path segment.
    """
    assert "http://provider/v1/019a-b_c" == fill("http://provider/v1/{id}", "019a-b_c")


@pytest.mark.parametrize(
    "session_id", [*sorted(RESERVED_IDS), "", "a/b", "a?b", "a%2Fb", "a b", "é", "s1\n", "a#"]
)
def test_id_that_could_be_another_route_is_refused(session_id):
    """
    No answer can turn the end of one session into the end of another or of all.
    """
    assert fill("http://provider/v1/{id}", session_id) is None


def test_reserved_ids_are_the_backends():
    """
    The copy that the helper process needs is complete.
    """
    assert RESERVED_IDS == answers.RESERVED_IDS


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("1.5", 1.5),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:05 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
    ],
)
def test_retry_after_is_read(text, seconds):
    """
    Seconds and dates are understood, nonsense counts as not said.
    """
    assert seconds == answers.retry_after({"retry-after": text}, now=10.0)


def test_date_without_a_zone_is_utc_wherever_we_are(monkeypatch):
    """
    Dates of HTTP are in UTC, whatever our own zone.
    """
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        seconds = answers.retry_after({"retry-after": "Thu, 01 Jan 1970 00:00:30"}, now=10.0)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert 20.0 == seconds


def test_pause_doubles_up_to_its_end_and_honours_what_was_asked():
    """
    No pause is longer than its ceiling, and none shorter than what the provider asked for.
    """
    assert all(0 <= answers.pause(attempt) <= min(2.0, 0.05 * 2**attempt) for attempt in range(50))
    assert 3.0 <= answers.pause(0, 3.0) <= 3.05
    assert 60.0 <= answers.pause(0, 86_400.0) <= 60.05
