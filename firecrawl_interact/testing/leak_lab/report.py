"""Report: what the lab found, summed up by group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from firecrawl_interact.testing.leak_lab.scenario import Verdict


@attrs.frozen(kw_only=True)
class Row:
    """
    One line of the table.

    Attributes:
        name: Group, or ``all``.

        trials: How many scenarios ran, each dialect counted.

        passed: How many of them were as they must be.

        leaks: How many left a session without need.

        left: Sessions left in all, the tolerated ones too.

        tolerated: How many of those no client could have found.

        wrong: How many ended with a wrong exception, a hang or noise, or sent a wrong number of creates.

        harmed: How many ended somebody else's session.
    """

    name: str
    trials: int
    passed: int
    leaks: int
    left: int
    tolerated: int
    wrong: int
    harmed: int


def rows(verdicts: Sequence[Verdict]) -> list[Row]:
    """Sum up by group, in order of appearance, and over all."""
    groups = dict.fromkeys(verdict.group for verdict in verdicts)
    table = [_row(group, [verdict for verdict in verdicts if verdict.group == group]) for group in groups]
    return [*table, _row("all", verdicts)]


def as_json(verdict: Verdict) -> dict[str, Any]:
    """Return one verdict as JSON data."""
    return {**attrs.asdict(verdict), "leaked": verdict.leaked, "passed": verdict.passed}


def failure(verdict: Verdict) -> str:
    """Say in a few words why one did not pass."""
    faults: list[str] = []
    if verdict.leaked:
        faults.append(f"{verdict.left} of {verdict.made} sessions left")
    if verdict.harmed:
        faults.append("somebody else's session was ended")
    faults.extend(verdict.wrong)
    return f"{verdict.group}/{verdict.scenario} [{verdict.dialect}, {verdict.loop}]: {'; '.join(faults)}"


def _row(name: str, verdicts: Iterable[Verdict]) -> Row:
    counted = list(verdicts)
    return Row(
        name=name,
        trials=len(counted),
        passed=sum(verdict.passed for verdict in counted),
        leaks=sum(verdict.leaked for verdict in counted),
        left=sum(verdict.left for verdict in counted),
        tolerated=sum(verdict.left for verdict in counted if not verdict.leaked),
        wrong=sum(bool(verdict.wrong) for verdict in counted),
        harmed=sum(verdict.harmed for verdict in counted),
    )
