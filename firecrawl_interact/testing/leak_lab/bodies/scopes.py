"""Programs that put time limits and task groups around a session."""

from __future__ import annotations

import asyncio
import contextlib

from firecrawl_interact.testing.leak_lab.bench import Bench, BodyError
from firecrawl_interact.testing.leak_lab.bodies.cancel import holding
from firecrawl_interact.testing.leak_lab.bodies.plain import once

SHORT = 0.5  # Seconds; well below the delay that the scenario gives the server.


async def expiring(bench: Bench) -> None:
    """Let one or several time limits run out at an event: ``inside`` means that the block waits for it."""
    event = bench.args["event"]
    limits: list[asyncio.Timeout] = []

    async def limited(depth: int) -> None:
        if depth:
            async with asyncio.timeout(None) as limit:
                limits.append(limit)
                await limited(depth - 1)
        else:
            async with bench.open():
                bench.mark("inside")
                if event == "mark.inside":
                    await asyncio.Event().wait()

    async def reported() -> None:
        with bench.reporting():
            await limited(bench.args.get("depth", 1))

    task = asyncio.create_task(reported())
    await bench.seen(event)
    for limit in limits:
        limit.reschedule(asyncio.get_running_loop().time())
    await asyncio.sleep(0.01)
    bench.release()
    await bench.ended(task)
    bench.claim(all(limit.expired() for limit in limits), "a time limit does not count as expired")


async def at_once(bench: Bench) -> None:
    """Open under a time limit that has run out already."""
    with bench.reporting():
        async with asyncio.timeout(0), bench.open():
            await asyncio.Event().wait()


async def wait_for(bench: Bench) -> None:
    """Open under wait_for, which gives up before the provider answers."""
    await once(bench)  # Imports and connects, so that the time is the provider's alone.
    with bench.reporting():
        await asyncio.wait_for(_once(bench), SHORT)


async def sibling_fails(bench: Bench) -> None:
    """Let a sibling in the task group fail at an event."""
    inside = bench.args["event"] == "mark.inside"

    async def failing() -> None:
        await bench.seen(bench.args["event"])
        asyncio.get_running_loop().call_later(0.02, bench.release)
        raise BodyError

    try:
        with bench.reporting():
            async with asyncio.TaskGroup() as group:
                group.create_task(failing())
                group.create_task(_held(bench) if inside else _once(bench))
    finally:
        bench.release()  # Clients that do not wait have left before the timer.


async def sibling_fails_among_many(bench: Bench) -> None:
    """Let one of ten in a task group fail while all hold a session."""
    full = asyncio.Barrier(10)

    async def one(number: int) -> None:
        async with bench.open():
            await full.wait()
            if number == 0:
                raise BodyError
            await asyncio.Event().wait()

    with bench.reporting():
        async with asyncio.TaskGroup() as group:
            for number in range(10):
                group.create_task(one(number))


async def uncancelled(bench: Bench) -> None:
    """Cancel and take it back, as a structured canceller does; the task must be able to go on."""

    async def going_on() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await holding(bench)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for the type checker
        bench.claim(task.cancelling() == 1, f"cancelling() is {task.cancelling()}, not 1")
        task.uncancel()
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        await once(bench)

    task = asyncio.create_task(going_on())
    await bench.seen("mark.inside")
    task.cancel()
    await bench.ended(task)
    bench.claim(not task.cancelled() and task.exception() is None, "the task could not go on")


async def gather_fails(bench: Bench) -> None:
    """Let one of a gather fail; the other is left behind as a task of its own."""

    async def failing() -> None:
        await bench.seen("mark.inside")
        raise BodyError

    with bench.reporting():
        await asyncio.gather(_held(bench), failing())


async def _held(bench: Bench) -> None:
    async with bench.open():
        bench.mark("inside")
        await asyncio.Event().wait()


async def _once(bench: Bench) -> None:
    async with bench.open():
        pass
