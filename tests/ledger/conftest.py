"""State folders, entries, and other processes that share a ledger."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firecrawl_interact.ledger.entry import Entry
from firecrawl_interact.ledger.sqlite import SqliteLedger

# What every program of another process begins with. Its arguments are the folder and the words given.
PRELUDE = """
import asyncio, os, sys, time
from firecrawl_interact.ledger import _store, _writer
from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.entry import Entry
from firecrawl_interact.ledger.sqlite import SqliteLedger

_store.BUSY_LIMIT = _writer.FORK_PATIENCE = 30.0  # A commit takes seconds where a disk is busy.
folder, words = sys.argv[1], sys.argv[2:]
ledger = SqliteLedger(folder)

def entry(entry_id, **values):
    now = time.time()
    known = dict(backend="firecrawl", base_url="https://api.example", key_print="", mark=None,
                 session_id=None, planned_at=now, expires_at=now + 600)
    return Entry(id=entry_id, **known | values)

def say(*words):
    print(*words, flush=True)

def wait():
    sys.stdin.readline()
"""

# Plans what it is told to, says so, and lives until its stdin ends or it is killed.
OWNER = """
async def main():
    for word in words:
        await ledger.plan(entry(word))
    say("planned", *{owed.owner for owed in await ledger.owed() if owed.id in words})
    await asyncio.to_thread(wait)

asyncio.run(main())
"""


class Program:
    """Another Python process that uses a ledger."""

    def __init__(self, code: str, folder: Path, *words: str, wrap: tuple[str, ...] = ()) -> None:
        command = [*wrap, sys.executable, "-W", "error", "-c", PRELUDE + code, str(folder), *words]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def read(self) -> list[str]:
        """Wait for the next line that it says."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()

    def go_on(self) -> None:
        """Let its `wait` return."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it as a crash would; what it said before can still be read."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def finish(self) -> list[str]:
        """Let it end by itself and return the words that it still said."""
        said, complaints = self._process.communicate(timeout=60)
        assert (0, "") == (self._process.returncode, complaints)
        return said.split()

    def close(self) -> None:
        """Leave nothing of it behind; its forked children see the end of their stdin."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """
    A state folder that nobody has made yet.
    """
    return tmp_path / "state"


@pytest.fixture
async def ledger(folder: Path) -> AsyncIterator[SqliteLedger]:
    """
    A ledger of this process in that folder.
    """
    ledger = SqliteLedger(folder)
    yield ledger
    await ledger.aclose()


@pytest.fixture
def run(folder: Path) -> Iterator[Callable[..., Program]]:
    """
    Start other processes on that folder; the first argument is their code.
    """
    programs: list[Program] = []

    def start(code: str, *words: str, wrap: tuple[str, ...] = ()) -> Program:
        programs.append(Program(code, folder, *words, wrap=wrap))
        return programs[-1]

    yield start
    for program in programs:
        program.close()


@pytest.fixture
def crash(run: Callable[..., Program]) -> Callable[..., str]:
    """
    Let another process plan entries with these ids and be killed; returns its name as an owner.
    """

    def plan_and_die(*ids: str) -> str:
        program = run(OWNER, *ids)
        owner = program.read()[1]
        program.kill()
        return owner

    return plan_and_die


@pytest.fixture
def entry() -> Callable[..., Entry]:
    """
    Make entries, of a session that lives ten minutes from now.
    """

    def make(entry_id: str | None = None, **values: Any) -> Entry:
        now = time.time()
        known: dict[str, Any] = {
            "backend": "firecrawl",
            "base_url": "https://api.example",
            "key_print": "",
            "mark": None,
            "session_id": None,
            "planned_at": now,
            "expires_at": now + 600,
        }
        return Entry(id=entry_id or os.urandom(8).hex(), **known | values)

    return make


@pytest.fixture
def owner_program() -> str:
    """
    Code of a process that plans the ids it is given and lives until its stdin ends.
    """
    return OWNER
