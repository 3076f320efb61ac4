"""Failover: after which failures another backend may be asked, and what is raised when all said no."""

from __future__ import annotations

from collections.abc import Sequence

from firecrawl_interact.errors import (
    BackendError,
    FailoverError,
    InteractError,
    LocalBrowserError,
    TransportError,
)

# The account, the money, the rate or the provider's own trouble: another one may do better. A
# refusal of what was asked (400, 404, 409, 422) would be the same there, or mean another profile.
_PASSED_ON = frozenset({401, 402, 403, 425, 429, 503})


def passes_on(error: InteractError) -> bool:
    """
    Tell whether the next backend may be asked after this failure of a create.

    Only where it is proved that nothing was made, and where it lies with the provider or the
    way to it. A 503 comes here only in the provider's own words, see `Backend.refused`.
    """
    if isinstance(error, TransportError):
        return not error.sent
    if isinstance(error, BackendError):
        return error.status in _PASSED_ON
    return isinstance(error, LocalBrowserError)


def all_refused(refusals: Sequence[tuple[str, InteractError]]) -> FailoverError:
    """
    Build the error for a create that nobody served.

    Args:
        refusals: Name of each backend that was asked, in order, and what became of it.
    """
    for name, error in refusals:
        error.add_note(f"This is what became of the attempt at {name}.")
    names = ", ".join(name for name, _ in refusals)
    return FailoverError(
        f"None of the backends asked opened a session: {names}", [error for _, error in refusals]
    )
