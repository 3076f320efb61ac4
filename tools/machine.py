"""What the sessions need of the machine: interpreters, a browser, packages of Node.js."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import apt
from nox.command import CommandFailed

if TYPE_CHECKING:
    import nox

BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome", "chrome")  # On PATH, best first.
APT_BROWSERS = ("chromium-headless-shell", "chromium")  # Debian's packages, smallest first.
FETCH_TRIES = 3  # Of a program that downloads something when it is first used.
NO_BROWSER = """\
No Chromium was found, and none could be installed.
Install one (Debian: apt-get install chromium; macOS: brew install --cask chromium; any system:
pip install playwright && playwright install chromium), or set FIRECRAWL_INTERACT_BROWSER to the
path of a Chrome or Chromium."""


def show_interpreters() -> None:
    """Put the Pythons that pyenv has installed within reach, behind all that is on PATH already."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders = sorted(str(folder) for folder in root.glob("versions/3.*/bin"))
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), *folders])


def has_python(version: str) -> bool:
    """Tell whether there is an interpreter of this version, such as 3.12."""
    return shutil.which(f"python{version}") is not None


def need_browser(session: nox.Session) -> None:
    """Install a browser where there is none; fail the session if that does not work."""
    if _has_browser():
        return
    if any(apt.install(package) for package in APT_BROWSERS) and _has_browser():
        return
    session.install("--quiet", "playwright")
    # Playwright's output names the hosts it talks to.
    session.run("playwright", "install", "--only-shell", "chromium", silent=True, success_codes=range(256))
    if not _has_browser():
        session.error(NO_BROWSER)


def node_modules(session: nox.Session, *packages: str) -> Path | None:
    """
    Install packages of Node.js for this session alone; returns their folder, or None if there is none.

    None is said in one line: whoever has no Node.js can do without what is tested with it.
    """
    if shutil.which("npm") is None:
        session.log("npm is not on PATH: whatever needs packages of Node.js is skipped.")
        return None
    prefix = Path(session.create_tmp()) / "node"
    prefix.mkdir(exist_ok=True)
    quietly = ("--silent", "--no-audit", "--no-fund", "--ignore-scripts")
    command = ("npm", "install", *quietly, "--prefix", str(prefix), *packages)
    session.run(*command, external=True, silent=True, success_codes=range(256))
    folder = prefix / "node_modules"
    if not folder.is_dir():
        session.warn("npm could not install packages: whatever needs them is skipped.")
        return None
    return folder


def fetch(session: nox.Session, *command: str) -> None:
    """
    Run a command that downloads what it needs, some times if the network fails.

    That it failed in the end is said by the next command that needs it.
    """
    for _ in range(FETCH_TRIES):
        with contextlib.suppress(CommandFailed):
            session.run(*command, silent=True)
            return


def _has_browser() -> bool:
    if os.environ.get("FIRECRAWL_INTERACT_BROWSER"):
        return True  # The SDK says what is wrong with it, if anything.
    return any(map(shutil.which, BROWSERS)) or any(_playwright_folder().glob("chromium*"))


def _playwright_folder() -> Path:
    named = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    if named:
        return Path(named)
    if os.name == "nt":
        return Path.home() / "AppData/Local/ms-playwright"
    caches = "Library/Caches" if os.uname().sysname == "Darwin" else ".cache"
    return Path.home() / caches / "ms-playwright"
