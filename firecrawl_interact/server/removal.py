"""Remove a tree of files, whatever programs made of it."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
from pathlib import Path

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_MOST_LEVELS = 1_000_000  # Nothing is as deep, but what somebody goes on building meanwhile.


def remove_tree(folder: Path) -> None:
    """
    Remove a folder with all that is in it; no link is followed, whoever lays it when. Blocks on the disk.

    It may be deeper than functions can be called (`shutil.rmtree`), and keep its owner from writing to it.

    Raises:
        OSError: Somebody puts new files there, or the disk fails.
    """
    top = _open(folder)
    moved = f"moved-{secrets.token_hex(8)}-"
    numbers = itertools.count()
    try:
        for _ in range(_MOST_LEVELS):
            names = _clear(top)
            if not names:
                break
            for name in names:
                below = _open(name, top)
                try:
                    # What is two levels down comes one up, so that there are never more.
                    for deeper in _clear(below):
                        _allow(deeper, below)
                        os.rename(deeper, f"{moved}{next(numbers)}", src_dir_fd=below, dst_dir_fd=top)
                finally:
                    os.close(below)
                os.rmdir(name, dir_fd=top)
        else:
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(folder))
    finally:
        os.close(top)
    folder.rmdir()


def _clear(folder: int) -> list[str]:
    """Remove what is no folder, and return the names of those that are."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
    return [name for name, is_folder in found if is_folder]


def _open(path: Path | str, parent: int | None = None) -> int:
    _allow(path, parent)
    return os.open(path, _FOLDER, dir_fd=parent)


def _allow(path: Path | str, parent: int | None) -> None:
    """Take back what its owner took from itself: without it nothing can be listed, removed or moved."""
    if os.geteuid() != 0:  # Who needs none of it; and in its way somebody else could lay a link.
        with contextlib.suppress(PermissionError):  # Somebody else's; the next step tells whether it matters.
            os.chmod(path, 0o700, dir_fd=parent)
