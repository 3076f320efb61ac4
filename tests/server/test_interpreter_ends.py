"""Programs of users end with their browser, and with the server, however that ends."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
import pytest

from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.interpreters.desk import Desk
from firecrawl_interact.server.interpreters.process import Process
from firecrawl_interact.server.interpreters.runs import ProcessRuns
from firecrawl_interact.server.record import Wish
from firecrawl_interact.server.runs import BrowserEndedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from conftest import Leftovers

    from firecrawl_interact.server.chromium import ChromiumLauncher

KEY = "fc-TEST"
# Leaves its group, its session and its parent, as a daemon does.
DAEMON = "(setsid sh -c 'sleep 300 & sleep 300' >/dev/null 2>&1 &)"
BUSY = {  # By language.
    "bash": f"{DAEMON}; touch started; while true; do :; done",
    "python": f"import os\nos.system({DAEMON!r})\nopen('started', 'w').close()\nwhile True: pass",
    "node": (
        f"require('child_process').execSync({DAEMON!r});"
        "require('fs').writeFileSync('started', ''); while (true) {}"
    ),
}

needs_playwright = pytest.mark.skipif(
    importlib.util.find_spec("playwright") is None, reason="Python and JavaScript need Playwright"
)
every_language = pytest.mark.parametrize(
    "language",
    ["bash", pytest.param("python", marks=needs_playwright), pytest.param("node", marks=needs_playwright)],
)


async def started(leftovers: Leftovers) -> None:
    """Wait until a program has touched its file."""
    while not list(leftovers.folder.glob("*/data/started")):  # noqa: ASYNC110  # it sets no event
        await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(*options: str, **env: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Run ``firecrawl-interact serve`` with a key; yields the process and its address."""
    arguments = ["-m", "firecrawl_interact", "serve", "--port", "0", *options]
    paths = os.pathsep.join(filter(None, sys.path))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        env={**os.environ, "PYTHONPATH": paths, "FIRECRAWL_INTERACT_SERVE_KEY": KEY, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode().strip()
        yield process, line.removeprefix("Listening on ")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def post(http: aiohttp.ClientSession, url: str, body: Any) -> tuple[int, Any]:
    async with http.post(url, json=body, headers={"Authorization": f"Bearer {KEY}"}) as answer:
        return answer.status, await answer.json()


@every_language
async def test_nothing_of_a_program_outlives_its_browser(
    launcher: ChromiumLauncher, leftovers: Leftovers, language: str
):
    """
    Neither a busy interpreter nor a daemon that it started, nor the folder.
    """
    runs = ProcessRuns()
    browsers = Browsers(launcher, attendants=[runs])
    browser = await browsers.create(Wish())
    running = asyncio.create_task(runs.run(browser, language, BUSY[language], 60))
    async with asyncio.timeout(60):
        await started(leftovers)
        await browsers.end(browser)
        await asyncio.wait((running,))
        left = await leftovers.gone()

    assert ([], []) == left
    assert running.exception() is not None


@every_language
async def test_nothing_of_a_program_outlives_its_time_limit(
    launcher: ChromiumLauncher, leftovers: Leftovers, language: str
):
    """
    The interpreter and all that it started are gone, and the browser stays.
    """
    runs = ProcessRuns()
    browsers = Browsers(launcher, attendants=[runs])
    browser = await browsers.create(Wish())
    async with asyncio.timeout(60):
        outcome = await runs.run(browser, language, BUSY[language], 1)
        # The browser's own, of which it may start some later, have another home.
        of_program = attrs.evolve(leftovers, folder=runs._desks[browser.id]._folder.path)
        while of_program.processes():  # noqa: ASYNC110  # the kernel sets no event
            await asyncio.sleep(0.01)
    stays = browser.alive
    await browsers.aclose()

    assert (True, True) == (outcome.killed, stays)


@every_language
async def test_nothing_of_a_program_outlives_a_killed_server(leftovers: Leftovers, language: str):
    """
    After SIGKILL of the server, busy interpreters and daemons end at once.
    """
    async with serving("--allow-execute") as (process, base), aiohttp.ClientSession() as http:
        status, made = await post(http, f"{base}/v2/interact", {})
        body = {"code": BUSY[language], "language": language}
        running = asyncio.create_task(post(http, f"{base}/v2/interact/{made['id']}/execute", body))
        async with asyncio.timeout(60):
            await started(leftovers)
            process.kill()
            with pytest.raises(aiohttp.ClientError):
                await running
            while leftovers.processes():  # noqa: ASYNC110  # the kernel sets no event
                await asyncio.sleep(0.01)

    assert 200 == status


async def test_serve_runs_code_only_when_told_to(leftovers: Leftovers):
    """
    Without --allow-execute a program is refused, and the refusal names it.
    """
    async with serving() as (process, base), aiohttp.ClientSession() as http:
        _, made = await post(http, f"{base}/v2/interact", {})
        status, body = await post(http, f"{base}/v2/interact/{made['id']}/execute", {"code": "1"})
        process.terminate()
        await process.wait()

    assert 501 == status
    assert "--allow-execute" in body["error"]
    assert ([], []) == await leftovers.gone()


@needs_playwright
async def test_a_caller_who_left_leaves_no_busy_interpreter(launcher: ChromiumLauncher, leftovers: Leftovers):
    """
    A run that nobody waits for is ended, and the next one has an interpreter to itself.
    """
    runs = ProcessRuns()
    browsers = Browsers(launcher, attendants=[runs])
    browser = await browsers.create(Wish())
    running = asyncio.create_task(runs.run(browser, "python", BUSY["python"], 60))
    async with asyncio.timeout(60):
        await started(leftovers)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        outcome = await runs.run(browser, "python", "1 + 1", 10)
    await browsers.aclose()

    assert "2" == outcome.result


class Dead:
    """An interpreter that died between two runs, and takes its time to be gone."""

    over = True

    def __init__(self) -> None:
        self.ending = asyncio.Event()
        self.gone = asyncio.Event()

    async def end(self) -> None:
        self.ending.set()
        await self.gone.wait()


async def test_a_browser_that_ends_while_an_interpreter_is_replaced_gets_no_other(
    leftovers: Leftovers, monkeypatch: pytest.MonkeyPatch
):
    """
    What would be started then has no folder any more, and nobody ends it.
    """
    monkeypatch.setattr(Process, "start", lambda *_: pytest.fail("an interpreter was started"))
    dead, desk = Dead(), Desk.open("ws://127.0.0.1:9/", None, lambda _: None)
    desk._processes["python"] = dead  # type: ignore[assignment]  # all of it that counts here
    running = asyncio.create_task(desk.run("python", "1", 10))
    async with asyncio.timeout(30):
        await dead.ending.wait()
        await desk.close()
        dead.gone.set()
        with pytest.raises(BrowserEndedError):
            await running

    assert [] == leftovers.folders()
