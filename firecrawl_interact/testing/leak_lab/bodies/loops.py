"""Programs that treat their event loop badly, or have several."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

from firecrawl_interact.testing.leak_lab.bench import Bench
from firecrawl_interact.testing.leak_lab.bodies.cancel import holding
from firecrawl_interact.testing.leak_lab.bodies.plain import once

_kept: list[object] = []  # What must live until the interpreter ends.


async def stray_task(bench: Bench) -> None:
    """Return from main at an event while another task has a session; nobody awaits it."""
    program = holding if bench.args["event"] == "mark.inside" else once
    _kept.append(asyncio.create_task(program(bench)))
    await bench.seen(bench.args["event"])
    bench.mark("leaving")


async def cancel_all(bench: Bench) -> None:
    """Cancel every task there is, the client's own too, while a create is under way."""
    task = asyncio.create_task(once(bench))
    await bench.seen("create.received")
    for other in asyncio.all_tasks() - {asyncio.current_task()}:
        other.cancel()
    await asyncio.sleep(0.02)
    bench.release()
    await bench.ended(task)


async def generator_kept(bench: Bench) -> None:
    """Leave a generator half way, with its session open, and keep it."""
    generator = _sessions(bench)
    await anext(generator)
    _kept.append(generator)


async def generator_dropped(bench: Bench) -> None:
    """Drop such a generator, and go on."""
    generator = _sessions(bench)
    await anext(generator)
    del generator
    gc.collect()
    await bench.seen("delete.done")


async def never_left(bench: Bench) -> None:
    """Enter a block by hand, and never leave it."""
    manager = bench.open()
    _kept.append(manager)
    _kept.append(await manager.__aenter__())
    if bench.args.get("drop"):
        _kept.clear()
        del manager
        gc.collect()


def stopped(bench: Bench) -> None:
    """Stop the loop with a session open, and close it as it is."""
    loop = bench.new_loop()
    task = loop.create_task(holding(bench))
    stopping = loop.create_task(_stop_when_inside(bench))
    loop.run_forever()
    loop.close()
    _kept.extend((task, stopping))


def never_closed(bench: Bench) -> None:
    """Run a loop until a session is open, and never again."""
    loop = bench.new_loop()
    _kept.append(loop.create_task(holding(bench)))
    loop.run_until_complete(bench.seen("mark.inside"))
    _kept.append(loop)


def daemon_thread(bench: Bench) -> None:
    """Hold a session in a daemon thread's loop, and end the main thread."""
    threading.Thread(target=bench.run, args=(holding(bench),), daemon=True).start()
    bench.seen_now("mark.inside")


def threads(bench: Bench) -> None:
    """Run loops in several threads at the same time."""
    running = [threading.Thread(target=bench.run, args=(once(bench),)) for _ in range(3)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def three_runs(bench: Bench) -> None:
    """Run three loops, one after the other."""
    for _ in range(3):
        bench.run(once(bench))


def two_calls(bench: Bench) -> None:
    """Open a session in one call of a loop and leave it in the next."""
    with asyncio.Runner(loop_factory=bench.new_loop) as runner:
        manager = bench.open()
        with bench.reporting():
            runner.run(_enter(manager))
            runner.run(_leave(manager))


def exit_in_callback(bench: Bench) -> None:
    """Call sys.exit in a callback of the loop while a session is open."""

    async def main() -> None:
        task = asyncio.create_task(holding(bench))
        await bench.seen("mark.inside")
        asyncio.get_running_loop().call_soon(sys.exit, 3)
        await task

    with bench.reporting():
        bench.run(main())


async def _sessions(bench: Bench) -> AsyncIterator[Any]:
    async with bench.open() as session:
        yield session
        await asyncio.Event().wait()


async def _stop_when_inside(bench: Bench) -> None:
    await bench.seen("mark.inside")
    asyncio.get_running_loop().stop()


async def _enter(manager: Any) -> None:
    await manager.__aenter__()


async def _leave(manager: Any) -> None:
    await manager.__aexit__(None, None, None)
