"""
What an import costs, in time and memory.

Each is measured in fresh processes, in turns. Processor time counts: it is less disturbed by
whatever else the machine does than the clock on the wall.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections import defaultdict

from _common import HERE, ROOT, Goal, arguments, goals, publish, table
from contestants import IMPORTS

# Alone in a process: nothing but what the interpreter itself has loaded.
PROGRAM = f"""
import sys
sys.path.append({str(ROOT)!r})
import time
cpu, wall = time.process_time(), time.perf_counter()
STATEMENT
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
sys.path.insert(0, {str(HERE)!r})
modules = len(sys.modules)
from _common import report, resident_megabytes  # Its own imports are in the memory of all alike.
report([cpu * 1000, wall * 1000, resident_megabytes(), modules])
"""


def main() -> None:
    """Measure, print, and write the table."""
    options = arguments(__doc__ or "")
    rounds = 3 if options.quick else 15
    results: dict[str, list[list[float]]] = defaultdict(list)
    for _ in range(rounds + 1):
        for name, statement in IMPORTS.items():
            program = PROGRAM.replace("STATEMENT", statement)
            done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
            results[name].append(json.loads(done.stdout))
    middle = {
        # Without the first round, which may have compiled, and read from a cold disk.
        name: [statistics.median(values) for values in zip(*measured[1:], strict=True)]
        for name, measured in results.items()
    }
    rows = [
        [name, f"{cpu:.0f}", f"{wall:.0f}", f"{megabytes:.0f}", f"{modules:.0f}"]
        for name, (cpu, wall, megabytes, modules) in middle.items()
    ]
    ratio = middle["firecrawl_interact"][0] / middle["aiohttp"][0]
    text = "\n\n".join(
        [
            f"Medians of {rounds} fresh processes each.",
            table(["import", "CPU, ms", "wall, ms", "memory after it, MB", "modules"], rows),
            goals([Goal("importing firecrawl_interact against aiohttp, CPU", ratio, 1.15)]),
        ],
    )
    publish(options.page, "imports", "Import", text)


if __name__ == "__main__":
    main()
