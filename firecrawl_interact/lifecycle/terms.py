"""Terms: whom a create may ask, for what, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from firecrawl_interact.backends._capable import refuse_options
from firecrawl_interact.errors import UnsupportedError, UsageError
from firecrawl_interact.lifecycle.layers import choose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.config import Settings
    from firecrawl_interact.ledger.base import Ledger
    from firecrawl_interact.lifecycle.layers import Layers
    from firecrawl_interact.models import ProviderOptions, SessionOptions


@attrs.frozen(kw_only=True)
class Candidate:
    """
    A backend that may serve a create.

    Attributes:
        backend: Who is asked.

        layers: What would stand behind its session.

        options: What it is asked for, its own typed options included.
    """

    backend: Backend
    layers: Layers
    options: SessionOptions


@attrs.frozen(kw_only=True)
class OpenTerms:
    """
    How a create is made.

    Attributes:
        candidates: Asked in this order; the next only where it is proved that nothing was made,
            or after *hedge*.

        open_timeout: Seconds for each attempt; None takes each backend's own.

        hedge: Seconds after which the next candidate is asked beside one that has not answered.

        exclusive_key: The caller's word that nobody else creates sessions with this key.

        relay: The guardian sends the POST.
    """

    candidates: Sequence[Candidate]
    open_timeout: float | None = None
    hedge: float | None = None
    exclusive_key: bool = False
    relay: bool = False


def candidates(
    backends: Sequence[Backend],
    options: SessionOptions,
    typed: Mapping[str, ProviderOptions],
    *,
    guardian: bool | None,
    ledger: bool | Ledger | None,
    relay: bool,
    settings: Settings,
) -> tuple[Candidate, ...]:
    """
    Give each backend its own options and layers.

    Args:
        backends: In the order in which they are to be asked.

        options: What all of them are asked for.

        typed: Typed options by the name of the backend that takes them.

        guardian: As `choose` takes it.

        ledger: As `choose` takes it.

        relay: As `choose` takes it.

        settings: What the environment says.

    Raises:
        InvalidOptionError: A value is outside a backend's bounds.
        UnsupportedError: A backend cannot honour an option, or typed options are nobody's.
        UsageError: *relay* where no guardian can send the create.
    """
    names = {each.name for each in backends}
    for name, mine in typed.items():
        if name not in names:
            raise UnsupportedError(
                f"{type(mine).__name__} is for the {name} backend, which is not asked here "
                f"(asked: {', '.join(sorted(names))})."
            )
    found: list[Candidate] = []
    for each in backends:
        own = attrs.evolve(options, provider=typed[each.name]) if each.name in typed else options
        refuse_options(each, own)
        each.check(own)
        layers = choose(each, guardian=guardian, ledger=ledger, relay=relay, settings=settings)
        found.append(Candidate(backend=each, layers=layers, options=own))
    return tuple(found)


def check_hedge(hedge: float | None, backends: Sequence[Backend]) -> None:
    """
    Refuse a hedge with nobody to hedge with.

    Raises:
        UsageError: See above.
    """
    if hedge is not None and len(backends) == 1:
        raise UsageError("hedge= asks a second backend: pass several as backend=[...].")
