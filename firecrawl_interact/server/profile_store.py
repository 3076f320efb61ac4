"""Profiles on disk, one file each, so that a save is one rename."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import stat
import tarfile
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import attrs

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server.profiles import ProfileExistsError, ProfileInUseError, SavedProfile
from firecrawl_interact.server.user_data import UserData, add_bytes

_ABOUT = "profile.json"  # The first member of each file.
_KEPT = ".profile"
_LOCK = ".lock"
_PART = ".part"  # A save that is under way, or was cut short.
_UNLOCKED_AGE = 60  # Seconds after which a part without a lock is no longer one that is just being made.

_log = logging.getLogger(__name__)


def own_folder() -> Path:
    """Name the folder in which this user's profiles are, unless another is named."""
    import platformdirs

    return platformdirs.user_state_path("firecrawl-interact") / "profiles"


@attrs.define(eq=False)
class FileClaim:
    """
    A lock on a profile; it ends with the process that holds it, at the latest.

    Attributes:
        path: Of the lock's file.
    """

    path: Path
    _descriptor: int | None

    @classmethod
    def take(cls, path: Path) -> FileClaim | None:
        """Lock, or return None if somebody else has. The file is made, and removed with the last lock."""
        import fcntl  # Not on Windows, where this module must import.

        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still(path, descriptor):
                    return cls(path, descriptor)
            except BlockingIOError:
                os.close(descriptor)
                return None
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # Its holder removed it between our two steps; then there is room now.

    def release(self) -> None:
        """Unlock. A second call does nothing."""
        if self._descriptor is not None:
            # Before the lock goes: nobody else's can be meant. A file that stays is no lock.
            with contextlib.suppress(OSError):
                self.path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = None


class ProfileFolder:
    """
    A folder of profiles, which several servers may share.

    Files are named by a digest of team and name; who they belong to is written inside.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        """
        Touch nothing yet.

        Args:
            folder: Made when first needed.

            clock: Wall-clock seconds.
        """
        self._folder = folder
        self._clock = clock
        self._swept = False

    def prepare(self) -> None:
        """
        Make the folder where there is none: it may be removed while we run.

        Raises:
            LocalBrowserError: It cannot be made, or others could write there.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = self._folder.lstat()
        except OSError as error:
            raise self._unusable(error) from error
        if (
            not stat.S_ISDIR(found.st_mode)
            or found.st_uid != os.geteuid()
            or stat.S_IMODE(found.st_mode) & 0o77
        ):
            raise LocalBrowserError(
                f"Profiles hold logins: {self._folder} must be a folder of this user alone (mode 0700)."
            )
        if not self._swept:
            self._swept = True
            for left in self._folder.glob(f"*{_PART}"):
                _remove_if_dead(left)

    def claim(self, team: str, name: str) -> FileClaim | None:
        """
        Take the right to save to a profile; None if another server's browser has it.

        Raises:
            LocalBrowserError: The folder cannot be made or written to, or others could write there.
        """
        self.prepare()
        try:
            return FileClaim.take(self._path(team, name, _LOCK))
        except OSError as error:
            raise self._unusable(error) from error

    def state(self, team: str, name: str) -> Path:
        """Tell which file a new browser is to be filled from; it need not exist."""
        return self._path(team, name, _KEPT)

    async def save(self, team: str, name: str, left: UserData, *, session_id: str) -> None:
        """
        Put what a browser left in the place of what was there; the old stays if this fails.

        Raises:
            UserDataError: It is too large.
            OSError: The disk is full, or fails.
            LocalBrowserError: The folder cannot be made, or others could write there.
        """
        self.prepare()
        await asyncio.to_thread(self._save, team, name, left, session_id)

    async def list(self, team: str) -> tuple[SavedProfile, ...]:
        """Tell which a team has, by name."""
        found = await asyncio.to_thread(lambda: [*self._all()])
        return tuple(sorted((one for one in found if one.team == team), key=lambda one: one.name))

    async def get(self, team: str, name: str) -> SavedProfile | None:
        """Find one."""
        return await asyncio.to_thread(_read, self._path(team, name, _KEPT))

    async def create(self, profile: SavedProfile) -> None:
        """
        Make a blank one.

        Raises:
            ProfileExistsError: There is one of this name.
            LocalBrowserError: The folder cannot be made, or others could write there.
        """
        self.prepare()
        await asyncio.to_thread(self._create, profile)

    async def delete(self, team: str, name: str) -> bool:
        """
        Forget one, and tell whether there was one.

        Raises:
            ProfileInUseError: A browser, of any server, is saving to it.
        """
        claim = self.claim(team, name)
        if claim is None:
            raise ProfileInUseError
        try:
            self._path(team, name, _KEPT).unlink()
        except FileNotFoundError:
            return False
        else:
            return True
        finally:
            claim.release()

    def _path(self, team: str, name: str, ending: str) -> Path:
        both = f"{len(team)}:{team}{name}".encode(errors="surrogatepass")
        return self._folder / f"{hashlib.sha256(both).hexdigest()}{ending}"

    def _unusable(self, error: OSError) -> LocalBrowserError:
        return LocalBrowserError(f"Profiles cannot be kept in {self._folder}: {error.strerror}.")

    def _save(self, team: str, name: str, left: UserData, session_id: str) -> None:
        path = self._path(team, name, _KEPT)
        now = self._clock()
        old = _read(path) or SavedProfile(team=team, name=name, created_at=now)
        with self._writing(path) as archive:
            _describe(archive, attrs.evolve(old, saved_at=now, session_id=session_id))
            left.pack(archive)

    def _create(self, profile: SavedProfile) -> None:
        path = self._path(profile.team, profile.name, _KEPT)
        with self._writing(path, new=True) as archive:
            _describe(archive, profile)

    @contextlib.contextmanager
    def _writing(self, path: Path, *, new: bool = False) -> Generator[tarfile.TarFile]:
        """Write beside the path; once all is on disk, it takes the path's place in one step."""
        import fcntl  # Not on Windows, where this module must import.

        descriptor, part = tempfile.mkstemp(dir=self._folder, prefix=path.stem, suffix=_PART)
        try:
            with os.fdopen(descriptor, "wb") as file:
                fcntl.flock(descriptor, fcntl.LOCK_EX)  # Another server's start must not sweep it away.
                with tarfile.open(fileobj=file, mode="w") as archive:
                    yield archive
                file.flush()
                os.fsync(descriptor)
                _place(Path(part), path, new=new)
        finally:
            Path(part).unlink(missing_ok=True)
        _sync_folder(self._folder)

    def _all(self) -> Iterator[SavedProfile]:
        for path in self._folder.glob(f"*{_KEPT}"):
            profile = _read(path)
            if profile is not None:
                yield profile


def _describe(archive: tarfile.TarFile, profile: SavedProfile) -> None:
    add_bytes(archive, _ABOUT, json.dumps(attrs.asdict(profile)).encode())


def _read(path: Path) -> SavedProfile | None:
    try:
        with tarfile.open(path) as archive:
            first = archive.next()
            about = archive.extractfile(first) if first is not None and first.name == _ABOUT else None
            return None if about is None else SavedProfile(**json.load(about))
    except FileNotFoundError:
        return None
    except (OSError, tarfile.TarError, ValueError, TypeError) as error:
        _log.warning("The profile in %s cannot be read: %s", path, error)
        return None


def _place(part: Path, path: Path, *, new: bool) -> None:
    if not new:
        part.replace(path)
        return
    try:
        os.link(part, path)  # Unlike a rename, it refuses to replace.
    except FileExistsError:
        raise ProfileExistsError from None


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))


def _remove_if_dead(part: Path) -> None:
    """Remove what a save left that was cut short; its lock went with its process."""
    with contextlib.suppress(OSError):
        old = time.time() - part.lstat().st_mtime > _UNLOCKED_AGE
        claim = FileClaim.take(part) if old else None
        if claim is not None:
            claim.release()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
