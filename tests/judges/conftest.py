"""Servers for the judges, over fakes or over real browsers, and the programs that judge."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
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
from firecrawl_interact.server.interpreters.runs import ProcessRuns
from firecrawl_interact.server.runs import Prompts
from firecrawl_interact.server.settings import Generation, ServerSettings

KEY = "fc-TEST"
SCRIPTS = Path(__file__).parent / "js"
PROGRAMS = Path(__file__).parent / "py"
LISTENING = "Listening on "
COMPARED = Path(__file__).parents[2] / "docs" / "explanation" / "compared.md"
PATIENCE = 60  # Seconds for one program; on a busy machine a browser takes a few to start.


@asynccontextmanager
async def serving(browsers: Browsers, **given: Any) -> AsyncIterator[str]:
    """Run the server; yields its base URL."""
    app = build_app(browsers=browsers, key=KEY, **given)
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
    async with serving(browsers, settings=ServerSettings(generation=generation)) as base:
        yield base


@pytest.fixture(scope="session")
def installed() -> None:
    """Skip where there is no browser to launch."""
    try:
        binary.find(os.environ.get("FIRECRAWL_INTERACT_BROWSER"))
    except LocalBrowserError as error:
        pytest.skip(f"no browser here: {error}")


@pytest.fixture
def runs() -> ProcessRuns | None:
    """Who runs code on the server of real browsers: nobody, unless a module says otherwise."""
    return None


@pytest.fixture
def agent() -> Prompts | None:
    """Who follows instructions there: nobody either."""
    return None


@pytest.fixture
def real_browsers(installed: None, runs: ProcessRuns | None) -> Browsers:
    launcher = ChromiumLauncher(os.environ.get("FIRECRAWL_INTERACT_BROWSER"))
    return Browsers(launcher, attendants=[] if runs is None else [runs])


@pytest.fixture
async def real_base(
    real_browsers: Browsers, runs: ProcessRuns | None, agent: Prompts | None
) -> AsyncIterator[str]:
    """The base URL of a server of real browsers."""
    async with serving(real_browsers, runs=runs, prompts=agent) as base:
        yield base


@pytest.fixture(scope="session")
def served(
    request: pytest.FixtureRequest, installed: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The base URL of the very command that users run, with real browsers, and options as parameters."""
    home = tmp_path_factory.mktemp("served")
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "firecrawl_interact", "serve", "--port", "0", "--allow-execute"),
            *getattr(request, "param", ()),
        ],
        env=os.environ | {"FIRECRAWL_INTERACT_SERVE_KEY": KEY, "XDG_STATE_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            ready = server.stdout.readline()
            assert ready.startswith(LISTENING)
            yield ready.removeprefix(LISTENING).strip()
        finally:
            server.terminate()


@attrs.frozen
class Node:
    """A Node.js, and the folder in which its packages are."""

    program: str
    modules: Path


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
Vendor = Callable[[str], Any]


@pytest.fixture(scope="session")
def vendor() -> Vendor:
    """Import a vendor's module, whatever it warns of meanwhile; skips where it is not installed."""

    def vendors(module: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pytest.importorskip(module, reason=f"{module} is not installed")

    return vendors


@pytest.fixture(scope="session")
def troubles() -> dict[str, Any]:
    """Why packages of Node.js cannot be imported, None if they can; each is tried once."""
    return {}


@pytest.fixture
def judge(node: Node, troubles: dict[str, Any], tmp_path: Path) -> Judge:
    """Run one of the scripts in ``js``, which imports *package*; skips where that does not work."""
    # Imports of modules are looked up beside the script only; NODE_PATH is not for them.
    shutil.copytree(SCRIPTS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "node_modules").symlink_to(node.modules, target_is_directory=True)

    async def run(name: str, package: str, **given: Any) -> Any:
        if package not in troubles:
            probe = tmp_path / "probe.mjs"
            troubles[package] = await _tell(node.program, probe, home=tmp_path, module=package)
        if troubles[package] is not None:
            pytest.skip(
                f"{package} cannot be imported ({troubles[package]}): npm install -g {package}@latest"
            )
        return await _tell(node.program, tmp_path / name, home=tmp_path, key=KEY, **given)

    return run


@pytest.fixture
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Judge:
    """Run one of the programs in ``py`` or ``js``, which imports *package*; skips where that is missing."""

    async def run(name: str, package: str, **given: Any) -> Any:
        if name.endswith(".mjs"):
            return await request.getfixturevalue("judge")(name, package, **given)
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
        return await _tell(sys.executable, PROGRAMS / name, home=tmp_path, key=KEY, **given)

    return run


async def _tell(interpreter: str, script: Path, *, home: Path, **given: Any) -> Any:
    """
    Run a program that reads one JSON object and prints another, in its last line.

    Raises:
        ChildProcessError: It failed; the text is what it complained of.
    """
    process = await asyncio.create_subprocess_exec(
        interpreter,
        str(script),
        # Some write their settings below HOME, and would tell their makers of each run.
        env={"PATH": os.environ["PATH"], "HOME": str(home), "ANONYMIZED_TELEMETRY": "false"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            printed, complaint = await process.communicate(json.dumps(given).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise ChildProcessError(complaint.decode())
    return json.loads(printed.splitlines()[-1])


Table = dict[str, dict[str, str]]  # Cells by row and column.


@pytest.fixture(scope="session")
def compared() -> Callable[[str], Table]:
    """Read a table of the page that compares the SDKs, by its heading."""

    def table(heading: str) -> Table:
        _, _, rest = COMPARED.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
        lines = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
        (_, *columns), _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
        return {name: dict(zip(columns, cells, strict=True)) for name, *cells in rows}

    return table
