"""Children and their groups, apart from what they are."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from firecrawl_interact.server import child
from firecrawl_interact.server.child import ENDED_WELL, Child


@pytest.fixture(autouse=True)
def _late(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Not that of tests before: their loops have ended, and look for what was late no more.
    monkeypatch.setattr(child, "_late", set())
    yield

    assert set() == child._late


async def test_a_child_whose_number_was_another_groups_is_waited_for_once(monkeypatch: pytest.MonkeyPatch):
    """
    A group that was long in ending, and had its number before, takes nothing of its end.
    """
    spawn = os.posix_spawn

    def again(*args: Any, **options: Any) -> int:
        pid = spawn(*args, **options)
        child._late.add(pid)
        return pid

    monkeypatch.setattr(os, "posix_spawn", again)
    true = shutil.which("true")
    assert true is not None
    process = Child.spawn([true], {}, {})
    ended = os.WEXITED | os.WNOWAIT
    os.waitid(os.P_PID, process.pid, ended)  # noqa: ASYNC222  # the loop must not see its end yet
    child._reap_late()
    async with asyncio.timeout(30):
        reason = await process.exited

    assert ENDED_WELL == reason
