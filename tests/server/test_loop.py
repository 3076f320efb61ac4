"""The loop that the server runs on."""

from __future__ import annotations

import asyncio
import sys

import pytest

from firecrawl_interact.server.loop import run


def loop_of_a_run() -> str:
    """
    Run once, and tell whose loop it was.
    """
    seen = []

    async def main() -> None:
        seen.append(type(asyncio.get_running_loop()).__module__)

    run(main())
    return seen[0].partition(".")[0]


def test_it_is_uvloop_where_that_is_installed():
    """
    Nothing has to be switched on.
    """
    pytest.importorskip("uvloop")

    assert "uvloop" == loop_of_a_run()


def test_it_is_asyncios_own_otherwise(monkeypatch: pytest.MonkeyPatch):
    """
    Nothing is missing without it.
    """
    monkeypatch.setitem(sys.modules, "uvloop", None)

    assert "asyncio" == loop_of_a_run()
