"""A server on a port of its own, over fakes, with a clock that only a test moves."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
import pytest_asyncio
from aiohttp import web

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import binary, cdp
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.chromium import ChromiumLauncher
from firecrawl_interact.server.engine import Debugging
from firecrawl_interact.server.fake import FakeBrowsers, FakeEngine
from firecrawl_interact.server.listening import HEAD_TIMEOUT, runner_for
from firecrawl_interact.server.porter import Porter

KEY = "fc-TEST"


@attrs.define
class Clock:
    """Wall-clock seconds that stand still until moved."""

    now: float = 1_768_473_000.0  # 2026-01-15 10:30:00 UTC

    def __call__(self) -> float:
        return self.now


@attrs.frozen
class Answer:
    """Status, headers and body of an answer."""

    status: int
    headers: Any
    body: Any


@attrs.frozen
class Server:
    """A running server, and a client of it."""

    base: str
    browsers: FakeBrowsers
    clock: Clock
    runner: web.AppRunner
    http: aiohttp.ClientSession

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send one request with both providers' keys; a body of bytes goes as it is."""
        shown = {"Authorization": f"Bearer {KEY}", "anchor-api-key": KEY}
        shown |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body is None or isinstance(body, bytes | io.BytesIO)
        data = body if raw else json.dumps(body).encode()
        kept = {name: value for name, value in shown.items() if value}
        async with self.http.request(method, self.base + path, data=data, headers=kept) as answer:
            text = await answer.text()
            parsed = json.loads(text) if answer.content_type == "application/json" else text
            return Answer(answer.status, answer.headers, parsed)

    def later(self, seconds: float) -> None:
        """Move the clock and let the table notice."""
        self.clock.now += seconds
        self.browsers.sweep()


Serve = Callable[..., Awaitable[Server]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def serve(clock: Clock) -> AsyncIterator[Serve]:
    """Start servers; the options are those of the table of fakes, the rest goes to `build_app`."""
    servers: list[Server] = []

    async def start(
        *,
        key: str | None = KEY,
        limit: int | None = None,
        delay: float = 0.0,
        patience: float = HEAD_TIMEOUT,
        **options: Any,
    ) -> Server:
        browsers = FakeBrowsers(limit=limit, delay=delay, clock=clock)
        app = build_app(browsers=browsers, key=key, **options)
        runner = runner_for(app, Porter(), head_timeout=patience)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        server = Server(base, browsers, clock, runner, aiohttp.ClientSession())
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.http.close()
        await server.runner.cleanup()


@contextlib.asynccontextmanager
async def served(text: str) -> AsyncIterator[str]:
    """Serve one page of HTML; yields its address."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def delete(server: Server, session_id: str) -> None:
    """End a session as Firecrawl's clients do."""
    await server.ask("DELETE", f"/v2/interact/{session_id}")


async def crash(server: Server, session_id: str) -> None:
    """Let a session's browser end by itself, and the table hear of it."""
    browser = server.browsers.get(session_id)
    assert browser is not None
    engine = browser.engine
    assert isinstance(engine, FakeEngine)
    engine.crash()
    await asyncio.sleep(0)  # The table hears of it in the loop's next round.
    async with asyncio.timeout(30):
        await server.browsers.end(browser)


@attrs.frozen
class Leftovers:
    """What browsers that were started here have left on this machine."""

    folder: Path

    def processes(self) -> list[int]:
        """Return the processes whose home, or command line, is in the folder; zombies have none."""
        word = str(self.folder).encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                home = b"HOME=" + word in (process / "environ").read_bytes()
                if home or word in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
        return found

    def folders(self) -> list[str]:
        """Return the names of what is in the folder for temporary files."""
        return sorted(path.name for path in self.folder.iterdir())

    def files(self, *, below: Path | None = None) -> list[Path]:
        """Return all that is in it, or below a folder, but what goes away meanwhile: browsers are busy."""
        return [
            Path(place, name)
            for place, folders, names in os.walk(below or self.folder)
            for name in (*folders, *names)
        ]

    async def gone(self, within: float = 30, *, with_folders: bool = True) -> tuple[list[int], list[str]]:
        """Wait until there is no process, and no folder unless those may stay; return what is left."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self.processes() or (with_folders and self.folders()):  # noqa: ASYNC110  # the kernel sets no event
                    await asyncio.sleep(0.01)
        return self.processes(), self.folders()


@contextlib.contextmanager
def own_folder() -> Iterator[Leftovers]:
    """Use a folder of our own for temporary files, here and in processes that are started."""
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="browsers-", dir="/tmp") as folder,
    ):
        Path(folder).chmod(0o711)  # Browsers may run as another user.
        patch.setenv("TMPDIR", folder)
        patch.setattr(tempfile, "tempdir", folder)
        yield Leftovers(Path(folder))


def skip_without_browser() -> None:
    """Skip where there is no browser to launch."""
    try:
        binary.find()
    except LocalBrowserError as error:
        pytest.skip(f"no browser here: {error}")


@pytest.fixture
def leftovers() -> Iterator[Leftovers]:
    """A folder for temporary files that only this test uses."""
    with own_folder() as folder:
        yield folder


@pytest.fixture
def debugging() -> Debugging:
    """How browsers take commands; tests that must hold in both ways are parametrized with it."""
    return Debugging.PORT


@pytest.fixture
async def launcher(leftovers: Leftovers, debugging: Debugging) -> AsyncIterator[ChromiumLauncher]:
    """A launcher of real browsers; skips where there is none to launch."""
    skip_without_browser()
    launcher = ChromiumLauncher(debugging=debugging)
    yield launcher
    await launcher.aclose()

    assert ([], []) == await leftovers.gone()


@pytest.fixture
def program() -> Iterator[Callable[..., str]]:
    """Write a shell script that stands in for a browser, and that everybody may run; returns its path."""
    with tempfile.TemporaryDirectory(prefix="program-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)

        def write(script: str, first_line: str = "#!/bin/sh") -> str:
            path = Path(folder) / "headless-browser"
            path.write_text(f"{first_line}\n{script}\n", encoding="utf-8")
            path.chmod(0o755)
            return str(path)

        yield write


class Viewer:
    """One end of a live view's stream, as its page is one."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def frame(self) -> bytes:
        """Wait for the next picture."""
        async with asyncio.timeout(30):
            while (message := await self.socket.receive()).type is not aiohttp.WSMsgType.BINARY:
                assert message.type is aiohttp.WSMsgType.TEXT
        return message.data

    async def told(self, until: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Wait for the words that meet a condition."""
        async with asyncio.timeout(30):
            while True:
                message = await self.socket.receive()
                assert message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}
                if message.type is aiohttp.WSMsgType.TEXT and until(words := message.json()):
                    return words

    async def do(self, kind: str, **what: Any) -> None:
        """Send one message."""
        await self.socket.send_json({"type": kind, **what})

    async def click(self, x: float = 0.5, y: float = 0.5) -> None:
        """Click at parts of the picture."""
        for event in ("down", "up"):
            await self.do("mouse", event=event, x=x, y=y, button=0, clicks=1)


@attrs.frozen
class Stage:
    """A server with one session: its links, and a hand on its pages beside them."""

    made: dict[str, Any]
    http: aiohttp.ClientSession
    browsers: Browsers
    commands: Counter[str]  # What the server told browsers, by method.
    runner: web.AppRunner

    @property
    def browser(self) -> Any:
        """The session's record."""
        return self.browsers.get(self.made["id"])

    @contextlib.asynccontextmanager
    async def view(self, link: str = "interactiveLiveViewUrl", **options: Any) -> AsyncIterator[Viewer]:
        """Connect as a live page does."""
        page, _, query = self.made[link].partition("?")
        async with self.http.ws_connect(f"{page}/stream?{query}", **options) as socket:
            yield Viewer(socket)

    async def goto(self, url: str) -> None:
        """Lead the first page somewhere."""
        async with cdp.connect(self.browser.engine.endpoint) as hand:
            session = await cdp.attach(hand, (await hand.pages())[-1])
            await hand.call("Page.navigate", {"url": url}, session=session)

    def drop_connections(self) -> None:
        """Break every connection to the server, as a network does."""
        assert self.runner.server is not None
        for connection in list(self.runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()

    async def titles(self) -> list[str]:
        """The titles of all pages, in no order."""
        async with cdp.connect(self.browser.engine.endpoint) as hand:
            return [target["title"] for target in (await hand.call("Target.getTargets"))["targetInfos"]]

    async def title_becomes(self, wanted: str, doing: Callable[[], Awaitable[None]] | None = None) -> None:
        """Wait until a page has that title, and do something again and again until then."""
        async with asyncio.timeout(30):
            while wanted not in await self.titles():
                if doing is not None:
                    await doing()
                await asyncio.sleep(0.02)


@attrs.frozen
class Theatre:
    """A server over real browsers, for all tests of a module."""

    base: str
    browsers: Browsers
    runner: web.AppRunner


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=list(Debugging), ids=lambda debugging: debugging.value
)
async def theatre(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Theatre]:
    """Serve real browsers; when all tests are over, nothing of them is left."""
    skip_without_browser()
    tmp_path_factory.getbasetemp()  # Now, lest pytest makes it in a folder that goes away.
    with own_folder() as leftovers:
        launcher = ChromiumLauncher(debugging=request.param)
        browsers = Browsers(launcher)
        runner = web.AppRunner(build_app(browsers=browsers), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Theatre(f"http://127.0.0.1:{runner.addresses[0][1]}", browsers, runner)
        await runner.cleanup()
        await launcher.aclose()

        assert ([], []) == await leftovers.gone()


@pytest_asyncio.fixture(loop_scope="module")
async def stage(theatre: Theatre, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """A session with a real browser of its own, for its live view."""
    commands: Counter[str] = Counter()
    call = cdp.Cdp.call

    async def counted(self: cdp.Cdp, method: str, *args: Any, **options: Any) -> Any:
        commands[method] += 1
        return await call(self, method, *args, **options)

    monkeypatch.setattr(cdp.Cdp, "call", counted)
    async with aiohttp.ClientSession() as http:
        async with asyncio.timeout(30), http.post(f"{theatre.base}/v2/interact", json={}) as answer:
            made = await answer.json()
        stage = Stage(made, http, theatre.browsers, commands, theatre.runner)
        yield stage
        await theatre.browsers.end(stage.browser)
