"""Tests of the project around the code: what is exported, documented and shipped."""

from __future__ import annotations

import ast
import inspect
import pickle
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


def test_type_checkers_find_every_name_where_it_is_imported_from():
    """
    What they are told stands beside what happens; the two agree.
    """
    source = ast.parse(Path(firecrawl_interact.__file__).read_text())
    (told,) = [node for node in source.body if isinstance(node, ast.If)]

    assert firecrawl_interact._LAZY == {
        name.name: node.module
        for node in told.body
        for name in node.names
        if isinstance(node, ast.ImportFrom)
    }


def test_a_star_import_brings_every_name():
    """
    Lazy names are among those that a star stands for.
    """
    names: dict[str, object] = {}
    exec("from firecrawl_interact import *", names)

    assert set(firecrawl_interact.__all__) == set(names) - {"__builtins__"}


def test_values_can_be_pickled_by_whoever_has_only_imported_the_package():
    """
    They are found where they are defined, wherever they were imported from.
    """
    profile = pickle.loads(pickle.dumps(firecrawl_interact.Profile("shop")))

    assert firecrawl_interact.Profile("shop") == profile
    assert "Session" in dir(firecrawl_interact)
    assert "class Session(" in inspect.getsource(firecrawl_interact.Session)


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
        "from firecrawl_interact import Session\n"
        f"sys.exit({module!r} in sys.modules and not brought)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.parametrize(
    ("statement", "not_needed"),
    [
        ("import firecrawl_interact", {"aiohttp", "asyncio", "attrs"}),
        ("from firecrawl_interact.cli import main", {"aiohttp", "asyncio", "attrs"}),
        ("from firecrawl_interact import Session", {"aiohttp"}),
        (
            "from firecrawl_interact import LocalBackend; LocalBackend()",
            {"aiohttp", "firecrawl_interact.server"},
        ),
        ("import firecrawl_interact.server.__main__", {"aiohttp"}),
        (
            "import firecrawl_interact.server.serving",
            {"firecrawl_interact.session", "firecrawl_interact.lifecycle", "firecrawl_interact.backends"},
        ),
    ],
)
def test_nobody_waits_for_what_is_not_needed(statement, not_needed):
    """
    The command line needs no loop, the server no client, and what only starts a server no HTTP.
    """
    program = f"import sys\n{statement}\nprint(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert set() == not_needed & set(done.stdout.split())


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
