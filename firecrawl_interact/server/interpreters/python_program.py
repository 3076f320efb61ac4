"""Run Python programs against one browser, one after the other; started by file path, beside Playwright."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import json
import linecache
import os
import sys
import traceback
import types
from pathlib import Path
from typing import Any, BinaryIO

COMMANDS, ANSWERS = 3, 4  # Descriptors: a line of JSON for each run, a line for what it came to.

_AWAITING = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_RETURN_OUTSIDE = "'return' outside function"


class Interpreter:
    """A module that keeps what programs leave in it, with ``page``, ``context`` and ``browser``."""

    def __init__(self, cdp_url: str, longest_result: int) -> None:
        self._cdp_url = cdp_url
        self._longest_result = longest_result
        self._playwright: Any = None
        self._browser: Any = None
        self._context: Any = None
        self._pid = os.getpid()
        # What programs look up as `__main__` is theirs, not this file.
        self._module = sys.modules["__main__"] = types.ModuleType("__main__")
        self._names = self._module.__dict__

    async def attach(self) -> None:
        """Connect where that is needed, and see to it that ``page`` is open."""
        names = self._names
        if self._playwright is None:
            from playwright.async_api import async_playwright

            self._playwright = await async_playwright().start()
        connected = self._browser is not None and self._browser.is_connected()
        if not connected:
            self._browser = names["browser"] = await self._playwright.chromium.connect_over_cdp(self._cdp_url)
            contexts = self._browser.contexts
            self._context = names["context"] = contexts[0] if contexts else await self._browser.new_context()
        page = names.get("page")
        if not connected or page is None or getattr(page, "is_closed", bool)():
            pages = self._context.pages
            names["page"] = pages[0] if pages else await self._context.new_page()

    async def run(self, code: str, name: str) -> dict[str, Any]:
        """Run a program; what it prints goes where it prints."""
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        status, value = 0, None
        try:
            await self.attach()
            value = await self._evaluate(code, name)
        except SystemExit as leaving:
            status = _exit_status(leaving)
        except BaseException as error:  # noqa: BLE001  # boundary: a program may raise anything
            status = 1
            _show(error, name)
        if os.getpid() != self._pid:
            os._exit(0)  # A forked child that came out of the program must not answer for it.
        text = _text(value)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # Programs may close or replace them.
                stream.flush()
        return {
            "exit_code": status,
            "result": text[: self._longest_result],
            "truncated": len(text) > self._longest_result,
        }

    async def _evaluate(self, code: str, name: str) -> Any:
        """Run all of it; the value is that of the last expression, or what it returns."""
        tree = ast.parse(code, name)
        program = list(tree.body)
        last = program.pop() if program and isinstance(program[-1], ast.Expr) else None
        try:
            steps = [compile(ast.Module(program, []), name, "exec", _AWAITING)]
            if isinstance(last, ast.Expr):
                steps.append(compile(ast.Expression(last.value), name, "eval", _AWAITING))
        except SyntaxError as error:
            if error.msg != _RETURN_OUTSIDE:
                raise
            return await self._call(tree, name)
        value = None
        for step in steps:
            value = eval(step, self._names)  # noqa: S307  # what we are for
            if inspect.iscoroutine(
                value
            ):  # Of the step, if it awaits; else its value, which was to be awaited.
                value = await value
        return value

    async def _call(self, tree: ast.Module, name: str) -> Any:
        """Run a program that returns at its top level; its variables are its own."""
        wrapped = ast.parse("async def __program__(): pass", name)
        wrapped.body[0].body = tree.body  # type: ignore[attr-defined]  # it is a function
        eval(compile(wrapped, name, "exec"), self._names)  # noqa: S307  # what we are for
        return await self._names.pop("__program__")()


async def main() -> None:
    """Serve runs until there are no more."""
    interpreter = Interpreter(os.environ["CDP_URL"], int(sys.argv[1]))
    await interpreter.attach()
    reader = asyncio.StreamReader()
    commands = os.fdopen(COMMANDS, "rb")
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), commands)
    with os.fdopen(ANSWERS, "wb") as answers:
        _say(answers, {"ready": True})
        while line := await reader.readline():
            command = json.loads(line)
            code = _read(command["path"])
            # A task of its own, for the program may cancel the one it runs in.
            outcome = await asyncio.create_task(interpreter.run(code, command["name"]))
            _say(answers, outcome)


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="surrogatepass")


def _say(answers: BinaryIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message).encode() + b"\n")
    answers.flush()


def _exit_status(leaving: SystemExit) -> int:
    """Read what `sys.exit` was given, as Python itself does."""
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    print(leaving.code, file=sys.stderr)  # noqa: T201  # as Python does
    return 1


def _show(error: BaseException, name: str) -> None:
    """Print a traceback that begins where the program does."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != name:
        trace = trace.tb_next
    with contextlib.suppress(Exception):  # An error may fail to say what it is.
        traceback.print_exception(type(error), error, trace)


def _text(value: object) -> str:
    if value is None:
        return ""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  # boundary: a program's own class
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what is printed before a kill counts
    for _descriptor in (COMMANDS, ANSWERS):
        os.set_inheritable(_descriptor, False)  # Not for what programs start.
    asyncio.run(main())
