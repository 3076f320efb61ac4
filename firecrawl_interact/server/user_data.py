"""What a browser leaves to the next one: its folder without caches, as one file."""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

import attrs

MAX_BYTES = 512 * 1024 * 1024  # Of one browser's state; more is not saved.

_COOKIES = "session-cookies.json"  # Members of the file.
_DATA = "data"

# What a browser can do without: caches, reports, open tabs, what it looks up again.
_CACHES = frozenset(
    {
        *("Cache", "Code Cache", "GPUCache", "ShaderCache", "GrShaderCache", "GraphiteDawnCache"),
        *("DawnGraphiteCache", "DawnWebGPUCache", "DawnCache", "Shared Dictionary", "Crashpad"),
        *("BrowserMetrics", "Crash Reports", "component_crx_cache", "extensions_crx_cache"),
        *("optimization_guide_model_store", "Safe Browsing", "Sessions", "Session Storage", "Downloads"),
        *("blob_storage", "VideoDecodeStats", "Site Characteristics Database"),
    }
)
_PASSING = frozenset({"DevToolsActivePort", "lockfile"})  # Files that speak of the process that has ended.


class UserDataError(Exception):
    """A browser's state cannot be packed or unpacked; the text says why."""


@attrs.frozen(kw_only=True)
class UserData:
    """
    What a browser that has ended leaves.

    Attributes:
        folder: Its user data, whole; there until the browser is stopped.

        session_cookies: Cookies without a date of expiry, in CDP's words. They are never on its disk.
    """

    folder: Path
    session_cookies: tuple[Mapping[str, Any], ...] = attrs.field(default=(), repr=False)

    def pack(self, archive: tarfile.TarFile) -> None:
        """
        Add it to an open archive. Blocks on the disk.

        Links are left out: whoever controlled the browser may have made them.

        Raises:
            UserDataError: It is larger than `MAX_BYTES`.
            OSError: The disk is full, or fails.
        """
        add_bytes(archive, _COOKIES, json.dumps(self.session_cookies).encode())
        left = MAX_BYTES
        for name, descriptor, found in _files(self.folder):
            with os.fdopen(descriptor, "rb") as file:
                left -= found.st_size
                if left < 0:
                    raise UserDataError(f"its state is larger than {MAX_BYTES >> 20} MiB")
                member = tarfile.TarInfo(f"{_DATA}/{name}")
                member.size = found.st_size
                archive.addfile(member, file)


def unpack(path: Path, folder: Path) -> tuple[Mapping[str, Any], ...]:
    """
    Fill a new browser's folder from a file, and return the session's cookies. Blocks on the disk.

    Without the file nothing happens: the browser starts blank.

    Raises:
        UserDataError: The file is damaged.
        OSError: The disk is full, or fails.
    """
    cookies: tuple[Mapping[str, Any], ...] = ()
    try:
        with contextlib.suppress(FileNotFoundError), tarfile.open(path) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                if content is None:
                    continue
                if member.name == _COOKIES:
                    cookies = tuple(json.load(content))
                elif member.name.startswith(f"{_DATA}/"):
                    _write(folder, PurePosixPath(member.name).relative_to(_DATA), content)
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise UserDataError(f"its file is damaged: {error}") from error
    return cookies


def add_bytes(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a small file to an archive."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _files(folder: Path) -> Iterator[tuple[str, int, os.stat_result]]:
    """Open what is to be kept, file by file, without ever following a link, be it a hard one."""
    owner = folder.stat().st_uid
    for where, folders, names, below in os.fwalk(folder):
        top = Path(where) == folder
        folders[:] = [name for name in folders if name not in _CACHES and not (top and name.startswith("."))]
        relative = PurePosixPath(Path(where).relative_to(folder).as_posix())
        for name in names:
            if top and (name in _PASSING or name.startswith(".")):
                continue
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=below)
            except OSError:
                continue  # A link, a socket.
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode) and found.st_uid == owner:
                yield str(relative / name), descriptor, found
            else:
                os.close(descriptor)


def _write(folder: Path, name: PurePosixPath, content: IO[bytes]) -> None:
    if ".." in name.parts:
        raise UserDataError("its file names what is outside")
    path = folder / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("xb") as file:
        while chunk := content.read(1 << 20):
            file.write(chunk)
