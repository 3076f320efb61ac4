"""How many browsers run at most, and when this machine has no room."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import capacity, room
from firecrawl_interact.server.browsers import NoSlotError
from firecrawl_interact.server.capacity import LimitedLauncher
from firecrawl_interact.server.engine import LaunchSpec
from firecrawl_interact.server.fake import FakeLauncher
from tests.server.conftest import Serve

if TYPE_CHECKING:
    from pathlib import Path

SPEC = LaunchSpec()


async def test_no_more_than_the_limit_run():
    """
    The one too many is refused; the next end lets one in.
    """
    launcher = LimitedLauncher(FakeLauncher(), 2)
    first = await launcher.launch(SPEC)
    await launcher.launch(SPEC)
    with pytest.raises(NoSlotError) as refused:
        await launcher.launch(SPEC)
    await first.stop()
    await launcher.launch(SPEC)

    assert 2 == refused.value.limit
    await launcher.aclose()


@pytest.mark.parametrize("path", ["/v2/interact", "/v1/sessions"])
async def test_both_dialects_say_429_whoever_asks(serve: Serve, path: str):
    """
    Without a key everybody is a team of their own, and still there is one limit.
    """
    server = await serve(key=None)
    server.browsers.launcher = LimitedLauncher(server.browsers.launcher, 1)
    await server.ask("POST", "/v2/interact", {}, Authorization="Bearer a")
    answer = await server.ask("POST", path, {}, Authorization="Bearer b", anchor_api_key="b")

    assert 429 == answer.status


async def test_a_full_disk_refuses_a_create(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    """
    503, with words that say why; nothing is started.
    """
    monkeypatch.setattr(room, "LEAST_DISK", 2**60)
    server = await serve()
    fakes = server.browsers.launcher
    server.browsers.launcher = LimitedLauncher(fakes)
    answer = await server.ask("POST", "/v2/interact", {})

    assert (503, True) == (answer.status, "disk" in answer.body["error"])
    assert set() == fakes.engines


@pytest.mark.parametrize("constant", ["LEAST_DISK", "DESCRIPTORS"])
def test_shortage_names_what_is_short(monkeypatch: pytest.MonkeyPatch, constant: str):
    """
    With room for everything there is no shortage; with too little of one thing it is named.
    """
    monkeypatch.setattr(room, "LEAST_DISK", 0)
    monkeypatch.setattr(room, "_tasks_left", lambda: None)
    monkeypatch.setattr(room, "DESCRIPTORS", 0)

    assert room.shortage() is None
    monkeypatch.setattr(room, constant, 2**62)
    assert {"LEAST_DISK": "disk", "DESCRIPTORS": "open files"}[constant] in (room.shortage() or "")


def test_a_missing_folder_is_a_shortage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """
    Where the folder for temporary files was removed, that is said.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    assert "No such file" in (room.shortage() or "")


def test_the_limit_of_the_control_group_counts(monkeypatch: pytest.MonkeyPatch):
    """
    A container's limit of processes ends creates before it ends browsers.
    """
    monkeypatch.setattr(room, "_tasks_left", lambda: 10)

    assert "10 are left" in (room.shortage() or "")


async def test_a_start_that_fails_takes_no_place(monkeypatch: pytest.MonkeyPatch):
    """
    The place is there for the next.
    """
    monkeypatch.setattr(capacity, "shortage", lambda: "no room")
    launcher = LimitedLauncher(FakeLauncher(), 1)
    with pytest.raises(LocalBrowserError, match="no room"):
        await launcher.launch(SPEC)
    monkeypatch.setattr(capacity, "shortage", lambda: None)
    await launcher.launch(SPEC)

    await launcher.aclose()
