"""Start a Chromium, watch it, stop it, kill it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import binary, cdp, command_line, scratch
from firecrawl_interact.server.beginning import begin
from firecrawl_interact.server.child import ENDED_WELL, Child, pipe, socket_pair
from firecrawl_interact.server.engine import Debugging, Endpoint, LaunchSpec
from firecrawl_interact.server.multiplexer.switchboard import Switchboard
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

_NOBODY_TRIES = 2  # A browser may die for another reason; the sandbox is not given up for one death.

_log = logging.getLogger(__name__)


class ChromiumLauncher:
    """
    Start browsers on this machine, each in a folder and a process group of its own.

    Every browser ends with this process, however that ends.
    """

    def __init__(self, wanted: str | None = None, *, debugging: Debugging = Debugging.PORT) -> None:
        """
        Start with none.

        Args:
            wanted: Path or name of the browser; None looks for one.

            debugging: How browsers take commands.
        """
        self._wanted = wanted
        self._debugging = debugging
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
        arguments = command_line.arguments(program, spec, self._debugging)
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
            await browser.listening(self._debugging, deadline)
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
    One browser: its processes, its folder, and what binds it to this process.

    Attributes:
        program: What was started.

        user: Who runs it, where that is not us.

        endpoint: Where it takes commands, once it does.
    """

    program: Path
    user: Nobody | None
    _child: Child
    _stderr: Stderr
    _folder: Scratch
    _channel: socket.socket  # Our end of what it calls its pipe; when it closes, the browser ends.
    _held: contextlib.ExitStack  # This, our end of its stderr, and the folder.
    endpoint: Endpoint | None = attrs.field(default=None, init=False)
    _board: Switchboard | None = attrs.field(default=None, init=False)
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
                stderr, its_stderr = pipe()
                ours.callback(os.close, stderr)
                theirs.callback(os.close, its_stderr)
                channel, its_channel = socket_pair()
                ours.callback(channel.close)
                theirs.callback(os.close, its_channel)
                argv = [str(program), f"--user-data-dir={folder.data}", *arguments]
                if user is not None:
                    user = user.apart()
                    user.give(folder)
                    argv = user.argv(argv)
                child = Child.spawn(
                    argv,
                    command_line.environment(folder),
                    {_STDERR: its_stderr, _COMMANDS: its_channel, _ANSWERS: its_channel, _LOCK: folder.lock},
                )
                return cls(program, user, child, Stderr(stderr), folder, channel, ours.pop_all())
        except OSError as error:
            raise LocalBrowserError(f"{program} could not be started: {error.strerror or error}.") from error

    @property
    def exited(self) -> asyncio.Future[str]:
        """Done once it has ended, with the reason."""
        return self._child.exited

    async def listening(self, debugging: Debugging, deadline: float) -> None:
        """
        Wait until it takes commands, or the loop's clock shows *deadline*; `endpoint` is set then.

        Args:
            debugging: How it was told to take them.

            deadline: When to give up.

        Raises:
            LocalBrowserError: It ended or did not listen in time; the text has its last words.
        """
        ways = {Debugging.PORT: self._at_port, Debugging.PIPE: self._by_pipe}
        opening = asyncio.create_task(ways[debugging]())
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        try:
            await asyncio.wait((opening, self.exited), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if opening.done() and opening.exception() is not None:  # As when it ends, of which we hear later.
                await asyncio.wait((self.exited,), timeout=STOP_GRACE)
            self._stderr.read()  # What it said just before it ended.
        finally:
            opening.cancel()
            await asyncio.wait((opening,))
        if not opening.cancelled() and opening.exception() is None:
            self.endpoint = opening.result()
            self._stderr.forget()
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
        if self._board is not None:
            self._board.hurry()
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

    async def _at_port(self) -> Endpoint:
        address = await asyncio.shield(self._stderr.address)
        from firecrawl_interact.server.port import PortEndpoint  # And aiohttp: it starts while that loads.

        return PortEndpoint(address)

    async def _by_pipe(self) -> Endpoint:
        board = self._board = Switchboard()
        await board.open(self._channel)
        board.lost.add_done_callback(self._abandoned)
        from firecrawl_interact.server.multiplexer.endpoint import PipeEndpoint  # As above.

        return PipeEndpoint(board)

    def _abandoned(self, _: object) -> None:
        """Kill, unless it is just ending, what cannot be told anything any more, nor hears of our end."""
        asyncio.get_running_loop().call_later(FINISH_GRACE, self._child.signal, signal.SIGKILL)

    async def _stop(self) -> None:
        for number, grace in ((signal.SIGTERM, STOP_GRACE), (signal.SIGKILL, KILL_GRACE)):
            if not self.exited.done():
                self._child.signal(number)
                await asyncio.wait((self.exited,), timeout=grace)
        if not self.exited.done():
            raise LocalBrowserError(f"{self.program} was killed and still runs.")
        await self._child.group_ended()
        self._stderr.close()
        if self._board is not None:
            await self._board.aclose()
        await asyncio.to_thread(self._held.close)
