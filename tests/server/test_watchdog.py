"""Browsers that hang, and those that a dead server left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from firecrawl_interact.server import strays, watchdog
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.chromium import ChromiumLauncher
from firecrawl_interact.server.engine import Debugging, Engine
from firecrawl_interact.server.fake import FakeBrowsers, FakeEngine
from firecrawl_interact.server.record import EndReason, Status, Wish
from firecrawl_interact.server.scratch import Scratch
from firecrawl_interact.server.watchdog import STRIKES, Watchdog

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

# Holds the lock of a folder as a browser does, in a group of its own, with or without its name.
HOLDER = "import sys; print(flush=True); sys.stdin.read()"


@pytest.mark.parametrize("debugging", list(Debugging), ids=lambda debugging: debugging.value)
async def test_a_browser_that_hangs_is_ended(launcher: ChromiumLauncher, monkeypatch: pytest.MonkeyPatch):
    """
    One that was stopped by a signal answers no more; after some looks it has failed.
    """
    browsers = Browsers(launcher)
    browser, other = await browsers.create(Wish()), await browsers.create(Wish())
    beats = watchdog.beats

    async def patient(engine: Engine, within: float) -> bool:
        """Wait in vain for a moment only, and for whoever does not hang as long as that takes."""
        return await beats(engine, within if engine is browser.engine else 30)

    monkeypatch.setattr(watchdog, "beats", patient)
    dog = Watchdog(browsers)
    await dog.look(30)
    os.killpg(browser.engine._child.pid, signal.SIGSTOP)
    async with asyncio.timeout(60):
        for _ in range(STRIKES):
            await dog.look(0.1)
        os.killpg(other.engine._child.pid, 0)  # Still there.

    assert (Status.FAILED, EndReason.EXITED) == (browser.status, browser.reason)
    assert Status.RUNNING is other.status
    await browsers.aclose()


async def test_a_browser_that_answers_again_is_spared(monkeypatch: pytest.MonkeyPatch):
    """
    Only misses in a row count.
    """
    browsers = FakeBrowsers()
    browser = await browsers.create(Wish())
    answers = iter([False] * (STRIKES - 1) + [True] + [False] * (STRIKES - 1))

    async def beats(engine: FakeEngine, within: float) -> bool:
        del engine, within
        return next(answers)

    monkeypatch.setattr(watchdog, "beats", beats)
    dog = Watchdog(browsers)
    for _ in range(2 * STRIKES - 1):
        await dog.look()

    assert Status.RUNNING is browser.status
    await browsers.aclose()


async def test_it_looks_by_itself(monkeypatch: pytest.MonkeyPatch):
    """
    A fake that hangs is ended without anybody asking.
    """
    browsers = FakeBrowsers()
    browser = await browsers.create(Wish())

    async def beats(engine: FakeEngine, within: float) -> bool:
        del engine, within
        return False

    monkeypatch.setattr(watchdog, "beats", beats)
    monkeypatch.setattr(watchdog, "BEFORE", 0.0)
    watching = asyncio.create_task(Watchdog(browsers).run(every=0.0))
    async with asyncio.timeout(30):
        await browser.engine.exited
        while browser.alive:  # noqa: ASYNC110  # the record sets no event
            await asyncio.sleep(0)
    watching.cancel()
    await asyncio.wait((watching,))

    assert Status.FAILED is browser.status
    await browsers.aclose()


async def test_a_look_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch, caplog):
    """
    Whatever goes wrong once, such as a folder that is missing: it goes on looking.
    """
    looked = asyncio.Event()

    async def look(dog: Watchdog, patience: float) -> None:
        del dog, patience
        looked.set()

    def kill() -> int:
        raise FileNotFoundError("no folder for temporary files")

    monkeypatch.setattr(strays, "kill", kill)
    monkeypatch.setattr(Watchdog, "look", look)
    monkeypatch.setattr(watchdog, "BEFORE", 0.0)
    watching = asyncio.create_task(Watchdog(FakeBrowsers()).run(every=0.0))
    async with asyncio.timeout(30):
        await asyncio.wait((watching, asyncio.create_task(looked.wait())), return_when="FIRST_COMPLETED")
    watching.cancel()
    await asyncio.wait((watching,))

    assert watching.cancelled()
    assert "there will be others" in caplog.text


def hold(folder: Scratch, *arguments: str) -> subprocess.Popen[str]:
    """Start a process with the lock of a folder, as a browser is started."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, *arguments],
        pass_fds=(folder.lock,),
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def release(process: subprocess.Popen[str]) -> int:
    """End a holder, if it lives, and return its exit status."""
    with process:
        assert process.stdin is not None
        process.stdin.close()
        return process.wait(30)


@linux_only
@pytest.mark.usefixtures("leftovers")
def test_a_browser_whose_server_has_died_is_killed():
    """
    Only it holds the lock; its folder goes with it.
    """
    folder = Scratch.make()
    process = hold(folder, f"--user-data-dir={folder.data}")
    os.close(folder.lock)  # As a server's death does.
    killed = strays.kill()

    assert (1, -signal.SIGKILL) == (killed, release(process))
    strays.kill()
    assert not Path(folder.path).exists()


@linux_only
@pytest.mark.usefixtures("leftovers")
def test_a_browser_whose_server_lives_is_spared():
    """
    The server, here this process, holds the lock too.
    """
    folder = Scratch.make()
    process = hold(folder, f"--user-data-dir={folder.data}")
    killed = strays.kill()

    assert (0, 0) == (killed, release(process))
    folder.remove()


@linux_only
@pytest.mark.usefixtures("leftovers")
def test_a_browser_that_starts_while_processes_are_looked_at_is_spared(monkeypatch: pytest.MonkeyPatch):
    """
    Its server was looked at before it made the folder, the browser after that.
    """
    folder = Scratch.make()
    process = hold(folder, f"--user-data-dir={folder.data}")
    real, server = strays._descriptors, Path("/proc", str(os.getpid()))

    def too_early(looked_at: Path) -> list[str]:
        if looked_at != server:
            return real(looked_at)
        monkeypatch.setattr(strays, "_descriptors", real)
        return []

    monkeypatch.setattr(strays, "_descriptors", too_early)
    killed = strays.kill()

    assert (0, 0) == (killed, release(process))
    assert real is strays._descriptors
    folder.remove()


@linux_only
@pytest.mark.usefixtures("leftovers")
def test_whoever_is_no_browser_is_spared():
    """
    A process that holds the lock and was not started as a browser of this folder may be a server.
    """
    folder = Scratch.make()
    process = hold(folder)
    os.close(folder.lock)
    killed = strays.kill()

    assert (0, 0) == (killed, release(process))
    strays.sweep()
