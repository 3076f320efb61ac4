"""Judge: what a scenario left, against what it may leave."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from firecrawl_interact.testing.leak_lab.scenario import ERROR, Scenario, Verdict

REPORTS = "reports.jsonl"
STDERR = "stderr.txt"

# What Python and aiohttp say about work that was not finished.
NOISE = (
    "was never retrieved",
    "was never awaited",
    "Unclosed",
    "unclosed",
    "Task was destroyed",
    "ResourceWarning",
    "Exception ignored",
    "Event loop is closed",
    "unhandled exception",
    "Fatal Python",
)


@attrs.frozen(kw_only=True)
class Evidence:
    """
    What a program left on disk.

    Attributes:
        reports: How its statements ended, in order.

        stderr: Its last words.
    """

    reports: Sequence[Mapping[str, Any]]
    stderr: str


def read_evidence(folder: Path) -> Evidence:
    """Read what the program left in its folder."""
    reports = folder / REPORTS
    lines = reports.read_text(encoding="utf-8").splitlines() if reports.exists() else []
    stderr = (folder / STDERR).read_text(encoding="utf-8", errors="replace")
    return Evidence(reports=[json.loads(line) for line in lines], stderr=stderr)


def verdict(
    scenario: Scenario,
    *,
    dialect: str,
    loop: str,
    state: Mapping[str, Any],
    evidence: Evidence,
    wrong: Sequence[str],
    seconds: float,
) -> Verdict:
    """
    Judge one scenario.

    Args:
        scenario: What was tried.

        dialect: Whose wire was spoken.

        loop: Kind of loop.

        state: The server's account.

        evidence: What the program left on disk.

        wrong: What the runner saw go wrong.

        seconds: How long it took.
    """
    complaints = [*wrong, *_wrong_endings(scenario, evidence), *_noise(scenario, evidence)]
    if scenario.posts is not None and state["posts"] != scenario.posts:
        complaints.append(f"{state['posts']} creates were sent, not {scenario.posts}")
    left = len(state["live"])
    return Verdict(
        scenario=scenario.name,
        group=scenario.group,
        dialect=dialect,
        loop=loop,
        made=len(state["made"]),
        left=left,
        tolerated=scenario.tolerates.get(dialect) if left else None,
        wrong=tuple(complaints),
        harmed=len(state["foreign"]) < state["foreign_made"],
        seconds=round(seconds, 2),
    )


def _wrong_endings(scenario: Scenario, evidence: Evidence) -> list[str]:
    complaints: list[str] = []
    for report in evidence.reports:
        kind, text = report["kind"], report["text"]
        if kind == "claim":
            complaints.append(text)
        elif kind not in scenario.raises:
            complaints.append(f"ended with {text or kind}, not with {' or '.join(scenario.raises)}")
        elif kind == ERROR and report["exact"] and scenario.error and scenario.error not in report["names"]:
            complaints.append(f"ended with {text}, not with {scenario.error}")
    return complaints


def _noise(scenario: Scenario, evidence: Evidence) -> list[str]:
    """Find the complaints on stderr, each once."""
    heard = [
        re.sub(r"0x[0-9a-f]+", "0x...", line.strip())[:300]  # Addresses differ and say nothing.
        for line in evidence.stderr.splitlines()
        if any(word in line for word in NOISE) and not any(word in line for word in scenario.noise)
    ]
    return [f"on stderr: {line}" for line in dict.fromkeys(heard)]
