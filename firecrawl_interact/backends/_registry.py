"""A name becomes a backend, imported on first use."""

from __future__ import annotations

import functools
import importlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeGuard, cast

from firecrawl_interact.backends.base import Backend
from firecrawl_interact.config import Settings, naming_variables
from firecrawl_interact.errors import (
    BackendNotFoundError,
    BackendNotInstalledError,
    InvalidOptionError,
    UsageError,
)
from firecrawl_interact.models import Capabilities

ENTRY_POINTS = "firecrawl_interact.backends"  # Group in which other packages announce backends.

Target = str | Callable[..., Backend]

_BUILT_IN: Mapping[str, Target] = MappingProxyType(
    {
        "anchor": "firecrawl_interact.backends.anchor:AnchorBackend",
        "firecrawl": "firecrawl_interact.backends.firecrawl:FirecrawlBackend",
        "local": "firecrawl_interact.backends.local:LocalBackend",
        "memory": "firecrawl_interact.backends.memory:MemoryBackend",
    }
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CACHE_SIZE = 64  # Configurations kept; a backend is data, so one more costs microseconds.

_log = logging.getLogger("firecrawl_interact")
_registered: dict[str, Target] = {}


def register_backend(name: str, target: Target) -> None:
    """
    Make a backend known under a name, in place of what had that name before.

    Args:
        name: Letters, digits, dots, dashes and underscores.

        target: A class or factory, called with ``api_key=`` and ``base_url=`` where they are
            given; or ``"module:attribute"``, imported when the name is first used.

    Raises:
        InvalidOptionError: The name or the target cannot be one.
    """
    _check_name(name)
    _check_target(target)
    _registered[name] = target
    _make.cache_clear()


def available_backends() -> tuple[str, ...]:
    """Return every known name, sorted; what it needs may still have to be installed."""
    return tuple(sorted({*_BUILT_IN, *_registered, *_announced()}))


def declared_capabilities() -> Iterator[tuple[str, Capabilities]]:
    """
    Say what each backend can do, by its name: the built-in ones and those that were registered.

    One that cannot be imported, or is made by a function, is passed over. Announced ones are not
    asked: an error's text is no reason to import other people's packages.
    """
    for name, target in sorted({**_BUILT_IN, **_registered}.items()):
        try:
            found = getattr(_load(name, target), "capabilities", None)
        except Exception:  # noqa: BLE001, S112  # boundary: whatever an import of others' code raises
            continue
        if isinstance(found, Capabilities):
            yield name, found


def resolve(
    backend: str | Backend | Sequence[str | Backend] | None = None,
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    settings: Settings | None = None,
) -> tuple[Backend, ...]:
    """
    Turn what a caller names into backends, in the order in which they are to be tried.

    Args:
        backend: A name, a configured backend, or several; None for the environment's choice:
            ``FIRECRAWL_INTERACT_BACKEND``, else Firecrawl if it has a key or an address, else
            Anchor if it has a key, else ``local``. A key or address given here, with no name
            anywhere, is Firecrawl's.

        api_key: For the one backend that is named.

        base_url: For the one backend that is named.

        settings: What the environment says; read now if None.

    Raises:
        BackendNotFoundError: No backend has that name.
        BackendNotInstalledError: It is known, but a package that it needs is not installed.
        MissingKeyError: The provider's own address needs a key.
        InvalidOptionError: A value is of the wrong type.
        UsageError: A key or address beside a list or a configured backend.
    """
    _check_text("api_key", api_key)
    _check_text("base_url", base_url)
    if isinstance(backend, Backend):
        _refuse_access(api_key, base_url, "a configured backend")
        return (backend,)
    if settings is None:
        settings = Settings.from_env()
    if backend is None:
        names = _choose(settings, given=api_key is not None or base_url is not None)
    elif isinstance(backend, str):
        names = [backend]
    elif _is_list(backend):
        _refuse_access(api_key, base_url, "a list of backends")
        return tuple(each for item in backend for each in resolve(_checked_item(item), settings=settings))
    else:
        raise InvalidOptionError(
            "backend must be a name, a backend, or a list of them that is not empty.", option="backend"
        )
    if len(names) > 1:
        _refuse_access(api_key, base_url, "a list of backends")
    return tuple(_make(name, api_key, base_url, settings) for name in names)


def _choose(settings: Settings, *, given: bool) -> list[str]:
    if settings.backend is not None:
        names = [name.strip() for name in settings.backend.split(",") if name.strip()]
        for name in names:
            _check_chosen(name)
        if names:
            return names
    if given or settings.firecrawl_api_key or settings.firecrawl_api_url:
        return ["firecrawl"]
    if settings.anchor_api_key:
        return ["anchor"]
    _log.warning(
        "No backend is named and no API key is set (FIRECRAWL_API_KEY, ANCHORBROWSER_API_KEY): "
        "using a browser on this machine. Pass backend='local' if that is what you want."
    )
    return ["local"]


@functools.lru_cache(maxsize=_CACHE_SIZE)
def _make(name: str, api_key: str | None, base_url: str | None, settings: Settings) -> Backend:
    # The settings are part of the cache's key, so that a changed environment makes a new backend.
    target = _load(name, _target(name))
    given = {"api_key": api_key, "base_url": base_url}
    known: dict[str, str | None] = {}
    if name == "firecrawl":
        known = {"api_key": settings.firecrawl_api_key, "base_url": settings.firecrawl_api_url}
    elif name == "anchor":
        known = {"api_key": settings.anchor_api_key, "base_url": settings.anchor_base_url}
    filled = {option: known.get(option) if value is None else value for option, value in given.items()}
    arguments = {option: value for option, value in filled.items() if value is not None}
    _refuse_unknown(name, target, arguments)
    with naming_variables(name, api_key=api_key, base_url=base_url):
        made = target(**arguments)
    return _checked_backend(name, made)


def _target(name: str) -> Target:
    # Announcements come last: an installed package must not replace a backend unasked.
    found = _registered.get(name) or _BUILT_IN.get(name)
    if found is None:
        found = _announced().get(name)
    if found is not None:
        return found

    from difflib import get_close_matches  # only for this error

    close = get_close_matches(name.lower(), available_backends(), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    if "," in name:
        hint = "; pass several backends as a list."
    raise BackendNotFoundError(
        f"There is no backend {name!r}{hint} Known: {', '.join(available_backends())}."
    )


def _check_chosen(name: str) -> None:
    try:
        _target(name)
    except BackendNotFoundError as error:
        error.args = (f"{error} It was read from FIRECRAWL_INTERACT_BACKEND.",)
        raise


def _load(name: str, target: Target) -> Callable[..., Backend]:
    if not isinstance(target, str):
        return target
    module_name, _, attribute = target.partition(":")
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except ModuleNotFoundError as error:
        missing = (error.name or module_name).partition(".")[0]
        raise BackendNotInstalledError(
            f"The backend {name!r} needs the package {missing!r}: pip install {missing}"
        ) from error
    except AttributeError as error:
        raise BackendNotFoundError(f"The backend {name!r} is registered as {target!r}: {error}.") from error
    if not callable(found):
        raise BackendNotFoundError(
            f"The backend {name!r} is registered as {target!r}, which is not callable."
        )
    return found  # type: ignore[no-any-return]  # what it makes is checked by the caller


def _announced() -> dict[str, Target]:
    from importlib.metadata import entry_points  # slow to import, and rarely needed

    return {entry.name: entry.value for entry in entry_points(group=ENTRY_POINTS)}


def _refuse_access(api_key: str | None, base_url: str | None, beside: str) -> None:
    if api_key is not None or base_url is not None:
        raise UsageError(f"api_key and base_url cannot be given beside {beside}: configure each backend.")


def _refuse_unknown(name: str, target: Callable[..., Backend], arguments: dict[str, str]) -> None:
    if not arguments:
        return
    from inspect import signature  # slow to import; needed once per configuration

    try:
        signature(target).bind(**arguments)
    except TypeError:
        raise UsageError(f"The backend {name!r} takes no {' or '.join(arguments)}.") from None


def _is_list(backend: object) -> TypeGuard[Sequence[str | Backend]]:
    return isinstance(backend, Sequence) and len(cast("Sequence[object]", backend)) > 0


def _checked_item(item: object) -> str | Backend:
    if isinstance(item, str | Backend):
        return item
    raise InvalidOptionError(
        f"backend must hold names and backends, not {type(item).__name__}.", option="backend"
    )


def _checked_backend(name: str, made: object) -> Backend:
    if isinstance(made, Backend):
        return made
    raise UsageError(f"The backend {name!r} makes {type(made).__name__} objects, which are no Backend.")


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidOptionError(
            "name must be of letters, digits, dots, dashes and underscores.", option="name"
        )


def _check_target(target: object) -> None:
    if not callable(target) and not (isinstance(target, str) and target.count(":") == 1):
        raise InvalidOptionError(
            "target must be callable, or text such as 'module:attribute'.", option="target"
        )


def _check_text(option: str, value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise InvalidOptionError(f"{option} must be text, not {type(value).__name__}.", option=option)
