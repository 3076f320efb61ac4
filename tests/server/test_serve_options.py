"""What ``serve`` was asked for, seen from outside of its process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import binary

if TYPE_CHECKING:
    from tests.server.conftest import Leftovers

pytestmark = pytest.mark.usefixtures("leftovers")
LISTENING = "Listening on "


@pytest.fixture(autouse=True)
def _browser() -> None:
    try:
        binary.find()
    except LocalBrowserError as error:
        pytest.skip(f"no browser here: {error}")


@asynccontextmanager
async def serving(*options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """
    Run ``firecrawl-interact serve``; yields the process and the address that it prints.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-m", "firecrawl_interact", "serve", "--port", "0", *options),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            line = (await process.stdout.readline()).decode().strip()

            assert line.startswith(LISTENING)
            yield process, line.removeprefix(LISTENING)
    finally:
        if process.returncode is None:
            process.terminate()  # Killed, it would leave a folder that this test's own is removed around.
        await process.communicate()


async def spare_ready(http: aiohttp.ClientSession, base: str) -> None:
    """
    Wait until the dashboard shows a spare.
    """
    async with asyncio.timeout(60):
        while True:
            async with http.get(f"{base}/dashboard/sessions") as answer:
                if (await answer.json())["spares"]:
                    return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_no_spare_outlives_the_server(leftovers: Leftovers, number: signal.Signals):
    """
    Neither the one that waits, nor the one that was handed out, however the server ends.
    """
    async with serving("--spare", "1") as (process, base), aiohttp.ClientSession() as http:
        await spare_ready(http, base)
        async with http.post(f"{base}/v2/interact", json={}) as answer:
            status = answer.status
        process.send_signal(number)
        _, complaints = await process.communicate()
        killed = number is signal.SIGKILL  # Then folders stay, until another server comes.
        processes, folders = await leftovers.gone(with_folders=not killed)

    assert (200, []) == (status, processes)
    assert killed or (0, b"", []) == (process.returncode, complaints, folders)


async def test_the_session_too_many_is_a_429():
    """
    For whichever team it is.
    """
    async with serving("--max-sessions", "1") as (_, base), aiohttp.ClientSession() as http:
        statuses = []
        for team in ("a", "b"):
            headers = {"Authorization": f"Bearer {team}"}
            async with http.post(f"{base}/v2/interact", json={}, headers=headers) as answer:
                statuses.append(answer.status)

    assert [200, 429] == statuses


async def test_json_logs_go_to_stderr_and_leave_the_ready_line_alone():
    """
    One object a line, the requests among them, and no key in any.
    """
    key = "fc-SECRET"
    options = ("--log-format", "json", "--access-log", "--api-key", key)
    async with serving(*options) as (process, base), aiohttp.ClientSession() as http:
        async with http.get(f"{base}/?apiKey={key}") as answer:
            await answer.read()
        process.terminate()
        out, logged = await process.communicate()
    lines = [json.loads(line) for line in logged.splitlines()]

    assert b"" == out
    assert ["/"] == [line["route"] for line in lines if "route" in line]
    assert key.encode() not in logged


async def test_a_plan_of_faults_switches_the_server_to_another_generation(tmp_path):
    """
    The first generation's delete says `success` and nothing else, over a real browser too.
    """
    plan = tmp_path / "faults.json"
    plan.write_text(json.dumps({"server": {"generation": 1}}))

    async with serving("--test-faults", str(plan)) as (_, base), aiohttp.ClientSession(base) as http:
        async with http.post("/v2/interact", json={"ttl": 60}) as answer:
            made = await answer.json()
        async with http.delete(f"/v2/interact/{made['id']}") as answer:
            ended = await answer.json()

    assert {"success": True} == ended
