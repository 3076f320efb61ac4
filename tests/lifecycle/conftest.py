"""Fixtures for the promise: a provider in memory that can be held and broken."""

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from aiohttp import web

from firecrawl_interact import MemoryBackend
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.fake import FakeLauncher, FakeRuns

PATIENCE = 30  # Seconds after which something that is waited for counts as never coming.
TURNS = 5  # Of the loop, in which an accepted connection is made: asyncio leaves one open that is not yet.


@pytest.fixture
def backend():
    """A provider without network; nothing of it is left when the test ends."""
    memory = MemoryBackend()
    yield memory

    assert set() == memory.alive


class Launcher(FakeLauncher):
    """A launcher that says when it was asked, and may hold its browsers back."""

    def __init__(self):
        super().__init__()
        self.asked = threading.Semaphore(0)
        self.held = False

    async def launch(self, spec):
        self.asked.release()
        while self.held:  # noqa: ASYNC110  # another thread lets go
            await asyncio.sleep(0.005)
        return await super().launch(spec)


class Provider:
    """A real server over browsers that are none, in a loop of its own thread."""

    def __init__(self):
        self.launcher = Launcher()
        self.browsers = Browsers(self.launcher)
        self.runs = FakeRuns()
        self.url = ""
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self):
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    def stop(self):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)

    def alive(self):
        """How many browsers run."""
        return len(self.browsers.list(alive=True))

    def made(self):
        """How many browsers there ever were."""
        return len(self.browsers.list())

    def wait_for(self, *, alive, made=1):
        """Wait until so many run, out of so many made, or give up; return how many do."""
        deadline = time.monotonic() + PATIENCE
        while (self.alive() != alive or self.made() < made) and time.monotonic() < deadline:
            time.sleep(0.005)

        assert made <= self.made()

        return self.alive()

    def _run(self):
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self):
        runner = web.AppRunner(build_app(browsers=self.browsers, runs=self.runs), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._stop.wait()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await runner.cleanup()


@pytest.fixture
def provider():
    """A provider on loopback that speaks both dialects."""
    server = Provider()
    server.start()
    yield server
    server.stop()


class Program:
    """A Python program in a process of its own, that opens sessions at the provider."""

    def __init__(self, url, text, **environment):
        head = (
            "import asyncio, os, signal, sys, threading, time\n"
            "from firecrawl_interact import *\n"
            f"def backend(): return FirecrawlBackend(api_key='fc-key', base_url={url!r})\n"
            f"def anchor(): return AnchorBackend(api_key='fc-key', base_url={url!r})\n"
            "def say(word): print(word, flush=True)\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", head + textwrap.dedent(text)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
            start_new_session=True,
        )

    def expect(self, word):
        """Wait until the program says this."""
        line = self.process.stdout.readline().strip()

        assert word == line, self.process.stderr.read()

    def end(self):
        """Wait for its end; return exit status and what it wrote as errors."""
        _, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, errors


@pytest.fixture
def program(provider):
    """A maker of programs; those that still run at the end of the test are killed."""
    made = []

    def make(text, **environment):
        made.append(Program(provider.url, text, **environment))
        return made[-1]

    yield make
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
        each.process.communicate()
