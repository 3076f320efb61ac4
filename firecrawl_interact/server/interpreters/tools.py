"""Which programs there are on this machine to run users' code with."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import attrs

from firecrawl_interact.server.interpreters.capture import LIMIT
from firecrawl_interact.server.runs import CannotRunError

_HERE = Path(__file__).parent
_INSTALL = "pip install 'firecrawl-interact[playwright]', where the server runs"


@attrs.frozen(kw_only=True)
class Tool:
    """
    What runs the code of one language.

    Attributes:
        language: Which.

        argv: Absolute path of the program, and its arguments; a shell's lack the code's file.

        files: What whoever runs it must be able to read, and can do nothing without.
    """

    language: str
    argv: list[str]
    files: tuple[Path, ...]


def find(language: str) -> Tool:
    """
    Return what runs a language.

    Raises:
        CannotRunError: See there.
    """
    return {"python": _python, "node": _node, "bash": _bash}[language]()


def _bash() -> Tool:
    found = shutil.which("bash")
    if found is None:
        raise CannotRunError("There is no bash on this machine.")
    return Tool(language="bash", argv=[found], files=(Path(found),))


def _python() -> Tool:
    library = _playwright()
    if library is None:
        raise CannotRunError(f"Python code needs Playwright: {_INSTALL}.")
    program = _HERE / "python_program.py"
    return Tool(
        language="python",
        argv=[sys.executable, "-P", str(program), str(LIMIT)],
        files=(Path(sys.executable), Path(os.__file__), program, library, library / "__init__.py"),
    )


def _node() -> Tool:
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
    program = _HERE / "node_program.js"
    for library in libraries:
        manifest = library / "package.json"
        if manifest.is_file():
            return Tool(
                language="node",
                argv=[node, str(program), str(library), str(LIMIT)],
                files=(Path(node), program, manifest),
            )
    raise CannotRunError(f"JavaScript needs Playwright: npm install --global playwright-core, or {_INSTALL}.")


def _playwright() -> Path | None:
    """Find the Python package of Playwright, which brings the one for Node.js, and Node.js, along."""
    spec = importlib.util.find_spec("playwright")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent
