"""A server for the judges, over fakes or over real browsers, and Node.js for those that need it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiohttp import web

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import binary
from firecrawl_interact.server.access_log import AccessLogger
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.chromium import ChromiumLauncher
from firecrawl_interact.server.fake import FakeBrowsers
from firecrawl_interact.server.settings import Generation, ServerSettings

KEY = "fc-TEST"
SCRIPTS = Path(__file__).parent / "js"


@asynccontextmanager
async def serving(browsers: Browsers, generation: Generation = Generation.G3) -> AsyncIterator[str]:
    """Run the server; yields its base URL."""
    app = build_app(browsers=browsers, key=KEY, settings=ServerSettings(generation=generation))
    runner = web.AppRunner(app, access_log_class=AccessLogger)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def browsers() -> FakeBrowsers:
    return FakeBrowsers(limit=2)


@pytest.fixture
def generation() -> Generation:
    return Generation.G3


@pytest.fixture
async def base(browsers: FakeBrowsers, generation: Generation) -> AsyncIterator[str]:
    async with serving(browsers, generation) as base:
        yield base


@pytest.fixture
async def real_base() -> AsyncIterator[str]:
    """The base URL of a server of real browsers; skips where there is none to launch."""
    try:
        binary.find(os.environ.get("FIRECRAWL_INTERACT_BROWSER"))
    except LocalBrowserError as error:
        pytest.skip(f"no browser here: {error}")
    launcher = ChromiumLauncher(os.environ.get("FIRECRAWL_INTERACT_BROWSER"))
    async with serving(Browsers(launcher)) as base:
        yield base


@attrs.frozen
class Node:
    """A Node.js, and the folder in which its packages are."""

    program: str
    modules: Path

    async def run(self, script: Path, **given: Any) -> Any:
        """
        Run a script that reads one JSON object and prints another.

        Raises:
            ChildProcessError: It failed; the text is what it complained of.
        """
        process = await asyncio.create_subprocess_exec(
            self.program,
            str(script),
            env={"PATH": os.environ["PATH"], "HOME": str(script.parent)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(30):
                printed, complaint = await process.communicate(json.dumps(given).encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise ChildProcessError(complaint.decode())
        return json.loads(printed)


@pytest.fixture(scope="session")
def node() -> Node:
    """Node.js with the packages of ``JUDGES_NODE_MODULES``, or else those installed globally."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    named = os.environ.get("JUDGES_NODE_MODULES")
    if named:
        return Node(program, Path(named).absolute())
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, and JUDGES_NODE_MODULES is not set")
    told = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, timeout=30, check=True)
    return Node(program, Path(told.stdout.strip()))


Judge = Callable[..., Awaitable[Any]]


@pytest.fixture
def judge(node: Node, tmp_path: Path) -> Judge:
    """Run one of the scripts in ``js``, which imports *package*; skips where that does not work."""
    # Imports of modules are looked up beside the script only; NODE_PATH is not for them.
    shutil.copytree(SCRIPTS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "node_modules").symlink_to(node.modules, target_is_directory=True)

    async def run(name: str, package: str, **given: Any) -> Any:
        trouble = await node.run(tmp_path / "probe.mjs", module=package)
        if trouble is not None:
            pytest.skip(f"{package} cannot be imported ({trouble}): npm install -g {package}@latest")
        return await node.run(tmp_path / name, key=KEY, **given)

    return run
