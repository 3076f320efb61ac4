"""Whatever an argument is given, it is taken, or refused as the caller's mistake."""

import contextlib
import datetime as dt
import decimal
import inspect
import pathlib
import uuid

import pytest

from firecrawl_interact import (
    AnchorBackend,
    AnchorOptions,
    FirecrawlBackend,
    FirecrawlOptions,
    MemoryBackend,
    PendingSession,
    Profile,
    Session,
    SessionRef,
    UsageError,
)
from firecrawl_interact.backends import anchor_options as anchor
from firecrawl_interact.backends.anchor_account import AnchorFilters

JOB = "019a1f01-1111-7222-8333-444455556666"
HUGE = 10**400  # More than a float holds.
ODD = [
    *(None, True, False, 0, 1, -1, 60, HUGE, -HUGE, 1.5, float("nan"), float("inf"), 1j),
    *("", "x", "a b", "\u00e9", "\ud800", "\x00", "x" * 100_000, b"", b"x", bytearray(b"x")),
    *([], [1], ["a"], [None], [[]], (), ("a",), set(), {"a"}, range(3)),
    *({}, {"a": 1}, {1: 2}, {"ttl": 1}, {"session": {"tags": [1]}}, {"a": object()}, {"a": float("nan")}),
    *(object(), int, MemoryBackend, Ellipsis, len, uuid.UUID(JOB), decimal.Decimal(60), pathlib.Path("/")),
    *(
        dt.timedelta(seconds=60),
        dt.timedelta(-1),
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        dt.date(2026, 1, 1),
    ),
    *(Profile("p"), Profile(3), Profile(None, None)),
]
BACKENDS = {
    "memory": MemoryBackend,
    "firecrawl": lambda: FirecrawlBackend("fc-k"),
    "anchor": lambda: AnchorBackend("k"),
}


def all_tried(make, **known):
    """Make it with each odd value in place of each argument; return what was made, the rest being refused."""
    made = []
    for name in inspect.signature(make).parameters:
        for value in ODD:
            with contextlib.suppress(UsageError):
                made.append(make(**{**known, name: value}))
    return made


@pytest.mark.parametrize("backend", BACKENDS)
def test_create_takes_or_refuses_any_value(backend):
    """Only a `UsageError` comes out of the call, and nothing is sent by it."""
    made = all_tried(Session.create, backend=BACKENDS[backend]())

    assert {PendingSession} == {type(each) for each in made}


def test_attach_takes_or_refuses_any_value():
    """So does the other way to a session."""
    made = all_tried(Session.attach, session_id="s1", backend=MemoryBackend())

    assert {PendingSession} == {type(each) for each in made}


def test_from_scrape_takes_or_refuses_any_value():
    """And the third."""
    made = all_tried(Session.from_scrape, job_id=JOB, backend=MemoryBackend())

    assert {PendingSession} == {type(each) for each in made}


@pytest.mark.parametrize(
    ("cls", "known"),
    [
        (FirecrawlBackend, {"api_key": "fc-k"}),
        (AnchorBackend, {"api_key": "k"}),
        (AnchorOptions, {}),
        (FirecrawlOptions, {}),
        (SessionRef, {"backend": "b", "session_id": "s1", "base_url": "memory:"}),
        (anchor.AnchorProxy, {}),
        (anchor.OwnProxy, {"server": "http://h:1"}),
        (anchor.Viewport, {"width": 1, "height": 1}),
        (anchor.Tracing, {}),
        (anchor.MaskPattern, {"regex": "x"}),
        (anchor.DataMask, {}),
        (anchor.OnePassword, {"id": "v"}),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_configuration_is_taken_or_refused_as_it_is_made(cls, known):
    """A mistake is found where it was written."""
    made = all_tried(cls, **known)

    assert {cls} == {type(each) for each in made}


def test_options_that_were_taken_can_be_sent():
    """What typed options let through makes a body, or contradicts something else that was asked for."""
    for options in all_tried(AnchorOptions):
        with contextlib.suppress(UsageError):
            Session.create(backend=BACKENDS["anchor"](), options=options)


def test_filters_are_taken_or_refused_as_they_are_used():
    """No filter is sent as something else than it says."""
    for filters in all_tried(AnchorFilters):
        with contextlib.suppress(UsageError):
            assert all(isinstance(value, str) for value in filters.query().values())
