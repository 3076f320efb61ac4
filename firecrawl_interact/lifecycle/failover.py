"""Failover: after which failures another backend may be asked, and what is raised when all said no."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from firecrawl_interact.errors import (
    BackendError,
    FailoverError,
    InteractError,
    LocalBrowserError,
    TransportError,
)

if TYPE_CHECKING:
    from firecrawl_interact.lifecycle.terms import Candidate

_log = logging.getLogger("firecrawl_interact")

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


class Refusals:
    """What the backends of a list said, as long as each of them proved that it made nothing."""

    def __init__(self) -> None:
        """Begin without any."""
        self._heard: list[tuple[str, InteractError]] = []

    def take(self, candidate: Candidate, error: Exception, *, more_follow: bool) -> bool:
        """
        Note why a candidate made nothing; False where it may have, or where it is the caller's fault.

        Args:
            candidate: Who was asked.

            error: What became of it.

            more_follow: Whether somebody else is to be asked now.
        """
        if not isinstance(error, InteractError) or not passes_on(error):
            return False
        name = candidate.backend.name
        self._heard.append((name, error))
        if more_follow:
            _log.warning(
                "The %s backend could not open a session (%s); trying the next.", name, type(error).__name__
            )
        return True

    def error(self) -> FailoverError:
        """Build the error for a create that nobody served; each part has a note with its backend."""
        for name, error in self._heard:
            error.add_note(f"This is what became of the attempt at {name}.")
        names = ", ".join(name for name, _ in self._heard)
        return FailoverError(
            f"None of the backends asked opened a session: {names}", [error for _, error in self._heard]
        )
