"""The server as a process: how it starts, and that its browsers end with it, however it ends."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import binary
from firecrawl_interact.server.profile_store import ProfileFolder

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Leftovers

LISTENING = "Listening on "
# Opens a session on a private server, and says so; then waits for its end.
OWNER = """
import asyncio, sys
from firecrawl_interact.backends.local import LocalBackend
from firecrawl_interact.models import SessionOptions

async def main():
    async with LocalBackend() as backend:
        await asyncio.gather(*(backend.create(SessionOptions()) for _ in range(2)))
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""
# Started by its owner: has all its descriptors, the lifeline too, as a child forked by C code has.
HEIR = """
import os, subprocess
for number in range(3, 64):
    try:
        os.set_inheritable(number, True)
    except OSError:
        pass
heir = subprocess.Popen(["sleep", "30"], close_fds=False, stdin=-3, stdout=-3, stderr=-3)
print(heir.pid, flush=True)
"""

pytestmark = pytest.mark.usefixtures("leftovers")


@pytest.fixture(autouse=True)
def _browser() -> None:
    try:
        binary.find()
    except LocalBrowserError as error:
        pytest.skip(f"no browser here: {error}")


@asynccontextmanager
async def running(*arguments: str, **env: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """
    Run Python with these arguments; killed at the end, if it still runs.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        *arguments,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **env},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@asynccontextmanager
async def serving(*options: str, **env: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """
    Run ``firecrawl-interact serve``; yields the process and the address that it prints.
    """
    async with running("-m", "firecrawl_interact", "serve", "--port", "0", *options, **env) as process:
        line = (await process.stdout.readline()).decode().strip()

        assert line.startswith(LISTENING)
        yield process, line.removeprefix(LISTENING)
        if process.returncode is None:
            process.terminate()
            await process.communicate()


async def create(base: str, key: str | None = None) -> tuple[int, Any]:
    """
    Create a session; returns status and body.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{base}/v2/interact", json={}) as answer,
    ):
        return answer.status, await answer.json()


async def ended(leftovers: Leftovers) -> None:
    """
    Wait until no browser runs any more.
    """
    async with asyncio.timeout(30):
        while leftovers.processes():  # noqa: ASYNC110  # the kernel sets no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serve_ends_its_browsers_on_a_signal(leftovers: Leftovers, number: signal.Signals):
    """
    SIGTERM and SIGINT end browsers and server, without an error and without a word.
    """
    async with serving() as (process, base):
        status, _ = await create(base)
        process.send_signal(number)
        _, complaints = await process.communicate()

    assert (200, 0, b"") == (status, process.returncode, complaints)
    assert ([], []) == await leftovers.gone()


@pytest.mark.parametrize("cdp", ["port", "pipe"])
@pytest.mark.parametrize("name", ["chromium-headless-shell", "chromium"])
async def test_no_browser_outlives_a_killed_server(leftovers: Leftovers, name: str, cdp: str):
    """
    After SIGKILL of the server its browsers end by themselves, at once.
    """
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    async with serving("--cdp", cdp, FIRECRAWL_INTERACT_BROWSER=name) as (process, base):
        await asyncio.gather(*(create(base) for _ in range(2)))
        process.kill()
        await process.wait()
        await ended(leftovers)

    assert [] == leftovers.processes()


async def test_folders_of_a_killed_server_are_removed_by_the_next(leftovers: Leftovers):
    """
    What a server could not remove itself, the next one does with its first browser.
    """
    async with serving() as (process, base):
        await create(base)
        process.kill()
        await process.wait()
        await ended(leftovers)
    assert 1 == len(leftovers.folders())
    async with serving() as (process, base):
        await create(base)
        process.terminate()
        await process.wait()

    assert ([], []) == await leftovers.gone()


async def test_session_ended_while_a_client_is_connected(leftovers: Leftovers):
    """
    A server that is told to stop does not wait for those who drive its browsers.
    """
    async with serving() as (process, base):
        _, made = await create(base)
        async with aiohttp.ClientSession() as http, http.ws_connect(made["cdpUrl"]) as socket:
            await socket.send_json({"id": 1, "method": "Browser.getVersion"})
            answer = json.loads((await socket.receive()).data)
            process.terminate()
            last = await socket.receive()
            async with asyncio.timeout(30):
                await process.wait()

    assert 1 == answer["id"]
    assert aiohttp.WSMsgType.CLOSED == last.type
    assert ([], []) == await leftovers.gone()


async def test_key_from_the_environment_is_asked_for():
    """
    With a key set, nobody without it creates a session.
    """
    async with serving(FIRECRAWL_INTERACT_SERVE_KEY="fc-right") as (_, base):
        without, _ = await create(base)
        wrong, _ = await create(base, "fc-wrong")
        right, _ = await create(base, "fc-right")

    assert [401, 401, 200] == [without, wrong, right]


async def test_owner_that_ends_well_leaves_nothing_and_says_nothing(leftovers: Leftovers):
    """
    At the interpreter's end the private server ends with its browsers, before the process does.
    """
    async with running("-c", OWNER) as process:
        assert b"open\n" == await process.stdout.readline()
        _, complaints = await process.communicate(b"")

        assert ([], []) == (leftovers.processes(), leftovers.folders())
    assert (0, b"") == (process.returncode, complaints)


async def test_no_browser_outlives_a_killed_owner(leftovers: Leftovers):
    """
    After SIGKILL of the user's process its server and browsers are gone at once.
    """
    async with running("-c", OWNER) as process:
        assert b"open\n" == await process.stdout.readline()
        process.kill()
        left = await leftovers.gone()

    assert ([], []) == left


async def test_no_browser_outlives_an_owner_that_is_killed_as_its_server_starts(leftovers: Leftovers):
    """
    The first browser is there before the server is; both end all the same, without a word.
    """
    async with running("-c", OWNER) as process:
        while not leftovers.processes():  # noqa: ASYNC110  # nobody tells of it yet
            await asyncio.sleep(0.001)
        process.kill()
        left = await leftovers.gone()
        complaints = await process.stderr.read()

    assert ([], [], b"") == (*left, complaints)


async def test_no_browser_outlives_a_killed_owner_whose_child_lives_on(leftovers: Leftovers):
    """
    A process that holds the owner's descriptors keeps nothing alive.
    """
    script = OWNER.replace('        print("open", flush=True)\n', "        exec(HEIR)\n")
    async with running("-c", f"HEIR = {HEIR!r}\n{script}") as process:
        heir = int(await process.stdout.readline())
        try:
            process.kill()
            left = await leftovers.gone()
        finally:
            os.kill(heir, signal.SIGKILL)

    assert ([], []) == left


async def test_serve_saves_profiles_on_sigterm_and_lets_go_of_them_when_killed(tmp_path: Path):
    """
    The next server has what was saved; the right to save ends with the process that held it.
    """
    folder = tmp_path / "profiles"
    wish = {"profile": {"name": "shop"}}
    for end in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
        async with serving("--profile-dir", str(folder)) as (process, base), aiohttp.ClientSession() as http:
            async with http.post(f"{base}/v2/interact", json=wish) as made:
                assert 200 == made.status
            process.send_signal(end)
            await process.communicate()

    saved = await ProfileFolder(folder).list("")
    assert [("shop", True)] == [(one.name, one.saved_at is not None) for one in saved]
