"""Folders of browsers, and who removes them."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from firecrawl_interact.server import scratch
from firecrawl_interact.server.scratch import LOCK, PREFIX, Scratch


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_removed_folder_is_gone_with_its_contents(tmp_path: Path):
    """
    Removing takes files, folders and links, not what the links lead to; a second time does nothing.
    """
    kept = tmp_path / "kept"
    kept.mkdir()
    folder = Scratch.make()
    (folder.data / "deep" / "er").mkdir(parents=True)
    (folder.data / "deep" / "file").write_text("x")
    (folder.path / "link").symlink_to(kept)
    folder.remove()
    folder.remove()

    assert [kept] == list(tmp_path.iterdir())


def test_folder_is_the_owners_alone():
    """
    Other users of the machine cannot look into it.
    """
    folder = Scratch.make()
    modes = [path.stat().st_mode & 0o777 for path in (folder.path, folder.data)]
    folder.remove()

    assert [0o700, 0o700] == modes


def test_sweep_leaves_folders_in_use(tmp_path: Path):
    """
    A folder whose lock is held stays, by whomever it is held.
    """
    mine = Scratch.make()
    handed_on = os.dup(mine.lock)
    os.close(mine.lock)

    assert 0 == scratch.sweep()
    assert [mine.path] == list(tmp_path.iterdir())
    os.close(handed_on)
    assert 1 == scratch.sweep()
    assert [] == list(tmp_path.iterdir())


def test_sweep_leaves_what_is_not_ours(tmp_path: Path):
    """
    Links, files and other names stay, and what they lead to.
    """
    target = tmp_path / "target"
    target.mkdir()
    (target / LOCK).touch()
    (tmp_path / f"{PREFIX}link").symlink_to(target)
    (tmp_path / f"{PREFIX}file").touch()
    (tmp_path / "other").mkdir()

    assert 0 == scratch.sweep()
    assert 4 == len(list(tmp_path.iterdir()))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_sweep_leaves_other_users_folders(tmp_path: Path):
    """
    Even root removes only its own.
    """
    folder = tmp_path / f"{PREFIX}theirs"
    folder.mkdir()
    (folder / LOCK).touch()
    os.chown(folder, 65534, 65534)

    assert 0 == scratch.sweep()


def test_sweep_leaves_folders_that_are_being_made(tmp_path: Path):
    """
    Without a lock file a folder is young, or was left by a removal cut short long ago.
    """
    folder = tmp_path / f"{PREFIX}new"
    folder.mkdir()

    assert 0 == scratch.sweep()
    old = time.time() - 120
    os.utime(folder, (old, old))
    assert 1 == scratch.sweep()


def test_lock_taken_by_a_sweep_makes_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """
    A maker that loses its folder to a sweep before it was locked makes the next.
    """
    real, lost = scratch._lock, []

    def lose_once(path: Path, *, create: bool) -> int | None:
        if not lost:
            lost.append(path)
            return None
        return real(path, create=create)

    monkeypatch.setattr(scratch, "_lock", lose_once)
    folder = Scratch.make()

    assert folder.path not in lost
    folder.remove()


def test_folder_that_a_sweep_had_before_it_was_locked_is_not_used(monkeypatch: pytest.MonkeyPatch):
    """
    A sweep between making and locking, another server's, costs the folder and nothing else.
    """
    real, swept = scratch.keep_clear, []

    def late(descriptor: int) -> int:
        monkeypatch.setattr(scratch, "keep_clear", real)
        swept.append(scratch.sweep())
        return real(descriptor)

    monkeypatch.setattr(scratch, "keep_clear", late)
    folder = Scratch.make()

    assert [1] == swept
    assert folder.data.is_dir()
    folder.remove()


def test_full_disk_is_an_error(monkeypatch: pytest.MonkeyPatch):
    """
    Where no folder can be made, the system's words are passed on.
    """
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    with pytest.raises(OSError, match="No such file or directory"):
        Scratch.make()
