"""Tests of the project around the code: what is exported, documented and shipped."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import tomllib
import types
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

import firecrawl_interact

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def is_public(name: str, value: object) -> bool:
    """
    Tell whether an attribute of the package was put there to be used.
    """
    return not name.startswith("_") and not isinstance(value, types.ModuleType) and name != "annotations"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """
    The files in the wheel, built from a copy without a git folder.
    """
    folder = tmp_path_factory.mktemp("wheel")
    build = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
    copy = folder / "source"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "firecrawl_interact"):
        (copy / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "-c", build, str(folder)], cwd=copy, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(folder / done.stdout.split()[-1]) as wheel:
        return wheel.namelist()


def test_all_names_what_the_package_exports():
    """
    `__all__` and the names that can be imported are the same, and sorted.
    """
    lazy = set(firecrawl_interact._LAZY)
    here = {name for name, value in vars(firecrawl_interact).items() if is_public(name, value)}
    here -= {"TYPE_CHECKING"}

    assert sorted(here | lazy | {"__version__"}) == sorted(firecrawl_interact.__all__)


@pytest.mark.parametrize("name", firecrawl_interact.__all__)
def test_every_exported_name_can_be_had_and_is_documented(name):
    """
    Lazy names resolve too, and whatever can be documented is.
    """
    value = getattr(firecrawl_interact, name)

    if inspect.isclass(value) or inspect.isfunction(value):
        assert inspect.getdoc(value)
        reference = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
        assert re.search(rf":: firecrawl_interact\.{name}(\(\))?\n", reference)


def test_an_unknown_name_is_an_attribute_error():
    """
    The lazy lookup does not invent names.
    """
    with pytest.raises(AttributeError, match="Sesion"):
        firecrawl_interact.Sesion  # noqa: B018


def test_the_version_is_that_of_the_project():
    """
    The package and its metadata tell one version.
    """
    assert PROJECT["version"] == firecrawl_interact.__version__


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(shipped):
    """
    What lies in the package is shipped, also what is read or run by path; tests and tools are not.
    """
    files = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "firecrawl_interact").rglob("*")
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in path.parts)
    }

    assert {"firecrawl_interact/py.typed", "firecrawl_interact/guardian/program.py"} < files
    assert [name for name in files if name.startswith("firecrawl_interact/server/static/")]
    assert files == {name for name in shipped if name.startswith("firecrawl_interact/")}
    assert {"firecrawl_interact"} == {name.partition("/")[0].partition("-")[0] for name in shipped}


@pytest.mark.parametrize(
    "module",
    ["sqlite3", "subprocess", "importlib.metadata", "cattrs", "http.client", "rich", "argparse", "unittest"],
)
def test_importing_the_package_does_not_import(module):
    """
    What is slow, or an extra, waits for its first use; beyond what aiohttp brings itself.
    """
    program = (
        "import sys, aiohttp\n"
        f"brought = {module!r} in sys.modules\n"
        "import firecrawl_interact\n"
        f"sys.exit({module!r} in sys.modules and not brought)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)


def test_every_public_module_can_be_imported():
    """
    No module fails when it is the first one to be imported from its room.
    """
    package = ROOT / "firecrawl_interact"
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in package.rglob("*.py")
        if not path.name.startswith("__")
    ]

    assert len(names) > 20
    for name in names:
        import_module(name)
