"""Real browsers: what starts them, what ends them, and that nothing of them stays."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import binary, chromium
from firecrawl_interact.server.cdp import connect
from firecrawl_interact.server.child import keep_descriptors
from firecrawl_interact.server.chromium import Chromium, ChromiumLauncher
from firecrawl_interact.server.engine import Debugging, Endpoint, LaunchSpec
from firecrawl_interact.server.unprivileged import user_of_browsers

if TYPE_CHECKING:
    from conftest import Leftovers

SPEC = LaunchSpec()

both_ways = pytest.mark.parametrize("debugging", list(Debugging), ids=lambda debugging: debugging.value)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


async def ask(endpoint: Endpoint, method: str) -> dict:
    """Send one CDP command to a browser and return the result."""
    async with asyncio.timeout(30), connect(endpoint) as browser:
        return await browser.call(method)


@both_ways
async def test_launched_browser_answers_cdp_and_shows_a_page(launcher: ChromiumLauncher):
    """
    What `launch` returns can be driven at once, and has a page to drive.
    """
    browser = await launcher.launch(SPEC)
    targets = (await ask(browser.endpoint, "Target.getTargets"))["targetInfos"]

    assert ["about:blank"] == [target["url"] for target in targets if target["type"] == "page"]


@both_ways
async def test_stop_leaves_neither_process_nor_folder(launcher: ChromiumLauncher, leftovers: Leftovers):
    """
    A stop returns once the browser and its folder are gone; another stop returns at once.
    """
    browser = await launcher.launch(SPEC)
    assert leftovers.processes()
    assert leftovers.folders()

    await browser.stop()
    await browser.stop()

    assert browser.exited.done()
    assert [] == leftovers.folders()


@both_ways
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
async def test_full_chromium_runs_headless_and_leaves_nothing(leftovers: Leftovers, debugging: Debugging):
    """
    The full browser is started without a window, and ends with all its helpers.
    """
    launcher = ChromiumLauncher("chromium", debugging=debugging)
    browser = await launcher.launch(SPEC)
    product = (await ask(browser.endpoint, "Browser.getVersion"))["product"]
    await launcher.aclose()

    assert product.startswith(("Chrome/", "HeadlessChrome/"))
    assert ([], []) == await leftovers.gone()


async def test_stops_at_the_same_time_wait_for_one_end(launcher: ChromiumLauncher, leftovers: Leftovers):
    """
    Whoever stops it meanwhile waits for the same end, even if the first one stops waiting.
    """
    browser = await launcher.launch(SPEC)
    first = asyncio.create_task(browser.stop())
    await asyncio.sleep(0)
    first.cancel()
    await browser.stop()

    assert first.cancelled()
    assert [] == leftovers.folders()


@both_ways
async def test_crash_is_told_with_its_reason(launcher: ChromiumLauncher, leftovers: Leftovers):
    """
    A browser that is killed from outside says so, and stopping it then removes its folder.
    """
    browser = await launcher.launch(SPEC)
    os.killpg(browser._child.pid, signal.SIGKILL)  # One by one, the first would take others along.
    async with asyncio.timeout(30):
        reason = await asyncio.shield(browser.exited)
    await browser.stop()

    assert "was ended by SIGKILL" == reason
    assert ([], []) == await leftovers.gone()


async def test_closing_the_launcher_stops_every_browser(launcher: ChromiumLauncher, leftovers: Leftovers):
    """
    With the launcher all its browsers end, and it starts no more.
    """
    browsers = await asyncio.gather(*(launcher.launch(SPEC) for _ in range(3)))
    await launcher.aclose()

    assert [True] * 3 == [browser.exited.done() for browser in browsers]
    assert ([], []) == await leftovers.gone()
    with pytest.raises(LocalBrowserError, match="starts no more"):
        await launcher.launch(SPEC)


@both_ways
async def test_cancelled_launch_leaves_nothing(launcher: ChromiumLauncher, leftovers: Leftovers):
    """
    A launch that is cancelled before the browser listens ends the browser.
    """
    launching = asyncio.create_task(launcher.launch(SPEC))
    async with asyncio.timeout(30):
        while not leftovers.processes():  # noqa: ASYNC110  # the kernel sets no event
            await asyncio.sleep(0)
        launching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await launching

    assert ([], []) == await leftovers.gone()


async def test_browsers_do_not_see_each_others_pipes(launcher: ChromiumLauncher, leftovers: Leftovers):
    """
    One browser's end does not wait for another that was started later, nor end it.
    """
    first, second = await launcher.launch(SPEC), await launcher.launch(SPEC)
    await first.stop()

    assert not second.exited.done()
    assert "HeadlessChrome" in (await ask(second.endpoint, "Browser.getVersion"))["product"]


@both_ways
@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("echo no luck today >&2; exit 3", "exited with status 3: no luck today"),
        ("exit 0", "exited with status 0"),
        ("kill -9 $$", "was ended by SIGKILL"),
    ],
)
async def test_browser_that_dies_at_once_is_an_error_with_its_last_words(
    program: Callable[..., str], leftovers: Leftovers, script: str, text: str, debugging: Debugging
):
    """
    The error says how the program ended and what it said, and nothing is left.
    """
    async with asyncio.timeout(30):
        with pytest.raises(LocalBrowserError, match=text):
            await ChromiumLauncher(program(script), debugging=debugging).launch(SPEC)

    assert ([], []) == await leftovers.gone()


@both_ways
@pytest.mark.parametrize(
    "script",
    [
        "sleep 60",
        "while :; do echo DevTools listening on ws://nowhere >&2; done",
        "exec 2>&-; sleep 60",
        "trap '' TERM; sleep 60 & wait; sleep 60",
    ],
    ids=["silent", "babbling", "stderr closed", "ignoring SIGTERM"],
)
async def test_browser_that_never_listens_is_an_error_and_is_killed(
    program: Callable[..., str],
    leftovers: Leftovers,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    debugging: Debugging,
):
    """
    A program that hangs is killed with all that it started.
    """
    monkeypatch.setattr(chromium, "LAUNCH_TIMEOUT", 0.2)
    monkeypatch.setattr(chromium, "STOP_GRACE", 0.1)
    async with asyncio.timeout(30):
        with pytest.raises(LocalBrowserError, match="did not listen in time"):
            await ChromiumLauncher(program(script), debugging=debugging).launch(SPEC)

    assert ([], []) == await leftovers.gone()


async def test_browser_that_lets_go_of_its_pipe_and_lives_is_killed(
    program: Callable[..., str], leftovers: Leftovers, monkeypatch: pytest.MonkeyPatch
):
    """
    It cannot be told anything any more, and would outlive us. It has some time to end by itself.
    """
    monkeypatch.setattr(chromium, "FINISH_GRACE", 0.1)
    answers = ['{"id":0,"result":{"sessionId":"HOUSE"}}', '{"id":1,"result":{},"sessionId":"HOUSE"}']
    says = "; ".join(f"head -c 40 <&3 >/dev/null; printf '{answer}\\0' >&4" for answer in answers)
    script = program(f"{says}; exec 3>&- 4>&-; exec sleep 60")
    async with asyncio.timeout(30):
        browser = await ChromiumLauncher(script, debugging=Debugging.PIPE).launch(SPEC)
        reason = await browser.exited
        await browser.stop()

    assert "was ended by SIGKILL" == reason
    assert ([], []) == await leftovers.gone()


async def test_file_that_is_no_program_is_an_error(program: Callable[..., str], leftovers: Leftovers):
    """
    What the system refuses to run is reported in its words.
    """
    with pytest.raises(LocalBrowserError, match="could not be started: Exec format error"):
        await ChromiumLauncher(program("", first_line="no interpreter")).launch(SPEC)

    assert ([], []) == (leftovers.processes(), leftovers.folders())


async def test_browser_gets_nobodys_keys(
    program: Callable[..., str], leftovers: Leftovers, monkeypatch: pytest.MonkeyPatch
):
    """
    Its environment holds no key, no token and no proxy's password, and its home is its own folder.
    """
    monkeypatch.setenv("FIRECRAWL_API_KEY", "fc-secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:proxy-secret@proxy.test")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test")
    with pytest.raises(LocalBrowserError) as caught:
        await ChromiumLauncher(program('env | tr "\\n" " " >&2')).launch(SPEC)

    assert "secret" not in str(caught.value)
    assert "HTTP_PROXY=http://proxy.test" in str(caught.value)
    assert f"HOME={leftovers.folder}" in str(caught.value)


async def test_browser_inherits_its_own_descriptors_only(program: Callable[..., str], leftovers: Leftovers):
    """
    Besides the standard ones it has its two pipes and the lock of its folder.
    """
    keep_descriptors()
    with pytest.raises(LocalBrowserError) as caught:
        await ChromiumLauncher(program("exec >&2; ls -C -w 200 /proc/$$/fd")).launch(SPEC)

    # 10 is the shell's own hold of the script.
    assert ["0", "1", "2", "3", "4", "5", "10"] == sorted(
        str(caught.value).rpartition(": ")[2].split(), key=int
    )


@as_root
async def test_root_runs_browsers_as_nobody_with_their_sandbox(
    launcher: ChromiumLauncher, leftovers: Leftovers
):
    """
    Where that works, no process of a browser is root's, and none has its sandbox switched off.
    """
    await launcher.launch(SPEC)
    if not launcher._nobody_works:
        pytest.skip("this system lets no browser run as nobody")
    owners, lines = set(), []
    for process in (Path(f"/proc/{pid}") for pid in leftovers.processes()):
        with contextlib.suppress(OSError):  # A browser that is busy ends some meanwhile.
            (uids,) = re.findall(r"^Uid:(.*)$", (process / "status").read_text(), re.MULTILINE)
            owners.update(map(int, uids.split()))
            lines.append((process / "cmdline").read_text())

    assert {user_of_browsers()} == owners
    assert [] == [line for line in lines if "--no-sandbox" in line]


@as_root
async def test_one_death_does_not_cost_the_sandbox(program: Callable[..., str], launcher: ChromiumLauncher):
    """
    A browser that dies once as nobody is started as nobody again, not as root.
    """
    await launcher.launch(SPEC)
    if not launcher._nobody_works:
        pytest.skip("this system lets no browser run as nobody")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)  # nobody writes there
        died = f"[ -e {folder}/died ] || {{ touch {folder}/died; exit 1; }}"
        again = ChromiumLauncher(program(f'{died}; exec {binary.find()} "$@"'))
        await again.launch(SPEC)
        await again.aclose()

    assert again._nobody_works


@as_root
async def test_a_browser_that_is_slow_is_not_started_again(
    program: Callable[..., str], leftovers: Leftovers, monkeypatch: pytest.MonkeyPatch
):
    """
    Once the time is over another would have none, and a machine that is busy one more.
    """
    start, started = Chromium.start, []

    def counted(program: Path, *how: Any) -> Chromium:
        started.append(program)  # Here: the program itself may be too slow to say so.
        return start(program, *how)

    monkeypatch.setattr(Chromium, "start", counted)
    monkeypatch.setattr(chromium, "LAUNCH_TIMEOUT", 0.1)
    async with asyncio.timeout(30):
        with pytest.raises(LocalBrowserError, match="did not listen in time"):
            await ChromiumLauncher(program("exec sleep 60")).launch(SPEC)

    assert 1 == len(started)
    assert ([], []) == await leftovers.gone()


@as_root
async def test_root_runs_browsers_without_sandbox_where_nobody_cannot_and_warns_once(
    program: Callable[..., str], leftovers: Leftovers, caplog: pytest.LogCaptureFixture
):
    """
    A browser that will not run as nobody is started as root, and a single warning says so.
    """
    launcher = ChromiumLauncher(program(f'[ "$(id -u)" = 0 ] || exit 1; exec {binary.find()} "$@"'))
    await launcher.launch(SPEC)
    await launcher.launch(SPEC)
    await launcher.aclose()

    assert 1 == len([record for record in caplog.records if "without their sandbox" in record.message])
    assert ([], []) == await leftovers.gone()
