"""browser-use, which speaks CDP by itself, as a client of our gateway."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
from pathlib import Path

import aiohttp
import pytest

KEY = "fc-TEST"
SCRIPT = Path(__file__).parent / "py" / "browser_use_drive.py"
PAGE = "data:text/html,<title>Seen by browser-use</title>"


@pytest.mark.skipif(importlib.util.find_spec("browser_use") is None, reason="browser-use is not installed")
async def test_browser_use_drives_a_page_and_leaves_the_browser_running(real_base: str, tmp_path: Path):
    """
    It takes the CDP link as it is; when it has gone, the session is still there to be ended.
    """
    async with aiohttp.ClientSession(real_base, headers={"Authorization": f"Bearer {KEY}"}) as client:
        async with client.post("/v2/interact", json={"ttl": 120}) as answer:
            made = await answer.json()

        seen = await _drive(tmp_path, cdp_url=made["cdpUrl"], page=PAGE)

        async with client.delete(f"/v2/interact/{made['id']}") as answer:
            ended = await answer.json()

    assert "Seen by browser-use" == seen["title"]
    assert "stopped" == ended["status"]


async def _drive(home: Path, **given: str) -> dict[str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        # It writes its settings below HOME, and would tell its makers of each run.
        env={"PATH": os.environ["PATH"], "HOME": str(home), "ANONYMIZED_TELEMETRY": "false"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            printed, complaint = await process.communicate(json.dumps(given).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complaint.decode()
    return dict(json.loads(printed.splitlines()[-1]))
