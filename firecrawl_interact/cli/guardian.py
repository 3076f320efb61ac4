"""`firecrawl-interact guardian`: which helper processes run on this machine, and for whom."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs

from firecrawl_interact.cli.output import json_line, table
from firecrawl_interact.errors import UnsupportedError

HELP = "show the helper processes that end what their owners leave"

PROC = Path("/proc")
PROGRAM = ("guardian", "program.py")  # The end of the path in its command line, whatever the installation.
OWNER_ARGUMENT = -2  # Where its command line names the owner's pid.
START_FIELD = 19  # In /proc/<pid>/stat, counted from the state: clock ticks from boot to its start.


@attrs.frozen(kw_only=True)
class HelperProcess:
    """
    One helper process as its system shows it. What is owed stays in its memory.

    Attributes:
        pid: Its process id.

        owner: Process id of its owner.

        owner_lives: False once it only ends what the owner left.

        owner_name: The owner's command; None once it is gone.

        since: When it was started.

        memory: Bytes resident.
    """

    pid: int
    owner: int
    owner_lives: bool
    owner_name: str | None
    since: datetime
    memory: int


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("pid", metavar="PID", nargs="?", type=int, help="only the one of this owner")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """
    Show the helper processes; 1 if an owner was named and has none.

    Raises:
        UnsupportedError: This system has no ``/proc``.
    """
    if not (PROC / "self" / "stat").exists():
        raise UnsupportedError(f"Processes cannot be looked at without /proc, which {sys.platform} lacks.")
    found = [each for each in _helpers() if args.pid in {None, each.owner}]
    if args.json:
        for each in found:
            print(json_line(attrs.asdict(each)))
    elif found:
        print(table(("PID", "OWNER", "COMMAND", "STATE", "SINCE", "MEMORY"), map(_row, found)))
    elif args.pid is None:
        print("No guardian runs.")
    if found or args.pid is None:
        return 0
    print(f"No guardian runs for process {args.pid}.", file=sys.stderr)
    return 1


def _row(found: HelperProcess) -> tuple[object, ...]:
    state = "watching" if found.owner_lives else "paying"
    return found.pid, found.owner, found.owner_name, state, found.since, f"{found.memory / 1e6:.1f} MB"


def _helpers() -> Iterator[HelperProcess]:
    booted = datetime.now(UTC) - timedelta(seconds=float((PROC / "uptime").read_text().split()[0]))
    for entry in sorted((entry for entry in PROC.iterdir() if entry.name.isdigit()), key=_number):
        try:
            found = _read(entry, booted)
        except (OSError, ValueError, IndexError):
            continue  # It ended while we looked, or is not ours to look at.
        if found is not None:
            yield found


def _number(entry: Path) -> int:
    return int(entry.name)


def _read(entry: Path, booted: datetime) -> HelperProcess | None:
    words = [os.fsdecode(word) for word in (entry / "cmdline").read_bytes().split(b"\0")[:-1]]
    if not any(Path(word).parts[-2:] == PROGRAM for word in words):
        return None
    owner = int(words[OWNER_ARGUMENT])
    # The command stands in brackets and may hold anything, brackets and blanks too.
    fields = (entry / "stat").read_text().rpartition(")")[2].split()
    start = int(fields[START_FIELD]) / os.sysconf("SC_CLK_TCK")
    resident = int((entry / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    name = PROC / str(owner) / "comm"
    # A helper process is its owner's child until the owner dies.
    lives = fields[1] == str(owner)
    return HelperProcess(
        pid=int(entry.name),
        owner=owner,
        owner_lives=lives,
        owner_name=name.read_text().strip() if lives else None,
        since=booted + timedelta(seconds=start),
        memory=resident,
    )
