"""The state folder: ours alone, or not used at all."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterable
from pathlib import Path

from firecrawl_interact.ledger.base import LedgerError

APP = "firecrawl-interact"
FILE = "ledger.sqlite3"
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
MAX_BROKEN = 16  # Files kept aside; beyond that the disk is at fault, and moving more helps nobody.


def resolve(path: str | os.PathLike[str] | None) -> Path:
    """
    Return the absolute path of the state folder, None meaning the user's own.

    Symbolic links on the way are followed, one in place of the folder itself is not.
    """
    if path is None:
        from platformdirs import user_state_path  # only where a ledger is used

        try:
            path = user_state_path(APP)
        except RuntimeError as error:
            raise LedgerError("This user has no home folder, so there is no place for a ledger") from error
    folder = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow the last link too
    return folder.parent.resolve() / folder.name


def prepare(folder: Path) -> None:
    """
    Make the folder if it is missing.

    Raises:
        LedgerError: It is not ours, others may write to it, it is a link, or it cannot be made.
    """
    try:
        folder.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(PRIVATE_FOLDER)
        found = folder.lstat()
    except OSError as error:
        raise LedgerError(f"The state folder {folder} cannot be made: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise LedgerError(f"The state folder {folder} is not a folder; a link to one is not followed")
    if found.st_uid != os.geteuid():
        raise LedgerError(f"The state folder {folder} belongs to another user")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LedgerError(f"Others may write to the state folder {folder}")


def place(path: Path, content: bytes = b"") -> None:
    """
    Make a private file with this content, whole and durable at once, unless there is one.

    The file is never opened under its own name: closing any descriptor of a database would
    drop the locks that SQLite holds on it in the same process.

    Raises:
        LedgerError: It cannot be made, or what is there is not a file of ours.
    """
    if not _is_ours(path):
        draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
            try:
                _fill(descriptor, content)
                with contextlib.suppress(FileExistsError):  # Another process was faster: theirs counts.
                    os.link(draft, path, follow_symlinks=False)
            finally:
                draft.unlink()
            _sync_folder(path.parent)
        except OSError as error:
            raise LedgerError(f"{path} cannot be made: {error.strerror}") from error
        if not _is_ours(path):
            raise LedgerError(f"{path} was removed while it was made")


def set_aside(paths: Iterable[Path], *, inode: int) -> Path | None:
    """
    Rename a damaged file, and those that belong to it, so that the next use starts afresh.

    Args:
        paths: The file itself last: whoever sees it gone must not meet the others.

        inode: What was found damaged. If another process has put a good file there already,
            nothing is moved.

    Returns:
        The new path of the last one; None if nothing was moved.
    """
    import fcntl  # Windows has none; nothing gets here on Windows

    *others, main = paths
    try:
        folder = os.open(main.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)  # Two processes find the damage at once.
        if main.lstat().st_ino != inode or len(list(main.parent.glob("*.broken-*"))) >= MAX_BROKEN:
            return None
        suffix = f".broken-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.urandom(2).hex()}"
        for path in (*others, main):
            with contextlib.suppress(FileNotFoundError):
                path.rename(path.with_name(path.name + suffix))
        return main.with_name(main.name + suffix)
    except OSError:
        return None  # Somebody else is at it, or the folder is read-only.
    finally:
        os.close(folder)


def _is_ours(path: Path) -> bool:
    """Tell whether our file is there; False if nothing is."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LedgerError(f"{path} cannot be used: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise LedgerError(f"{path} is not a file of this user")
    return True


def _fill(descriptor: int, content: bytes) -> None:
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
