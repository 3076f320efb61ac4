"""
Three thousand sessions, a hundred at once, every layer on: what is left behind?

No session at the provider, no task in the loop, no warning, no helper process; and the third
thousand must not need more memory than the second.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import warnings

from _common import (
    Child,
    Goal,
    arguments,
    goals,
    private_state,
    provider,
    publish,
    report,
    resident_megabytes,
    table,
)
from contestants import CONTESTANTS
from cycles import measure

CONTESTANT = "firecrawl_interact, all layers"
AT_ONCE = 100
STAGES = 3
GROWTH = 1.02  # Memory after the last stage against the one before; allocators breathe a little.


def main() -> None:
    """Soak, print, and write the table."""
    options = arguments(__doc__ or "")
    cycles = 200 if options.quick else 1000
    with private_state() as env, provider() as line:
        with Child("soak.py", "--soak", line.url, str(cycles), env=env) as child:
            stages = [child.report() for _ in range(STAGES)]
            end = child.report()
        account = line.account()
    rows = [
        [
            f"{(number + 1) * cycles}",
            f"{stage['megabytes']:.1f}",
            f"{stage['objects']}",
            f"{stage['seconds']:.1f}",
        ]
        for number, stage in enumerate(stages)
    ]
    growth = stages[-1]["megabytes"] / (stages[-2]["megabytes"] or 1)
    stated = [
        Goal("sessions left at the provider", account["live"], 0),
        Goal("sessions created beyond those asked for", account["created"] - STAGES * cycles, 0),
        Goal("tasks left in the loop", end["tasks"], 0),
        Goal("warnings, and errors that the loop reported", len(end["complaints"]), 0),
        Goal("memory after the last stage against the one before", growth, GROWTH),
    ]
    complaints = "".join(f"\n- {text}" for text in end["complaints"][:5])
    text = f"{table(['cycles', 'memory, MB', 'objects', 'seconds'], rows)}\n\n{goals(stated)}{complaints}"
    publish(options.page, "soak", "Soak", text)


# --- in the child ---------------------------------------------------------------------------


def attend(url: str, cycles: int) -> None:
    """Soak in a loop of its own, and report what was left and complained of, the loop's end included."""
    complaints: list[str] = []
    warnings.simplefilter("always")
    warnings.showwarning = lambda message, *_, **__: complaints.append(str(message))
    sys.unraisablehook = lambda unraisable: complaints.append(repr(unraisable.exc_value))
    tasks = asyncio.run(soak(url, cycles, complaints))
    gc.collect()
    report({"tasks": tasks, "complaints": complaints})


async def soak(url: str, cycles: int, complaints: list[str]) -> int:
    """Run the stages, report after each; return how many tasks were left."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(str(context["message"])))
    before = asyncio.all_tasks()
    async with CONTESTANTS[CONTESTANT](url) as cycle:
        for _ in range(STAGES):
            measured = await measure(cycle, cycles, AT_ONCE)
            gc.collect()
            report({**measured, "megabytes": resident_megabytes(), "objects": len(gc.get_objects())})
    return len(asyncio.all_tasks() - before)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--soak"]:
        attend(sys.argv[2], int(sys.argv[3]))
    else:
        main()
