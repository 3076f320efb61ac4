"""
Browsers on this machine: how long until the first CDP answer, and what the gateway costs.

The same Chromium is started through the SDK, by hand and by Playwright. The gateway is measured
against a connection straight to a browser.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from _common import Child, Goal, arguments, goals, orders, private_state, publish, report, table

PROGRAM_NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "chrome")
FLAGS = ("--no-sandbox", "--no-first-run", "--no-default-browser-check", "--disable-gpu")
ENDPOINT = re.compile(rb"DevTools listening on (ws://\S+)")
MEGABYTE = 1024 * 1024
SIZE = 2 * MEGABYTE  # Bytes of one big answer.
DIRECT, GATEWAY = "straight to Chromium", "through the gateway"
AWAKE = ", processors kept awake"  # An idle one sleeps, and its waking is not the gateway's doing.
SPIN = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while True:
    pass
"""
COLD, WARM, BY_HAND, PLAYWRIGHT = (
    "the SDK, its first session",
    "the SDK, a later one",
    "by hand",
    "Playwright",
)


def main() -> None:
    """Measure, print, and write the tables."""
    options = arguments(__doc__ or "")
    program = next(filter(None, map(shutil.which, PROGRAM_NAMES)), None)
    if program is None:
        sys.exit(f"None of {', '.join(PROGRAM_NAMES)} is on PATH.")
    starts, turns = (2, 1) if options.quick else (10, 3)
    times: dict[str, list[float]] = defaultdict(list)
    traffic: dict[str, list[dict[str, float]]] = defaultdict(list)
    with private_state() as env:
        env["FIRECRAWL_INTERACT_BROWSER"] = program
        for _ in range(max(2, starts // 3)):
            with Child("local.py", "--measure", program, env=env) as child:
                times[COLD].append(child.order(what="sdk"))
        with Child("local.py", "--measure", program, env=env) as child:
            child.order(what="sdk")
            child.order(what="by_hand")
            child.order(what="playwright")
            for _ in range(starts):
                times[WARM].append(child.order(what="sdk"))
                times[BY_HAND].append(child.order(what="by_hand"))
                times[PLAYWRIGHT].append(child.order(what="playwright"))
            for _ in range(turns):
                for name, measured in child.order(what="traffic").items():
                    traffic[name].append(measured)
                with busy_processors():
                    for name, measured in child.order(what="traffic").items():
                        traffic[name + AWAKE].append(measured)
    text = "\n\n".join([_starts(times, Path(program).name), _traffic(traffic)])
    publish(options.page, "local", "Browsers on this machine", text)


def _starts(times: dict[str, list[float]], program: str) -> str:
    middle = {name: statistics.median(each) * 1000 for name, each in times.items() if None not in each}
    rows = [
        [name, f"{middle[name]:.0f}", f"{middle[name] / middle[BY_HAND]:.2f}", str(len(times[name]))]
        for name in sorted(middle, key=middle.__getitem__)
    ]
    heading = f"From nothing to the first CDP answer of {program}, which Playwright starts without a page:"
    stated = [Goal("milliseconds to the first answer of the first session", middle[COLD], 500)]
    return f"{heading}\n\n{table(['started by', 'ms', 'against by hand', 'runs'], rows)}\n\n{goals(stated)}"


def _traffic(traffic: dict[str, list[dict[str, float]]]) -> str:
    middle = {
        name: {kind: statistics.median(each[kind] for each in measured) for kind in measured[0]}
        for name, measured in traffic.items()
    }
    rows = [
        [name, f"{each['round_trip'] * 1e6:.0f}", f"{each['throughput'] / MEGABYTE:.0f}"]
        for name, each in middle.items()
    ]
    added, added_awake = (
        (middle[GATEWAY + state]["round_trip"] - middle[DIRECT + state]["round_trip"]) * 1e6
        for state in ("", AWAKE)
    )
    share = middle[GATEWAY]["throughput"] / middle[DIRECT]["throughput"]
    stated = [
        Goal("microseconds that the gateway adds to a round trip", added, 50),
        Goal(f"the same{AWAKE}", added_awake, 50),
        Goal("throughput through the gateway against straight", share, 0.9, at_least=True),
    ]
    return f"{table(['connection', 'round trip, µs', 'big answers, MB/s'], rows)}\n\n{goals(stated)}"


@contextlib.contextmanager
def busy_processors() -> Iterator[None]:
    """Keep every processor from sleeping, by work that makes room for any other at once."""
    spinners = [
        subprocess.Popen([sys.executable, "-c", SPIN, str(number)]) for number in os.sched_getaffinity(0)
    ]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


# --- in the child ---------------------------------------------------------------------------


class Cdp:
    """The smallest client that can ask a browser something."""

    def __init__(self, socket: Any) -> None:
        self.page: str | None = None  # A session with one, for big answers.
        self._socket = socket
        self._number = 0

    async def ask(self, method: str, session: str | None = None, **params: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        await self._socket.send_str(json.dumps(message))
        while True:
            answer = json.loads((await self._socket.receive()).data)
            if answer.get("id") == self._number:
                return answer["result"]


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Cdp]:
    """Open a WebSocket to a browser."""
    import aiohttp

    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(url, max_msg_size=0, compress=0) as socket,
    ):
        yield Cdp(socket)


@contextlib.asynccontextmanager
async def through_sdk(_program: str) -> AsyncIterator[str]:
    """Yield the CDP address of a browser that the SDK opened."""
    from firecrawl_interact import Session

    async with Session.create(ttl=120, backend="local") as session:
        assert session.cdp_url is not None
        yield session.cdp_url


@contextlib.asynccontextmanager
async def by_hand(program: str) -> AsyncIterator[str]:
    """Yield the CDP address of a browser started as a script would."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            program,
            *FLAGS,
            "--remote-debugging-port=0",
            f"--user-data-dir={folder}",
            "about:blank",  # A page, as every session has: its renderer starts beside the first answer.
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # What is on PATH may be a script, which would leave its child behind.
        )
        assert process.stderr is not None
        try:
            yield await _endpoint(process.stderr)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()


async def _endpoint(stderr: asyncio.StreamReader) -> str:
    async for line in stderr:
        if found := ENDPOINT.search(line):
            return found[1].decode()
    raise RuntimeError("The browser ended without an address.")


async def first_answer(opened: contextlib.AbstractAsyncContextManager[str]) -> float:
    """Tell how long it takes until a browser has told its version."""
    started = time.perf_counter()
    async with opened as url, connected(url) as cdp:
        await cdp.ask("Browser.getVersion")
        return time.perf_counter() - started


async def playwright_first_answer(program: str) -> float | None:
    """The same by Playwright, whose own driver process runs already; None where it is not installed."""
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        return None
    async with async_playwright() as playwright:
        started = time.perf_counter()
        browser = await playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        cdp = await browser.new_browser_cdp_session()
        await cdp.send("Browser.getVersion")
        seconds = time.perf_counter() - started
        await browser.close()
    return seconds


async def traffic(program: str) -> dict[str, dict[str, float]]:
    """
    Measure small and big exchanges over a connection of either kind.

    In turns, so that whatever else this machine does meets both alike.
    """
    times: dict[str, list[float]] = defaultdict(list)
    rates: dict[str, list[float]] = defaultdict(list)
    async with (
        by_hand(program) as straight,
        through_sdk(program) as ours,
        connected(straight) as first,
        connected(ours) as second,
    ):
        ways = {DIRECT: first, GATEWAY: second}
        for _ in range(20):
            for name, cdp in ways.items():
                times[name] += await trips(cdp, 50)
        for _ in range(10):
            for name, cdp in ways.items():
                rates[name].append(await throughput(cdp))
    return {
        name: {"round_trip": statistics.median(times[name]), "throughput": statistics.median(rates[name])}
        for name in ways
    }


async def trips(cdp: Cdp, number: int) -> list[float]:
    """Tell how long each of some small exchanges takes."""
    times = []
    for _ in range(number):
        started = time.perf_counter()
        await cdp.ask("Browser.getVersion")
        times.append(time.perf_counter() - started)
    return times


async def throughput(cdp: Cdp) -> float:
    """Tell how many bytes a second one big answer has."""
    if cdp.page is None:
        target = (await cdp.ask("Target.createTarget", url="about:blank"))["targetId"]
        cdp.page = (await cdp.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
    started = time.perf_counter()
    await cdp.ask("Runtime.evaluate", cdp.page, expression=f"'x'.repeat({SIZE})", returnByValue=True)
    return SIZE / (time.perf_counter() - started)


async def attend(program: str) -> None:
    """Take orders."""
    loop = asyncio.get_running_loop()
    ways: dict[str, Callable[[], Awaitable[Any]]] = {
        "sdk": lambda: first_answer(through_sdk(program)),
        "by_hand": lambda: first_answer(by_hand(program)),
        "playwright": lambda: playwright_first_answer(program),
        "traffic": lambda: traffic(program),
    }
    source = orders()
    while (order := await loop.run_in_executor(None, next, source, None)) is not None:
        report(await ways[order["what"]]())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        os.environ.setdefault("PLAYWRIGHT_SKIP_VALIDATE_HOST_REQUIREMENTS", "1")
        asyncio.run(attend(sys.argv[2]))
    else:
        main()
