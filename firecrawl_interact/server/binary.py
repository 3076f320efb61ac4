"""Find a Chromium on this machine."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from firecrawl_interact.errors import LocalBrowserError

NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "chrome")  # The leanest first.

_PLAYWRIGHT_FOLDERS = {  # Below the home folder; anything else is Linux's.
    "darwin": "Library/Caches/ms-playwright",
    "win32": "AppData/Local/ms-playwright",
}
_PLAYWRIGHT_PATTERNS = (
    "chromium_headless_shell-*/*/headless_shell*",
    "chromium_headless_shell-*/*/chrome-headless-shell*",
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium-*/chrome-win*/chrome.exe",
)
_PACKAGES = {  # By the ID or ID_LIKE of os-release.
    "ubuntu": None,  # Its package is a snap, which cannot see our folders.
    "debian": "apt-get install chromium-headless-shell",
    "fedora": "dnf install chromium-headless",
    "alpine": "apk add chromium",
    "arch": "pacman -S chromium",
    "suse": "zypper install chromium",
}
_ANYWHERE = "pip install playwright && playwright install --with-deps chromium-headless-shell"


def find(wanted: str | None = None, *, home: Path | None = None) -> Path:
    """
    Find the browser to start: the one wanted, else one on PATH, else one of Playwright's.

    Args:
        wanted: Path or name, from ``FIRECRAWL_INTERACT_BROWSER``; nothing else is looked for then.

        home: Where Playwright's folder is looked for; the user's home if None.

    Raises:
        LocalBrowserError: There is none; the text says how to install one on this system.
    """
    if wanted is not None:
        found = shutil.which(wanted)
        if found is None:
            raise LocalBrowserError(f"FIRECRAWL_INTERACT_BROWSER names {wanted!r}, which is no program here.")
        return Path(found).absolute()
    for name in NAMES:
        found = shutil.which(name)
        if found is not None:
            return Path(found).absolute()
    for path in _of_playwright(home or Path.home()):
        return path
    raise LocalBrowserError(f"No Chromium was found on this machine. {how_to_install()}")


def is_headless_shell(binary: Path) -> bool:
    """Tell whether the program is Chromium's headless shell, which needs no ``--headless``."""
    return "headless" in binary.name


def how_to_install() -> str:
    """Say how to get a browser on this system, in one or two sentences."""
    package = _package()
    ways = [f"`{package}`", f"`{_ANYWHERE}`"] if package else [f"`{_ANYWHERE}`"]
    return f"Install one with {' or '.join(ways)}, or set FIRECRAWL_INTERACT_BROWSER to its path."


def _of_playwright(home: Path) -> Iterator[Path]:
    folder = home / _PLAYWRIGHT_FOLDERS.get(sys.platform, ".cache/ms-playwright")
    for pattern in _PLAYWRIGHT_PATTERNS:
        yield from sorted(filter(_runs, folder.glob(pattern)), key=_revision, reverse=True)


def _runs(path: Path) -> bool:
    return path.is_file() and shutil.which(path) is not None


def _revision(path: Path) -> int:
    """Return the number in ``.../chromium-1187/chrome-linux/chrome``; the newest is the highest."""
    for part in path.parts[::-1]:
        name, _, number = part.rpartition("-")
        if name.startswith("chromium") and number.isdigit():
            return int(number)
    return 0


def _package() -> str | None:
    if sys.platform == "darwin":
        return "brew install --cask chromium"
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return None
    for name in (release.get("ID", ""), *release.get("ID_LIKE", "").split()):
        if name in _PACKAGES:
            return _PACKAGES[name]
    return None
