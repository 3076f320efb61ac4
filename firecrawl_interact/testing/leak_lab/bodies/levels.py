"""Programs under anyio's scopes, which cancel again at every turn of the loop."""

from __future__ import annotations

import asyncio
import time

from firecrawl_interact.testing.leak_lab.bench import Bench
from firecrawl_interact.testing.leak_lab.bodies.plain import once

SHORT = 0.5  # Seconds; well below the delay that the scenario gives the server.
BUSY = 0.5  # Part of a core that waiting may cost at most; a spin takes all of it.


async def scope(bench: Bench) -> None:
    """Cancel a scope at an event; it must catch its own cancellation."""
    import anyio
    import anyio.lowlevel

    event = bench.args["event"]
    inner = anyio.CancelScope()

    async def canceller() -> None:
        await bench.seen(event)
        inner.cancel()
        await asyncio.sleep(0.02)
        bench.release()

    other = asyncio.create_task(canceller())
    with inner, bench.reporting():
        async with bench.open():
            bench.mark("inside")
            if event == "mark.inside":
                await anyio.sleep_forever()
        await anyio.lowlevel.checkpoint()
    await other
    bench.claim(inner.cancelled_caught, "the scope did not recognise its cancellation")


async def fail_after(bench: Bench) -> None:
    """Open under a time limit that raises."""
    import anyio

    await once(bench)  # Imports and connects, so that the time is the provider's alone.
    with bench.reporting(), anyio.fail_after(SHORT):
        async with bench.open():
            await anyio.sleep_forever()


async def group(bench: Bench) -> None:
    """Cancel a task group whose tasks hold sessions."""
    import anyio

    async def one() -> None:
        with bench.reporting():
            async with bench.open():
                bench.mark("inside")
                await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(one)
        await bench.seen("mark.inside", 5)
        tasks.cancel_scope.cancel()


async def both(bench: Bench) -> None:
    """Cancel natively and by a scope; the native one must get through."""
    import anyio

    async def scoped() -> None:
        with anyio.CancelScope() as inner:
            scopes.append(inner)
            with bench.reporting():
                async with bench.open():
                    pass

    scopes: list[anyio.CancelScope] = []
    task = asyncio.create_task(scoped())
    await bench.seen("create.received")
    scopes[0].cancel()
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.sleep(0.02)
    bench.release()
    await bench.ended(task)
    bench.claim(task.cancelled(), "the native cancellation was lost")


async def idle(bench: Bench) -> None:
    """Cancel a scope while the provider takes its time; waiting must not burn a core."""
    import anyio

    inner = anyio.CancelScope()
    wall = used = 0.0
    with inner, bench.reporting():
        async with bench.open():
            inner.cancel()
            wall, used = time.monotonic(), time.thread_time()
    wall, used = time.monotonic() - wall, time.thread_time() - used
    bench.claim(used < BUSY * wall, f"{used:.2f} s of processor time in {wall:.2f} s of waiting")
