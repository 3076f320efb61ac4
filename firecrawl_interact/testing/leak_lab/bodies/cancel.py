"""Programs whose task is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

from firecrawl_interact.testing.leak_lab.bench import Bench, BodyError
from firecrawl_interact.testing.leak_lab.bodies.plain import once

MESSAGE = "enough"  # What the cancellation says, to be found again in what comes out.


async def holding(bench: Bench) -> None:
    """Stay in a block until something comes."""
    with bench.reporting():
        async with bench.open():
            bench.mark("inside")
            await asyncio.Event().wait()


async def in_body(bench: Bench) -> None:
    """Cancel inside the block; what comes out must be that very cancellation."""
    task = asyncio.create_task(holding(bench))
    await bench.seen("mark.inside")
    task.cancel(MESSAGE)
    await bench.ended(task)
    bench.claim(task.cancelled(), "the task does not count as cancelled")
    with contextlib.suppress(asyncio.CancelledError):
        await task
    said = [error.args for error in bench.reported]
    bench.claim(said == [(MESSAGE,)], f"the cancellation lost its message: {said}")


async def at(bench: Bench) -> None:
    """Cancel at an event, so many times, a turn of the loop between; then let held requests go on."""
    task = asyncio.create_task(once(bench))
    await bench.seen(bench.args["event"], bench.args.get("count", 1))
    for _ in range(bench.args.get("times", 1)):
        task.cancel()
        await asyncio.sleep(0)
    if bench.args.get("release", True):
        bench.release()
    await bench.ended(task)
    bench.claim(task.cancelled(), "the task does not count as cancelled")
    if "then" in bench.args:
        await bench.seen(bench.args["then"])


async def storm(bench: Bench) -> None:
    """Cancel at an event and go on cancelling while held requests have long been let go."""
    task = asyncio.create_task(once(bench))
    await bench.seen(bench.args["event"])
    for number in range(100):
        task.cancel()
        if number == 50:  # noqa: PLR2004 - half of them
            bench.release()
        await asyncio.sleep(0.002)
    await bench.ended(task)


async def in_body_then_end(bench: Bench) -> None:
    """Cancel inside the block, and again while the session is ended for it."""
    task = asyncio.create_task(holding(bench))
    await bench.seen("mark.inside")
    task.cancel()
    await bench.seen("delete.received")
    task.cancel()
    await asyncio.sleep(0)
    bench.release()
    await bench.ended(task)
    bench.claim(task.cancelled(), "the task does not count as cancelled")


async def sweep(bench: Bench) -> None:
    """Cancel at forty moments spread over the life of a session."""
    turns = await _turns(once(bench))
    turns = await _turns(once(bench))  # The first one had to import and connect.
    for moment in range(40):
        task = asyncio.create_task(once(bench))
        for _ in range(turns * moment // 36):  # A little past the end, too.
            await asyncio.sleep(0)
        task.cancel()
        await bench.ended(task)
        bench.claim(task.cancelled() or task.exception() is None, "a cancelled block raised something else")


async def many_opening(bench: Bench) -> None:
    """Cancel thirty tasks that are all opening."""
    tasks = [asyncio.create_task(once(bench)) for _ in range(30)]
    await bench.seen("create.received", len(tasks))
    for task in tasks:
        task.cancel()
    await asyncio.sleep(0)
    bench.release()
    await bench.ended(*tasks)


async def before_start(bench: Bench) -> None:
    """Cancel a task that has not begun."""
    task = asyncio.create_task(once(bench))
    task.cancel()
    await bench.ended(task)


async def answered_by_error(bench: Bench) -> None:
    """Answer the cancellation, inside the block, with an exception."""

    async def stubborn() -> None:
        with bench.reporting():
            async with bench.open():
                bench.mark("inside")
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    raise BodyError from None

    task = asyncio.create_task(stubborn())
    await bench.seen("mark.inside")
    task.cancel()
    await bench.ended(task)


async def swallowed(bench: Bench) -> None:
    """Swallow the cancellation inside the block, and leave it in peace."""

    async def stubborn() -> None:
        with bench.reporting():
            async with bench.open():
                bench.mark("inside")
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await bench.seen("mark.inside")
    task.cancel()
    await bench.ended(task)


async def _turns(coroutine: Coroutine[Any, Any, None]) -> int:
    """Count the turns of the loop that a coroutine takes."""
    task = asyncio.create_task(coroutine)
    turns = 0
    while not task.done():
        await asyncio.sleep(0)
        turns += 1
    return turns
