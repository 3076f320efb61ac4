"""A child process that leads a group of its own, and ends as one with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping

import attrs

ENDED_WELL = "exited with status 0"  # The reason of an end that was no accident.

_GROUP_GRACE = 3.0  # Seconds until those of a group that were killed are gone; they take milliseconds.
_LOOK = 0.005  # Seconds between two looks: nobody tells us of their end.
_SET_CHILD_SUBREAPER = 36  # Of prctl(2).
_STANDARD = 2  # The last of the standard descriptors.
_FIRST_OWN = 10  # Descriptors of ours start here, clear of those a child is given.

_LATE_LOOK = 1.0  # Seconds between two looks at groups that take longer, as on a busy machine.

_late: set[int] = set()  # Those groups.


@attrs.define(eq=False)
class Child:
    """
    A process and its group, watched from one event loop.

    It is not started by asyncio, whose child watchers want the main thread or a thread per child.

    Attributes:
        pid: Of the process and of its group.

        exited: Done once it has ended, with the reason in words. Its group is killed by then.
    """

    pid: int
    exited: asyncio.Future[str] = attrs.field(factory=lambda: asyncio.get_running_loop().create_future())

    @classmethod
    def spawn(cls, argv: list[str], env: Mapping[str, str], descriptors: Mapping[int, int]) -> Child:
        """
        Start a program, in a session of its own, without anything of ours but what is given.

        Blocks for less than a millisecond, whatever the size of this process: nothing of it is copied.

        Args:
            argv: Absolute path of the program, and its arguments.

            env: Its whole environment.

            descriptors: Which of our descriptors it finds under which number; made by `pipe` or
                `keep_clear`. Standard input and output, unless given, lead to nowhere.

        Raises:
            OSError: It is no program, may not be run, or there is no room for one more.
        """
        nowhere = [
            (os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0)
            for number in (0, 1, 2)
            if number not in descriptors
        ]
        given = [(os.POSIX_SPAWN_DUP2, ours, number) for number, ours in descriptors.items()]
        pid = os.posix_spawn(
            argv[0],
            argv,
            env,
            file_actions=[*nowhere, *given],
            setsid=True,
            setsigmask=(),
            # Python ignores SIGPIPE, a background job SIGINT: neither is to be inherited.
            setsigdef=(signal.SIGPIPE, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP),
        )
        _late.discard(pid)  # What had the number before is gone, else it would not be given again.
        child = cls(pid)
        try:
            child._watch()
        except OSError:
            child.signal(signal.SIGKILL)
            _reap(pid)
            raise
        return child

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; nothing happens once it has ended."""
        if not self.exited.done():  # Until then the pid is reserved, by the zombie at the latest.
            with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: only zombies left.
                os.killpg(self.pid, number)

    async def group_ended(self) -> None:
        """Wait, after its own end, for the end of those it started; see `adopt_orphans`."""
        for _ in range(int(_GROUP_GRACE / _LOOK)):
            if _reap_group(self.pid):
                return
            await asyncio.sleep(_LOOK)
        _late.add(self.pid)
        _reap_late()

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        if sys.platform == "linux":
            pidfd = os.pidfd_open(self.pid)
            loop.add_reader(pidfd, self._ended, loop, pidfd)
        else:
            threading.Thread(target=self._wait, args=(loop,), name=f"child-{self.pid}", daemon=True).start()

    def _ended(self, loop: asyncio.AbstractEventLoop, pidfd: int) -> None:
        loop.remove_reader(pidfd)
        os.close(pidfd)
        self.signal(signal.SIGKILL)  # What it left behind in its group.
        self._settle(_reap(self.pid))

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        reason = _reap(self.pid)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(RuntimeError):  # The loop has been closed; nobody waits.
            loop.call_soon_threadsafe(self._settle, reason)

    def _settle(self, reason: str) -> None:
        if not self.exited.done():
            self.exited.set_result(reason)


def adopt_orphans() -> None:
    """
    Become the parent of what our children leave behind, where the system can do that.

    Else it is up to process 1 to wait for them, which in many containers is a program that never does.
    """
    if sys.platform == "linux":
        import ctypes  # Slow to import, and only for this.

        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def keep_descriptors() -> None:
    """Let children have no descriptor that we were started with; those Python opens they never get."""
    with os.scandir("/dev/fd") as entries:
        numbers = [int(entry.name) for entry in entries]
    for number in numbers:
        if number > _STANDARD:
            with contextlib.suppress(OSError):  # That of the scan itself.
                os.set_inheritable(number, False)


def pipe() -> tuple[int, int]:
    """Make a pipe, reading end first, whose descriptors can be given to a child under any low number."""
    reading, writing = os.pipe()
    return keep_clear(reading), keep_clear(writing)


def socket_pair() -> tuple[socket.socket, int]:
    """Make a pair of connected sockets: our end, and a descriptor as `pipe` makes them."""
    ours, theirs = socket.socketpair()
    return ours, keep_clear(theirs.detach())


def keep_clear(descriptor: int) -> int:
    """Move a descriptor out of the way of the numbers that children are given. It closes on exec."""
    import fcntl  # Not on Windows, where this module must import.

    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _FIRST_OWN)
    finally:
        os.close(descriptor)


def _reap(pid: int) -> str:
    """Wait for a process and say how it ended."""
    try:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return "ended"  # Somebody else in this process has waited for it.
    if status >= 0:
        return f"exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"was ended by {name}"


def _reap_late() -> None:
    """Look until all are gone, however long that takes; else they stay as zombies."""
    _late.difference_update([group for group in _late if _reap_group(group)])
    if _late:
        asyncio.get_running_loop().call_later(_LATE_LOOK, _reap_late)


def _reap_group(group: int) -> bool:
    """Wait for those of a group that have ended and are ours; tell whether there are no others."""
    try:
        while os.waitpid(-group, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False
