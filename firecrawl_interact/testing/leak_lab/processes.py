"""Processes: signals to one, to its group, or to it and all of its descendants."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from firecrawl_interact.testing.leak_lab.scenario import Step

PROC = Path("/proc")
KNOWS_FAMILIES = (PROC / "self" / "stat").exists()  # Whether this system tells who is whose child.


def send(step: Step, pid: int) -> None:
    """Send a step's signal; a process that has ended already got what it needs."""
    number = signal.Signals[f"SIG{step.do}"]
    with contextlib.suppress(ProcessLookupError):
        match step.to:
            case "group":
                os.killpg(pid, number)
            case "tree":
                kill_tree(pid)
            case "helpers":
                for member in descendants(pid):
                    _signal(member, number)
            case _:
                os.kill(pid, number)


def kill_tree(pid: int) -> None:
    """
    Kill a process and all its descendants as if at one instant, as the end of a container does.

    All of them are stopped first, so that none sees another's death.
    """
    tree: list[int] = []
    found = [pid]
    while found:  # What is stopped forks no more, so this ends.
        for member in found:
            _signal(member, signal.SIGSTOP)
        tree += found
        children = _children()
        found = [child for parent in tree for child in children.get(parent, ()) if child not in tree]
    for member in tree:
        _signal(member, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """Find the children of a process, and theirs."""
    children = _children()
    found: list[int] = []
    parents = [pid]
    while parents:
        parents = [child for parent in parents for child in children.get(parent, ())]
        found += parents
    return found


def kill_group(pid: int) -> None:
    """Kill what a scenario has left in its process group; helpers that left the group stay."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _children() -> dict[int, list[int]]:
    """Read who is whose child, from /proc."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # It may end while we read.
                # The name, in parentheses, may hold anything; what follows it may not.
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    return children
