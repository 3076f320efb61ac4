"""Programs that end in every way a process can, with sessions open."""

import os
import signal

import pytest

ALONE = {"FIRECRAWL_INTERACT_GUARDIAN": "0", "FIRECRAWL_INTERACT_LEDGER": "0"}  # Layers 1 to 3.

OPEN_AND_STAY = """
    async def main():
        async with Session.create(backend=backend()):
            say("open")
            await asyncio.Event().wait()
    asyncio.run(main())
"""


def test_one_ctrl_c_ends_the_session(program, provider):
    """Ctrl-C unwinds the program as usual, and its session is ended on the way."""
    running = program(OPEN_AND_STAY, **ALONE)
    running.expect("open")
    os.kill(running.process.pid, signal.SIGINT)
    code, errors = running.end()

    assert code in {-signal.SIGINT, 130}
    assert "KeyboardInterrupt" in errors
    assert 0 == provider.alive()


@pytest.mark.parametrize("times", [2, 5])
def test_more_ctrl_c_does_not_leave_it_open(program, provider, times):
    """Impatience breaks the loop off, and the exit sweep still ends the session."""
    running = program(OPEN_AND_STAY, **ALONE)
    running.expect("open")
    for _ in range(times):
        os.kill(running.process.pid, signal.SIGINT)
    running.end()

    assert 0 == provider.alive()


@pytest.mark.parametrize("uvloop", [False, True], ids=["asyncio", "uvloop"])
def test_loop_that_is_stopped_and_never_closed(program, provider, uvloop):
    """A program that just stops its loop has its sessions ended while Python ends."""
    running = program(
        f"""
        if {uvloop}:
            import uvloop
            loop = uvloop.new_event_loop()
        else:
            loop = asyncio.new_event_loop()
        async def main():
            return [await Session.create(backend=backend()) for _ in range(10)]
        sessions = loop.run_until_complete(main())
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


def test_loop_in_a_daemon_thread(program, provider):
    """A loop in a daemon thread stands still while Python ends; its sessions are ended all the same."""
    running = program(
        """
        ready = threading.Event()
        async def main():
            async with Session.create(backend=backend()):
                ready.set()
                await asyncio.Event().wait()
        threading.Thread(target=asyncio.run, args=(main(),), daemon=True).start()
        assert ready.wait(30)
        say("open")
        """,
        **ALONE,
    )
    running.expect("open")
    running.end()

    assert 0 == provider.alive()


def test_hundred_sessions_of_a_stopped_loop(program, provider):
    """Many debts at the interpreter's end are paid at the same time."""
    running = program(
        """
        loop = asyncio.new_event_loop()
        async def one():
            return await Session.create(backend=backend())
        async def main():
            return await asyncio.gather(*(one() for _ in range(100)))
        sessions = loop.run_until_complete(main())
        say("open")
        import warnings
        warnings.simplefilter("ignore")
        """,
        **ALONE,
    )
    running.expect("open")
    running.end()

    assert 0 == provider.alive()


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP], ids=str)
@pytest.mark.parametrize("dialect", ["backend", "anchor"])
def test_killed_program_leaves_nothing(program, provider, kill, dialect):
    """A program that is killed has its sessions ended by its guardian."""
    running = program(OPEN_AND_STAY.replace("backend()", f"{dialect}()"))
    running.expect("open")
    os.kill(running.process.pid, kill)
    running.end()

    assert 0 == provider.wait_for(alive=0)


def test_killed_with_everything_of_its_session(program, provider):
    """Killing the guardian along with its owner leaves the next start of theirs to end it."""
    running = program(
        """
        from firecrawl_interact.guardian.client import guardian
        async def main():
            async with Session.create(backend=backend()):
                os.kill(guardian().pid, signal.SIGKILL)
                os.kill(os.getpid(), signal.SIGKILL)
        asyncio.run(main())
        """
    )
    killed = running.end()
    left = provider.alive()
    next_start = program(
        """
        async def main():
            async with Session.create(backend=backend()):
                say("open")
                await asyncio.to_thread(sys.stdin.readline)  # The sweep goes on in this loop.
        asyncio.run(main())
        """
    )
    next_start.expect("open")
    after_start = provider.wait_for(alive=1, made=2)
    next_start.process.stdin.write("\n")
    next_start.process.stdin.flush()
    code, errors = next_start.end()

    assert (-signal.SIGKILL, "") == killed
    assert (0, "") == (code, errors)
    assert 1 == left
    assert 1 == after_start
    assert 0 == provider.alive()


def test_relayed_create_survives_the_kill_of_its_owner(program, provider):
    """With relay=True a kill during the POST leaves nothing, even where no mark can be searched."""
    provider.launcher.delay = 0.5
    running = program(
        """
        async def main():
            await Session.create(backend=backend(), relay=True)
        asyncio.run(main())
        """
    )
    assert provider.launcher.asked.acquire(timeout=30)
    os.kill(running.process.pid, signal.SIGKILL)
    running.end()

    assert 0 == provider.wait_for(alive=0)


def test_anchor_create_in_flight_is_found_by_its_mark(program, provider):
    """At Anchor the guardian finds what the POST of a killed owner made."""
    provider.launcher.delay = 0.5
    running = program(
        """
        async def main():
            await Session.create(backend=anchor())
        asyncio.run(main())
        """
    )
    assert provider.launcher.asked.acquire(timeout=30)
    os.kill(running.process.pid, signal.SIGKILL)
    running.end()

    assert 0 == provider.wait_for(alive=0)


def test_ordinary_program_is_silent(program, provider):
    """With every layer on, a program that closes its sessions says nothing, under -W error."""
    running = program(
        """
        async def main():
            for _ in range(3):
                async with Session.create(backend=backend()):
                    pass
            async with Session.create(backend=anchor()) as session:
                pass
            say(session.receipt.confirmed)
        asyncio.run(main())
        """
    )
    running.expect("True")

    assert (0, "") == running.end()
    assert 0 == provider.alive()


def test_ctrl_c_inside_an_owned_task_is_not_reported_as_forgotten(program, provider):
    """A KeyboardInterrupt that strikes in one of our own tasks comes out once, and without noise."""
    running = program(
        """
        from firecrawl_interact.lifecycle.hub import Hub
        async def struck():
            raise KeyboardInterrupt
        async def main():
            task = Hub.running().own(struck(), end_grace=1)
            await asyncio.sleep(1)
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            say("interrupted")
        """,
        **ALONE,
    )
    running.expect("interrupted")
    _, errors = running.end()

    assert "never retrieved" not in errors
    assert 0 == provider.alive()
