"""Worker: the process in which one program of the lab runs. It reads its order from stdin."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import signal
import sys
from typing import Any

from firecrawl_interact.testing.leak_lab.bench import Bench

BODIES = "firecrawl_interact.testing.leak_lab.bodies"


def main() -> None:
    """
    Run the program that the order names.

    A plain function runs as it is and brings its own loops; a coroutine function runs as in
    `asyncio.run`. What they raise was reported where it matters, so it ends here quietly.
    """
    # Whoever is started in the background by a shell inherits an ignored SIGINT.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    order = json.loads(sys.stdin.read())
    module, _, name = order.pop("body").partition(":")
    body = load(f"{BODIES}.{module}:{name}")
    bench = Bench(adapter=load(order.pop("adapter")), **order)
    try:
        if inspect.iscoroutinefunction(body):
            bench.run(body(bench))
        else:
            body(bench)
    except (KeyboardInterrupt, asyncio.CancelledError):
        pass  # What a Ctrl-C, or whoever cancelled the main task, makes of a program.
    except BaseException as error:  # noqa: BLE001 - boundary: whatever the program made of it
        if not any(error is known for known in bench.reported):
            bench.claim(False, f"the program ended with {type(error).__name__}: {error}"[:500])


def load(name: str) -> Any:
    """Import ``module:attribute``."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


if __name__ == "__main__":
    main()
