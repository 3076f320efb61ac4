"""Bench: what a program under test has at hand, in its own process."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import traceback
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

import attrs

PATIENCE = 20.0  # Seconds an event is waited for; longer than any scenario needs.

Open = Callable[..., AbstractAsyncContextManager[Any]]


class BodyError(Exception):
    """What the block itself raises."""


@attrs.define(eq=False)
class Bench:
    """
    The adapter under test, the server's control paths, and the report.

    Attributes:
        adapter: Opens sessions: ``adapter(url, key, dialect, **options)``.

        url: Origin of the provider.

        control: Origin of the server's control paths.

        key: API key.

        dialect: Whose wire is spoken.

        options: The scenario's, for `open`.

        args: The scenario's, for the program.

        report_path: File to which reports are appended, a JSON object a line.

        loop: ``asyncio`` or ``uvloop``.

        eager: Whether tasks start eagerly.
    """

    adapter: Open
    url: str
    control: str
    key: str = attrs.field(repr=False)
    dialect: str
    options: dict[str, Any]
    args: dict[str, Any]
    report_path: str
    loop: str = "asyncio"
    eager: bool = False
    reported: list[BaseException] = attrs.field(factory=list[BaseException])

    def open(self, **options: Any) -> AbstractAsyncContextManager[Any]:
        """Begin a session, with the scenario's options."""
        return self.adapter(self.url, self.key, self.dialect, **{**self.options, **options})

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """Make an event loop of the kind wanted."""
        if self.loop == "uvloop":
            import uvloop

            made: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        else:
            made = asyncio.SelectorEventLoop()
        if self.eager:
            made.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined,unused-ignore]
        return made

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Do what `asyncio.run` does, on a loop of the kind wanted."""
        with asyncio.Runner(loop_factory=self.new_loop) as runner:
            runner.run(main)

    @contextlib.contextmanager
    def reporting(self) -> Generator[None]:
        """Report how the statements inside end; what they raise goes on."""
        try:
            yield
        except BaseException as error:
            self.reported.append(error)
            self._write({"kind": _kind(error), "names": _names(error), "text": _text(error)})
            raise
        self._write({"kind": "nothing", "names": [], "text": ""})

    def claim(self, truth: object, otherwise: str) -> None:
        """Report a failure unless something holds."""
        if not truth:
            self._write({"kind": "claim", "names": [], "text": otherwise})

    def mark(self, name: str) -> None:
        """Tell the server where the program is. Blocks the loop for a millisecond: no task, no await."""
        self._call("POST", f"/_lab/mark/{name}")

    def release(self) -> None:
        """Let held requests go on."""
        self._call("POST", "/_lab/release")

    def state(self) -> dict[str, Any]:
        """Return the server's account."""
        return self._call("GET", "/_lab/state")

    def seen_now(self, event: str, count: int = 1) -> None:
        """Wait for an event of the server, without a loop."""
        path = f"/_lab/wait?event={event}&count={count}&timeout={PATIENCE}"
        if not self._call("GET", path).get("reached"):
            raise RuntimeError(f"{event} did not happen {count} times")

    async def seen(self, event: str, count: int = 1) -> None:
        """Wait for an event of the server."""
        await asyncio.to_thread(self.seen_now, event, count)

    async def ended(self, *tasks: asyncio.Task[None]) -> None:
        """Wait until tasks have ended, however they do."""
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.exception()  # Looked at, or the loop would complain that nobody did.

    def end_all(self) -> None:
        """End every session, as somebody else would."""
        header = (
            {"anchor-api-key": self.key}
            if self.dialect == "anchor"
            else {"Authorization": f"Bearer {self.key}"}
        )
        path = "/v1/sessions" if self.dialect == "anchor" else "/v2/interact"
        where = urlsplit(self.url)
        for session_id in self.state()["live"]:
            line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE)
            line.request("DELETE", f"{path}/{session_id}", headers={**header, "X-Lab-Foreign": "1"})
            line.getresponse().read()
            line.close()

    def _call(self, method: str, path: str) -> dict[str, Any]:
        where = urlsplit(self.control)
        line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE + 5)
        try:
            line.request(method, path)
            answer: dict[str, Any] = json.loads(line.getresponse().read())
        finally:
            line.close()
        return answer

    def _write(self, report: dict[str, Any]) -> None:
        report["exact"] = getattr(self.adapter, "exact_errors", False)
        # One write call: processes and threads share the file.
        handle = os.open(self.report_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, json.dumps(report).encode() + b"\n")
        finally:
            os.close(handle)


def _kind(error: BaseException) -> str:
    # The body's own and the caller's own first: an SDK's time-out error is a TimeoutError too.
    for kind, parents in (
        ("body", BodyError),
        ("cancelled", asyncio.CancelledError),
        ("interrupt", KeyboardInterrupt),
        ("exit", SystemExit),
        ("closed", GeneratorExit),
        ("group", BaseExceptionGroup),
    ):
        if isinstance(error, parents):
            return kind
    return "timeout" if type(error) is TimeoutError else "error"


def _names(error: BaseException) -> list[str]:
    return [parent.__name__ for parent in type(error).__mro__]


def _text(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)).strip()[:500]
