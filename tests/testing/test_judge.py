"""Verdicts and sums, without a process."""

from __future__ import annotations

import attrs
import pytest

from firecrawl_interact.testing.leak_lab import judge, report
from firecrawl_interact.testing.leak_lab.scenario import ERROR, Scenario, Verdict

CLEAN = {"live": [], "made": ["s1"], "posts": 1, "foreign": ["f1"], "foreign_made": 1}
FINE = {"kind": "nothing", "names": [], "text": "", "exact": True}


def judged(scenario: Scenario, *, state=None, reports=(FINE,), stderr="", wrong=()) -> Verdict:
    return judge.verdict(
        scenario,
        dialect="firecrawl",
        loop="asyncio",
        state=CLEAN | (state or {}),
        evidence=judge.Evidence(reports=reports, stderr=stderr),
        wrong=wrong,
        seconds=1.0,
    )


def scenario(**more) -> Scenario:
    return Scenario(name="s", group="g", body="plain:once", **more)


def test_all_well_passes():
    """No session left, one create, no exception: nothing to complain about."""
    verdict = judged(scenario())

    assert (True, ()) == (verdict.passed, verdict.wrong)


def test_a_session_left_is_a_leak():
    """What lives at the end counts against the client."""
    verdict = judged(scenario(), state={"live": ["s1"]})

    assert (True, False) == (verdict.leaked, verdict.passed)


@pytest.mark.parametrize(("dialect", "leaked"), [("firecrawl", False), ("anchor", True)])
def test_what_nobody_can_find_is_tolerated_in_its_dialect_only(dialect, leaked):
    """A reason given for one provider excuses nothing at the other."""
    verdict = judged(scenario(tolerates={dialect: "lost"}), state={"live": ["s1"]})

    assert leaked == verdict.leaked


def test_the_end_of_a_foreign_session_is_harm():
    """Wrong deletes are worse than leaks."""
    verdict = judged(scenario(), state={"foreign": []})

    assert (True, False) == (verdict.harmed, verdict.passed)


def test_a_repeated_create_is_wrong():
    """The number of creates is part of the verdict."""
    verdict = judged(scenario(), state={"posts": 2})

    assert ("2 creates were sent, not 1",) == verdict.wrong


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"kind": "nothing"}, ("ended with nothing, not with error",)),
        ({"kind": "error", "names": ["CloseError"]}, ()),
        (
            {"kind": "error", "names": ["ValueError"], "text": "ValueError"},
            ("ended with ValueError, not with CloseError",),
        ),
        ({"kind": "error", "names": ["ValueError"], "exact": False}, ()),
        ({"kind": "claim", "text": "too hot"}, ("too hot",)),
    ],
)
def test_endings_are_compared_with_what_must_come(given, wrong):
    """Kinds and claims count always, the class of an error where the adapter promises ours."""
    verdict = judged(scenario(raises=(ERROR,), error="CloseError"), reports=[FINE | given])

    assert wrong == verdict.wrong


def test_noise_counts_once_unless_it_belongs_there():
    """Complaints of the loop are failures, but where a scenario expects them."""
    stderr = "x <ClientSession at 0x12ab>: Unclosed client session\n" * 2

    loud = judged(scenario(), stderr=stderr)
    expected = judged(scenario(noise=("Unclosed",)), stderr=stderr)

    assert ("on stderr: x <ClientSession at 0x...>: Unclosed client session",) == loud.wrong
    assert () == expected.wrong


def test_the_report_sums_up_by_group():
    """Each group has a line, and all of them together one more."""
    good = judged(scenario())
    leaky = attrs.evolve(judged(scenario(), state={"live": ["s1", "s2"]}), group="h")
    excused = attrs.evolve(
        judged(scenario(tolerates={"firecrawl": "lost"}), state={"live": ["s1"]}), group="h"
    )

    found = [
        (row.name, row.passed, row.trials, row.leaks, row.left, row.tolerated)
        for row in report.rows([good, leaky, excused])
    ]

    assert [("g", 1, 1, 0, 0, 0), ("h", 1, 2, 1, 3, 1), ("all", 2, 3, 1, 3, 1)] == found
