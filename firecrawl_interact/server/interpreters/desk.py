"""One session's interpreters: started when needed, kept from run to run, ended together."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from firecrawl_interact.config import child_environment
from firecrawl_interact.server.interpreters import tools
from firecrawl_interact.server.interpreters.process import Process
from firecrawl_interact.server.runs import BrowserEndedError, RunOutcome
from firecrawl_interact.server.scratch import Scratch
from firecrawl_interact.server.unprivileged import USER, Nobody

START_TIMEOUT = 30.0  # Seconds until an interpreter is connected to the browser; a second, as a rule.

_BASH = "bash"
_SUFFIXES = {"python": ".py", "node": ".js", _BASH: ".sh"}
_HERE = "127.0.0.1,localhost"

UserFor = Callable[[tools.Tool], Nobody | None]


@attrs.define(eq=False)
class Desk:
    """Where the programs of one session run: its folder, its environment, its interpreters."""

    _folder: Scratch
    _env: dict[str, str] = attrs.field(repr=False)  # Has the browser's address, which opens it.
    _user_for: UserFor
    _locks: defaultdict[str, asyncio.Lock] = attrs.field(factory=lambda: defaultdict(asyncio.Lock))
    _processes: dict[str, Process] = attrs.field(factory=dict[str, Process])
    _count: int = 0
    _closed: bool = False

    @classmethod
    def open(cls, cdp_url: str, user: Nobody | None, user_for: UserFor) -> Desk:
        """
        Make the folder; nothing is started.

        Args:
            cdp_url: Where programs reach the browser.

            user: Who runs the browser, and gets the folder; None is us.

            user_for: Tells who runs a tool.

        Raises:
            OSError: There is no room for it.
        """
        folder = Scratch.make()
        try:
            if user is not None:
                user.give(folder)
        except OSError:
            folder.remove()
            raise
        return cls(folder, _environment(folder.data, cdp_url), user_for)

    async def run(self, language: str, code: str, timeout: float) -> RunOutcome:
        """Do as `Runs.run` says."""
        async with self._locks[language]:
            if self._closed:
                raise BrowserEndedError
            self._count += 1
            # A file, for a command line would show it to everybody, and not where programs can write:
            # they could have laid a link there that leads us elsewhere.
            path = self._folder.path / f"run-{self._count}{_SUFFIXES[language]}"
            path.write_text(code, encoding="utf-8", errors="surrogatepass")
            path.chmod(0o644)  # Whoever runs it can read it; the folder lets nobody else in.
            try:
                outcome = await self._run(language, path, timeout)
            finally:
                path.unlink(missing_ok=True)
            if self._closed:
                raise BrowserEndedError
            return outcome

    async def close(self) -> None:
        """End every interpreter, busy or not, and remove the folder."""
        self._closed = True
        await asyncio.gather(*(process.end() for process in tuple(self._processes.values())))
        await asyncio.to_thread(self._folder.remove)

    async def _run(self, language: str, path: Path, timeout: float) -> RunOutcome:
        process = self._processes.get(language)
        if process is not None and process.over:
            await self._end(language, process)  # It died between two runs, which is not this one's failure.
            process = None
        if process is None:
            process = self._start(language, path)
            if language != _BASH:
                problem = await self._ready(language, process)
                if problem is not None:
                    return problem
        if language != _BASH:
            for stream in (process.stdout, process.stderr):
                stream.take()  # What was printed since the last run is nobody's.
            process.tell({"path": str(path), "name": path.name})
        answer = await self._answer(language, process, timeout)
        stdout, stdout_cut = process.stdout.take()
        stderr, stderr_cut = process.stderr.take()
        stays = answer is not None and "exited" not in answer
        if not stays:
            await self._end(language, process)
        return RunOutcome(
            stdout=stdout,
            stderr=stderr,
            result=_result(answer),
            exit_code=_status(answer),
            killed=answer is None,
            truncated=stdout_cut or stderr_cut or bool(answer and answer.get("truncated")),
        )

    def _start(self, language: str, path: Path) -> Process:
        if self._closed:  # While the one before was ended.
            raise BrowserEndedError
        tool = tools.find(language)
        argv = [*tool.argv, f"../{path.name}"] if language == _BASH else tool.argv
        user = self._user_for(tool)
        env = self._env if user is None else self._env | {"USER": USER, "LOGNAME": USER}
        process = Process.start(argv, env, self._folder.data, self._folder.lock, user)
        self._processes[language] = process
        return process

    async def _ready(self, language: str, process: Process) -> RunOutcome | None:
        """Wait until an interpreter is connected to the browser; else tell why it is not."""
        answer = await self._answer(language, process, START_TIMEOUT)
        if answer is not None and "ready" in answer:
            return None
        said = "It took too long." if answer is None else str(answer.get("failed", ""))
        said += process.stderr.take()[0]
        await self._end(language, process)
        return RunOutcome(exit_code=1, stderr=f"The interpreter did not reach the browser.\n{said}")

    async def _answer(self, language: str, process: Process, timeout: float) -> dict[str, Any] | None:
        """Wait for the next answer; None if there was none in time."""
        try:
            async with asyncio.timeout(timeout):
                return await process.answer()
        except TimeoutError:
            return None
        except BaseException:
            # Nobody waits for this run any more; the next one must not find it busy.
            self._processes.pop(language, None)
            process.begin_end()
            raise

    async def _end(self, language: str, process: Process) -> None:
        self._processes.pop(language, None)
        await process.end()


def _status(answer: dict[str, Any] | None) -> int:
    """Read the exit code; 1 where nobody could tell one."""
    if answer is None:
        return 1
    status = answer.get("exited") if "exited" in answer else answer.get("exit_code")
    return status if isinstance(status, int) else 1


def _result(answer: dict[str, Any] | None) -> str:
    """Read the result; a program may say that it is anything, and no text."""
    result = None if answer is None else answer.get("result")
    return result if isinstance(result, str) else ""


def _environment(home: Path, cdp_url: str) -> dict[str, str]:
    """Let programs have a home of their own, the browser, what this process imports, and nobody's keys."""
    env = {name: value for name, value in child_environment().items() if not name.startswith("XDG_")}
    if "NODE_PATH" in os.environ:
        env["NODE_PATH"] = os.environ["NODE_PATH"]
    paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100  # entries are text
    return env | {
        "HOME": str(home),
        "TMPDIR": str(home),
        "CDP_URL": cdp_url,
        "AGENT_BROWSER_CDP": cdp_url,  # Firecrawl's bash has `agent-browser`, attached to the session.
        "NO_PROXY": ",".join(filter(None, (env.get("NO_PROXY"), _HERE))),
        "no_proxy": ",".join(filter(None, (env.get("no_proxy"), _HERE))),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths)),
        "PYTHONUTF8": "1",
    }
