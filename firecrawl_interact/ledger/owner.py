"""Owner: is the process that wrote this entry still alive?"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from pathlib import Path

import attrs

from firecrawl_interact.ledger import _folder
from firecrawl_interact.ledger.base import LedgerError

if sys.platform != "win32":
    import fcntl

ATTEMPTS = 16  # Times a lease may vanish under our hands before we give up.
NAME = re.compile(r"[0-9a-f]{32}")  # An owner's name, and no path that leads elsewhere.

_held: set[Lease] = set()  # What this process has locked.
_own: dict[Path, Lease] = {}  # By state folder: what this process lives under.
_choosing = threading.Lock()  # Two threads must not become two owners.


@attrs.define(eq=False)
class Lease:
    """
    A locked file: its owner lives as long as the lock does, and the kernel frees it at death.

    The lock is a flock: no pid, start time or boot id is compared, so it holds across pid
    namespaces and reboots, and opening the file a second time does not lose it. Taking the
    lock of a dead owner is proof of death, claim and election in one.
    """

    path: Path
    descriptor: int

    @property
    def name(self) -> str:
        """The owner's name."""
        return self.path.stem

    def in_place(self) -> bool:
        """Tell whether others would still find this very file under its name."""
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self.descriptor))  # noqa: PTH116  # hot
        except OSError:
            return False

    def release(self, *, forget: bool) -> None:
        """Let go; *forget* removes the file, for an owner who left nothing."""
        if self not in _held:
            return  # Let go before, or the parent's: the descriptor may be somebody else's by now.
        try:
            if forget and self.in_place():
                self.path.unlink()  # While it is locked: nobody can hold another file of that name.
        except OSError:
            pass  # An empty lease file does no harm.
        finally:
            _held.discard(self)
            _let_go(self.descriptor)


def own(folder: Path) -> Lease:
    """
    Return the lease that this process lives under in this state folder, taken on first use.

    It is held until the process ends, whatever is opened and closed meanwhile.

    Raises:
        LedgerError: No lease can be taken.
    """
    with _choosing:
        lease = _own.get(folder)
        if lease is None or not lease.in_place():
            # Somebody may have removed the file of a living owner, or closed all descriptors: its
            # entries would pass for a dead one's, so the name is taken again, unless a sweeper has it.
            again = None
            if lease is not None:
                _held.discard(lease)  # Not closed: if others closed it, its number is theirs now.
                again = seize(folder, lease.name)
            lease = _own[folder] = again or _begin(folder)
        return lease


def disown(folder: Path) -> None:
    """End being an owner: this process ends and has left nothing."""
    with _choosing:
        lease = _own.pop(folder, None)
        if lease is not None:
            lease.release(forget=True)


def own_name(folder: Path) -> str | None:
    """Return the name of this process as an owner, None if it is none."""
    lease = _own.get(folder)
    return lease.name if lease else None


def seize(folder: Path, name: str) -> Lease | None:
    """
    Take the lease of an owner that is dead, or whose lease file is gone.

    Returns:
        The lease, now ours alone; None if its owner lives or another process was faster.

    Raises:
        LedgerError: The file cannot be used.
    """
    path = _leases(folder) / f"{name}.lock"
    for _ in range(ATTEMPTS):
        try:
            descriptor = os.open(
                path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _folder.PRIVATE_FILE
            )
        except OSError as error:
            raise LedgerError(f"{path} cannot be locked: {error.strerror}") from error
        if not _lock(descriptor, fcntl.LOCK_EX):
            os.close(descriptor)
            return None
        lease = Lease(path, descriptor)
        _held.add(lease)
        if lease.in_place():
            return lease
        lease.release(forget=False)  # Whoever held it removed it while we waited: look again.
    return None


def is_alive(folder: Path, name: str) -> bool:
    """Tell whether an owner lives."""
    if name == own_name(folder):
        return True
    path = folder / "leases" / f"{name}.lock"
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}") from error
    # Shared: two who ask at once must not take each other for the owner.
    if not _lock(descriptor, fcntl.LOCK_SH):
        os.close(descriptor)
        return True
    _let_go(descriptor)
    return False


def pid_of(folder: Path, name: str) -> int | None:
    """
    Return the process id that an owner wrote down; None if there is none, or no such process runs.

    For people only: in another pid namespace it means another process, and the lease of a dead
    owner may be locked by a sweeper.
    """
    try:
        pid = int((folder / "leases" / f"{name}.lock").read_text(encoding="ascii"))
        os.kill(pid, 0)
    except (OSError, ValueError, OverflowError):
        return None
    return pid


def known(folder: Path) -> list[str]:
    """Return the names of all owners that have a lease file, living or dead."""
    return sorted(path.stem for path in _leases(folder).glob("*.lock") if NAME.fullmatch(path.stem))


def _begin(folder: Path) -> Lease:
    for _ in range(ATTEMPTS):
        # A sweeper may take a file that is made and not yet locked for a dead owner's.
        lease = seize(folder, os.urandom(16).hex())
        if lease is not None:
            with contextlib.suppress(OSError):  # A full disk; nothing depends on it.
                os.pwrite(lease.descriptor, str(os.getpid()).encode(), 0)
            return lease
    raise LedgerError(f"No lease can be taken in {folder}")


def _leases(folder: Path) -> Path:
    leases = folder / "leases"
    _folder.prepare(folder)
    _folder.prepare(leases)
    return leases


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        os.close(descriptor)
        raise LedgerError(f"This file system has no locks: {error.strerror}") from error
    return True


def _let_go(descriptor: int) -> None:
    """Unlock, then close: a forked child may hold a copy that has not been closed yet."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def _leave_to_parent() -> None:
    """Close a forked child's copies; unlocking one would unlock the parent's."""
    global _choosing  # noqa: PLW0603  # the parent's may be locked for ever in the child
    _choosing = threading.Lock()
    _own.clear()
    for lease in _held:
        os.close(lease.descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
