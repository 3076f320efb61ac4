"""What RLIMIT_NPROC leaves the user as whom browsers run: they inherit it from us."""

from __future__ import annotations

import re
from pathlib import Path

from firecrawl_interact.server.unprivileged import user_of_browsers

_MOST = re.compile(r"^Max processes +(\d+)", re.MULTILINE)
_ALL = re.compile(r"/(\d+)")  # In "0.10 0.20 0.30 running/all newest".
_USER = re.compile(r"^Uid:\t(\d+)", re.MULTILINE)
_THREADS = re.compile(r"^Threads:\t(\d+)", re.MULTILINE)


def tasks_left(wanted: int, root: Path) -> int | None:
    """
    Return how many more processes and threads the user may start; None where nothing limits them.

    Args:
        wanted: How many are of interest. While all users together leave that many, nobody is counted.

        root: Where the system's files are.
    """
    user = user_of_browsers()
    if not user:
        return None  # Root has no such limit.
    try:
        found = _MOST.search((root / "proc/self/limits").read_text(encoding="ascii"))
        everybody = int(_ALL.findall((root / "proc/loadavg").read_text(encoding="ascii"))[0])
    except (OSError, IndexError):
        return None  # Another system.
    if found is None:
        return None  # It says "unlimited".
    left = int(found[1]) - everybody
    return left if left >= wanted else int(found[1]) - _count(user, root)


def _count(user: int, root: Path) -> int:
    """Count the threads of a user's processes."""
    threads = 0
    for process in (root / "proc").glob("[0-9]*"):
        try:
            status = (process / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # It has ended.
        owner, number = _USER.search(status), _THREADS.search(status)
        if owner is not None and number is not None and int(owner[1]) == user:
            threads += int(number[1])
    return threads
