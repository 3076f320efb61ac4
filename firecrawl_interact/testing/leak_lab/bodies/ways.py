"""Programs that come by a session in another way, or run something in it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from firecrawl_interact.testing.leak_lab.bench import Bench, BodyError

CODE = "1"
REF = "ref.json"  # What one process leaves for the next, in the state folder that both have.


async def running(bench: Bench) -> None:
    """Run something in a block, and leave it."""
    with bench.reporting():
        async with bench.open() as session:
            await session.execute(CODE)
            bench.mark("inside")


async def running_at_once(bench: Bench) -> None:
    """Run several things at the same time; one browser is enough for all."""
    with bench.reporting():
        async with bench.open() as session:
            await asyncio.gather(*(session.execute(CODE) for _ in range(bench.args["count"])))
            made = bench.state()["made"]
            bench.claim(len(made) == 1, f"{len(made)} browsers were started, not 1")


async def staying(bench: Bench) -> None:
    """Run something in a block, and stay until something comes."""
    with bench.reporting():
        async with bench.open() as session:
            await session.execute(CODE)
            bench.mark("inside")
            await asyncio.Event().wait()


async def raising(bench: Bench) -> None:
    """Run something in a block, and leave it by an exception."""
    with bench.reporting():
        async with bench.open() as session:
            await session.execute(CODE)
            raise BodyError


async def cancelled(bench: Bench) -> None:
    """Cancel a run at an event, so many times; then let held requests go on."""
    task = asyncio.create_task(running(bench))
    await bench.seen(bench.args["event"])
    for _ in range(bench.args.get("times", 1)):
        task.cancel()
        await asyncio.sleep(0)
    if bench.args.get("release", True):
        bench.release()
    await bench.ended(task)
    bench.claim(task.cancelled(), "the task does not count as cancelled")


async def in_scope(bench: Bench) -> None:
    """Let an anyio scope around a run come to its end, inside the block and around it."""
    import anyio  # only these need it

    with bench.reporting():
        with anyio.CancelScope() as around:
            async with bench.open() as session:
                around.deadline = anyio.current_time() + 0.3
                with anyio.move_on_after(0.1):
                    await session.execute(CODE)
                await session.execute(CODE)
        bench.release()


async def over_meanwhile(bench: Bench) -> None:
    """Run something in a session that somebody else ends meanwhile."""

    async def end() -> None:
        await bench.seen("execute.received")
        await asyncio.to_thread(bench.end_all)
        bench.release()

    ending = asyncio.create_task(end())
    await running(bench)
    await ending


async def handed_on(bench: Bench) -> None:
    """Give a session up, take it over again, and stay until something comes, or leave."""
    with bench.reporting():
        async with bench.open() as session:
            ref = session.ref.to_json()
            await session.detach()
        async with bench.open(way="attach", ref=ref):
            bench.mark("inside")
            if bench.args.get("stay"):
                await asyncio.Event().wait()


async def cancelled_taking(bench: Bench) -> None:
    """Cancel an attach that is under way, then take the session over."""
    async with bench.open() as session:
        ref = session.ref.to_json()
        await session.detach()

    async def take() -> None:
        with bench.reporting():
            async with bench.open(way="attach", ref=ref):
                pass

    taking = asyncio.create_task(take())
    await bench.seen("get.received")
    taking.cancel()
    bench.release()
    await bench.ended(taking)
    bench.claim(bench.state()["live"], "an attach that was given up has ended the session")
    await take()


async def handing_out(bench: Bench) -> None:
    """Give a session up, and say where it runs."""
    async with bench.open() as session:
        await session.detach()
        _ref().write_text(session.ref.to_json(), encoding="utf-8")


async def taking_over(bench: Bench) -> None:
    """Take over what the process before has given up."""
    with bench.reporting():
        async with bench.open(way="attach", ref=_ref().read_text(encoding="utf-8")):
            bench.mark("inside")


async def taking_in_vain(bench: Bench) -> None:
    """Try to take over, in this very process, what has an owner."""
    with bench.reporting():
        async with bench.open() as session, bench.open(way="attach", ref=session.ref.to_json()):
            pass


def _ref() -> Path:
    return Path(os.environ["XDG_STATE_HOME"]) / REF
