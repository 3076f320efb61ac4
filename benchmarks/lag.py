"""What the ledger costs an event loop while eight processes write to one file."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Generator
from typing import Any

from _common import Child, Goal, arguments, goals, orders, private_state, provider, publish, report, table

PROCESSES = 8
PACE = 0.05  # Seconds between two sessions of a process: 160 a second in all.
TICK = 0.005  # Seconds between two looks at the loop's lag.
LAG_BOUND = 2.0  # Milliseconds of p99 more than without the ledger.
CALL_BOUND = 1.0  # Milliseconds of p99 inside a ledger call on the loop's thread.


def main() -> None:
    """Run eight processes without and with the ledger, and compare."""
    options = arguments(__doc__ or "")
    sessions = 40 if options.quick else 200
    rows: list[list[str]] = []
    lags: dict[bool, float] = {}
    calls = 0.0
    with private_state() as env, provider() as line:
        for ledger in (False, True):
            children = [
                Child("lag.py", "--write", line.url, str(sessions), str(int(ledger)), env=env)
                for _ in range(PROCESSES)
            ]
            for child in children:
                child.report()  # It is up: nobody is measured while another one imports.
            for child in children:
                child.tell()
            told = [child.report() for child in children]
            for child in children:
                child.__exit__(None, None, None)
            lags[ledger] = _percentile([lag for each in told for lag in each["lags"]], 0.99)
            timed = [call for each in told for call in each["calls"]]
            calls = _percentile(timed, 0.99) if timed else 0.0
            rows.append(
                ["with" if ledger else "without", f"{lags[ledger]:.2f}", f"{calls:.3f}" if timed else "-"]
            )
    stated = [
        Goal(
            "lag of the loop, p99 with the ledger less p99 without, ms", lags[True] - lags[False], LAG_BOUND
        ),
        Goal("inside a ledger call on the loop's thread, p99, ms", calls, CALL_BOUND),
    ]
    text = table(["ledger", "lag of the loop p99, ms", "inside a ledger call p99, ms"], rows)
    publish(options.page, "lag", "Eight processes on one ledger", f"{text}\n\n{goals(stated)}")


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


# --- in a child -----------------------------------------------------------------------------


class Timed:
    """An awaitable that notes how long each of its steps holds the loop."""

    def __init__(self, inner: Awaitable[Any], spent: list[float]) -> None:
        self._inner = inner
        self._spent = spent

    def __await__(self) -> Generator[Any, None, Any]:
        steps = self._inner.__await__()
        while True:
            begun = time.perf_counter()
            try:
                pending = next(steps)
            except StopIteration as end:
                return end.value
            finally:
                self._spent.append((time.perf_counter() - begun) * 1000)
            yield pending


class TimedLedger:
    """A ledger whose calls are timed."""

    def __init__(self, ledger: Any) -> None:
        self.spent: list[float] = []
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)
        if name in ("plan", "opened"):
            return lambda *args: Timed(method(*args), self.spent)
        return method


async def write(url: str, sessions: int, *, with_ledger: bool) -> None:
    """Open and close sessions at a steady pace, and watch the loop."""
    from firecrawl_interact import FirecrawlBackend, Session
    from firecrawl_interact.ledger.sqlite import SqliteLedger

    ledger = TimedLedger(SqliteLedger())
    backend = FirecrawlBackend(api_key="fc-bench", base_url=url)
    lags: list[float] = []

    async def watch() -> None:
        while True:
            begun = time.perf_counter()
            await asyncio.sleep(TICK)
            lags.append((time.perf_counter() - begun - TICK) * 1000)

    async def cycle() -> None:
        async with Session.create(
            ttl=120, backend=backend, guardian=False, ledger=ledger if with_ledger else False
        ):
            pass

    await cycle()  # Imports and first connections are another table's.
    ledger.spent.clear()
    report("up")
    next(orders())
    watcher = asyncio.create_task(watch())
    for _ in range(sessions):
        await cycle()
        await asyncio.sleep(PACE)
    watcher.cancel()
    report({"lags": lags, "calls": ledger.spent})


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        asyncio.run(write(sys.argv[2], int(sys.argv[3]), with_ledger=sys.argv[4] == "1"))
    else:
        main()
