"""Start a Chromium, watch it, stop it, kill it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from firecrawl_interact.config import child_environment
from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import binary, cdp, scratch
from firecrawl_interact.server.beginning import begin
from firecrawl_interact.server.child import ENDED_WELL, Child, pipe
from firecrawl_interact.server.engine import Endpoint, LaunchSpec
from firecrawl_interact.server.scratch import Scratch
from firecrawl_interact.server.stderr import Stderr
from firecrawl_interact.server.unprivileged import Nobody, is_root
from firecrawl_interact.server.user_data import UserData

LAUNCH_TIMEOUT = 25.0  # Seconds until a browser must listen; 30 in all with what a stop may take.
FINISH_GRACE = 3.0  # Seconds a browser has to bring all of its state to the disk.
STOP_GRACE = 1.0  # Seconds a browser has to end on SIGTERM; then it is killed.
KILL_GRACE = 3.0  # Seconds the kernel has to end what was killed.

# What a browser finds where. It takes commands on 3 and answers on 4, and ends when 3 is closed.
_STDERR, _COMMANDS, _ANSWERS, _LOCK = 2, 3, 4, 5

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
_NOBODY_TRIES = 2  # A browser may die for another reason; the sandbox is not given up for one death.
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
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LAUNCH_TIMEOUT
        arguments = _arguments(program, spec)
        if not is_root():
            return await self._start(program, arguments, spec, deadline)
        nobody = None if self._nobody_works is False else Nobody.able(program)
        for _ in range(0 if nobody is None else _NOBODY_TRIES):
            try:
                browser = await self._start(program, arguments, spec, deadline, user=nobody)
            except LocalBrowserError:
                if self._nobody_works or loop.time() > deadline:
                    raise
            else:
                self._nobody_works = True
                return browser
        # Chromium's sandbox refuses root.
        browser = await self._start(program, ["--no-sandbox", *arguments], spec, deadline)
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
        self,
        program: Path,
        arguments: list[str],
        spec: LaunchSpec,
        deadline: float,
        *,
        user: Nobody | None = None,
    ) -> Chromium:
        folder, cookies = await begin(spec.state)
        if self._closed:
            folder.remove()
            raise LocalBrowserError("The server ends and starts no more browsers.")
        browser = Chromium.start(program, arguments, folder, user)
        self._running.add(browser)
        try:
            await browser.listening(deadline)
            if cookies:
                await browser.remember(cookies)
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

        user: Who runs it, where that is not us.

        endpoint: Its CDP address, once it listens.
    """

    program: Path
    user: Nobody | None
    _child: Child
    _stderr: Stderr
    _folder: Scratch
    _held: contextlib.ExitStack  # Our ends of the pipes, and the folder.
    endpoint: Endpoint | None = attrs.field(default=None, init=False)
    _stopping: asyncio.Task[None] | None = attrs.field(default=None, init=False)

    @classmethod
    def start(
        cls, program: Path, arguments: list[str], folder: Scratch, user: Nobody | None = None
    ) -> Chromium:
        """
        Start a browser, as another user if one is given; `listening` waits for it.

        Args:
            program: Which one.

            arguments: Its arguments.

            folder: Its own; it is removed with the browser.

            user: Who runs it; None is us.

        Raises:
            LocalBrowserError: There is no room for a process. Nothing is left behind.
        """
        try:
            with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
                ours.callback(folder.remove)
                stderr, its_stderr = _pipe(ours, theirs, we_read=True)
                _, its_answers = _pipe(ours, theirs, we_read=True)
                _, its_commands = _pipe(ours, theirs, we_read=False)
                argv = [str(program), f"--user-data-dir={folder.data}", *arguments]
                if user is not None:
                    user = user.apart()
                    user.give(folder)
                    argv = user.argv(argv)
                child = Child.spawn(
                    argv,
                    _environment(folder),
                    {_STDERR: its_stderr, _COMMANDS: its_commands, _ANSWERS: its_answers, _LOCK: folder.lock},
                )
                return cls(program, user, child, Stderr(stderr), folder, ours.pop_all())
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

    async def remember(self, cookies: Sequence[Mapping[str, Any]]) -> None:
        """
        Give it the cookies that the browser before it had in memory.

        Raises:
            LocalBrowserError: It does not take them.
        """
        try:
            async with cdp.connect(self._address()) as browser:
                await browser.call("Storage.setCookies", {"cookies": cookies})
        except cdp.CdpError as error:
            raise LocalBrowserError(
                f"{self.program} did not take the cookies of its profile: {error}."
            ) from error

    async def finish(self) -> UserData | None:
        """
        Let it end in good order, within seconds, so that all of its state is on disk.

        Returns:
            What it leaves, there until `stop` is called. None if it did not end in good order.
        """
        cookies: list[Mapping[str, Any]] = []
        if not self.exited.done():
            # SIGTERM would not do: headless-shell drops what it has not written yet.
            with contextlib.suppress(cdp.CdpError, TimeoutError):
                async with asyncio.timeout(FINISH_GRACE), cdp.connect(self._address()) as browser:
                    found = await browser.call("Storage.getCookies")
                    cookies = [cookie for cookie in found["cookies"] if cookie["session"]]
                    await browser.tell("Browser.close")
                    await asyncio.wait((self.exited,))
        if not self.exited.done() or self.exited.result() != ENDED_WELL:
            return None
        await self._child.group_ended()
        return UserData(folder=self._folder.data, session_cookies=tuple(cookies))

    async def stop(self) -> None:
        """
        End it within seconds, kill what does not end, remove its folder. A second call waits for the first.

        Raises:
            LocalBrowserError: The system did not end what was killed; the next call tries again.
        """
        if self._stopping is None or (self._stopping.done() and self._stopping.exception()):
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    def _address(self) -> Endpoint:
        if self.endpoint is None:
            raise cdp.CdpError("it does not listen")
        return self.endpoint

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
        # Without a crash handler, its network process closes a descriptor that it does not own, and dies
        # (seen in version 156): no page loads. The handler would outlive us, so the process goes instead.
        arguments += ["--headless=new", "--enable-features=NetworkServiceInProcess2"]
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
