"""One program and its warden: three pipes out, two in, and one end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import attrs

from firecrawl_interact.server.child import Child, pipe
from firecrawl_interact.server.inlet import Inlet
from firecrawl_interact.server.interpreters.capture import Capture
from firecrawl_interact.server.unprivileged import Nobody

END_GRACE = 2.0  # Seconds a warden has to end what it watches; then the whole group is killed.

# What warden and program find where.
_STDOUT, _STDERR, _COMMANDS, _ANSWERS, _LIFELINE, _LOCK = 1, 2, 3, 4, 5, 6

_WARDEN = Path(__file__).with_name("warden.py")
_LONGEST_ANSWER = 16 * 1024 * 1024  # Bytes; a result of the largest size, spelt as JSON, has room.
_MOST_ANSWERS = 16  # That wait to be read; a program says one thing at a time.
_LAST_READS = 16  # Of what a pipe holds at the end: 1 MiB, the most that its system gives to one.


@attrs.define(eq=False)
class Process:
    """
    A program of a user's.

    Attributes:
        stdout: What it prints.

        stderr: What it prints as errors.
    """

    stdout: Capture
    stderr: Capture
    _child: Child
    _answers: _Answers
    _commands: int
    _lifeline: contextlib.ExitStack  # Our end; when it closes, the warden ends all.
    _held: contextlib.ExitStack  # Our ends of all pipes.
    _ending: asyncio.Task[None] | None = None

    @classmethod
    def start(
        cls, argv: list[str], env: Mapping[str, str], folder: Path, lock: int, user: Nobody | None = None
    ) -> Process:
        """
        Start a program. Its warden is always us, whom a program of another user cannot kill.

        Args:
            argv: Absolute path of the program, and its arguments.

            env: Its whole environment.

            folder: Where it runs.

            lock: Descriptor that says, as long as it is open, that the folder is in use.

            user: Who runs it; None is us.

        Raises:
            OSError: There is no room for one more.
        """
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            given = {_LOCK: lock}
            lifeline = ours.enter_context(contextlib.ExitStack())
            mine: dict[int, int] = {}
            for number in (_STDOUT, _STDERR, _COMMANDS, _ANSWERS, _LIFELINE):
                reading, writing = pipe()
                we_write = number in (_COMMANDS, _LIFELINE)
                mine[number], given[number] = (writing, reading) if we_write else (reading, writing)
                (lifeline if number == _LIFELINE else ours).callback(os.close, mine[number])
                theirs.callback(os.close, given[number])
            os.set_blocking(mine[_COMMANDS], False)
            if user is not None:
                for number in (_STDOUT, _STDERR):
                    os.fchown(given[number], user.uid, user.gid)  # For who opens /dev/stdout anew.
                argv = user.argv(argv, for_good=True)
            warden = [sys.executable, "-I", "-S", str(_WARDEN)]
            told = [*map(str, (_LIFELINE, _LOCK, _ANSWERS)), str(folder)]
            child = Child.spawn([*warden, *told, *argv], env, given)
            return cls(
                Capture(mine[_STDOUT]),
                Capture(mine[_STDERR]),
                child,
                _Answers(mine[_ANSWERS], child.exited),
                mine[_COMMANDS],
                lifeline,
                ours.pop_all(),
            )

    @property
    def over(self) -> bool:
        """Whether it has ended by itself, or says what nobody asked for."""
        return self._child.exited.done() or self._answers.waiting

    def tell(self, command: Mapping[str, str]) -> None:
        """Send a short command; one that has ended does not hear it, nor one that has long heard none."""
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(self._commands, json.dumps(command).encode() + b"\n")

    async def answer(self) -> dict[str, Any]:
        """Wait for what it says next; ``{"exited": status}`` is the last that it does."""
        return await self._answers.next()

    async def end(self) -> None:
        """End it with all that it started and wait until they are gone; so does a second call."""
        self.begin_end()
        if self._ending is not None:
            await asyncio.shield(self._ending)

    def begin_end(self) -> None:
        """Begin to end it; nobody needs to wait."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())

    async def _end(self) -> None:
        self._lifeline.close()
        await asyncio.wait((self._child.exited,), timeout=END_GRACE)
        if not self._child.exited.done():
            self._child.signal(signal.SIGKILL)
            await asyncio.wait((self._child.exited,))
        await self._child.group_ended()
        for stream in (self.stdout, self.stderr, self._answers):
            stream.close()
        self._held.close()


class _Answers:
    """Lines of JSON from a program and its warden."""

    def __init__(self, descriptor: int, exited: asyncio.Future[str]) -> None:
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._text = bytearray()
        self._inlet = Inlet(descriptor, self._take)
        exited.add_done_callback(self._exited)

    @property
    def waiting(self) -> bool:
        return not self._queue.empty()

    async def next(self) -> dict[str, Any]:
        return await self._queue.get()

    def close(self) -> None:
        self._inlet.stop()

    def _exited(self, exited: asyncio.Future[str]) -> None:
        del exited
        for _ in range(_LAST_READS):
            if not self._inlet.read():
                break
        # For a warden that was killed before it could say anything.
        self._queue.put_nowait({"exited": None})

    def _take(self, data: bytes) -> None:
        self._text += data
        if len(self._text) > _LONGEST_ANSWER or self._queue.qsize() >= _MOST_ANSWERS:
            self._inlet.stop()
            self._text.clear()
        if b"\n" not in data:
            return  # Splitting a long line anew for each piece of it would take ever longer.
        *lines, rest = self._text.split(b"\n")
        self._text = rest
        for line in lines:
            answer = _read_answer(line)
            if answer is not None and self._queue.qsize() < _MOST_ANSWERS:
                self._queue.put_nowait(answer)


def _read_answer(line: bytes | bytearray) -> dict[str, Any] | None:
    """Read one line; None for what makes no sense, since a program may write there what it likes."""
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", answer) if isinstance(answer, dict) and answer else None
