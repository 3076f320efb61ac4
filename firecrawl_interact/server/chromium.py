"""Start a Chromium, watch it, stop it, kill it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import threading
from pathlib import Path

import attrs

from firecrawl_interact.config import child_environment
from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import binary, scratch
from firecrawl_interact.server.child import Child, pipe
from firecrawl_interact.server.engine import Endpoint, LaunchSpec
from firecrawl_interact.server.scratch import Scratch
from firecrawl_interact.server.unprivileged import Nobody, is_root

LAUNCH_TIMEOUT = 25.0  # Seconds until a browser must listen; 30 in all with what a stop may take.
STOP_GRACE = 1.0  # Seconds a browser has to end on SIGTERM; then it is killed.
KILL_GRACE = 3.0  # Seconds the kernel has to end what was killed.

# What a browser finds where. It takes commands on 3 and answers on 4, and ends when 3 is closed.
_STDERR, _COMMANDS, _ANSWERS, _LOCK = 2, 3, 4, 5

_LISTENS = re.compile(rb"DevTools listening on ws://(?P<host>[^/:]+):(?P<port>\d+)(?P<path>/\S+)\s")
_READ = 64 * 1024  # Bytes of stderr taken at a time.
_KEPT = 4096  # Bytes of stderr kept: enough to find the line above, and for an error's text.
_SHOWN = 3  # Lines of it that the text shows.

_FLAGS = (
    "--remote-debugging-port=0",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--mute-audio",
    "--password-store=basic",
    "--use-mock-keychain",
    "--metrics-recording-only",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-crash-reporter",
    "--disable-crashpad-for-testing",  # Its handler would leave our group.
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-features=MediaRouter,OptimizationHints,Translate",
    "--disable-quic",
    "--disable-search-engine-choice-screen",
    "--disable-sync",
    # Agents work in several tabs at once, none of which is ever in front.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
)
_LONGEST_TMPDIR = 56  # Characters; Chromium adds 48 and makes a socket there, whose path has room for 104.
_SMALL_SHM = 512 * 1024 * 1024  # Bytes; with less in /dev/shm (containers: 64 MiB) pages crash.

_log = logging.getLogger(__name__)


class ChromiumLauncher:
    """
    Start browsers on this machine, each in a folder and a process group of its own.

    Every browser ends with this process, however that ends.
    """

    def __init__(self, wanted: str | None = None) -> None:
        """
        Start with none.

        Args:
            wanted: Path or name of the browser; None looks for one.
        """
        self._wanted = wanted
        self._running: set[Chromium] = set()
        self._swept = False
        self._closed = False
        self._nobody_works: bool | None = None  # Whether browsers run as nobody; None is not known yet.

    async def launch(self, spec: LaunchSpec) -> Chromium:
        """
        Start one and wait until it answers.

        Raises:
            LocalBrowserError: It is missing, died, or did not answer within 30 s. Nothing is left behind.
        """
        program = binary.find(self._wanted)
        self._sweep_once()
        deadline = asyncio.get_running_loop().time() + LAUNCH_TIMEOUT
        arguments = _arguments(program, spec)
        if not is_root():
            return await self._start(program, arguments, deadline)
        nobody = None if self._nobody_works is False else Nobody.able(program)
        if nobody is not None:
            try:
                browser = await self._start(program, arguments, deadline, user=nobody)
            except LocalBrowserError:
                if self._nobody_works:
                    raise
            else:
                self._nobody_works = True
                return browser
        # Chromium's sandbox refuses root.
        browser = await self._start(program, ["--no-sandbox", *arguments], deadline)
        if self._nobody_works is None:
            self._nobody_works = False
            _log.warning(
                "Browsers run as root and without their sandbox: here they cannot run as another user."
            )
        return browser

    async def aclose(self) -> None:
        """Stop every browser it started, and start no more."""
        self._closed = True
        await asyncio.gather(*map(self._stop, tuple(self._running)))

    async def _start(
        self, program: Path, arguments: list[str], deadline: float, *, user: Nobody | None = None
    ) -> Chromium:
        if self._closed:
            raise LocalBrowserError("The server ends and starts no more browsers.")
        browser = Chromium.start(program, arguments, user)
        self._running.add(browser)
        try:
            await browser.listening(deadline)
        except BaseException:
            await self._stop(browser)
            raise
        browser.exited.add_done_callback(lambda _: self._running.discard(browser))
        return browser

    async def _stop(self, browser: Chromium) -> None:
        await browser.stop()
        self._running.discard(browser)

    def _sweep_once(self) -> None:
        """Remove, beside the first launch, what servers left that were killed."""
        if not self._swept:
            self._swept = True
            threading.Thread(target=scratch.sweep, name="browser-folders", daemon=True).start()


@attrs.define(eq=False)
class Chromium:
    """
    One browser: its processes, its folder, and the pipes that bind it to this process.

    Attributes:
        program: What was started.

        endpoint: Its CDP address, once it listens.
    """

    program: Path
    _child: Child
    _stderr: _Stderr
    _held: contextlib.ExitStack  # Our ends of the pipes, and the folder.
    endpoint: Endpoint | None = attrs.field(default=None, init=False)
    _stopping: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    @classmethod
    def start(cls, program: Path, arguments: list[str], user: Nobody | None = None) -> Chromium:
        """
        Start a browser, as another user if one is given; `listening` waits for it.

        Raises:
            LocalBrowserError: There is no room for a folder or a process. Nothing is left behind.
        """
        try:
            with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
                folder = Scratch.make()
                ours.callback(folder.remove)
                stderr, its_stderr = _pipe(ours, theirs, we_read=True)
                _, its_answers = _pipe(ours, theirs, we_read=True)
                _, its_commands = _pipe(ours, theirs, we_read=False)
                argv = [str(program), f"--user-data-dir={folder.data}", *arguments]
                if user is not None:
                    user.give(folder)
                    argv = user.argv(argv)
                child = Child.spawn(
                    argv,
                    _environment(folder),
                    {_STDERR: its_stderr, _COMMANDS: its_commands, _ANSWERS: its_answers, _LOCK: folder.lock},
                )
                return cls(program, child, _Stderr(stderr), ours.pop_all())
        except OSError as error:
            raise LocalBrowserError(f"{program} could not be started: {error.strerror or error}.") from error

    @property
    def exited(self) -> asyncio.Future[str]:
        """Done once it has ended, with the reason."""
        return self._child.exited

    async def listening(self, deadline: float) -> None:
        """
        Wait until it can be connected to, or the loop's clock shows *deadline*; `endpoint` is set then.

        Raises:
            LocalBrowserError: It ended or did not listen in time; the text has its last words.
        """
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        await asyncio.wait(
            (self._stderr.endpoint, self.exited), timeout=left, return_when=asyncio.FIRST_COMPLETED
        )
        self._stderr.read()  # What it said just before it ended.
        if self._stderr.endpoint.done():
            self.endpoint = self._stderr.endpoint.result()
            return
        how = self.exited.result() if self.exited.done() else "did not listen in time"
        raise LocalBrowserError(f"{self.program} {how}{self._stderr.last_words()}")

    async def stop(self) -> None:
        """
        End it within seconds, kill what does not end, remove its folder. A second call waits for the first.

        Raises:
            LocalBrowserError: The system did not end what was killed; the next call tries again.
        """
        if self._stopping is None or (self._stopping.done() and self._stopping.exception()):
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        for number, grace in ((signal.SIGTERM, STOP_GRACE), (signal.SIGKILL, KILL_GRACE)):
            if not self.exited.done():
                self._child.signal(number)
                await asyncio.wait((self.exited,), timeout=grace)
        if not self.exited.done():
            raise LocalBrowserError(f"{self.program} was killed and still runs.")
        await self._child.group_ended()
        self._stderr.close()
        await asyncio.to_thread(self._held.close)


class _Stderr:
    """What a browser says, read all its life so that it never blocks on a full pipe."""

    def __init__(self, descriptor: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._descriptor = descriptor
        self._text = b""
        self._open = True
        self.endpoint: asyncio.Future[Endpoint] = self._loop.create_future()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self.read)

    def read(self) -> None:
        """Take what is there."""
        if not self._open:
            return
        try:
            data = os.read(self._descriptor, _READ)
        except BlockingIOError:
            return
        if not data:
            self.close()
        self._text = (self._text + data)[-_KEPT:]
        if not self.endpoint.done() and (found := _LISTENS.search(self._text)):
            self.endpoint.set_result(
                Endpoint(host=found["host"].decode(), port=int(found["port"]), path=found["path"].decode())
            )

    def close(self) -> None:
        """Read no more. A second call does nothing."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)

    def last_words(self) -> str:
        """Return the end of what it said, for an error's text."""
        lines = [line for line in self._text.decode(errors="replace").splitlines() if line.strip()]
        return ": " + " | ".join(line.strip() for line in lines[-_SHOWN:]) if lines else "."


def _pipe(ours: contextlib.ExitStack, theirs: contextlib.ExitStack, *, we_read: bool) -> tuple[int, int]:
    """Make a pipe and return our end and the child's, each closed with its stack."""
    reading, writing = pipe()
    mine, its = (reading, writing) if we_read else (writing, reading)
    ours.callback(os.close, mine)
    theirs.callback(os.close, its)
    return mine, its


def _arguments(program: Path, spec: LaunchSpec) -> list[str]:
    arguments = [*_FLAGS, f"--window-size={spec.width},{spec.height}"]
    if not binary.is_headless_shell(program):
        arguments.append("--headless=new")
    if _shm_is_small():
        arguments.append("--disable-dev-shm-usage")
    return [*arguments, "about:blank"]


def _environment(folder: Scratch) -> dict[str, str]:
    """Let it write nowhere but into its folder."""
    env = {name: value for name, value in child_environment().items() if not name.startswith("XDG_")}
    env["HOME"] = str(folder.data)
    if len(env["HOME"]) <= _LONGEST_TMPDIR:
        env["TMPDIR"] = env["HOME"]
    return env


def _shm_is_small() -> bool:
    try:
        room = os.statvfs("/dev/shm")  # noqa: S108  # asked about, not written to
    except OSError:
        return False
    return room.f_frsize * room.f_blocks < _SMALL_SHM
