"""
The server of local browsers: sessions with and without a spare, many in a row, many at once, its end,
and what it costs that browsers have no port of their own.

It counts what is left afterwards: processes, folders, descriptors, memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import local
from _common import Goal, arguments, goals, private_state, publish, resident_megabytes, table

PROGRAM_NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "chrome")
KEY = "fc-bench"
PORT, PIPE = "--cdp port", "--cdp pipe"
CALM = 0.5  # Seconds between two sessions that come one at a time.
WAIT = 30.0  # Seconds for a server to start, or to end.
HIGHEST_WAIT = 10.0  # Seconds to watch for processes that ought to be gone.


def main() -> None:
    """Measure, print, and write the tables."""
    options = arguments(__doc__ or "")
    program = next(filter(None, map(shutil.which, PROGRAM_NAMES)), None)
    if program is None:
        sys.exit(f"None of {', '.join(PROGRAM_NAMES)} is on PATH.")
    few = options.quick
    with private_state() as env:
        env["FIRECRAWL_INTERACT_BROWSER"] = program
        text = "\n\n".join(
            [
                _openings(env, 3 if few else 20),
                _row(env, 20 if few else 1000),
                _crowd(env, 5 if few else 40),
                _ends(env, 3 if few else 20),
            ]
        )
        ways = _ways(env, program, 1 if few else 3)
    publish(options.page, "server", "The server of local browsers", text)
    publish(options.page, "pipe", "Browsers without a port", ways)


def _openings(env: dict[str, str], number: int) -> str:
    """Compare creates with and without a spare, and the way to the first CDP answer."""
    rows, found = [], {}
    for name, flags in (("no spare", ()), ("--spare 1", ("--spare", "1"))):
        with Server.running(env, *flags) as server:
            found[name] = asyncio.run(_open_calmly(server, number))
        create, answer = (statistics.median(each) * 1000 for each in found[name])
        rows.append([name, f"{create:.1f}", f"{answer:.1f}"])
    spare = statistics.median(found["--spare 1"][0]) * 1000
    without = statistics.median(found["no spare"][1]) * 1000
    stated = [
        Goal("milliseconds to open a session with a spare", spare, 15),
        Goal("milliseconds to the first CDP answer without one", without, 120),
    ]
    heading = f"One session at a time, {number} of each:"
    headings = ["server", "create, ms", "first CDP answer, ms"]
    return f"{heading}\n\n{table(headings, rows)}\n\n{goals(stated)}"


def _row(env: dict[str, str], number: int) -> str:
    """Open and close one session after another, and count what is left of them."""
    with Server.running(env) as server:
        asyncio.run(_cycles(server, max(5, number // 4)))  # Caches fill, once.
        before = server.holdings()
        started = time.perf_counter()
        asyncio.run(_cycles(server, number))
        seconds = time.perf_counter() - started
        asyncio.run(asyncio.sleep(1.0))
        after = server.holdings()
    rows = [[name, f"{before[name]:.0f}", f"{after[name]:.0f}"] for name in before]
    stated = [
        Goal(f"{name} left by each session", (after[name] - before[name]) / number, bound)
        for name, bound in (("processes", 0), ("folders", 0), ("descriptors", 0), ("memory, MB", 0.01))
    ]
    heading = f"{number} sessions in a row, {seconds / number * 1000:.0f} ms each. What the server holds:"
    return f"{heading}\n\n{table(['', 'before', 'after'], rows)}\n\n{goals(stated)}"


def _crowd(env: dict[str, str], number: int) -> str:
    """Open many at once, and let each give a CDP answer while all are open."""
    with Server.running(env) as server:
        opening, answering, closing = asyncio.run(_all_at_once(server, number))
    return (
        f"{number} sessions open at once on {os.cpu_count()} cores: all opened after {opening:.1f} s, "
        f"all answered over CDP {answering:.1f} s later, all closed {closing:.1f} s after that."
    )


def _ends(env: dict[str, str], number: int) -> str:
    """End servers that have sessions open, with and without their consent."""
    found: dict[str, float] = {}
    for name, number_of_signal in (("SIGTERM", signal.SIGTERM), ("SIGKILL", signal.SIGKILL)):
        with Server.running(env) as server:
            asyncio.run(_open(server, number))
            started = time.perf_counter()
            server.process.send_signal(number_of_signal)
            while server.browsers() and time.perf_counter() - started < HIGHEST_WAIT:
                time.sleep(0.02)
            server.process.wait(WAIT)
            found[name] = time.perf_counter() - started
    stated = [
        Goal(f"seconds from SIGTERM to the end, with {number} sessions", found["SIGTERM"], 5),
        Goal(f"seconds from kill -9 until no Chromium is left, with {number} sessions", found["SIGKILL"], 1),
    ]
    return goals(stated)


def _ways(env: dict[str, str], program: str, turns: int) -> str:
    """Compare browsers at a port of their own with those behind a pipe, and with no server between."""
    measured: dict[str, list[dict[str, float]]] = defaultdict(list)
    with Server.running(env, "--cdp", "port") as port, Server.running(env, "--cdp", "pipe") as pipe:
        for _ in range(turns):
            with local.busy_processors():
                found = asyncio.run(_traffic(program, {PORT: port, PIPE: pipe}))
            for name, each in found.items():
                measured[name].append(each)
    middle = {
        name: {kind: statistics.median(each[kind] for each in rows) for kind in rows[0]}
        for name, rows in measured.items()
    }
    straight, by_pipe = middle[local.DIRECT], middle[PIPE]
    rows = [
        [
            name,
            f"{each['round_trip'] * 1e6:.0f}",
            f"{each['round_trip'] / straight['round_trip']:.2f}",
            f"{each['of_four'] / straight['of_four']:.2f}",
            f"{straight['big'] / each['big']:.2f}",
            f"{each['work'] * 1e6:.0f}",
        ]
        for name, each in middle.items()
    ]
    headings = ["connection", "round trip, µs", "against straight", "of four clients at once"]
    headings += ["speed of big answers", "server's processor time an exchange, µs"]
    stated = [
        Goal(
            "processor time that the pipe adds to an exchange, µs",
            (by_pipe["work"] - middle[PORT]["work"]) * 1e6,
            120,
        ),
        Goal(
            "throughput by the pipe against the port",
            middle[PORT]["big"] / by_pipe["big"],
            0.8,
            at_least=True,
        ),
    ]
    heading = (
        "What drives a browser, processors kept awake. Of each kind the fastest tenth counts; "
        "the columns between are ratios to straight:"
    )
    return f"{heading}\n\n{table(headings, rows)}\n\n{goals(stated)}"


async def _traffic(program: str, servers: dict[str, Server]) -> dict[str, dict[str, float]]:
    """Measure in turns, so that whatever else this machine does meets all alike."""
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(client())
        urls = {local.DIRECT: await stack.enter_async_context(local.by_hand(program))}
        for name, server in servers.items():
            made = await _create(server, http)
            stack.push_async_callback(_delete, server, http, made)
            urls[name] = made["cdpUrl"]
        ways = {
            name: [await stack.enter_async_context(local.connected(url)) for _ in range(4)]
            for name, url in urls.items()
        }
        found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in ways}
        worked = {name: server.processor_seconds() for name, server in servers.items()}
        for _ in range(20):
            for name, clients in ways.items():
                found[name]["round_trip"] += await local.trips(clients[0], 50)
                together = await asyncio.gather(*(local.trips(each, 25) for each in clients))
                found[name]["of_four"] += [seconds for each in together for seconds in each]
        for name, kinds in found.items():
            trips = len(kinds["round_trip"]) + len(kinds["of_four"])
            work = servers[name].processor_seconds() - worked[name] if name in servers else 0.0
            kinds["work"].append(work / trips)
        for _ in range(10):
            for name, clients in ways.items():
                found[name]["big"].append(1 / await local.throughput(clients[0]))
        return {name: {kind: _calm(each) for kind, each in kinds.items()} for name, kinds in found.items()}


def _calm(values: list[float]) -> float:
    """Return what the fastest tenth takes: on a busy machine it says more than the middle."""
    return sorted(values)[len(values) // 10]


# --- the server, and its sessions -----------------------------------------------------------


@attrs.define(eq=False)
class Server:
    """A running server, and what it holds of this machine."""

    process: subprocess.Popen[str]
    base: str
    folder: Path

    @classmethod
    @contextlib.contextmanager
    def running(cls, env: dict[str, str], *flags: str) -> Iterator[Server]:
        with tempfile.TemporaryDirectory(prefix="server-", dir="/tmp", ignore_cleanup_errors=True) as folder:
            Path(folder).chmod(0o711)  # Browsers may run as another user.
            own = {"TMPDIR": folder, "FIRECRAWL_INTERACT_SERVE_KEY": KEY}
            path = os.pathsep.join(filter(None, sys.path))
            process = subprocess.Popen(
                [sys.executable, "-m", "firecrawl_interact", "serve", "--port", "0", *flags],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, **env, **own, "PYTHONPATH": path},
            )
            assert process.stdout is not None
            try:
                yield cls(process, process.stdout.readline().split()[-1], Path(folder))
            finally:
                process.terminate()
                process.wait(WAIT)
                process.stdout.close()

    def browsers(self) -> int:
        """Count the processes of browsers that run in the server's folder."""
        word, found = str(self.folder).encode(), 0
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                found += word in (process / "cmdline").read_bytes()
        return found

    def processor_seconds(self) -> float:
        """Tell how much processor time the server has taken."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def holdings(self) -> dict[str, float]:
        return {
            "processes": self.browsers(),
            "folders": len(list(self.folder.glob("interact-browser-*"))),
            "descriptors": len(list(Path(f"/proc/{self.process.pid}/fd").iterdir())),
            "memory, MB": resident_megabytes(self.process.pid),
        }


@contextlib.asynccontextmanager
async def client() -> Any:
    import aiohttp

    headers = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        yield http


async def _open_calmly(server: Server, number: int) -> tuple[list[float], list[float]]:
    creates, answers = [], []
    async with client() as http:
        for turn in range(number + 1):
            await asyncio.sleep(CALM)
            started = time.perf_counter()
            made = await _create(server, http)
            created = time.perf_counter()
            await _ask(http, made["cdpUrl"])
            answered = time.perf_counter()
            await _delete(server, http, made)
            if turn:  # The first warms up.
                creates.append(created - started)
                answers.append(answered - started)
    return creates, answers


async def _cycles(server: Server, number: int) -> None:
    async with client() as http:
        for _ in range(number):
            made = await _create(server, http)
            await _ask(http, made["cdpUrl"])
            await _delete(server, http, made)


async def _all_at_once(server: Server, number: int) -> tuple[float, float, float]:
    marks = [time.perf_counter()]
    async with client() as http:
        made = await asyncio.gather(*(_create(server, http) for _ in range(number)))
        marks.append(time.perf_counter())
        await asyncio.gather(*(_ask(http, each["cdpUrl"]) for each in made))
        marks.append(time.perf_counter())
        await asyncio.gather(*(_delete(server, http, each) for each in made))
        marks.append(time.perf_counter())
    return marks[1] - marks[0], marks[2] - marks[1], marks[3] - marks[2]


async def _open(server: Server, number: int) -> None:
    async with client() as http:
        await asyncio.gather(*(_create(server, http) for _ in range(number)))


async def _create(server: Server, http: Any) -> dict[str, Any]:
    async with http.post(f"{server.base}/v2/interact", json={"ttl": 300}) as answer:
        made: dict[str, Any] = await answer.json()
        assert answer.status == 200, made
        return made


async def _delete(server: Server, http: Any, made: dict[str, Any]) -> None:
    async with http.delete(f"{server.base}/v2/interact/{made['id']}") as answer:
        assert answer.status == 200, await answer.text()


async def _ask(http: Any, url: str) -> None:
    async with http.ws_connect(url, max_msg_size=0, compress=0) as socket:
        await socket.send_str(json.dumps({"id": 1, "method": "Browser.getVersion"}))
        await socket.receive()


if __name__ == "__main__":
    main()
