"""Folders of browsers: locked while one uses them, removed when nobody does."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import sys
import tempfile
import time
from pathlib import Path

import attrs

from firecrawl_interact.server.child import keep_clear
from firecrawl_interact.server.removal import remove_tree

if sys.platform != "win32":
    import fcntl

PREFIX = "interact-browser-"
LOCK = "lock"

_ATTEMPTS = 10  # Folders made until one could be locked; a sweep can only take one that is not locked yet.
_REMOVALS = 5  # Attempts to remove a folder; a process that was just killed may still finish one write.
_PAUSE = 0.05  # Seconds between them.
_UNLOCKED_AGE = 60  # Seconds after which a folder without a lock file is no longer one that is being made.

_log = logging.getLogger(__name__)


@attrs.define(eq=False)
class Scratch:
    """
    One browser's folder, with a lock that says "in use".

    The lock is a flock, which every copy of its descriptor holds: given to the browser too, the
    folder stays in use until both have ended, however they ended.

    Attributes:
        path: The folder, 0700; the browser's files are below it.

        lock: Descriptor that holds the lock; it can be given to a child.
    """

    path: Path
    lock: int
    _removed: bool = attrs.field(default=False, init=False)

    @property
    def data(self) -> Path:
        """The browser's user data."""
        return self.path / "data"

    @classmethod
    def make(cls) -> Scratch:
        """
        Make and lock a new folder.

        Raises:
            OSError: The disk is full or the folder for temporary files not writable.
        """
        for _ in range(_ATTEMPTS):
            path = Path(tempfile.mkdtemp(prefix=PREFIX))
            lock = _lock(path, create=True)
            if lock is None:
                continue  # A sweep was faster, and removes it.
            scratch = cls(path, lock)
            try:
                scratch.data.mkdir(mode=0o700)
            except OSError:
                scratch.remove()
                raise
            return scratch
        raise OSError("no folder for a browser could be locked")

    def remove(self) -> None:
        """Remove the folder and let the lock go. Blocks on the disk; a second call does nothing."""
        if self._removed:
            return
        self._removed = True
        try:
            _remove(self.path)
        finally:
            os.close(self.lock)


def sweep() -> int:
    """
    Remove the folders whose server and browser have both ended without doing so.

    Returns:
        How many were removed.
    """
    removed = 0
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            lock = _claim(path)
        except OSError:
            continue  # Another sweep was faster, or it is not ours to look into.
        if lock is not None:
            _remove(path)
            os.close(lock)
            removed += 1
    return removed


def _claim(path: Path) -> int | None:
    """Lock a folder that is ours and that nobody uses; None for any other."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return None  # In a folder shared by all users anybody can make such a name.
    if (path / LOCK).exists():
        return _lock(path, create=False)
    return _lock(path, create=True) if time.time() - found.st_mtime > _UNLOCKED_AGE else None


def _lock(path: Path, *, create: bool) -> int | None:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_CREAT if create else 0)
    try:
        lock = keep_clear(os.open(path / LOCK, flags, 0o600))
    except FileNotFoundError:
        return None
    with contextlib.suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink:
            return lock
        # Somebody had it between our opening and our locking, and has removed it with its folder.
    os.close(lock)
    return None


def _remove(path: Path) -> None:
    """Remove the tree, its lock file last: what is left of a removal cut short is found again by a sweep."""
    for attempt in range(_REMOVALS):
        if attempt:
            time.sleep(_PAUSE)
        with contextlib.suppress(OSError):
            for entry in path.iterdir():
                if entry.name != LOCK:
                    _remove_entry(entry)
            (path / LOCK).unlink(missing_ok=True)
            path.rmdir()
            return
    if path.exists():
        _log.warning("The folder %s of a browser that has ended could not be removed.", path)


def _remove_entry(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink()
