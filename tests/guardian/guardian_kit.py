"""A real provider on loopback, and owners that are real processes; for tests and owners alike."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from firecrawl_interact.guardian.client import Guardian
from firecrawl_interact.models import EndRequest, LineSettings, Request, Rows, Search, Verify

KEY = "fc-0123456789abcdef"
LINE = LineSettings()
PATIENCE = 30.0  # Seconds after which something that is waited for counts as never coming.

# What an owner runs before its script: the same helpers that a test has.
PRELUDE = """
import os, signal, sys, time
sys.path[:0] = [{root!r}, {here!r}]
from guardian_kit import LINE, end, guardian, opened, planned, say, search
URL = {url!r}
"""


def end(url: str, session_id: str, **more: Any) -> EndRequest:
    """Describe the end of a session at a provider."""
    request = Request("DELETE", f"{url}/sessions/{session_id}", {"Authorization": f"Bearer {KEY}"})
    again = frozenset({408, 425, 429, 500, 502, 503, 504})
    return EndRequest(request, frozenset({200, 204, 404, 410}), again, frozenset({401, 403}), **more)


ROWS = Rows(("data", "items"), "session_id", "status", frozenset({"ended"}), "tags")


def verify(url: str) -> Verify:
    """Describe what to ask when an end is refused with 401."""
    return Verify(401, Request("GET", f"{url}/sessions", {"Authorization": f"Bearer {KEY}"}), ROWS)


def search(url: str, mark: str) -> Search:
    """Describe how to find the session that carries a mark."""
    request = Request("GET", f"{url}/sessions?tags={mark}", {"Authorization": f"Bearer {KEY}"})
    return Search(request, ROWS, mark, end(url, "{id}"))


def create(url: str, **fields: Any) -> Request:
    """Describe a create."""
    return Request("POST", f"{url}/sessions", {"Authorization": f"Bearer {KEY}"}, json.dumps(fields).encode())


def guardian() -> Guardian:
    """Return the process's own guardian."""
    from firecrawl_interact.guardian.client import guardian

    return guardian()


def opened(url: str, *session_ids: str, line: LineSettings = LINE, **more: Any) -> None:
    """Tell the process's guardian that sessions are open, each under its own id."""
    for session_id in session_ids:
        guardian().opened(
            session_id,
            end(url, session_id, **more),
            line=line,
            session_id=session_id,
            until=time.time() + 100,
        )


def planned(url: str, mark: str, appears_by: float | None = None) -> None:
    """Tell the process's guardian that a create with a mark is about to be sent."""
    guardian().plan(mark, line=LINE, search=search(url, mark), until=time.time() + 100, appears_by=appears_by)


def say(*words: object) -> None:
    """Tell the test something, from an owner."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Provider:
    """
    A provider with sessions, in a thread of the test.

    Attributes:
        alive: The tags of each session that runs, by id.

        arrivals: Monotonic seconds, method and path of each request.

        answer_end: What status the end of a session gets; None ends it and says 200.

        answer_list: What status the list gets; None is 200.

        hold_creates: Cleared, creates are not answered until it is set.

        create_came: Set once a create was received.
    """

    def __init__(
        self, port: int = 0, wrap: Callable[[Any], Any] | None = None, alive: tuple[str, ...] = ()
    ) -> None:
        self.alive: dict[str, list[str]] = {session_id: [] for session_id in alive}
        self.arrivals: list[tuple[float, str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.answer_end: Callable[[str], int | None] = lambda _: None
        self.answer_list: Callable[[], int | None] = lambda: None
        self.hold_creates = threading.Event()
        self.hold_creates.set()
        self.create_came = threading.Event()
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", port), _handler(self))
        if wrap is not None:
            self._server.socket = wrap(self._server.socket)
        self.port = self._server.server_address[1]
        self.url = f"{'http' if wrap is None else 'https'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self.hold_creates.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def open(self, *session_ids: str, tags: tuple[str, ...] = ()) -> None:
        for session_id in session_ids:
            self.alive[session_id] = list(tags)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait for something that a request brings about."""
        with self._changed:
            if not self._changed.wait_for(condition, PATIENCE):
                raise TimeoutError(f"Alive: {self.alive}; requests: {[seen[1:] for seen in self.arrivals]}")

    def wait_empty(self) -> None:
        self.wait(lambda: not self.alive)

    def count(self, method: str) -> int:
        return sum(seen[1] == method for seen in self.arrivals)

    def receive(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        with self._changed:
            self.arrivals.append((time.monotonic(), method, path))
            self.headers.append(headers)
        if method == "POST":
            return self._create(json.loads(body))
        with self._changed:
            status, document = self._list() if method == "GET" else self._end(path.rpartition("/")[2])
            self._changed.notify_all()
            return status, json.dumps(document).encode()

    def _create(self, fields: dict[str, Any]) -> tuple[int, bytes]:
        self.create_came.set()
        self.hold_creates.wait(PATIENCE)
        with self._changed:
            self.alive[fields["name"]] = fields.get("tags", [])
            self._changed.notify_all()
        return 200, json.dumps({"data": {"id": fields["name"]}}).encode()

    def _list(self) -> tuple[int, Any]:
        # Deaf to the filter in the query: what is not ours must survive all the same.
        status = self.answer_list() or 200
        rows = [{"session_id": name, "status": "running", "tags": tags} for name, tags in self.alive.items()]
        return status, {"data": {"items": rows}}

    def _end(self, session_id: str) -> tuple[int, Any]:
        status = self.answer_end(session_id)
        if status is None:
            status = 200 if self.alive.pop(session_id, None) is not None else 404
        return status, {}


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # A client that is killed cuts its connection.


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, text = provider.receive(self.command, self.path, headers, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_DELETE = do_GET = do_POST = answer  # noqa: N815  # the names that the class looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Handler


class Owner:
    """A process that opens sessions, and can be killed."""

    def __init__(self, script: str, url: str, **environ: str) -> None:
        here = Path(__file__).parent
        prelude = PRELUDE.format(root=str(here.parent.parent), here=str(here), url=url)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", prelude + script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environ},
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.stdin, self.stdout, self.stderr = self.process.stdin, self.process.stdout, self.process.stderr

    @property
    def pid(self) -> int:
        return self.process.pid

    def hear(self) -> str:
        """Read the next line that it says."""
        line = self.stdout.readline()
        if not line:
            raise AssertionError(f"The owner ended: {self.stderr.read()}")
        return line.strip()

    def tell(self) -> None:
        """Let it go on past a `sys.stdin.readline()`."""
        self.stdin.write("\n")
        self.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> str:
        """Wait for its end; return what it complained about."""
        self.process.wait(PATIENCE)
        return self.stderr.read()

    def close(self) -> None:
        """End it and its guardian, which would else try for a minute to reach the test's provider."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGSTOP)
            for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(child), signal.SIGKILL)
            self.kill()
        for stream in (self.stdin, self.stdout, self.stderr):
            stream.close()


@contextmanager
def nobody() -> Iterator[str]:
    """The URL of a port where nobody listens, nor can anybody meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def ended(pid: int) -> bool:
    """Wait for the end of a process that is not our child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], PATIENCE)[0])
    finally:
        os.close(descriptor)
