"""What holds on the machine itself: Chromium's own port, other users, programs run by `execute`, logs."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.chromium import ChromiumLauncher
from firecrawl_interact.server.engine import Debugging
from firecrawl_interact.server.interpreters.runs import ProcessRuns
from firecrawl_interact.server.record import Browser, Wish
from tests.server.rawhttp import exchange, head
from tests.server.sockets import listening

if TYPE_CHECKING:
    from conftest import Leftovers

STRANGER = 64_123  # A user id that nobody has.
KEY = "fc-SECRET-KEY-OF-THE-SERVER"

# What a program without any token does to a browser whose port it has found.
ASK = """
exec 3<>/dev/tcp/127.0.0.1/{port}
printf 'GET /json/version HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\nConnection: close\\r\\n\\r\\n' >&3
timeout 30 grep -m1 -o 'devtools/browser/[0-9a-f-]*' <&3
"""

# What one sends who wants to become a WebSocket; it prints what it is told.
UPGRADE = """
exec 3<>/dev/tcp/127.0.0.1/{port}
printf '%s\\r\\n' "GET {path} HTTP/1.1" 'Host: 127.0.0.1' 'Connection: Upgrade' 'Upgrade: websocket' \\
  'Sec-WebSocket-Version: 13' 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' '' >&3
timeout 30 head -c 12 <&3
"""


@pytest.fixture
async def browsers(launcher: ChromiumLauncher) -> AsyncIterator[Browsers]:
    browsers = Browsers(launcher)
    yield browsers
    await browsers.aclose()


async def port_of(browsers: Browsers) -> int:
    """Start a browser, and tell its debugging port."""
    browser = await browsers.create(Wish())
    assert browser.engine.endpoint is not None
    return browser.engine.endpoint.address.port


@asynccontextmanager
async def reached(browsers: Browsers) -> AsyncIterator[str]:
    """Serve a table of browsers; yields the base URL."""
    runner = web.AppRunner(build_app(browsers=browsers, key=KEY), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def as_stranger(script: str) -> str:
    """Run a script as another user, and return what it printed."""
    bash = shutil.which("bash")
    if bash is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can run programs as somebody else")
    process = await asyncio.create_subprocess_exec(
        *(bash, "-c", script),
        user=STRANGER,
        group=STRANGER,
        extra_groups=[],
        cwd="/",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        printed, _ = await process.communicate()
    return printed.decode().strip()


async def test_other_users_of_the_machine_can_drive_a_browser_at_its_port(browsers: Browsers):
    """
    Not a wish but the truth that our documents tell: Chromium's own port asks nobody for a token.
    """
    found = await as_stranger(ASK.format(port=await port_of(browsers)))

    assert found.startswith("devtools/browser/")


async def test_other_users_of_the_machine_read_no_file_and_no_memory_of_it(
    browsers: Browsers, leftovers: Leftovers
):
    """
    Neither the folder of a browser nor the environment of the server; not without its port, that is.
    """
    browser = await browsers.create(Wish())
    folders = [path for path in leftovers.files() if path.is_dir()]
    listed = await as_stranger("\n".join(f"ls -A '{folder}' 2>&1" for folder in folders))
    environ = await as_stranger(f"cat /proc/{os.getpid()}/environ 2>&1")

    assert browser.alive
    assert folders
    assert {"Permission denied"} == {line.rpartition(": ")[2] for line in listed.splitlines()}
    assert "Permission denied" in environ


async def test_web_pages_reach_no_browser_by_its_own_port(browsers: Browsers):
    """
    Chromium refuses names that are not its own, and WebSockets of pages, those of its own machine too.
    """
    base = f"http://127.0.0.1:{await port_of(browsers)}"
    refused = []
    async with asyncio.timeout(30), aiohttp.ClientSession() as http:
        async with http.get(f"{base}/json/version") as answer:
            url = (await answer.json())["webSocketDebuggerUrl"]
        async with http.get(f"{base}/json/version", headers={"Host": "evil.example"}) as rebound:
            told = await rebound.text()
        for origin in ("https://evil.example", "null", "http://127.0.0.1:3002"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await http.ws_connect(url, headers={"Origin": origin})
            refused.append(caught.value.status)

    assert [403, 403, 403] == refused
    assert rebound.status >= 400
    assert "devtools/browser" not in told


async def test_programs_run_by_execute_reach_other_sessions_and_find_no_key(
    launcher: ChromiumLauncher, monkeypatch: pytest.MonkeyPatch
):
    """
    The other truth that our documents tell: whoever runs code on a server is trusted with all of it.
    """
    monkeypatch.setenv("FIRECRAWL_INTERACT_SERVE_KEY", KEY)
    monkeypatch.setenv("FIRECRAWL_API_KEY", KEY)
    runs = ProcessRuns()
    browsers = Browsers(launcher, attendants=[runs])
    mine: Browser = await browsers.create(Wish(team="mine"))
    other = await port_of(browsers)
    async with asyncio.timeout(30):
        reached = await runs.run(mine, "bash", ASK.format(port=other), 10)
        environment = await runs.run(mine, "bash", "env", 10)
    tokens = [mine.cdp_token, mine.watch_token, mine.control_token]
    await browsers.aclose()

    assert reached.stdout.startswith("devtools/browser/")
    assert "CDP_URL=" in environment.stdout
    assert [] == [secret for secret in (KEY, *tokens) if secret in environment.stdout]


async def test_programs_run_by_execute_hold_nothing_of_the_server(launcher: ChromiumLauncher):
    """
    Besides pipes of their own they have neither the lock of their folder nor any socket.
    """
    runs = ProcessRuns()
    browsers = Browsers(launcher, attendants=[runs])
    browser = await browsers.create(Wish())
    async with asyncio.timeout(30):
        held = await runs.run(browser, "bash", "readlink /proc/$$/fd/*", 10)
    await browsers.aclose()

    assert {"null", "run-1.sh", "pipe"} == {
        name.partition(":")[0].rpartition("/")[2] for name in held.stdout.split()
    }


@pytest.mark.parametrize("debugging", [Debugging.PIPE])
async def test_other_users_of_the_machine_cannot_get_at_a_browser_behind_a_pipe(launcher: ChromiumLauncher):
    """
    It listens nowhere, its pipe has no name and is closed to them, and the server wants its token.
    """
    browsers = Browsers(launcher)
    async with reached(browsers) as base, asyncio.timeout(30):
        browser = await browsers.create(Wish())
        child = browser.engine._child.pid
        fds = [f"ls -l /proc/{pid}/fd 2>&1 | grep -c socket" for pid in (os.getpid(), child)]
        opened = await as_stranger("; ".join(fds))
        asked = await as_stranger(UPGRADE.format(port=base.rpartition(":")[2], path=f"/cdp/{browser.id}"))
        ours = await as_stranger(
            UPGRADE.format(port=base.rpartition(":")[2], path=f"/cdp/{browser.id}?token={browser.cdp_token}")
        )

    assert set() == listening(browser)
    assert ["0", "0"] == opened.split()
    assert ("HTTP/1.1 403", "HTTP/1.1 101") == (asked, ours)  # The latter shows that the way was right.


@pytest.mark.parametrize("debugging", [Debugging.PIPE])
async def test_programs_run_by_execute_reach_their_own_session_alone_behind_a_pipe(
    launcher: ChromiumLauncher,
):
    """
    Their link opens no other browser, and of the others they find neither port nor token.
    """
    runs = ProcessRuns()
    browsers = Browsers(launcher, attendants=[runs])
    async with reached(browsers) as base, asyncio.timeout(30):
        runs.base_url = base
        mine, other = await browsers.create(Wish(team="mine")), await browsers.create(Wish(team="other"))
        environment = (await runs.run(mine, "bash", "env", 10)).stdout
        tries = [
            UPGRADE.format(port=base.rpartition(":")[2], path=f"/cdp/{one.id}?${{CDP_URL##*\\?}}")
            for one in (mine, other)
        ]
        answers = [(await runs.run(mine, "bash", script, 10)).stdout.strip() for script in tries]
    secrets = [mine.cdp_token, mine.watch_token, mine.control_token, other.cdp_token, other.program_token]

    assert set() == listening(other)
    assert ["HTTP/1.1 101", "HTTP/1.1 403"] == answers
    assert [] == [secret for secret in secrets if secret in environment]


async def test_a_server_logs_no_secret_whatever_it_is_sent(leftovers: object, launcher: ChromiumLauncher):
    """
    The command as users run it, every request logged, as JSON: each line is JSON, none holds key or token.
    """
    del leftovers, launcher  # A browser is there, and nothing stays of it.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "firecrawl_interact", "serve", "--port", "0", "--access-log"),
        *("--log-format", "json"),
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "FIRECRAWL_INTERACT_SERVE_KEY": KEY,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        base = (await process.stdout.readline()).decode().removeprefix("Listening on ").strip()
        port = int(base.rpartition(":")[2])
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as http:
            async with http.post(f"{base}/v2/interact", json={}) as answer:
                made = await answer.json()
            async with http.ws_connect(made["cdpUrl"]) as socket:
                await socket.send_json({"id": 1, "method": "Browser.getVersion"})
                await socket.receive()
            async with http.get(made["liveViewUrl"]) as page:
                assert 200 == page.status
        links = [
            made[name].partition(base.partition(":")[2])[2] for name in ("cdpUrl", "interactiveLiveViewUrl")
        ]
        for link in links:
            for line in (f"GET {link} HTTP/9.9", f"GET {link}\x01 HTTP/1.1", f"G\x01T {link} HTTP/1.1", link):
                await exchange(port, head(line, {"Authorization": f"Bearer {KEY}"}))
            await exchange(port, head(f"GET {link}{'a' * 9000} HTTP/1.1"))
            await exchange(port, head(f"GET {link} HTTP/1.1", [("Authorization\x01", f"Bearer {KEY}")]))
        process.terminate()
        _, told = await process.communicate()
    lines = [json.loads(line) for line in told.decode().splitlines()]
    secrets = [KEY, *(link.partition("token=")[2].partition("&")[0] for link in links)]

    assert 0 == process.returncode
    assert len(lines) > 12
    assert all(secrets)
    assert [] == [secret for secret in secrets if secret in told.decode()]
    assert [] == [line for line in lines if "exception" in line]
