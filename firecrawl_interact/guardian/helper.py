"""One helper process as its owner sees it: start it, write to it, hear from it, bury it."""

from __future__ import annotations

import _thread
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firecrawl_interact.guardian import messages

PROGRAM = Path(__file__).with_name("program.py")
BACKLOG_MAX = 4 * 1024 * 1024  # Bytes not taken by a helper that is stuck, before it is replaced.
CHUNK = 64 * 1024  # Bytes read at a time.

# All that the helper process sees of our environment: how to reach a provider as we do, and
# where some builds of Python find their own library. The keys that live there stay here.
PASSED_ON = (
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH"),
)

# Never block, and never die of a helper that has: programs set SIGPIPE back to its default.
_SEND_FLAGS = getattr(socket, "MSG_DONTWAIT", 0) | getattr(socket, "MSG_NOSIGNAL", 0)


class CannotStartError(Exception):
    """There can be no helper process here; the text says why."""


class Helper:
    """
    One helper process.

    Attributes:
        pid: Its process id.

        ready: True once it has said that it is up.

        started: Monotonic seconds.
    """

    def __init__(self, hear: Callable[[list[Any]], None], lost: Callable[[Helper], None]) -> None:
        """
        Start the process. Takes about a third of a millisecond, whatever this process's size.

        Args:
            hear: Called with each message, from a thread.

            lost: Called once it is dead and buried, from that thread.

        Raises:
            CannotStartError: It cannot be started.
        """
        self.ready: bool = False
        self.started: float = time.monotonic()
        self._hear = hear
        self._lost = lost
        self._backlog = bytearray()
        self._sending = False
        self._leaving = False
        self._lock = threading.RLock()  # Re-entrant: a collected session may settle amid a write.
        self._socket, theirs = socket.socketpair()
        try:
            self.pid: int = _start(theirs.fileno())
        except (OSError, CannotStartError) as error:
            self._socket.close()
            raise CannotStartError(str(error)) from error
        finally:
            theirs.close()
        try:
            # Not threading.Thread, whose start waits until it runs: some milliseconds of the caller's.
            _thread.start_new_thread(self._listen, ())
        except RuntimeError as error:
            self._bury()
            raise CannotStartError(str(error)) from error

    def write(self, data: bytes) -> None:
        """Send whole lines, now or as soon as they are taken. Never blocks; a dead helper is told nothing."""
        with self._lock:
            self._backlog += data
            if not self._sending:
                self._sending = True
                self._send()
            elif len(self._backlog) > BACKLOG_MAX:
                self.kill()  # Stuck. Its successor is told what matters.

    def kill(self) -> None:
        """
        Kill it. To close the line instead would tell it that we are dead.

        It has not been waited for, so the pid is still its own.
        """
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def hang_up(self) -> None:
        """Let it believe that we are dead, once it has heard all: it pays what is owed and ends."""
        with self._lock:
            self._lost = _ignore
            self._leaving = True
            self.write(b"")

    def disown(self) -> None:
        """Close a forked child's copy of the line; the process is the parent's."""
        self._socket.close()

    def _send(self) -> None:
        """Send until the backlog is empty, or leave the rest to a thread that waits."""
        try:
            while self._backlog:
                sent = self._socket.send(bytes(self._backlog), _SEND_FLAGS)
                del self._backlog[:sent]
        except BlockingIOError:
            try:
                threading.Thread(target=self._send_later, daemon=True).start()
            except RuntimeError:
                self._sending = False  # No thread, as at the interpreter's end: the next write tries again.
            return
        except OSError:
            self._backlog.clear()  # Dead: the listening thread sees it too, and its successor is told all.
        self._sending = False
        if self._leaving:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _send_later(self) -> None:
        poll = select.poll()
        with self._lock:
            if self._socket.fileno() < 0:
                return  # Dead and buried meanwhile.
            poll.register(self._socket, select.POLLOUT)
        poll.poll()
        with self._lock:
            self._send()

    def _listen(self) -> None:
        lines = messages.Lines()
        try:
            while chunk := self._socket.recv(CHUNK):
                for message in lines.feed(chunk):
                    if message[0] == messages.READY:
                        self.ready = True
                    else:
                        self._hear(message)
        except OSError:
            pass
        self._bury()
        self._lost(self)

    def _bury(self) -> None:
        """Close the line and wait for the process, which ends if it has not already."""
        with self._lock:
            self._socket.close()
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            pass  # Somebody in this process waits for every child.


def _start(channel: int) -> int:
    """Start the program with its end of the line; return its pid."""
    if os.name != "posix":
        raise CannotStartError(f"it needs a POSIX system, not {sys.platform}")
    if not sys.executable or getattr(sys, "frozen", False):
        # A frozen program's executable is the program: it would start itself.
        raise CannotStartError("no Python interpreter is known")
    if not PROGRAM.is_file():
        raise CannotStartError("its program is not in a file of its own")
    import subprocess  # at the first session, not at import

    process = subprocess.Popen(  # noqa: S603  # our own interpreter and file
        # -I -S -E: neither the user's site nor any .pth file; up in 12 ms.
        [sys.executable, "-I", "-S", "-E", str(PROGRAM), str(os.getpid()), str(channel)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
        pass_fds=(channel,),
        start_new_session=True,  # No preexec_fn: that would fork, 40 ms for a process of 1 GiB.
    )
    # The listening thread waits for it. Else `Popen.__del__` would warn that it still runs.
    process.returncode = 0
    return process.pid


def _ignore(_: Helper) -> None:
    pass
