"""A name becomes a backend: the right one, imported late, found with its mistakes."""

import importlib.metadata
import logging
import subprocess
import sys

import pytest

from firecrawl_interact.backends import _registry
from firecrawl_interact.backends._registry import available_backends, register_backend, resolve
from firecrawl_interact.backends.firecrawl import FirecrawlBackend
from firecrawl_interact.backends.memory import MemoryBackend
from firecrawl_interact.config import Settings
from firecrawl_interact.errors import (
    BackendNotFoundError,
    BackendNotInstalledError,
    InvalidOptionError,
    MissingKeyError,
    UsageError,
)

NO_KEYS = Settings()


class Local(MemoryBackend):
    """Stands in for the local backend, which would start a server."""

    name = "local"


class Custom(MemoryBackend):
    """A third party's backend."""

    name = "custom"

    def __init__(self, api_key=None, base_url=None):
        super().__init__()
        self.given = (api_key, base_url)


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    monkeypatch.setattr(_registry, "_registered", {"local": Local})
    _registry._make.cache_clear()
    yield
    _registry._make.cache_clear()


def names(backends):
    return [backend.name for backend in backends]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["local"]),
        ({"firecrawl_api_key": "k"}, ["firecrawl"]),
        ({"firecrawl_api_url": "http://h"}, ["firecrawl"]),
        ({"anchor_api_key": "k"}, ["anchor"]),
        ({"firecrawl_api_key": "k", "anchor_api_key": "k"}, ["firecrawl"]),
        ({"firecrawl_api_key": "k", "backend": "memory"}, ["memory"]),
        (
            {"firecrawl_api_key": "k", "anchor_api_key": "k", "backend": "anchor, firecrawl,memory"},
            ["anchor", "firecrawl", "memory"],
        ),
        ({"anchor_api_key": "k", "backend": " , "}, ["anchor"]),
    ],
)
def test_the_environment_chooses_when_nobody_names_one(settings, expected):
    """The variable first, then the keys, then this machine."""
    assert expected == names(resolve(settings=Settings(**settings)))


def test_falling_back_to_this_machine_is_one_warning(caplog):
    """A missing key in production must be seen; a named local backend is no news."""
    with caplog.at_level(logging.WARNING, logger="firecrawl_interact"):
        resolve(settings=NO_KEYS)
        resolve("local", settings=NO_KEYS)

    assert [("firecrawl_interact", "WARNING")] == [(r.name, r.levelname) for r in caplog.records]
    assert "FIRECRAWL_API_KEY" in caplog.text


def test_the_environment_is_read_when_no_settings_are_given(monkeypatch):
    """Each call looks again."""
    monkeypatch.setenv("FIRECRAWL_API_KEY", "k1")
    first = resolve()
    monkeypatch.setenv("FIRECRAWL_API_KEY", "k2")
    second = resolve()

    assert ("k1", "k2") == (first[0].key, second[0].key)


@pytest.mark.parametrize("given", [{"api_key": "k"}, {"base_url": "http://h"}])
def test_a_key_or_address_without_a_name_is_firecrawls(given):
    """It never goes to whichever provider the environment happens to hold a key for."""
    assert ["firecrawl"] == names(resolve(settings=Settings(anchor_api_key="a"), **given))


def test_a_key_and_an_address_reach_the_named_backend():
    """Arguments come before the environment."""
    (backend,) = resolve("anchor", api_key="k", base_url="http://h", settings=Settings(anchor_api_key="env"))

    assert ("anchor", "k", "http://h") == (backend.name, backend.key, backend.base_url)


def test_equal_configurations_are_one_object():
    """Making a backend is paid once."""
    settings = Settings(firecrawl_api_key="k")

    assert resolve("firecrawl", settings=settings)[0] is resolve(settings=settings)[0]
    assert (
        resolve("firecrawl", settings=settings)[0]
        is not resolve("firecrawl", api_key="other", settings=settings)[0]
    )


def test_a_configured_backend_stays_what_it_is():
    """Objects pass through, alone or in a list, among names."""
    mine = MemoryBackend()

    assert (mine,) == resolve(mine)
    assert ["memory", "firecrawl"] == names(
        resolve([mine, "firecrawl"], settings=Settings(firecrawl_api_key="k"))
    )
    assert mine is resolve((mine, "memory"), settings=NO_KEYS)[0]


@pytest.mark.parametrize("given", [{"api_key": "k"}, {"base_url": "http://h"}])
@pytest.mark.parametrize("backend", [["firecrawl"], MemoryBackend(), None])
def test_a_key_beside_several_backends_or_an_object_is_refused(backend, given):
    """It would not be known whose it is."""
    settings = Settings(backend="firecrawl,anchor", firecrawl_api_key="k", anchor_api_key="k")
    with pytest.raises(UsageError, match="cannot be given beside"):
        resolve(backend, settings=settings, **given)


@pytest.mark.parametrize("backend", [5, [], (), [None], [["memory"]], b"memory", {"memory"}])
def test_what_names_no_backend_is_refused(backend):
    """Wrong types are told at the call."""
    with pytest.raises(InvalidOptionError, match=r"^backend must"):
        resolve(backend, settings=NO_KEYS)


@pytest.mark.parametrize("given", [{"api_key": 5}, {"base_url": ["http://h"]}])
def test_a_key_or_address_of_a_wrong_type_is_refused(given):
    """Even where it cannot be hashed."""
    with pytest.raises(InvalidOptionError, match="must be text"):
        resolve("firecrawl", settings=NO_KEYS, **given)


def test_a_missing_key_is_told_at_once():
    """Nothing is sent to find that out."""
    with pytest.raises(MissingKeyError):
        resolve("firecrawl", settings=NO_KEYS)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("firecrwal", "did you mean 'firecrawl'"),
        ("Anchor", "did you mean 'anchor'"),
        ("firecrawl,anchor", "as a list"),
        ("xyz", "no backend 'xyz'. Known: anchor, firecrawl, local, memory"),
        ("", "Known:"),
    ],
)
def test_an_unknown_name_brings_a_suggestion(name, hint):
    """The error says what there is."""
    with pytest.raises(BackendNotFoundError) as caught:
        resolve(name, settings=NO_KEYS)

    assert hint in str(caught.value)


def test_a_registered_class_is_made_with_what_was_given():
    """Key and address are passed on only if they were given."""
    register_backend("custom", Custom)
    bare, keyed = resolve("custom"), resolve("custom", api_key="k", base_url="b")

    assert ((None, None), ("k", "b")) == (bare[0].given, keyed[0].given)
    assert "custom" in available_backends()


def test_a_registered_path_is_imported_on_first_use(monkeypatch):
    """Registering imports nothing."""
    register_backend("late", "no_such_module_yet:Late")

    assert "no_such_module_yet" not in sys.modules
    module = type(sys)("no_such_module_yet")
    module.Late = Custom
    monkeypatch.setitem(sys.modules, "no_such_module_yet", module)
    assert ["custom"] == names(resolve("late"))


def test_registering_again_replaces():
    """The last registration counts, for names that were used before too."""
    register_backend("custom", MemoryBackend)
    resolve("custom")
    register_backend("custom", Custom)

    assert ["custom"] == names(resolve("custom"))


def test_a_missing_package_brings_the_line_to_install_it():
    """The backend is known, so the error is not "unknown"."""
    register_backend("grid", "some_grid_package.backend:Grid")
    with pytest.raises(BackendNotInstalledError, match="pip install some_grid_package"):
        resolve("grid")


@pytest.mark.parametrize(
    "target", ["firecrawl_interact.models:Nothing", "firecrawl_interact.models:DEFAULT_TTL"]
)
def test_a_path_that_leads_to_no_backend_is_told(target):
    """Typing errors in a registration are named with the target."""
    register_backend("typo", target)
    with pytest.raises(BackendNotFoundError, match="typo"):
        resolve("typo")


def test_a_factory_that_makes_something_else_is_refused():
    """The mistake is told here, not in the middle of a session."""
    register_backend("odd", lambda: "no backend")
    with pytest.raises(UsageError, match="str objects"):
        resolve("odd")


def test_a_backend_without_keys_refuses_one():
    """A key that would be ignored is a mistake of the caller's."""
    with pytest.raises(UsageError, match="'memory' takes no api_key"):
        resolve("memory", api_key="k", settings=NO_KEYS)


@pytest.mark.parametrize(
    ("name", "target"),
    [("a b", Custom), ("", Custom), (5, Custom), ("a,b", Custom), ("ok", 5), ("ok", "module")],
)
def test_a_registration_that_cannot_work_is_refused(name, target):
    """Names fit into a comma-separated list; targets can be called or imported."""
    with pytest.raises(InvalidOptionError):
        register_backend(name, target)


def test_packages_announce_backends_by_entry_points(monkeypatch):
    """An announced backend is found, and cannot take a built-in name."""
    announced = [
        importlib.metadata.EntryPoint("grid", f"{__name__}:Custom", _registry.ENTRY_POINTS),
        importlib.metadata.EntryPoint("firecrawl", f"{__name__}:Custom", _registry.ENTRY_POINTS),
    ]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda *, group: announced)
    monkeypatch.setitem(sys.modules, __name__, type(sys)(__name__))
    sys.modules[__name__].Custom = Custom

    assert "grid" in available_backends()
    assert ["custom"] == names(resolve("grid", settings=NO_KEYS))
    assert isinstance(resolve("firecrawl", api_key="k", settings=NO_KEYS)[0], FirecrawlBackend)


def test_the_registry_imports_no_backend():
    """Names are known without paying for what stands behind them."""
    code = (
        "import sys; from firecrawl_interact.backends import _registry; "
        "heavy = ('cattrs', 'importlib.metadata', 'difflib', 'inspect', 'firecrawl_interact.wire'); "
        "import firecrawl_interact.backends as b; assert 'FirecrawlBackend' in dir(b); "
        "print([name for name in heavy if name in sys.modules and name not in before])"
    )
    code = "import sys, aiohttp; before = set(sys.modules); " + code
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert "[]" == done.stdout.strip()


@pytest.mark.parametrize("name", ["AnchorBackend", "FirecrawlBackend", "MemoryBackend"])
def test_backends_are_exported_lazily(name):
    """The room's own names lead to the classes."""
    import firecrawl_interact.backends as room

    assert name == getattr(room, name).__name__
    with pytest.raises(AttributeError):
        getattr(room, "NoSuchBackend")  # noqa: B009
