"""
Every check of the project.

`nox -s tests` as usual, or `python3 noxfile.py -s tests` where nox is missing: run as a program,
this file makes itself a private environment with nox first.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tools"))

import bootstrap  # noqa: E402

if __name__ == "__main__":
    bootstrap.run_with_nox(Path(__file__).resolve())

import machine  # noqa: E402
import nox  # noqa: E402

nox.needs_version = f">={bootstrap.OLDEST_NOX}"
nox.options.default_venv_backend = "virtualenv"  # Needs no ensurepip in the interpreters it serves.
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False  # One line says which are skipped.
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "imports", "typing", "tests", "docs"]

machine.show_interpreters()
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
BARE = next(filter(machine.has_python, PYTHONS), PYTHONS[0])  # The Python that is tested without the extras.
NODE_JUDGES = (
    "@mendable/firecrawl-js@>=4.13",  # browser sessions; without a floor npm takes 1.x for Node.js 20
    "anchorbrowser",
    "playwright-core",  # downloads no browser
    "puppeteer-core",  # nor does this one
)
WORKERS = ("-n", "2", "--dist", "loadfile")  # Some tests look at what the one before left behind.


@nox.session
def demo(session: nox.Session) -> None:
    """Open a browser of this machine through the SDK, drive it, close it, prove that it is gone."""
    machine.need_browser(session)
    _install_wheel(session)
    session.run("firecrawl-interact", "demo", *(session.posargs or ["--backend", "local"]))


@nox.session
@nox.parametrize(
    "python,extras",
    [(BARE, ""), *((python, "[all]") for python in PYTHONS)],
    ids=[f"{BARE}-bare", *PYTHONS],
)
def tests(session: nox.Session, extras: str) -> None:
    """Run the whole suite on the built wheel: with the extras on every Python, and on one without."""
    machine.need_browser(session)
    _install_wheel(session, "test", extras=extras)
    # Without the working folder on sys.path it is the wheel that is tested, not the clone.
    session.run("pytest", *WORKERS, *session.posargs, env={"PYTHONSAFEPATH": "1"})


@nox.session
def lint(session: nox.Session) -> None:
    """Look for mistakes and for lines that are not formatted."""
    _install_groups(session, "lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check", "--diff")


@nox.session
def imports(session: nox.Session) -> None:
    """Check who imports whom."""
    _install_groups(session, "imports")
    session.run("lint-imports")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types, inside and at the public face."""
    _install_wheel(session, "typing", extras="[all]")
    session.run("mypy")
    session.run("mypy", "typing_tests")
    machine.fetch(session, "pyright", "--version")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "firecrawl_interact", "--ignoreexternal")


@nox.session(python=PYTHONS)
def coverage(session: nox.Session) -> None:
    """Measure what the suite covers, helper processes included; the report combines all Pythons."""
    machine.need_browser(session)
    _install_wheel(session, "coverage", extras="[all]")
    environment = {"PYTHONSAFEPATH": "1"}
    session.run("coverage", "run", "-m", "pytest", *WORKERS, *session.posargs, env=environment)
    session.notify("coverage_report")


@nox.session(default=False)
def coverage_report(session: nox.Session) -> None:
    """Combine what the coverage sessions measured."""
    _install_groups(session, "coverage")
    session.run("coverage", "combine")
    session.run("coverage", "html", "--quiet", "--directory", "docs/_build/coverage")
    session.run("coverage", "report")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, warnings being errors, and run every example in it."""
    _install_wheel(session, "docs")
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", "docs", "docs/_build/html")
    session.run("pytest", "tests/docs")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against bare aiohttp and the vendors' SDKs."""
    machine.need_browser(session)
    _install_wheel(session, "bench", "judges")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def judges(session: nox.Session) -> None:
    """Let the vendors' own SDKs and drivers judge the local server."""
    machine.need_browser(session)
    _install_wheel(session, "test", "judges")
    modules = machine.node_modules(session, *NODE_JUDGES)
    environment = {} if modules is None else {"JUDGES_NODE_MODULES": str(modules)}
    session.run("pytest", "tests/judges", *session.posargs, env=environment)


def _wheel(session: nox.Session) -> Path:
    """Build the wheel, and return its path."""
    folder = session.create_tmp()
    session.run(
        "python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(ROOT), silent=True
    )
    return max(Path(folder).glob("*.whl"), key=lambda path: path.stat().st_mtime)


def _install_wheel(session: nox.Session, *groups: str, extras: str = "") -> None:
    """Install the wheel as built just now, with dependency groups."""
    wheel = _wheel(session)
    session.install("-qq", f"{wheel}{extras}", *nox.project.dependency_groups(PROJECT, *groups))
    # The version does not change with every edit, so pip would keep the wheel of an earlier run.
    session.install("-qq", "--no-deps", "--force-reinstall", str(wheel))


def _install_groups(session: nox.Session, *groups: str) -> None:
    session.install("-qq", *nox.project.dependency_groups(PROJECT, *groups))


if __name__ == "__main__":
    sys.argv[1:1] = ["--noxfile", __file__]
    nox.main()
