"""From SIGKILL of the owner to the arrival of its last DELETE, and what the guardian costs before."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import sys
import time

from _common import (
    Child,
    Goal,
    Provider,
    arguments,
    goals,
    private_state,
    provider,
    publish,
    report,
    resident_megabytes,
    table,
)

COUNTS = (1, 100)  # Sessions open at the kill.
ROUNDS = 15
QUICK_ROUNDS = 2
PATIENCE = 20.0  # Seconds until a round counts as failed.
BOUNDS = {1: 30.0, 100: 100.0}  # Milliseconds, stated for loopback.
START_BOUND = 1.0  # Milliseconds that starting the guardian may block.
MEMORY_BOUND = 12.0  # Megabytes.
SETTLE = 0.3  # Seconds for the guardian to be up before the kill.


def main() -> None:
    """Kill owners, and look when their sessions are gone."""
    options = arguments(__doc__ or "")
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    starts: list[float] = []
    memories: list[float] = []
    rows: list[list[str]] = []
    met: list[Goal] = []
    with provider() as line, private_state() as env:
        for count in COUNTS:
            latencies: list[float] = []
            for _ in range(rounds):
                latency, start, memory = _one_death(line, env, count)
                latencies.append(latency)
                starts.append(start)
                memories.append(memory)
            rows.append([str(count), *(f"{value:.0f}" for value in _spread(latencies))])
            met.append(
                Goal(
                    f"SIGKILL to the last DELETE, {count} open, ms",
                    statistics.median(latencies),
                    BOUNDS[count],
                )
            )
    met.append(Goal("starting the guardian blocks, ms", statistics.median(starts), START_BOUND))
    met.append(Goal("memory of the guardian, MB", statistics.median(memories), MEMORY_BOUND))
    text = table(["sessions open", "fastest, ms", "median, ms", "slowest, ms"], rows)
    publish(options.page, "death", "After the death of the owner", f"{text}\n\n{goals(met)}")


def _one_death(line: Provider, env: dict[str, str], count: int) -> tuple[float, float, float]:
    """Return milliseconds to the last DELETE, milliseconds of the guardian's start, its megabytes."""
    owner = Child("death.py", "--owner", line.url, str(count), env=env)
    told = owner.report()
    killed = time.monotonic()
    os.kill(told["pid"], signal.SIGKILL)
    deadline = killed + PATIENCE
    time.sleep(SETTLE)  # The stand-in notes the moment; asking meanwhile would only take processor time.
    while (account := line.account())["live"] and time.monotonic() < deadline:
        time.sleep(0.005)
    owner.forget()
    if account["live"]:
        raise RuntimeError(f"{account['live']} sessions outlived their owner.")
    return (account["last_end"] - killed) * 1000, told["start_ms"], told["memory"]


def _spread(values: list[float]) -> tuple[float, float, float]:
    return min(values), statistics.median(values), max(values)


async def _own(url: str, count: int) -> None:
    """In a child: open sessions and wait to be killed."""
    from firecrawl_interact import FirecrawlBackend, Session
    from firecrawl_interact.guardian.client import guardian

    begun = time.perf_counter()
    guardian().start()
    start_ms = (time.perf_counter() - begun) * 1000
    backend = FirecrawlBackend(api_key="fc-bench", base_url=url)
    sessions = [await Session.create(backend=backend) for _ in range(count)]
    await asyncio.sleep(SETTLE)
    report(
        {
            "pid": os.getpid(),
            "start_ms": start_ms,
            "memory": resident_megabytes(guardian().pid or 0),
            "open": len(sessions),
        }
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--owner"]:
        asyncio.run(_own(sys.argv[2], int(sys.argv[3])))
    else:
        main()
