"""Browsers whose server has died."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path

from firecrawl_interact.server.scratch import LOCK, PREFIX, sweep


def kill() -> int:
    """
    Kill the browsers that no server holds any more, and remove their folders. Blocks: it reads /proc.

    A browser ends with its server, so there are none unless one hangs. The proof is the folder's lock:
    the server holds it for as long as it lives, so where only browsers do, there is no server.

    Returns:
        How many browsers there were.
    """
    if sys.platform != "linux":
        return 0
    killed = 0
    found = _forsaken()
    # A server looked at just before it made a folder, and the browser in it after that, seem to be a
    # browser without a server. Looked at again, the server holds the lock: it does before a browser starts.
    for group in found and found & _forsaken():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
            killed += 1
    sweep()  # Folders of those killed just now may be left to the next call: their processes end first.
    return killed


def _forsaken() -> set[int]:
    """Look once for browsers that alone hold their folders; return their process groups."""
    forsaken: set[int] = set()
    for folder, holders in _holders().items():
        groups = {_group_of_browser(pid, folder) for pid in holders}
        if None not in groups:  # Somebody who is no browser is its server.
            forsaken.update(group for group in groups if group is not None)
    return forsaken - {os.getpgrp()}


def _holders() -> dict[Path, list[int]]:
    """Find who holds the locks of which folders of ours."""
    folders = {
        str(path / LOCK): path for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _is_ours(path)
    }
    found: dict[Path, list[int]] = {}
    if not folders:
        return found
    for process in Path("/proc").glob("[0-9]*"):
        for descriptor in _descriptors(process):
            folder = folders.get(descriptor)
            if folder is not None:
                found.setdefault(folder, []).append(int(process.name))
    return found


def _descriptors(process: Path) -> list[str]:
    """Tell what a process has open; nothing, if it has ended or is somebody else's."""
    open_files: list[str] = []
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(process / "fd"):  # noqa: PTH208  # names, read at once
            with contextlib.suppress(FileNotFoundError):  # One that was closed meanwhile hides no other.
                open_files.append(os.readlink(process / "fd" / descriptor))  # noqa: PTH115
    return open_files


def _is_ours(path: Path) -> bool:
    with contextlib.suppress(OSError):
        return path.lstat().st_uid == os.geteuid()
    return False


def _group_of_browser(pid: int, folder: Path) -> int | None:
    """Tell the process group of a browser that uses this folder; None if it is no such browser."""
    with contextlib.suppress(OSError):
        group = os.getpgid(pid)
        arguments = Path(f"/proc/{group}/cmdline").read_bytes().split(b"\0")
        if f"--user-data-dir={folder / 'data'}".encode() in arguments:
            return group
    return None
