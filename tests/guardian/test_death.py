"""Owners that die, one way or another."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from guardian_kit import KEY, PATIENCE, ended

HOLD = "say(guardian().pid); sys.stdin.readline()"


@pytest.mark.parametrize("count", [1, 100])
def test_killed_owners_sessions_are_ended(provider, owner, count):
    """
    SIGKILL leaves no session, be it one or a hundred.
    """
    names = [f"s{number}" for number in range(count)]
    provider.open("foreign", *names)
    process = owner(f"opened(URL, *{names}); {HOLD}")
    process.hear()

    process.kill()
    provider.wait(lambda: len(provider.alive) == 1)

    assert {"foreign": []} == provider.alive
    assert count == provider.count("DELETE")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGSEGV"])
def test_owner_ended_by_a_signal_leaves_nothing(provider, owner, name):
    """
    Signals whose default is death leave no session.
    """
    provider.open("s1")
    process = owner(f"opened(URL, 's1'); {HOLD}")
    process.hear()

    os.kill(process.pid, getattr(signal, name))
    provider.wait_empty()

    assert 1 == provider.count("DELETE")


def test_signals_to_the_guardian_change_nothing(provider, owner):
    """
    The signals of a terminal and of an orderly shutdown do not end the guardian.
    """
    provider.open("s1")
    process = owner(f"opened(URL, 's1'); {HOLD}")
    guardian = int(process.hear())
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP"):
        _wait_until_ignored(guardian, getattr(signal, name))
        os.kill(guardian, getattr(signal, name))
    process.kill()
    provider.wait_empty()

    assert ended(guardian)


def test_guardian_has_a_session_of_its_own(provider, owner):
    """
    What is sent to the owner's process group does not reach the guardian.
    """
    process = owner(f"opened(URL, 's1'); {HOLD}")
    guardian = int(process.hear())

    assert guardian == os.getsid(guardian)


def test_exit_with_nothing_owed_ends_the_guardian_and_sends_nothing(provider, owner):
    """
    An owner that settled everything leaves neither a request nor a process.
    """
    process = owner(f"opened(URL, 's1', 's2'); guardian().settled('s1'); guardian().settled('s2'); {HOLD}")
    guardian = int(process.hear())

    process.tell()

    assert "" == process.end()
    assert ended(guardian)
    assert [] == provider.arrivals


def test_exit_by_os_exit_ends_what_is_owed_and_only_that(provider, owner):
    """
    What was settled before the end is not ended again.
    """
    provider.open("s1", "s2")
    process = owner("opened(URL, 's1', 's2'); guardian().settled('s1'); os._exit(3)")
    process.end()

    provider.wait(lambda: provider.count("DELETE") == 1)

    assert {"s1": []} == provider.alive


def test_exec_ends_what_is_owed(provider, owner):
    """
    A process that becomes another program gives its sessions back.
    """
    provider.open("s1")
    process = owner(f"opened(URL, 's1'); {HOLD}; os.execv('/bin/sleep', ['sleep', '60'])")
    process.hear()

    process.tell()
    provider.wait_empty()

    assert process.process.poll() is None


def test_forked_child_that_holds_the_line_does_not_hide_the_death(provider, owner):
    """
    The owner's death is seen though a child forked behind Python's back keeps the socket open.
    """
    provider.open("s1")
    # ctypes: Python's own fork would close the child's copy.
    process = owner(
        "import ctypes; opened(URL, 's1')\n"
        "child = ctypes.PyDLL(None).fork()\n"
        "if child == 0: time.sleep(60)\n"
        "say(child); sys.stdin.readline()"
    )
    child = int(process.hear())
    try:
        process.kill()
        provider.wait_empty()

        assert 1 == provider.count("DELETE")
    finally:
        os.kill(child, signal.SIGKILL)


def test_owner_dead_before_the_guardian_is_up_is_inherited(provider, owner):
    """
    Nothing is lost if the owner dies before its guardian has begun to look.
    """
    provider.open("s1")
    process = owner("opened(URL, 's1'); os.kill(os.getpid(), signal.SIGKILL)")
    process.process.wait()

    provider.wait_empty()

    assert 1 == provider.count("DELETE")


def test_fork_in_the_owner_deletes_nothing_when_the_child_ends(provider, owner):
    """
    A child that Python forks owes nothing of its parent's, and its end ends nothing.
    """
    provider.open("s1", "s2")
    process = owner(
        "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"
        "opened(URL, 's1'); child = os.fork()\n"
        "if child == 0: os._exit(guardian().owed)\n"
        "opened(URL, 's2'); say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])); sys.stdin.readline()"
    )

    assert "0" == process.hear()
    assert [] == provider.arrivals

    process.kill()
    provider.wait_empty()

    assert 2 == provider.count("DELETE")


def test_forked_child_has_a_guardian_for_its_own_sessions(provider, owner):
    """
    A child that opens sessions and dies loses its own, and none of its parent's.
    """
    provider.open("parents", "childs")
    process = owner(
        "import warnings; warnings.simplefilter('ignore', DeprecationWarning)\n"
        "opened(URL, 'parents'); child = os.fork()\n"
        "if child == 0: opened(URL, 'childs'); os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.waitpid(child, 0); say('reaped'); sys.stdin.readline()"
    )
    process.hear()

    provider.wait(lambda: "childs" not in provider.alive)

    assert {"parents": []} == provider.alive


def test_stopped_owner_loses_nothing(provider, owner):
    """
    An owner that is suspended is not dead.
    """
    provider.open("s1", "s2")
    stopped, killed = (owner(f"opened(URL, '{name}'); {HOLD}") for name in ("s1", "s2"))
    stopped.hear()
    killed.hear()

    os.kill(stopped.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, stopped.pid, os.WSTOPPED)
    killed.kill()
    provider.wait(lambda: "s2" not in provider.alive)

    assert {"s1": []} == provider.alive


def test_neither_arguments_nor_environment_hold_the_key(provider, owner):
    """
    The key reaches the guardian over the socket alone.
    """
    process = owner(f"opened(URL, 's1'); {HOLD}", FIRECRAWL_API_KEY=KEY, SOME_TOKEN="t0ken")
    guardian = process.hear()
    _wait_until_ignored(int(guardian), signal.SIGTERM)  # Up: while it is being started /proc shows nothing.

    told = Path(f"/proc/{guardian}/cmdline").read_bytes() + Path(f"/proc/{guardian}/environ").read_bytes()

    assert b"program.py" in told
    assert KEY.encode() not in told
    assert b"t0ken" not in told


def test_guardian_holds_no_descriptor_of_its_owner(provider, owner):
    """
    The standard streams are closed off, and what the owner had open is not inherited.
    """
    process = owner(
        f"end_of_pipe, _ = os.pipe(); os.set_inheritable(end_of_pipe, True); opened(URL, 's1'); {HOLD}"
    )
    guardian = int(process.hear())
    _wait_until_ignored(guardian, signal.SIGTERM)

    home = Path(f"/proc/{guardian}")
    links = []
    for entry in (home / "fd").iterdir():
        with suppress(FileNotFoundError):  # Closed since it was listed.
            links.append(str(entry.readlink()))

    assert [] == [link for link in links if link.startswith("pipe:")]
    assert Path("/") == (home / "cwd").readlink()


def test_spawned_workers_each_have_their_own(provider, owner, tmp_path):
    """
    A worker of multiprocessing's spawn that dies loses its own session only.
    """
    provider.open("parents", "workers")
    script = tmp_path / "spawning.py"
    kit = Path(__file__).parent
    script.write_text(
        f"import multiprocessing, os, signal, sys\n"
        f"sys.path[:0] = [{str(kit.parent.parent)!r}, {str(kit)!r}]\n"
        "from guardian_kit import opened\n"
        "def work(url):\n"
        "    opened(url, 'workers')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "if __name__ == '__main__':\n"
        f"    opened({provider.url!r}, 'parents')\n"
        "    worker = multiprocessing.get_context('spawn').Process(target=work, args=(sys.argv[1],))\n"
        "    worker.start(); worker.join(); print('joined', flush=True); sys.stdin.readline()\n"
    )
    process = owner(f"import subprocess; sys.exit(subprocess.call([sys.executable, {str(script)!r}, URL]))")

    assert "joined" == process.hear()
    provider.wait(lambda: "workers" not in provider.alive)

    assert {"parents": []} == provider.alive
    process.tell()
    process.end()
    provider.wait_empty()


def _wait_until_ignored(pid, signum):
    """Wait until a process ignores a signal: then its guardian is up."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        status = Path(f"/proc/{pid}/status").read_text()
        ignored = int(next(line for line in status.splitlines() if line.startswith("SigIgn:")).split()[1], 16)
        if ignored >> (signum - 1) & 1:
            return
        time.sleep(0.002)
    raise TimeoutError
