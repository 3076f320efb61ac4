"""
A private environment with nox, for machines that have nothing but Python.

Standard library only, since it runs before anything is installed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import apt

OLDEST_PYTHON = (3, 11)
OLDEST_NOX = "2025.5.1"  # `nox.options.reuse_venv` beside `download_python`


def run_with_nox(noxfile: Path) -> None:
    """Return where nox is at hand; else begin this program anew in an environment that has it."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit("Python 3.11 or later is needed; this is {}.{}.".format(*sys.version_info))
    if _has_nox():
        return
    home = noxfile.parent / ".nox" / "bootstrap"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if python == Path(sys.executable):
        sys.exit(f"nox does not work in {home}; remove that folder and run this again.")
    if not _works(python):
        _make(home, python)
    os.execv(python, [str(python), str(noxfile), *sys.argv[1:]])


def _has_nox() -> bool:
    try:
        return _numbers(version("nox")) >= _numbers(OLDEST_NOX)
    except PackageNotFoundError:
        return False


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(".") if part.isdigit()]


def _works(python: Path) -> bool:
    """Tell whether an earlier run made the environment, all of it."""
    probe = [str(python), "-c", "import nox"]
    return python.exists() and subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _make(home: Path, python: Path) -> None:
    print("Making a private environment with nox in", home, flush=True)
    if not _has_ensurepip():
        package = "python{}.{}-venv".format(*sys.version_info)
        if not apt.install(package) or not _has_ensurepip():
            sys.exit(f"Python cannot make environments here; install {package} (or python3-venv) first.")
    _must([sys.executable, "-m", "venv", "--clear", str(home)])
    _must([str(python), "-m", "pip", "install", "-qq", f"nox>={OLDEST_NOX}"])


def _has_ensurepip() -> bool:
    # Asked of a new process: this one would remember that the module was missing.
    probe = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _must(command: list[str]) -> None:
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit("That failed: " + " ".join(command))
