"""Full, limited, read-only and distant disks: nothing is promised that is not written."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import subprocess

import pytest

from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.sqlite import SqliteLedger


async def ids(ledger):
    return [owed.id for owed in await ledger.owed()]


@pytest.fixture
def mount():
    """
    Mount something for one test.
    """
    with contextlib.ExitStack() as stack:

        def add(target, *options, read_only=False):
            try:
                done = subprocess.run(
                    ["mount", *options, str(target)], capture_output=True, text=True, check=False
                )
            except OSError as error:
                pytest.skip(f"cannot mount: {error}")
            if done.returncode != 0:
                pytest.skip(f"cannot mount: {done.stderr.strip()}")
            stack.callback(subprocess.run, ["umount", "--lazy", str(target)], check=True)
            if read_only:
                subprocess.run(["mount", "-o", "remount,bind,ro", str(target)], check=True)

        yield add


async def test_a_full_disk_is_an_error_and_the_ledger_recovers(folder, entry, mount):
    """
    Nothing is promised on a full disk; once there is room again the same ledger works.
    """
    folder.mkdir(0o700)
    mount(folder, "-t", "tmpfs", "-o", "size=256k,mode=0700", "none")
    ledger = SqliteLedger(folder)
    await ledger.plan(entry("a"))
    with (folder / "ballast").open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(b"x" * 1024)
    promised = ["a"]

    async def fill():
        for number in range(100):
            await ledger.plan(entry(f"n{number}", mark="m" * 4000))
            promised.append(f"n{number}")

    with pytest.raises(LedgerError, match="cannot be used"):
        await fill()
    (folder / "ballast").unlink()
    await ledger.plan(entry("z"))

    assert [*promised, "z"] == await ids(ledger)
    await ledger.aclose()


async def test_a_file_size_limit_is_an_error(folder, run):
    """
    A limit on file sizes ends in a LedgerError, not in a signal or a hang.
    """
    program = run(
        """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))

async def main():
    try:
        for number in range(1000):
            await ledger.plan(entry(f"n{number}", mark="m" * 4000))
    except LedgerError:
        say("refused")

asyncio.run(main())
"""
    )

    assert ["refused"] == program.finish()


async def test_a_read_only_disk_is_an_error(folder, ledger, entry, mount):
    """
    A ledger that cannot be written says so; nothing is promised.
    """
    await ledger.plan(entry("a"))
    await ledger.aclose()
    mount(folder, "--bind", str(folder), read_only=True)
    fresh = SqliteLedger(folder)

    with pytest.raises(LedgerError):
        await fresh.plan(entry("b"))
    with pytest.raises(LedgerError):
        await fresh.claim()
    await fresh.aclose()


async def test_without_shared_memory_a_rollback_journal_is_used(folder, entry, monkeypatch, caplog):
    """
    Where a write-ahead log is impossible, as on a network file system, the ledger works and says so once.
    """
    real = sqlite3.connect

    def connect_without_shared_memory(path, **options):
        return real(f"file:{path}?vfs=unix-dotfile", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", connect_without_shared_memory)
    ledger = SqliteLedger(folder)
    await ledger.plan(entry("a"))
    await ledger.aclose()
    again = SqliteLedger(folder)

    assert ["a"] == await ids(again)
    assert [logging.WARNING] == [record.levelno for record in caplog.records]
    await again.aclose()
