"""Which programs there are on this machine to run users' code with."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from firecrawl_interact.server.interpreters.capture import LIMIT
from firecrawl_interact.server.runs import CannotRunError

_HERE = Path(__file__).parent
_INSTALL = "pip install 'firecrawl-interact[playwright]', where the server runs"


def persistent(language: str) -> list[str]:
    """
    Return the command line of an interpreter that stays from run to run.

    Raises:
        CannotRunError: See there.
    """
    return _python() if language == "python" else _node()


def bash() -> str:
    """
    Return the path of the shell.

    Raises:
        CannotRunError: See there.
    """
    found = shutil.which("bash")
    if found is None:
        raise CannotRunError("There is no bash on this machine.")
    return found


def _python() -> list[str]:
    if _playwright() is None:
        raise CannotRunError(f"Python code needs Playwright: {_INSTALL}.")
    return [sys.executable, "-P", str(_HERE / "python_program.py"), str(LIMIT)]


def _node() -> list[str]:
    driver = _playwright()
    bundled = None if driver is None else driver / "driver"
    node = shutil.which("node") or (None if bundled is None else shutil.which(bundled / "node"))
    if node is None:
        raise CannotRunError(f"JavaScript needs Node.js: install it, or {_INSTALL}.")
    roots = [Path(root) for root in os.environ.get("NODE_PATH", "").split(os.pathsep) if root]
    roots.append(Path(node).resolve().parent.parent / "lib" / "node_modules")
    libraries = [root / name for root in roots for name in ("playwright-core", "playwright")]
    if bundled is not None:
        libraries.append(bundled / "package")
    for library in libraries:
        if (library / "package.json").is_file():
            return [node, str(_HERE / "node_program.js"), str(library), str(LIMIT)]
    raise CannotRunError(f"JavaScript needs Playwright: npm install --global playwright-core, or {_INSTALL}.")


def _playwright() -> Path | None:
    """Find the Python package of Playwright, which brings the one for Node.js, and Node.js, along."""
    spec = importlib.util.find_spec("playwright")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
