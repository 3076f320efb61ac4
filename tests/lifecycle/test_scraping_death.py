"""Programs that die with a scraped page in use, at every moment of its first run."""

import json
import os
import signal
import urllib.request

import pytest

ALONE = {"FIRECRAWL_INTERACT_GUARDIAN": "0", "FIRECRAWL_INTERACT_LEDGER": "0"}  # Layers 1 to 3.
GUARDED = {"FIRECRAWL_INTERACT_LEDGER": "0"}
WRITTEN = {"FIRECRAWL_INTERACT_GUARDIAN": "0"}

RUN_AND_STAY = """
    async def main():
        async with Session.from_scrape(sys.argv[1], backend=backend()) as session:
            running = asyncio.create_task(session.execute("1"))
            say("open")
            await running
            say("ran")
            await asyncio.Event().wait()
    asyncio.run(main())
"""


@pytest.fixture
def job(provider):
    """A page that was scraped."""
    request = urllib.request.Request(
        f"{provider.url}/v2/scrape",
        data=b'{"url": "https://example.com"}',
        headers={"Authorization": "Bearer fc-key", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        made = json.load(answer)
    while provider.launcher.asked.acquire(blocking=False):
        pass  # The page was read in a browser that has ended since.
    return made["scrape_id"]


def ran(running):
    running.expect("open")
    running.expect("ran")


def staying(job):
    return RUN_AND_STAY.replace("sys.argv[1]", repr(job))


def test_kill_after_the_first_run_leaves_nothing(program, provider, job):
    """The guardian knows the stop and sends it until nothing is left."""
    running = program(staying(job), **GUARDED)
    ran(running)
    os.kill(running.process.pid, signal.SIGKILL)

    assert 0 == provider.wait_for(alive=0)


def test_kill_during_the_first_run_leaves_nothing(program, provider, job):
    """The stop is known before the run is answered."""
    provider.runs.proceed.clear()
    running = program(staying(job), **GUARDED)
    running.expect("open")
    provider.wait_for(alive=1)
    os.kill(running.process.pid, signal.SIGKILL)

    assert 0 == provider.wait_for(alive=0)


def test_kill_while_the_browser_is_being_made_leaves_nothing(program, provider, job):
    """The guardian does not take "not found" for an answer while the browser may be on its way."""
    provider.launcher.delay = 1.0
    running = program(staying(job), **GUARDED)
    running.expect("open")

    assert provider.launcher.asked.acquire(timeout=30)

    os.kill(running.process.pid, signal.SIGKILL)

    assert 0 == provider.wait_for(alive=0)


def test_next_start_stops_what_a_killed_process_left(program, provider, job, tmp_path):
    """The ledger alone is enough for the next process to stop it."""
    written = {**WRITTEN, "XDG_STATE_HOME": str(tmp_path)}
    running = program(staying(job), **written)
    ran(running)
    os.kill(running.process.pid, signal.SIGKILL)
    running.end()

    assert 1 == provider.alive()

    program(
        """
        async def main():
            async with Session.create(backend=backend()):
                say("open")
                await asyncio.to_thread(sys.stdin.readline)
        asyncio.run(main())
        """,
        **written,
    ).expect("open")

    assert 1 == provider.wait_for(alive=1, made=2)


@pytest.mark.parametrize("times", [1, 2, 5])
def test_ctrl_c_during_the_first_run_leaves_nothing(program, provider, job, times):
    """Patient or not: the browser of an interrupted first run is stopped."""
    provider.runs.proceed.clear()
    running = program(staying(job), **ALONE)
    running.expect("open")
    provider.wait_for(alive=1)
    for _ in range(times):
        os.kill(running.process.pid, signal.SIGINT)
    running.end()

    assert 0 == provider.alive()


def test_loop_that_is_stopped_and_never_closed_leaves_nothing(program, provider, job):
    """What no loop could end is ended while Python ends."""
    running = program(
        f"""
        loop = asyncio.new_event_loop()
        async def main():
            session = await Session.from_scrape({job!r}, backend=backend())
            await session.execute("1")
            return session
        session = loop.run_until_complete(main())
        say("open")
        import warnings
        warnings.simplefilter("ignore")  # The loop and its connections are left open on purpose.
        """,
        **ALONE,
    )
    running.expect("open")
    code, _ = running.end()

    assert 0 == code
    assert 0 == provider.alive()
