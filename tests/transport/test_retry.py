"""What is repeated, when, and for how long."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firecrawl_interact.errors import TransportError, TransportTimeoutError
from firecrawl_interact.models import Answer, Request
from firecrawl_interact.transport import retry

REQUEST = Request("DELETE", "http://127.0.0.1:1/")
NOON = 1_767_268_800.0  # 2026-01-01 12:00:00 UTC


class Line:
    """Answer from a list; the last one for ever."""

    def __init__(self, *outcomes):
        self._outcomes = list(outcomes)
        self.timeouts = []
        self.asked = asyncio.Event()
        self._pass_time = lambda: None

    def takes(self, *seconds, lapse):
        """Let each outcome in turn take so long."""
        pauses = iter(seconds)
        self._pass_time = lambda: lapse(next(pauses))

    async def send(self, request, *, timeout, fresh=False):
        self.timeouts.append(timeout)
        self.asked.set()
        self._pass_time()
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def aclose(self):
        """Nothing to close."""


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_passing_trouble_is_repeated(status):
    """
    A status that may differ next time is asked again, and the next answer counts.
    """
    line = Line(Answer(status), Answer(200))

    answer = await retry.request(line, REQUEST, attempt=40, total=90)

    assert (200, 2) == (answer.status, len(line.timeouts))


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 402, 403, 404, 409, 410])
async def test_settled_answer_is_returned_at_once(status):
    """
    Any other status is an answer, good or bad.
    """
    line = Line(Answer(status))

    answer = await retry.request(line, REQUEST, attempt=40, total=90)

    assert (status, 1) == (answer.status, len(line.timeouts))


@pytest.mark.parametrize(
    "error", [TransportError(sent=True), TransportError(sent=False), TransportTimeoutError(sent=True)]
)
async def test_failed_line_is_repeated(error):
    """
    What may safely be sent twice is sent again after a failure, sent or not.
    """
    line = Line(error, error, Answer(200))

    answer = await retry.request(line, REQUEST, attempt=40, total=90)

    assert (200, 3) == (answer.status, len(line.timeouts))


async def test_other_errors_are_not_repeated():
    """
    A mistake of ours is not a failure of the line.
    """
    line = Line(KeyError("ours"))

    with pytest.raises(KeyError):
        await retry.request(line, REQUEST, attempt=40, total=90)

    assert 1 == len(line.timeouts)


async def test_last_answer_is_returned_when_time_is_up(lapse):
    """
    Trouble that does not pass in time is handed on as the answer that it is.
    """
    line = Line(Answer(503), Answer(503, {"second": "yes"}))
    line.takes(0, 90, lapse=lapse)

    answer = await retry.request(line, REQUEST, attempt=40, total=90)

    assert (503, "yes") == (answer.status, answer.headers["second"])
    assert 2 == len(line.timeouts)


async def test_last_failure_is_raised_when_time_is_up(lapse):
    """
    A line that stays broken is a TransportError in the end: the last one.
    """
    last = TransportError("last")
    line = Line(TransportError("first"), last)
    line.takes(0, 90, lapse=lapse)

    with pytest.raises(TransportError) as caught:
        await retry.request(line, REQUEST, attempt=40, total=90)

    assert last is caught.value


async def test_long_retry_after_is_not_slept_through():
    """
    A provider that wants more patience than there is gets none: its answer is returned at once.
    """
    line = Line(Answer(429, {"retry-after": "3600"}))

    async with asyncio.timeout(30):
        answer = await retry.request(line, REQUEST, attempt=40, total=90)

    assert (429, 1) == (answer.status, len(line.timeouts))


async def test_attempt_is_cut_to_what_is_left():
    """
    No attempt may take longer than the whole has left.
    """
    line = Line(Answer(503), Answer(200))

    await retry.request(line, REQUEST, attempt=40, total=10)

    assert all(timeout <= 10 for timeout in line.timeouts)
    assert line.timeouts[1] < line.timeouts[0]


async def test_callers_statuses_replace_ours():
    """
    Whoever names statuses decides alone.
    """
    line = Line(Answer(503), Answer(404), Answer(200))

    answer = await retry.request(line, REQUEST, attempt=40, total=90, again={503, 404})

    assert 200 == answer.status


async def test_pause_can_be_cancelled():
    """
    A cancellation during a pause ends the call at once.
    """
    line = Line(Answer(429, {"retry-after": "60"}))
    task = asyncio.create_task(retry.request(line, REQUEST, attempt=40, total=90))
    async with asyncio.timeout(30):
        await line.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert 1 == len(line.timeouts)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("-3", 0.0),
        ("1.5", 1.5),
        ("99999999", 99999999.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 13:00:30 +0100", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-", None),
        (".", None),
        ("nan", None),
        ("inf", None),
        ("1e9", None),
        ("٣", None),
        ("Thu, 99 Jan 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(text, seconds):
    """
    Seconds and dates are understood; what lies in the past is 0, what cannot be read is None.
    """
    assert seconds == retry.retry_after({"retry-after": text}, NOON)


@pytest.mark.parametrize("zone", ["", " -0000"])
def test_date_without_a_zone_is_utc_wherever_we_are(zone, monkeypatch):
    """
    Dates of HTTP are in UTC; our own zone neither shifts them nor makes the latest one fail.
    """
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        soon = retry.retry_after({"retry-after": f"Thu, 01 Jan 2026 12:00:30{zone}"}, NOON)
        latest = retry.retry_after({"retry-after": f"Fri, 31 Dec 9999 23:59:59{zone}"}, NOON)
    finally:
        monkeypatch.undo()
        time.tzset()

    assert 30.0 == soon
    assert 253_402_300_799.0 - NOON == latest


def test_retry_after_is_none_when_absent():
    """
    A provider that says nothing asks for nothing.
    """
    assert retry.retry_after({}) is None


def test_retry_after_counts_from_the_clock():
    """
    Without an instant given, a date counts from now.
    """
    assert 0.0 == retry.retry_after({"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"})


@settings(deadline=None)  # Never assert elapsed time.
@given(st.text())
def test_retry_after_takes_any_text(text):
    """
    No header makes it fail or go below zero.
    """
    value = retry.retry_after({"retry-after": text}, NOON)

    assert value is None or value >= 0


@settings(deadline=None)  # Never assert elapsed time.
@given(st.integers(0, 10_000))
def test_pause_is_jittered_within_its_ceiling(attempt):
    """
    A pause lies between nothing and 50 ms doubled per attempt, two seconds at most.
    """
    pause = retry.pause(attempt)

    assert 0 <= pause <= min(2.0, 0.05 * 2 ** min(attempt, 20))


@settings(deadline=None)  # Never assert elapsed time.
@given(st.integers(0, 100), st.floats(0, 1000))
def test_pause_is_never_shorter_than_asked_for(attempt, after):
    """
    What the provider asks for is kept, with at most two seconds on top.
    """
    assert after <= retry.pause(attempt, after) <= after + 2.0
