"""Run one program and take along, at the end, all that it started; started by file path, without site."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys

_SET_CHILD_SUBREAPER = 36  # Of prctl(2).
_ROUNDS = 100  # Looks for children: each round ends one generation.
_LONGEST_LIST = 1 << 20  # Bytes.


def main(arguments: list[str]) -> int:
    """
    Run a program until it ends, or until the lifeline does.

    The lifeline's other end is held by the server: when that has gone, however it went, or wants
    the program gone, nothing of the program stays, not even what left its process group.

    Args:
        arguments: Number of the lifeline's descriptor, number of that which says that the folder is in
            use, number of that on which to say with which status the program ended, its folder, and
            its command line.
    """
    lifeline, lock, answers, folder, *program = arguments
    for ours in (lifeline, lock):
        os.set_inheritable(int(ours), False)
    os.chdir(folder)
    _adopt()
    woken, waking = os.pipe()
    for descriptor in (woken, waking):
        os.set_blocking(descriptor, False)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, _heard)  # Ignored, it would not wake us.
    child = os.posix_spawn(program[0], program, os.environ, setsigdef=(signal.SIGCHLD,), setsigmask=())
    with selectors.DefaultSelector() as both:
        both.register(int(lifeline), selectors.EVENT_READ)
        both.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in both.select()}
            if int(lifeline) in ready:
                _end_children()
                os.killpg(0, signal.SIGKILL)  # Where children cannot be listed; ourselves too.
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)
            status = _reap(child)
            if status is not None:
                _end_children()
                os.write(int(answers), b'{"exited": %d}\n' % status)
                return 0


def _heard(_number: int, _frame: object) -> None:
    """Do nothing: the descriptor has been written to."""


def _adopt() -> None:
    """Become the parent of what our children leave behind, where the system can do that."""
    if sys.platform == "linux":
        import ctypes  # Slow to import, and only for this.

        ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap(child: int) -> int | None:
    """Wait for all that have ended; return the status of *child*, as a shell counts, if it is among them."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                code = os.waitstatus_to_exitcode(ended[1])
                status = code if code >= 0 else 128 - code
    return status


def _end_children() -> None:
    for _ in range(_ROUNDS):
        children = _children()
        if not children:
            return
        for pid in children:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for pid in children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> list[int]:
    try:
        listing = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY)
    except OSError:
        return []  # Another system: what stays in the group ends with the group.
    try:
        return [int(pid) for pid in os.read(listing, _LONGEST_LIST).split()]
    finally:
        os.close(listing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
