"""Profiles on disk: named by anything, replaced in one step, shared by servers."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import sys
import tarfile
import time
from pathlib import Path

import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import user_data
from firecrawl_interact.server.profile_store import FileClaim, ProfileFolder
from firecrawl_interact.server.profiles import ProfileExistsError, ProfileInUseError, SavedProfile
from firecrawl_interact.server.user_data import UserData, UserDataError, unpack

NAMES = ["../../outside", "/etc/passwd", "a/b", ".", "", "\x00", "\udcff", "täglich", "x" * 128, "CON"]
# Dies once it has claimed a profile and written most of its new state.
KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from firecrawl_interact.server.profile_store import ProfileFolder

class Left:
    def pack(self, archive):
        archive.fileobj.write(b"half")
        archive.fileobj.flush()
        os.kill(os.getpid(), signal.SIGKILL)

store = ProfileFolder(Path(sys.argv[1]))
store.claim("t", "shop")
asyncio.run(store.save("t", "shop", Left(), session_id="s2"))
"""
COOKIES = ({"name": "session", "value": "1"},)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the profiles are."""
    return tmp_path / "state" / "profiles"


@pytest.fixture
def store(folder: Path, clock) -> ProfileFolder:
    return ProfileFolder(folder, clock=clock)


@pytest.fixture
def left(tmp_path: Path) -> UserData:
    """What a browser left: one file of state, and what is not to be kept."""
    data = tmp_path / "data"
    (data / "Default" / "Code Cache").mkdir(parents=True)
    (data / "Default" / "Cookies").write_bytes(b"first")
    (data / "Default" / "Code Cache" / "index").write_bytes(b"cache")
    (data / ".pki").mkdir()
    (data / ".pki" / "key").write_bytes(b"home")
    (data / "DevToolsActivePort").write_bytes(b"1234")
    (data / "Default" / "passwords").symlink_to("/etc/passwd")
    (data / "Default" / "folder").symlink_to("/etc")
    os.mkfifo(data / "Default" / "pipe")
    return UserData(folder=data, session_cookies=COOKIES)


def unpacked(path: Path, into: Path) -> dict[str, bytes]:
    """Fill a folder and tell what is in it."""
    into.mkdir()
    unpack(path, into)
    return {str(file.relative_to(into)): file.read_bytes() for file in into.rglob("*") if file.is_file()}


async def saved(store: ProfileFolder, left: UserData, name: str = "shop") -> Path:
    """Save, as the one who may."""
    claim = store.claim("t", name)
    assert claim is not None
    await store.save("t", name, left, session_id="s1")
    claim.release()
    return store.state("t", name)


async def test_state_is_kept_and_caches_links_and_home_are_not(store, left, tmp_path):
    """
    Only files of the browser's own state reach the next one.
    """
    path = await saved(store, left)

    assert {"Default/Cookies": b"first"} == unpacked(path, tmp_path / "next")
    assert COOKIES == unpack(path, tmp_path / "other")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_a_file_of_somebody_elses_is_not_kept(store, left, tmp_path):
    """
    Where the system lets everybody link to any file, whoever controls a browser could have root read it.
    """
    secret = tmp_path / "secret"
    secret.write_bytes(b"root's")
    (left.folder / "Default" / "linked").hardlink_to(secret)
    for path in (left.folder, left.folder / "Default", left.folder / "Default" / "Cookies"):
        os.chown(path, 65534, -1)
    path = await saved(store, left)

    assert {"Default/Cookies": b"first"} == unpacked(path, tmp_path / "next")


@pytest.mark.parametrize("name", NAMES, ids=ascii)
async def test_any_name_is_data_and_never_a_path(store, left, folder, name):
    """
    Whatever a profile is called, its file is in the folder, and its name comes back as it was.
    """
    path = await saved(store, left, name)

    assert [path] == list(folder.iterdir())
    assert [name] == [one.name for one in await store.list("t")]


async def test_folder_and_files_are_for_their_user_alone(store, left, folder):
    """
    Logins are nobody else's business.
    """
    path = await saved(store, left)

    assert (0o700, 0o600) == (folder.stat().st_mode & 0o777, path.stat().st_mode & 0o777)


async def test_folder_that_others_can_read_is_refused(store, folder):
    """
    No login is written where other users could get at it.
    """
    folder.mkdir(parents=True)
    folder.chmod(0o755)

    with pytest.raises(LocalBrowserError, match="0700"):
        store.claim("t", "shop")


async def test_folder_that_was_removed_is_made_again(store, left, folder):
    """
    A server that runs for months can lose its folder; claims and saves go on.
    """
    await saved(store, left)
    shutil.rmtree(folder)
    claim = store.claim("t", "shop")
    shutil.rmtree(folder)
    await store.save("t", "shop", left, session_id="s2")
    claim.release()

    assert "s2" == (await store.get("t", "shop")).session_id


def test_claim_that_cannot_be_written_says_why(store, monkeypatch):
    """
    A full disk is an error that the dialects know, not one of the system.
    """

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr(FileClaim, "take", full)
    with pytest.raises(LocalBrowserError, match="No space left"):
        store.claim("t", "shop")


async def test_save_that_fails_leaves_the_old_state_and_no_parts(store, left, folder, tmp_path, monkeypatch):
    """
    The old state stays until the new one is whole.
    """
    path = await saved(store, left)
    monkeypatch.setattr(user_data, "MAX_BYTES", 3)
    (left.folder / "Default" / "Cookies").write_bytes(b"second")

    with pytest.raises(UserDataError, match="larger"):
        await store.save("t", "shop", left, session_id="s2")

    assert [path] == list(folder.iterdir())
    assert {"Default/Cookies": b"first"} == unpacked(path, tmp_path / "next")


async def test_whoever_reads_during_a_save_sees_one_state_or_the_other(store, left, tmp_path):
    """
    A file that is open stays what it was though another takes its place.
    """
    path = await saved(store, left)
    with path.open("rb") as reading:
        (left.folder / "Default" / "Cookies").write_bytes(b"second")
        await saved(store, left)
        old = tmp_path / "old"
        old.write_bytes(reading.read())

    assert {"Default/Cookies": b"first"} == unpacked(old, tmp_path / "a")
    assert {"Default/Cookies": b"second"} == unpacked(path, tmp_path / "b")


async def test_leftovers_of_a_save_cut_short_are_swept(store, left, folder):
    """
    A server that was killed while saving leaves a part, which the next one removes.
    """
    await saved(store, left)
    part = folder / "abc.part"
    part.write_bytes(b"half")
    os.utime(part, (0, time.time() - 3600))
    path = await saved(ProfileFolder(folder), left)

    assert [path] == list(folder.iterdir())


async def test_process_killed_while_it_saves_leaves_the_old_state(store, left, folder, tmp_path):
    """
    What was saved before is there, the right to save is free, and the part is swept later.
    """
    path = await saved(store, left)
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(folder), env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    )
    async with asyncio.timeout(60):
        status = await killed.wait()
    parts = list(folder.glob("*.part"))

    assert (-signal.SIGKILL, 1) == (status, len(parts))
    assert {"Default/Cookies": b"first"} == unpacked(path, tmp_path / "next")
    assert store.claim("t", "shop") is not None
    os.utime(parts[0], (0, time.time() - 3600))
    ProfileFolder(folder).claim("t", "other")
    assert [] == list(folder.glob("*.part"))


async def test_one_server_saves_while_the_other_waits_its_turn(store, folder):
    """
    The right to save is held against other servers, until it is released.
    """
    other = ProfileFolder(folder)
    claim = store.claim("t", "shop")
    busy = other.claim("t", "shop")
    with pytest.raises(ProfileInUseError):
        await other.delete("t", "shop")
    claim.release()
    claim.release()
    free = other.claim("t", "shop")

    assert busy is None
    assert free is not None
    assert store.claim("t", "shop") is None


async def test_the_right_to_save_is_given_back_where_nothing_can_be_removed(store, monkeypatch):
    """
    A disk that takes no more changes keeps no browser from its end, and no other from the profile.
    """
    claim = store.claim("t", "shop")

    def read_only(path: Path, **_: bool) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "unlink", read_only)
    claim.release()

    assert store.claim("t", "shop") is not None


async def test_profile_remembers_when_it_was_made_and_last_saved(store, left, clock):
    """
    A later save keeps what was said of the profile when it was created.
    """
    blank = SavedProfile(team="t", name="shop", created_at=clock.now, description="logins")
    await store.create(blank)
    clock.now += 60
    await saved(store, left)
    found = await store.get("t", "shop")

    assert ("logins", clock.now - 60, clock.now) == (found.description, found.created_at, found.saved_at)
    with pytest.raises(ProfileExistsError):
        await store.create(blank)


async def test_blank_profile_fills_a_browser_with_nothing(store, clock, tmp_path):
    """
    A profile that was created and never saved to is as good as none.
    """
    await store.create(SavedProfile(team="t", name="shop", created_at=clock.now))

    assert {} == unpacked(store.state("t", "shop"), tmp_path / "next")
    assert {} == unpacked(store.state("t", "unknown"), tmp_path / "other")


async def test_deleting_tells_whether_there_was_one(store, left, folder):
    """
    A deleted profile leaves nothing on the disk.
    """
    await saved(store, left)

    assert [True, False] == [await store.delete("t", "shop"), await store.delete("t", "shop")]
    assert [] == list(folder.iterdir())
    assert await store.get("t", "shop") is None


async def test_damaged_file_is_passed_over_in_lists_and_refused_to_browsers(store, left, tmp_path, caplog):
    """
    A file that is no archive is not taken for a blank profile.
    """
    path = await saved(store, left)
    path.write_bytes(b"no archive" * 100)

    assert () == await store.list("t")
    assert "cannot be read" in caplog.text
    with pytest.raises(UserDataError, match="damaged"):
        unpack(path, tmp_path)


def test_file_that_names_what_is_outside_is_refused(tmp_path):
    """
    Not even a file that somebody made writes outside a browser's folder.
    """
    with tarfile.open(tmp_path / "bad", "w") as archive:
        user_data.add_bytes(archive, "data/../../escaped", b"x")
    (tmp_path / "into").mkdir()

    with pytest.raises(UserDataError, match="outside"):
        unpack(tmp_path / "bad", tmp_path / "into")
    assert not (tmp_path / "escaped").exists()
