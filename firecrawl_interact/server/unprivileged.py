"""When we are root: run browsers, and programs beside them, as a user who owns nothing."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
from pathlib import Path

import attrs

from firecrawl_interact.server.scratch import PREFIX, Scratch

USER = "nobody"

_GROUPS = range(61_184, 65_520)  # Of no account: systemd keeps them for what it makes on the fly.


def is_root() -> bool:
    """Tell whether this process may do everything, which is more than a browser should."""
    return os.geteuid() == 0


def user_of_browsers() -> int:
    """Tell the id of the user as whom browsers run, where all that takes is there."""
    if not is_root():
        return os.geteuid()
    import pwd  # Not on every system on which this module must import.

    try:
        return pwd.getpwnam(USER).pw_uid
    except KeyError:
        return os.geteuid()


@attrs.frozen(kw_only=True)
class Nobody:
    """
    How to start a program as `USER`. Unlike root, it can have Chromium's sandbox.

    Attributes:
        setpriv: The program of util-linux that changes the user and then becomes another program:
            spawning cannot do the former, and forking would copy us.

        uid: Of the user.

        gid: Of the user, or one that keeps what runs with it apart; see `apart`.
    """

    setpriv: str
    uid: int
    gid: int

    @classmethod
    def able(cls, program: Path) -> Nobody | None:
        """Return how it may start *program*; None if that cannot work on this system."""
        setpriv = shutil.which("setpriv")
        if sys.platform != "linux" or setpriv is None:
            return None
        import pwd  # Not on every system on which this module must import.

        try:
            user = pwd.getpwnam(USER)
        except KeyError:
            return None
        if not (open_to_all(program) and open_to_all(Path(tempfile.gettempdir()))):
            return None
        return cls(setpriv=setpriv, uid=user.pw_uid, gid=user.pw_gid)

    def apart(self) -> Nobody:
        """
        Return the same user with a group that nothing else here has; `give` a folder before the next call.

        All browsers have one user; the group keeps each out of the folders and processes of the others.
        """
        taken: set[int] = set()
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with contextlib.suppress(FileNotFoundError):  # Removed meanwhile.
                taken.add(folder.lstat().st_gid)
        free = [gid for gid in _GROUPS if gid not in taken]
        return attrs.evolve(self, gid=secrets.choice(free or _GROUPS))

    def argv(self, argv: list[str], *, for_good: bool = False) -> list[str]:
        """
        Return the command line that runs another as the user.

        Args:
            argv: The other.

            for_good: Whether nothing it starts may have more rights, whatever the system's files allow.
                Chromium's sandbox may need more.
        """
        become = [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--inh-caps=-all"]
        if for_good:
            become.append("--no-new-privs")
        return [self.setpriv, *become, "--", *argv]

    def give(self, folder: Scratch) -> None:
        """Let the user have the data in a folder; the folder around it, and its lock, stay ours."""
        os.chown(folder.path, -1, self.gid)
        folder.path.chmod(0o710)
        for path in (folder.data, *folder.data.rglob("*")):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def open_to_all(path: Path) -> bool:
    """Tell whether everybody can run a program, read another file, or get into a folder."""
    real = path.resolve()
    mode = real.stat().st_mode
    wanted = stat.S_IXOTH if mode & stat.S_IXUSR else stat.S_IROTH
    # A link has to be reached as well as what it leads to.
    ways = {*path.absolute().parents, *real.parents}
    return bool(mode & wanted) and all(folder.stat().st_mode & stat.S_IXOTH for folder in ways)
