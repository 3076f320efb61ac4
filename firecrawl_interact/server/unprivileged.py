"""When we are root: run browsers as a user who owns nothing."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path

import attrs

from firecrawl_interact.server.scratch import Scratch

USER = "nobody"


def is_root() -> bool:
    """Tell whether this process may do everything, which is more than a browser should."""
    return os.geteuid() == 0


@attrs.frozen(kw_only=True)
class Nobody:
    """
    How to start a program as `USER`. Unlike root, it can have Chromium's sandbox.

    Attributes:
        setpriv: The program of util-linux that changes the user and then becomes another program:
            spawning cannot do the former, and forking would copy us.

        uid: Of the user.

        gid: Of the user.
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
        if not (_open_to_all(program) and _open_to_all(Path(tempfile.gettempdir()))):
            return None
        return cls(setpriv=setpriv, uid=user.pw_uid, gid=user.pw_gid)

    def argv(self, argv: list[str]) -> list[str]:
        """Return the command line that runs another as the user."""
        become = [f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--inh-caps=-all"]
        return [self.setpriv, *become, "--", *argv]

    def give(self, folder: Scratch) -> None:
        """Let the user have a browser's data; the folder around it, and its lock, stay ours."""
        folder.path.chmod(0o711)
        for path in (folder.data, *folder.data.rglob("*")):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def _open_to_all(path: Path) -> bool:
    """Tell whether everybody can get at a file, or into a folder."""
    real = path.resolve()
    return all(part.stat().st_mode & stat.S_IXOTH for part in (real, *real.parents))
