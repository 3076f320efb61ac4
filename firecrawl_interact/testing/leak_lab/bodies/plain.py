"""Programs without any malice: a block is entered and left."""

from __future__ import annotations

import asyncio
import contextlib
import sys

from firecrawl_interact.testing.leak_lab.bench import Bench, BodyError


async def once(bench: Bench) -> None:
    """Enter a block and leave it."""
    with bench.reporting():
        async with bench.open():
            bench.mark("inside")


async def once_in_outage(bench: Bench) -> None:
    """Enter a block while the server is away, and leave it."""
    bench.mark("ready")
    await bench.seen("outage.begun")
    await once(bench)


async def raising(bench: Bench) -> None:
    """Leave it by an exception."""
    with bench.reporting():
        async with bench.open():
            raise BodyError


async def exiting(bench: Bench) -> None:
    """Leave it by sys.exit."""
    with bench.reporting():
        async with bench.open():
            sys.exit(3)


async def in_turn(bench: Bench) -> None:
    """Enter and leave several, one after the other."""
    for _ in range(bench.args["count"]):
        await once(bench)


async def at_once(bench: Bench) -> None:
    """Hold several at the same time."""
    full = asyncio.Barrier(bench.args["count"])

    async def one() -> None:
        with bench.reporting():
            async with bench.open():
                await full.wait()

    await asyncio.gather(*(one() for _ in range(bench.args["count"])))


async def nested(bench: Bench) -> None:
    """Enter one block inside another, and raise in the inner one."""
    with bench.reporting():
        async with bench.open(), bench.open():
            raise BodyError


async def ended_elsewhere(bench: Bench) -> None:
    """Leave a block whose session has ended meanwhile."""
    with bench.reporting():
        async with bench.open():
            await asyncio.to_thread(bench.end_all)


async def again_after_failure(bench: Bench) -> None:
    """Enter a second block after the first could not be entered."""
    with contextlib.suppress(Exception), bench.reporting():
        async with bench.open():
            pass
    await once(bench)
