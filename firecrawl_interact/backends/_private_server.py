"""The server process behind the local backend: one per process of ours, started when needed."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import importlib
import os
import secrets
import select
import subprocess
import sys
import threading
import time

import attrs

from firecrawl_interact.config import Settings, child_environment
from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.wire.private import Orders, Ready

START_TIMEOUT = 20.0  # Seconds until it must be ready.
STOP_TIMEOUT = 5.0  # Seconds it has to end its browsers and itself; then it is killed, and they with it.

_MODULE = "firecrawl_interact.server"
_LONGEST_LINE = 4096  # Bytes.


@attrs.define(eq=False)
class PrivateServer:
    """
    A server process that nobody else can use, and that ends with this process.

    Attributes:
        base_url: Where it listens.

        key: What it asks for.
    """

    base_url: str
    key: str = attrs.field(repr=False)
    _process: subprocess.Popen[bytes]
    _lifeline: int  # Our end; when it closes, the server ends.
    _ready: int  # Our end; the server holds the other as long as it lives.
    _lock: threading.Lock = attrs.field(factory=threading.Lock)
    _over: bool = False
    _stopped: bool = False

    def alive(self) -> bool:
        """Tell whether it runs. Costs a microsecond or two, and does not depend on who waits for children."""
        with self._lock:  # A descriptor that `stop` closes may be somebody else's a moment later.
            self._over = self._over or _readable(self._ready, 0)
            return not self._over

    def stop(self) -> None:
        """End it with its browsers and wait, for seconds at the most. A second call does nothing."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = self._over = True
        os.close(self._lifeline)
        if not _readable(self._ready, STOP_TIMEOUT):
            self._process.kill()
        self._process.wait()
        os.close(self._ready)

    def forget(self) -> None:
        """Let go of it in a forked child: it is the parent's."""
        os.close(self._lifeline)
        os.close(self._ready)
        self._process.returncode = 0  # Or its finalizer warns that we do not wait for it.


class Keeper:
    """
    Keep one private server running, for every loop and thread of this process.

    It is started by a thread of its own: not by a loop, which may end first, nor by its pool of
    threads, which many waiters would fill.
    """

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._server: PrivateServer | None = None
        self._starting: concurrent.futures.Future[PrivateServer] | None = None

    def running(self) -> PrivateServer | None:
        """Return the server, if it runs."""
        server = self._server
        return server if server is not None and server.alive() else None

    async def ensure(self) -> PrivateServer:
        """
        Return the server that runs; start one if there is none, or none any more.

        Raises:
            LocalBrowserError: It cannot be started.
        """
        running = self.running()
        if running is not None:
            return running
        return await asyncio.wrap_future(self._begin())

    def stop(self) -> None:
        """End the server with its browsers and wait, for seconds at the most. Without one, do nothing."""
        with self._lock:
            starting = self._starting
        if starting is not None:
            concurrent.futures.wait((starting,), timeout=START_TIMEOUT)
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.stop()

    def forget(self) -> None:
        """Begin anew in a forked child."""
        server = self._server
        self.__init__()  # type: ignore[misc]  # the lock may be held by a thread that is not here
        if server is not None:
            server.forget()

    def _begin(self) -> concurrent.futures.Future[PrivateServer]:
        with self._lock:
            if self._starting is None:
                starting: concurrent.futures.Future[PrivateServer] = concurrent.futures.Future()
                self._starting = starting
                starting.set_running_or_notify_cancel()  # Not to be cancelled by those who wait.
                threading.Thread(
                    target=self._start, args=(starting,), name="local-server", daemon=True
                ).start()
            return self._starting

    def _start(self, starting: concurrent.futures.Future[PrivateServer]) -> None:
        try:
            dead = self._server
            if dead is not None and not dead.alive():
                self._server = None
                dead.stop()
            server = self._server or start()
        except BaseException as error:  # noqa: BLE001  # boundary: whoever waits hears of it
            with self._lock:
                self._starting = None
            starting.set_exception(error)
        else:
            with self._lock:
                self._server, self._starting = server, None
            starting.set_result(server)


def start() -> PrivateServer:
    """
    Start a server and wait until it is ready.

    Raises:
        LocalBrowserError: There is no Python to run it with, or it was not ready in time.
    """
    if sys.platform == "win32":
        raise LocalBrowserError("Local browsers need Linux or macOS.")
    if not sys.executable:
        raise LocalBrowserError("Local browsers need a Python interpreter to run their server with.")
    settings = Settings.from_env()
    orders = Orders(
        key=secrets.token_urlsafe(32),
        browser=settings.browser,
        allow_execute=True,  # Nobody else reaches it, and what we run could do the same without it.
        cdp=settings.cdp or "port",  # Our own code runs beside it anyway, and wants the shortest way.
    )
    try:
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            their_lifeline, lifeline = _pipe(theirs, ours)
            ready, their_ready = _pipe(ours, theirs)
            given = [their_lifeline, their_ready]
            if sys.platform == "linux":
                given.append(os.pidfd_open(os.getpid()))
                theirs.callback(os.close, given[-1])
            process = subprocess.Popen(  # noqa: S603  # our own module
                _command(given),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
                env=_environment(),
                pass_fds=given,
                start_new_session=True,  # Ctrl-C is for us; we end it afterwards.
            )
            ours.pop_all()
    except OSError as error:
        raise LocalBrowserError(f"The server of local browsers could not be started: {error}.") from error
    server = PrivateServer("", orders.key, process, lifeline, ready)
    try:
        os.write(lifeline, orders.dump())
        _import_what_comes_next()
        server.base_url = Ready.load(_read_line(ready)).base_url
    except (OSError, ValueError) as error:
        how = "ended" if _readable(ready, 0) else f"was not ready in {START_TIMEOUT:g} s"
        process.kill()
        server.stop()
        raise LocalBrowserError(f"The server of local browsers {how} as it started.") from error
    return server


def _pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """Make a pipe, reading end first; each end is closed with the stack of who has it."""
    reading, writing = os.pipe()
    reader.callback(os.close, reading)
    writer.callback(os.close, writing)
    return reading, writing


def _import_what_comes_next() -> None:
    """Use the time that the server takes to start: what the first request needs is as slow to import."""
    with contextlib.suppress(Exception):  # It is imported again where it is needed, and fails there.
        for name in ("firecrawl_interact.transport.http", "cattrs"):
            importlib.import_module(name)


def _command(given: list[int]) -> list[str]:
    return [sys.executable, "-P", "-m", _MODULE, *map(str, given)]


def _environment() -> dict[str, str]:
    """Let it find what we import, and nobody's keys."""
    paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100  # entries are text
    return {**child_environment(), "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


def _read_line(descriptor: int) -> bytes:
    line = b""
    deadline = time.monotonic() + START_TIMEOUT
    while not line.endswith(b"\n") and _readable(descriptor, deadline - time.monotonic()):
        data = os.read(descriptor, _LONGEST_LINE)
        if not data:
            break
        line += data
    return line


def _readable(descriptor: int, timeout: float) -> bool:
    """Tell whether there is something to read, or the end."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(max(0.0, timeout) * 1000))


KEEPER = Keeper()


def stop_server() -> None:
    """End the server process of this process, and every browser with it; the next session starts another."""
    KEEPER.stop()


atexit.register(stop_server)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=KEEPER.forget)
