"""Layers: which of guardian and ledger serve a session, by what was asked and what works."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from firecrawl_interact.errors import UsageError

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.config import Settings
    from firecrawl_interact.guardian.client import Guardian
    from firecrawl_interact.ledger.base import Ledger

_log = logging.getLogger("firecrawl_interact")


class Layers:
    """
    The layers past this process that a session uses.

    Attributes:
        guardian: The process's guardian, or None where it is switched off.

        ledger: Where intents are written, or None where it is switched off or has failed.

        ledger_missing: True where one is wanted and has failed.
    """

    def __init__(
        self, guardian: Guardian | None, ledger: Ledger | None, *, ledger_missing: bool = False
    ) -> None:
        self.guardian = guardian
        self.ledger = ledger
        self.ledger_missing: bool = ledger_missing

    def ledger_failed(self, error: Exception) -> None:
        """Go on without the ledger, said in one WARNING per process."""
        if self.ledger is _default.ledger:
            _default.failed = True
        self.ledger = None
        self.ledger_missing = True
        if not _default.warned:
            _default.warned = True
            _log.warning(
                "The ledger cannot be used and is left out: %s. Sessions are still closed by this "
                "process and its guardian; after the death of the whole host only their ttl ends them.",
                error,
            )


class _Default:
    """The ledger of this process, opened at the first create that wants it."""

    def __init__(self) -> None:
        self.ledger: Ledger | None = None
        self.failed = False
        self.warned = False


_default = _Default()


def choose(
    backend: Backend,
    *,
    guardian: bool | None,
    ledger: bool | Ledger | None,
    relay: bool | None,
    settings: Settings,
) -> Layers:
    """
    Choose the layers for one create.

    None means: on for hosted backends, unless the environment switches it off. A ledger given
    as an object is used as it is.

    Raises:
        UsageError: *relay* where no guardian can send the create.
    """
    want_guardian = (backend.hosted and settings.guardian) if guardian is None else guardian
    if relay and not want_guardian:
        raise UsageError("relay=True needs the guardian, which is switched off here.")
    if relay and backend.line() is None:
        raise UsageError(
            f"relay=True cannot work with this {backend.name} backend, which the guardian cannot reach "
            "(an SSL context of your own needs a ca_file beside it)."
        )
    want_ledger = (backend.hosted and settings.ledger) if ledger is None else ledger
    chosen = _ledger(want_ledger)
    return Layers(
        _guardian() if want_guardian else None,
        chosen,
        ledger_missing=chosen is None and want_ledger is not False,
    )


def _guardian() -> Guardian | None:
    from firecrawl_interact.guardian.client import guardian  # only where it is wanted

    return guardian()


def _ledger(want: bool | Ledger) -> Ledger | None:
    if want is False:
        return None
    if want is not True:
        return want
    if _default.failed:
        return None
    if _default.ledger is None:
        from firecrawl_interact.ledger.sqlite import SqliteLedger  # brings sqlite3

        _default.ledger = SqliteLedger()
    return _default.ledger


def _after_fork_in_child() -> None:
    _default.failed = _default.warned = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
