"""What of this machine is left for one more browser."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

LEAST_DISK = 256 * 1024 * 1024  # Bytes that stay free where browsers keep their files.
TASKS = 200  # Processes and threads that a browser with a few pages takes.
DESCRIPTORS = 64  # Of this process, for one browser and those connected to it.

_CGROUP = Path("/sys/fs/cgroup")


def shortage() -> str | None:
    """Say what there is too little of; None if there is room for one more browser."""
    try:
        free = shutil.disk_usage(tempfile.gettempdir()).free
    except OSError as error:
        return f"There is no folder for browsers' files: {error.strerror}."
    if free < LEAST_DISK:
        return f"The disk for browsers' files is nearly full: {free // 1024**2} MiB are left."
    tasks = _tasks_left()
    if tasks is not None and tasks < TASKS:
        return f"The limit of processes is nearly reached: {tasks} are left, a browser takes up to {TASKS}."
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


def _tasks_left() -> int | None:
    """Look at the control group's limit, which is the one that containers have; None where there is none."""
    try:
        own = Path("/proc/self/cgroup").read_text(encoding="ascii").rpartition("::")[2].strip()
        folder = _CGROUP / own.lstrip("/")
        most = (folder / "pids.max").read_text(encoding="ascii").strip()
        return None if most == "max" else int(most) - int((folder / "pids.current").read_text("ascii"))
    except (OSError, ValueError):
        return None


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
