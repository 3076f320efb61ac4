"""What the control groups of this process leave it, in both versions that Linux has of them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

_MOUNT = Path("sys/fs/cgroup")
_TASKS = (("pids.max", "pids.current"),)
_MEMORY = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
_CACHED = (
    "inactive_file ",
    "total_inactive_file ",
)  # Lines with bytes that are given up when they are needed.


def tasks_left(root: Path) -> int | None:
    """
    Return how many more processes and threads may be started; None where nothing limits them.

    Args:
        root: Where the system's files are.
    """
    left = (_difference(most, used) for most, used in _limits(root, "pids", _TASKS))
    return min((tasks for tasks in left if tasks is not None), default=None)


def memory_left(wanted: int, root: Path) -> int | None:
    """
    Return how many more bytes of memory may be used; None where nothing limits them.

    Args:
        wanted: How many are of interest. What caches hold is looked at where there are fewer without it.

        root: Where the system's files are.
    """
    found: list[int] = []
    for most, used in _limits(root, "memory", _MEMORY):
        left = _difference(most, used)
        if left is not None:
            found.append(left if left >= wanted else left + _cached(most.with_name("memory.stat")))
    return min(found, default=None)


@functools.cache  # A process stays in its groups; what changes is what the files say.
def _limits(root: Path, controller: str, names: tuple[tuple[str, str], ...]) -> tuple[tuple[Path, Path], ...]:
    """List the files with limits that hold here, each with the one that says what is used."""
    groups = dict.fromkeys(_groups(root, controller))
    pairs = [(group / most, group / used) for group in groups for most, used in names]
    return tuple(pair for pair in pairs if pair[0].exists())


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """List the folders of the groups around this process: the limits of all of them hold."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return  # Another system.
    for line in lines:
        controllers, _, path = line.partition(":")[2].partition(":")
        if not controllers:
            mounts = [root / _MOUNT, root / _MOUNT / "unified"]  # The latter beside the first version.
        elif controller in controllers.split(","):
            mounts = [root / _MOUNT / controllers]
        else:
            continue
        for mount in mounts:
            # In a container the path may be that of the host, of which the topmost folder alone is there.
            own = mount / path.lstrip("/")
            yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(mount))


def _difference(most: Path, used: Path) -> int | None:
    try:
        return int(most.read_text(encoding="ascii")) - int(used.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None  # The first says "max".


def _cached(statistics: Path) -> int:
    try:
        lines = statistics.read_text(encoding="ascii").splitlines()
        return max((int(line.rpartition(" ")[2]) for line in lines if line.startswith(_CACHED)), default=0)
    except (OSError, ValueError):
        return 0  # It is none that we know.
