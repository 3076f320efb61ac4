"""
Open and end sessions, one at a time and a hundred at once, against a provider that costs nothing.

Each contestant has a process of its own; they take turns, round by round, so that whatever else
the machine does hits all of them. What counts is the ratio of medians within one run.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
import sys
import time
from collections import defaultdict
from typing import Any

from _common import (
    Child,
    Goal,
    arguments,
    goals,
    helpers_cpu_seconds,
    orders,
    private_state,
    provider,
    publish,
    report,
    resident_megabytes,
    table,
)
from contestants import CONTESTANTS, Cycle

MANY = 100  # Sessions open at the same time.
FIRST_CALLS = 3  # Fresh processes per contestant, for the first cycle.


def main() -> None:
    """Measure, print, and write the table."""
    options = arguments(__doc__ or "")
    rounds, many_cycles, single_cycles = (2, 200, 50) if options.quick else (7, 600, 100)
    results: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in CONTESTANTS}
    with private_state() as env, provider() as line:

        def start(name: str) -> Child:
            return Child("cycles.py", "--contestant", name, line.url, env=env)

        for _ in range(1 if options.quick else FIRST_CALLS):
            for name in CONTESTANTS:
                with start(name) as child:
                    child.report()
                    results[name]["first"].append(child.order(cycles=1, at_once=1)["seconds"])
        with contextlib.ExitStack() as stack:
            children = {name: stack.enter_context(start(name)) for name in CONTESTANTS}
            for name, child in children.items():
                child.report()
                child.order(cycles=MANY * 2, at_once=MANY)  # Warm up.
                results[name]["memory"].append(child.order(cycles=1, at_once=1)["megabytes"])
            for _ in range(rounds):
                for name, child in children.items():
                    _note(results[name], "many", child.order(cycles=many_cycles, at_once=MANY), many_cycles)
                    _note(
                        results[name], "single", child.order(cycles=single_cycles, at_once=1), single_cycles
                    )
    publish(options.page, "cycles", "Open and end", _text(results, rounds))


def _note(result: dict[str, list[float]], kind: str, measured: dict[str, float], cycles: int) -> None:
    result[f"{kind} cpu"].append(measured["cpu"] / cycles * 1000)
    result[f"{kind} helpers"].append(measured["helpers"] / cycles * 1000)
    result[f"{kind} rate"].append(cycles / measured["seconds"])


def _text(results: dict[str, dict[str, list[float]]], rounds: int) -> str:
    middle = {
        name: {kind: statistics.median(values) for kind, values in result.items()}
        for name, result in results.items()
    }
    for name, result in results.items():  # Ticks of 10 ms: the mean says more than the median.
        middle[name]["many helpers"] = statistics.fmean(result["many helpers"])
    headings = [
        "contestant",
        f"CPU ms a cycle, {MANY} at once",
        "… of its helper process",
        f"cycles/s, {MANY} at once",
        "CPU ms, one at a time",
        "cycles/s, one at a time",
        "first cycle, ms",
        "memory, MB",
    ]
    rows = [
        [
            name,
            f"{each['many cpu']:.2f}",
            f"{each['many helpers']:.2f}" if each["many helpers"] else "-",
            f"{each['many rate']:.0f}",
            f"{each['single cpu']:.2f}",
            f"{each['single rate']:.0f}",
            f"{each['first'] * 1000:.1f}",
            f"{each['memory']:.0f}",
        ]
        for name, each in middle.items()
    ]
    bare, ours = middle["aiohttp, each POST on a fresh one"], middle["firecrawl_interact, all layers"]
    two = middle["firecrawl_interact, layers 1-2"]
    stated = [
        Goal(
            "all layers, CPU against bare aiohttp with the same connections",
            ours["many cpu"] / bare["many cpu"],
            1.3,
        ),
        Goal(
            "layers 1-2, CPU against bare aiohttp with the same connections",
            two["many cpu"] / bare["many cpu"],
            1.4,
        ),
        Goal(
            "all layers, cycles/s against firecrawl-py",
            ours["many rate"] / middle["firecrawl-py"]["many rate"],
            3,
            True,
        ),
        Goal(
            "all layers, cycles/s against anchorbrowser",
            ours["many rate"] / middle["anchorbrowser"]["many rate"],
            7,
            True,
        ),
    ]
    return f"Medians of {rounds} rounds.\n\n{table(headings, rows)}\n\n{goals(stated)}"


# --- in the child ---------------------------------------------------------------------------


async def contest(name: str, url: str) -> None:
    """Take orders: so many cycles, so many at once."""
    loop = asyncio.get_running_loop()
    async with CONTESTANTS[name](url) as cycle:
        report("ready")
        source = orders()
        while (order := await loop.run_in_executor(None, next, source, None)) is not None:
            report(await measure(cycle, order["cycles"], order["at_once"]))


async def measure(cycle: Cycle, cycles: int, at_once: int) -> dict[str, Any]:
    """Run *cycles*, as many at once as said."""
    gc.collect()
    left = iter(range(cycles))

    async def work() -> None:
        for _ in left:
            await cycle()

    helpers, cpu, started = helpers_cpu_seconds(), time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(min(at_once, cycles)):
            group.create_task(work())
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "helpers": helpers_cpu_seconds() - helpers,
        "megabytes": resident_megabytes(),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["--contestant"]:
        asyncio.run(contest(*sys.argv[2:4]))
    else:
        main()
