"""Refusals of what a backend cannot do, with the names of those that can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

from firecrawl_interact.backends._registry import declared_capabilities
from firecrawl_interact.backends.base import Backend
from firecrawl_interact.errors import InvalidOptionError, UnsupportedError
from firecrawl_interact.models import Capabilities, Option, Run, SessionOptions

_SPELT: dict[Option, str] = {
    "live_view": "live_view=True",
    "no_live_view": "live_view=False",
    "record": "record=True",
    "block_ads": "block_ads=True",
    "no_block_ads": "block_ads=False",
}


def refuse_options(backend: Backend, options: SessionOptions) -> None:
    """
    Refuse options that a backend does not list among its capabilities.

    Raises:
        UnsupportedError: It cannot honour one; the text names the backends that can.
        InvalidOptionError: Typed options of another kind than the backend's.
    """
    able = backend.capabilities.options
    for option in asked_options(options):
        if option not in able:
            raise unsupported(
                backend, f"cannot honour {_SPELT.get(option, option)}", partial(_honours, option)
            )
    _check_typed(backend, options)


def refuse_run(backend: Backend, run: Run) -> None:
    """
    Refuse to run what a backend cannot.

    Raises:
        UnsupportedError: See above; the text names the backends that can.
        InvalidOptionError: The language is no text.
    """
    able = backend.capabilities
    if not isinstance(cast("object", run.language), str):
        raise InvalidOptionError(
            f"language must be text, not {type(run.language).__name__}.", option="language"
        )
    if run.prompt is not None:
        if not able.prompts:
            raise unsupported(backend, "has no agent that takes prompts", lambda it: it.prompts)
    elif not able.languages:
        raise unsupported(backend, "runs no code", lambda it: bool(it.languages))
    elif run.language not in able.languages:
        spoken = ", ".join(sorted(able.languages))
        raise unsupported(
            backend,
            f"runs no code in {run.language!r} (but in {spoken})",
            lambda it: run.language in it.languages,
        )


def asked_options(options: SessionOptions) -> Iterator[Option]:
    """Name what is asked for beyond every backend's duty."""
    if options.profile is not None:
        yield "profile"
    if options.live_view is not None:
        yield "live_view" if options.live_view else "no_live_view"
    if options.record:
        yield "record"
    if options.block_ads is not None:
        yield "block_ads" if options.block_ads else "no_block_ads"
    if options.country is not None:
        yield "country"
    if options.tags:
        yield "tags"


def unsupported(backend: Backend, what: str, able: Callable[[Capabilities], bool]) -> UnsupportedError:
    """Build the refusal, with the names of the backends whose capabilities pass *able*."""
    others = [name for name, them in declared_capabilities() if name != backend.name and able(them)]
    way_out = f"these can: {', '.join(others)}" if others else "no known backend can"
    return UnsupportedError(f"The {backend.name} backend {what}; {way_out}.")


def _honours(option: Option, able: Capabilities) -> bool:
    return option in able.options


def _check_typed(backend: Backend, options: SessionOptions) -> None:
    typed = options.provider
    if typed is None:
        return
    kind = type(typed).__name__
    if backend.options_type is None or typed.backend != backend.name:
        raise UnsupportedError(
            f"The {backend.name} backend takes no {kind}, which is for the {typed.backend} backend."
            if typed.backend != backend.name
            else f"The {backend.name} backend takes no typed options, so no {kind}."
        )
    if not isinstance(typed, backend.options_type):
        raise InvalidOptionError(
            f"options for the {backend.name} backend must be {backend.options_type.__name__}, not {kind}.",
            option="options",
        )
