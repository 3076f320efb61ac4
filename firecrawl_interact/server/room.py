"""What of this machine is left for one more browser."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from firecrawl_interact.server import cgroups, user_limit

LEAST_DISK = 256 * 1024 * 1024  # Bytes that stay free where browsers keep their files.
MEMORY = 128 * 1024 * 1024  # Bytes that a browser with a few pages shares with nobody.
TASKS = 200  # Processes and threads that a browser with a few pages takes.
DESCRIPTORS = 64  # Of this process, for one browser and those connected to it.

_ROOT = Path("/")


def shortage(starting: int = 0, *, root: Path = _ROOT) -> str | None:
    """
    Say what there is too little of; None if there is room for one more browser.

    Args:
        starting: How many are on their way, and have not taken all of their share yet.

        root: Where the system's own files are, which tell its limits.
    """
    try:
        free = shutil.disk_usage(tempfile.gettempdir()).free
    except OSError as error:
        return f"There is no folder for browsers' files: {error.strerror}."
    if free < LEAST_DISK:
        return f"The disk for browsers' files is nearly full: {free // 1024**2} MiB are left."
    bytes_wanted, tasks_wanted = MEMORY * (starting + 1), TASKS * (starting + 1)
    memory = cgroups.memory_left(bytes_wanted, root)
    if memory is not None and memory < bytes_wanted:
        left = f"{max(0, memory) // 1024**2} MiB are left of {bytes_wanted // 1024**2} wanted"
        return f"The limit of memory is nearly reached: {left}."
    for tasks in (cgroups.tasks_left(root), user_limit.tasks_left(tasks_wanted, root)):
        if tasks is not None and tasks < tasks_wanted:
            left = f"{max(0, tasks)} are left of {tasks_wanted} wanted"
            return f"The limit of processes is nearly reached: {left}."
    descriptors = _descriptors_left()
    if descriptors is not None and descriptors < DESCRIPTORS:
        return f"The limit of open files is nearly reached: {descriptors} are left of the server's."
    return None


def take_all_descriptors() -> None:
    """Raise this process's limit of open files to what it may have at the most."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        pass  # macOS says "unlimited" and means less.


def _descriptors_left() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    try:
        used = len(os.listdir("/dev/fd"))  # noqa: PTH208  # a list of names is all that is wanted
    except OSError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft - used
