"""Which browsers a process has started, as ``/proc`` tells it."""

from __future__ import annotations

import os
from pathlib import Path

import attrs

_BROWSER_SIGNS = (b"--user-data-dir", b"--type=", b"--remote-debugging-")  # Chromium's own arguments.


@attrs.frozen
class Process:
    """
    One process.

    Attributes:
        pid: Its number, which the system gives to another once it is free.

        started: Clock ticks from the system's start to its own; with *pid*, unique.
    """

    pid: int
    started: int


def browsers_below(root: int) -> set[Process]:
    """Return the browser processes among the descendants of a process; none where there is no ``/proc``."""
    parents = {process: parent for process, parent in _processes() if parent}
    family = {root}
    # A child may be listed before its parent, so go round until nobody is added.
    while found := {p.pid for p, parent in parents.items() if parent in family} - family:
        family |= found
    family.remove(root)
    return {process for process in parents if process.pid in family and _is_browser(process.pid)}


def still_running(processes: set[Process]) -> set[Process]:
    """Return those that have not ended; a zombie has."""
    return processes & {process for process, _ in _processes()}


def can_be_seen() -> bool:
    """Tell whether this system shows its processes in ``/proc``."""
    return Path(f"/proc/{os.getpid()}/stat").exists()


def _processes() -> list[tuple[Process, int]]:
    """Return every living process with the number of its parent."""
    found: list[tuple[Process, int]] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "stat").read_text(errors="replace")
        except OSError:  # It ended meanwhile.
            continue
        # The name, in brackets, may hold anything; the fields behind it cannot.
        fields = text.rpartition(")")[2].split()
        if fields[0] not in "ZX":
            found.append((Process(int(folder.name), int(fields[19])), int(fields[1])))
    return found


def _is_browser(pid: int) -> bool:
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return any(sign in arguments for sign in _BROWSER_SIGNS)
