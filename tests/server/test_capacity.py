"""How many browsers run at most, and when this machine has no room."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from typing import TYPE_CHECKING

import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import careful, room, user_limit
from firecrawl_interact.server.browsers import NoSlotError
from firecrawl_interact.server.capacity import LimitedLauncher
from firecrawl_interact.server.careful import CarefulLauncher
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
    server.browsers.launcher = CarefulLauncher(fakes)
    answer = await server.ask("POST", "/v2/interact", {})

    assert (503, True) == (answer.status, "disk" in answer.body["error"])
    assert set() == fakes.engines


@pytest.mark.parametrize("constant", ["LEAST_DISK", "DESCRIPTORS"])
def test_shortage_names_what_is_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, constant: str):
    """
    With room for everything there is no shortage; with too little of one thing it is named.
    """
    monkeypatch.setattr(room, "LEAST_DISK", 0)
    monkeypatch.setattr(room, "DESCRIPTORS", 0)

    assert room.shortage(root=tmp_path) is None
    monkeypatch.setattr(room, constant, 2**62)
    assert {"LEAST_DISK": "disk", "DESCRIPTORS": "open files"}[constant] in (
        room.shortage(root=tmp_path) or ""
    )


def test_a_missing_folder_is_a_shortage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """
    Where the folder for temporary files was removed, that is said.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    assert "No such file" in (room.shortage() or "")


GROUP = "sys/fs/cgroup"
V2, V1 = "0::/slice/unit", "9:name=systemd:/\n8:pids:/slice/unit\n4:memory:/slice/unit\n0::/"
MIB = 1024**2


def write(root: Path, files: dict[str, object]) -> None:
    """Write files of a system's own; those of control groups by what follows their mount."""
    for name, text in files.items():
        path = root / (name if name.startswith("proc/") else f"{GROUP}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("groups", "files", "words"),
    [
        (V2, {"slice/unit/pids.max": "max", "slice/unit/pids.current": 900}, None),
        (
            V2,
            {"slice/unit/pids.max": 1000, "slice/unit/pids.current": 801},
            "processes is nearly reached: 199",
        ),
        (V2, {"slice/unit/pids.max": 1000, "slice/unit/pids.current": 800}, None),
        (V2, {"slice/pids.max": 100, "slice/pids.current": 90}, "10 are left"),  # Of the group around it.
        (V2, {"unified/slice/unit/pids.max": 100, "unified/slice/unit/pids.current": 90}, "10 are left"),
        (
            V2,
            {"pids.max": 100, "pids.current": 90},
            "10 are left",
        ),  # In a container that has the host's path.
        (V1, {"pids/slice/unit/pids.max": 100, "pids/slice/unit/pids.current": 90}, "10 are left"),
        (V1, {"pids/pids.max": 100, "pids/pids.current": 90}, "10 are left"),
        (V1, {"memory/slice/unit/pids.max": 100, "memory/slice/unit/pids.current": 90}, None),
        (V2, {"slice/unit/memory.max": "max", "slice/unit/memory.current": 2**40}, None),
        (
            V2,
            {"slice/unit/memory.max": 512 * MIB, "slice/unit/memory.current": 412 * MIB},
            "100 MiB are left",
        ),
        (
            V2,
            {
                "slice/unit/memory.max": 512 * MIB,
                "slice/unit/memory.current": 412 * MIB,
                "slice/unit/memory.stat": f"anon 5\ninactive_file {28 * MIB}\nactive_file 7",
            },
            None,
        ),
        (
            V1,
            {
                "memory/slice/unit/memory.limit_in_bytes": 512 * MIB,
                "memory/slice/unit/memory.usage_in_bytes": 412 * MIB,
                "memory/slice/unit/memory.stat": f"inactive_file 0\ntotal_inactive_file {20 * MIB}",
                "memory/memory.limit_in_bytes": 2**63 - 4096,
                "memory/memory.usage_in_bytes": 2**33,
            },
            "120 MiB are left",
        ),
        *(
            (
                V2,
                {
                    "slice/unit/memory.max": 512 * MIB,
                    "slice/unit/memory.current": 412 * MIB,
                    "slice/unit/memory.stat": f"inactive_file {odd}",
                    "slice/unit/pids.max": odd,
                    "slice/unit/pids.current": odd,
                },
                "100 MiB are left",
            )
            for odd in ("", "many", "é")
        ),
        (V2, {"pids.max": 100, "pids.current": -1}, "101 are left"),
        (V2, {"pids.max": 0, "pids.current": 5}, " 0 are left"),
        ("0::/../../elsewhere\nnonsense\n:", {"pids.max": 100, "pids.current": 90}, "10 are left"),
        ("", {}, None),
    ],
)
def test_the_limits_of_control_groups_count(
    tmp_path: Path, groups: str, files: dict[str, object], words: str | None
):
    """
    Those of this process's group and of all around it, in both versions; cached files make room.
    """
    write(tmp_path, {"proc/self/cgroup": groups, **files})
    missing = room.shortage(root=tmp_path)

    assert (words is None) == (missing is None)
    assert (words or "") in (missing or "")


@pytest.mark.parametrize(
    ("most", "everybody", "own", "words"),
    [
        ("unlimited", 10**6, 10**6, None),
        ("1000", 700, 1, None),  # Nobody is counted.
        ("1000", 5000, 400, None),
        ("1000", 5000, 801, "199 are left"),
        ("1000", 5000, 1200, " 0 are left"),
    ],
)
def test_the_limit_of_the_user_as_whom_browsers_run_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, most: str, everybody: int, own: int, words: str | None
):
    """
    What other users run does not count against it; threads do.
    """
    monkeypatch.setattr(user_limit, "user_of_browsers", lambda: 1234)
    limits = f"Max cpu time    unlimited   unlimited  seconds\nMax processes   {most}   4000000   processes"
    write(
        tmp_path,
        {
            "proc/self/limits": limits,
            "proc/loadavg": f"1.00 0.50 0.25 2/{everybody} 4321",
            "proc/7/status": f"Name:\ta\nUid:\t1234\t1234\t1234\t1234\nThreads:\t{own - 1}",
            "proc/8/status": "Name:\tUid:\t5\nUid:\t1234\t0\t0\t0\nThreads:\t1",
            "proc/9/status": "Name:\tb\nUid:\t5\t5\t5\t5\nThreads:\t3000",
            "proc/10/other": "it has ended",
        },
    )
    missing = room.shortage(root=tmp_path)

    assert (words is None) == (missing is None)
    assert (words or "") in (missing or "")


@pytest.mark.parametrize("load", ["", "0.00 0.00 0.00", "0.00 0.00 0.00 many 1"])
def test_a_load_that_tells_no_number_limits_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, load: str
):
    """
    As on systems that only look like Linux.
    """
    monkeypatch.setattr(user_limit, "user_of_browsers", lambda: 1234)
    write(tmp_path, {"proc/self/limits": "Max processes   10   10   processes", "proc/loadavg": load})

    assert room.shortage(root=tmp_path) is None


def test_root_is_held_by_no_limit_of_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """
    Where browsers run as root the system does not count, and neither do we.
    """
    monkeypatch.setattr(user_limit, "user_of_browsers", lambda: 0)
    write(
        tmp_path, {"proc/self/limits": "Max processes   10   10   processes", "proc/loadavg": "0 0 0 1/500 9"}
    )

    assert room.shortage(root=tmp_path) is None


@pytest.mark.parametrize("path", ["/v2/interact", "/v1/sessions"])
async def test_a_container_without_room_refuses_a_create(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
):
    """
    503 in both dialects, with words that say why; nothing is started.
    """
    write(tmp_path, {"proc/self/cgroup": "0::/", "pids.max": 100, "pids.current": 90})
    monkeypatch.setattr(careful, "shortage", functools.partial(room.shortage, root=tmp_path))
    server = await serve()
    fakes = server.browsers.launcher
    server.browsers.launcher = CarefulLauncher(fakes)
    answer = await server.ask("POST", path, {})

    assert (503, True) == (answer.status, "limit of processes" in str(answer.body))
    assert set() == fakes.engines


async def test_browsers_on_their_way_need_room_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """
    Where there is room for two more, the third of three at once is refused.
    """
    write(tmp_path, {"proc/self/cgroup": "0::/", "pids.max": 1000, "pids.current": 1000 - 2 * room.TASKS})
    monkeypatch.setattr(careful, "shortage", functools.partial(room.shortage, root=tmp_path))
    launcher = CarefulLauncher(FakeLauncher(delay=0.01))
    outcomes = await asyncio.gather(*(launcher.launch(SPEC) for _ in range(3)), return_exceptions=True)
    await launcher.aclose()

    assert [LocalBrowserError] == [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)]


async def test_a_start_that_fails_takes_no_place(monkeypatch: pytest.MonkeyPatch):
    """
    The place is there for the next.
    """
    monkeypatch.setattr(careful, "shortage", lambda _: "no room")
    launcher = LimitedLauncher(CarefulLauncher(FakeLauncher()), 1)
    with pytest.raises(LocalBrowserError, match="no room"):
        await launcher.launch(SPEC)
    monkeypatch.setattr(careful, "shortage", lambda _: None)
    await launcher.launch(SPEC)

    await launcher.aclose()
