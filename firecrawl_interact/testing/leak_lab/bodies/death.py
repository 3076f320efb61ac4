"""Programs that die, and programs around which others die."""

from __future__ import annotations

import asyncio
import atexit
import faulthandler
import gc
import os
import signal
import subprocess
import sys
import time
from typing import Any

from firecrawl_interact.testing.leak_lab.bench import Bench
from firecrawl_interact.testing.leak_lab.bodies.cancel import holding
from firecrawl_interact.testing.leak_lab.bodies.plain import once

LONG = 60  # Seconds; longer than any scenario.


async def many_holding(bench: Bench) -> None:
    """Hold many sessions until something comes."""
    full = asyncio.Barrier(bench.args["count"])

    async def one() -> None:
        with bench.reporting():
            async with bench.open():
                await full.wait()
                bench.mark("inside")
                await asyncio.Event().wait()

    await asyncio.gather(*(one() for _ in range(bench.args["count"])))


async def suicide(bench: Bench) -> None:
    """End the process inside the block in a way that runs no handler."""
    async with bench.open():
        match bench.args["by"]:
            case "_exit":
                os._exit(1)
            case "abort":
                os.abort()
            case "segfault":
                faulthandler._sigsegv()  # type: ignore[attr-defined]  # noqa: SLF001 - made for tests
            case "exec":
                os.execv(sys.executable, [sys.executable, "-c", "pass"])  # noqa: S606 - ourselves
            case way:
                raise ValueError(way)


async def fork_outlives(bench: Bench) -> None:
    """Fork a child that lives on, with every descriptor, when this process is killed."""
    async with bench.open():
        if os.fork() == 0:
            time.sleep(LONG)  # noqa: ASYNC251 - in the child nothing else runs
            os._exit(0)
        bench.mark("inside")
        await asyncio.Event().wait()


async def fork_exits(bench: Bench) -> None:
    """Fork children that end in different ways; none may end the session of this process."""
    with bench.reporting():
        async with bench.open():
            for way in (_just_end, _collect, _run_exit_handlers):
                child = os.fork()
                if child == 0:
                    way()
                    os._exit(0)
                await asyncio.to_thread(os.waitpid, child, 0)
            _claim_alive(bench)


def fork_works(bench: Bench) -> None:
    """Fork, while the loop rests, a child that opens and closes a session of its own."""
    with asyncio.Runner(loop_factory=bench.new_loop) as runner, bench.reporting():
        manager = bench.open()
        runner.run(_enter(manager))
        child = os.fork()
        if child == 0:
            bench.run(once(bench))
            _run_exit_handlers()
            os._exit(0)
        os.waitpid(child, 0)
        _claim_alive(bench)
        runner.run(_leave(manager))


async def subprocess_ends(bench: Bench) -> None:
    """Run a subprocess inside the block."""
    with bench.reporting():
        async with bench.open():
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")
            await process.wait()
            await asyncio.to_thread(subprocess.run, [sys.executable, "-c", "pass"], check=True)
            _claim_alive(bench)


async def paused(bench: Bench) -> None:
    """Stay in the block until told to leave it."""
    with bench.reporting():
        async with bench.open():
            bench.mark("inside")
            await bench.seen("mark.go")
            _claim_alive(bench)


async def another(bench: Bench) -> None:
    """Hold a session, and when told so, a second one."""
    async with bench.open():
        bench.mark("first")
        await bench.seen("mark.go")
        await holding(bench)


async def term_cancels_all(bench: Bench) -> None:
    """Cancel every task when SIGTERM comes, as many servers do, while a create is under way."""

    def stop() -> None:
        for task in asyncio.all_tasks():
            task.cancel()
        asyncio.get_running_loop().call_later(0.02, bench.release)

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    try:
        await (holding if bench.args["event"] == "mark.inside" else once)(bench)
    finally:
        bench.release()  # Clients that do not wait have left before the timer.


def _claim_alive(bench: Bench) -> None:
    alive = bench.state()["live"]
    bench.claim(len(alive) == 1, f"{len(alive)} sessions are alive inside the block, not 1")


def _just_end() -> None:
    """Do nothing."""


def _collect() -> None:
    """Run every finaliser that is due."""
    gc.collect()


def _run_exit_handlers() -> None:
    """End as a program does, but for what is on the stack: that belongs to the parent's loop."""
    atexit._run_exitfuncs()  # noqa: SLF001 - only sys.exit() runs them else


async def _enter(manager: Any) -> None:
    await manager.__aenter__()


async def _leave(manager: Any) -> None:
    await manager.__aexit__(None, None, None)
