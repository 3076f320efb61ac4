"""Leases: who lives, who is dead, and who may take over."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from firecrawl_interact.ledger import owner
from firecrawl_interact.ledger.base import LedgerError

NAME = "0123456789abcdef" * 2

HOLD = """
from pathlib import Path
from firecrawl_interact.ledger import _folder, owner
_folder.prepare(Path(folder))
lease = owner.own(Path(folder))
say(lease.name)
wait()
"""

UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def can_unshare() -> bool:
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def folder(folder):
    """
    A state folder that is there.
    """
    folder.mkdir(0o700)
    yield folder
    owner.disown(folder)


def test_a_process_is_one_owner_for_its_life(folder):
    """
    The lease taken on first use is the one that stays.
    """
    lease = owner.own(folder)

    assert lease is owner.own(folder)
    assert owner.is_alive(folder, lease.name)
    assert 0o600 == stat.S_IMODE(lease.path.stat().st_mode)
    assert 0o700 == stat.S_IMODE(lease.path.parent.stat().st_mode)


def test_the_lease_of_the_living_cannot_be_seized(folder, run):
    """
    While its owner lives, in this process or another, a lease is nobody else's.
    """
    other = run(HOLD).read()[0]

    assert owner.is_alive(folder, other)
    assert owner.seize(folder, other) is None
    assert owner.seize(folder, owner.own(folder).name) is None


def test_a_killed_owner_is_dead_at_once(folder, run):
    """
    The kernel frees the lock of a process that was killed.
    """
    program = run(HOLD)
    name = program.read()[0]
    program.kill()

    assert not owner.is_alive(folder, name)
    lease = owner.seize(folder, name)
    assert lease is not None
    lease.release(forget=True)
    assert [] == owner.known(folder)


@pytest.mark.skipif(not can_unshare(), reason="needs the right to make pid namespaces")
def test_an_owner_dies_with_its_pid_namespace(folder, run):
    """
    A container that is killed, and in which the owner was pid 1, leaves a dead owner.
    """
    program = run(HOLD, wrap=UNSHARE)
    name = program.read()[0]
    alive = owner.is_alive(folder, name)
    program.kill()

    assert alive
    # The namespace's init is reaped by the kernel a moment after its parent.
    lease = _until_seized(folder, name)
    lease.release(forget=True)


def _until_seized(folder, name):
    descriptor = os.open(folder / "leases" / f"{name}.lock", os.O_RDWR)
    try:
        owner.fcntl.flock(descriptor, owner.fcntl.LOCK_EX)  # Waits for the death.
    finally:
        os.close(descriptor)
    return owner.seize(folder, name)


def test_asking_does_not_take_the_lease(folder, run):
    """
    Two who ask whether an owner lives do not take each other for it.
    """
    program = run(HOLD)
    name = program.read()[0]
    program.kill()
    first = os.open(folder / "leases" / f"{name}.lock", os.O_RDONLY)
    owner.fcntl.flock(first, owner.fcntl.LOCK_SH)  # Somebody is just asking.

    assert not owner.is_alive(folder, name)
    os.close(first)


def test_an_owner_without_a_lease_file_is_dead(folder):
    """
    A lease that is missing altogether is made again and taken.
    """
    assert not owner.is_alive(folder, NAME)
    lease = owner.seize(folder, NAME)

    assert lease is not None
    assert owner.seize(folder, NAME) is None
    lease.release(forget=True)


def test_a_lease_removed_while_we_wait_is_looked_at_again(folder, monkeypatch):
    """
    Whoever locks a file that its last holder has removed must not think that it holds the name.
    """
    first = owner.seize(folder, NAME)
    real_lock, turns = owner._lock, []

    def lock_after_removal(descriptor, how):
        if not turns:
            turns.append(descriptor)
            first.release(forget=True)  # Between our open and our lock.
        return real_lock(descriptor, how)

    monkeypatch.setattr(owner, "_lock", lock_after_removal)
    second = owner.seize(folder, NAME)

    assert second is not None
    assert second.in_place()
    second.release(forget=True)


def test_a_living_owner_takes_a_removed_lease_again_under_its_name(folder):
    """
    Somebody removes the lease file of a living owner: it is back before the next entry is written.
    """
    name = owner.own(folder).name
    (folder / "leases" / f"{name}.lock").unlink()
    again = owner.own(folder)

    assert name == again.name
    assert again.in_place()
    assert owner.seize(folder, name) is None


def test_a_living_owner_whose_descriptor_was_closed_takes_its_lease_again(folder):
    """
    Code that closes every descriptor, as daemons do, must not make a living owner look dead for long.
    """
    lease = owner.own(folder)
    os.close(lease.descriptor)
    other = os.open(os.devnull, os.O_RDONLY)  # Gets the number that was the lease's.
    again = owner.own(folder)

    assert lease.descriptor == other
    assert lease.name == again.name
    assert owner.seize(folder, lease.name) is None
    assert os.fstat(other)
    os.close(other)


def test_an_owner_whose_removed_lease_was_seized_takes_another_name(folder, run):
    """
    Where a sweeper has the name already, the living owner writes under a new one.
    """
    name = owner.own(folder).name
    (folder / "leases" / f"{name}.lock").unlink()
    program = run(
        "from pathlib import Path\n"
        "from firecrawl_interact.ledger import owner\n"
        "lease = owner.seize(Path(folder), words[0])\n"
        "say(lease.name)\n"
        "wait()\n",
        name,
    )

    assert [name] == program.read()
    assert name != owner.own(folder).name


def test_a_second_release_touches_nothing(folder):
    """
    A lease let go leaves whatever has its descriptor's number by then alone, another lease too.
    """
    first = owner.seize(folder, NAME)
    first.release(forget=False)
    second = owner.seize(folder, NAME)
    first.release(forget=True)

    assert first.descriptor == second.descriptor
    assert second.in_place()
    assert owner.seize(folder, NAME) is None
    second.release(forget=True)


def test_a_linked_lease_is_refused(folder, tmp_path):
    """
    A link in the place of a lease is not followed.
    """
    (folder / "leases").mkdir(0o700)
    (folder / "leases" / f"{NAME}.lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(LedgerError, match="cannot be locked"):
        owner.seize(folder, NAME)
    assert not (tmp_path / "elsewhere").exists()


def test_the_module_imports_where_there_is_no_fcntl():
    """
    On a system without flock everything imports, and the ledger says why it is off.
    """
    code = """
import sys
import firecrawl_interact.session
sys.modules["fcntl"] = None
sys.platform = "win32"
from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.sqlite import SqliteLedger
try:
    SqliteLedger("x").fingerprint("k")
except LedgerError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "no flock" in said
