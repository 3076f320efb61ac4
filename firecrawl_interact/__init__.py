"""Remote browser sessions that always get closed: Firecrawl, Anchor or this machine."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from firecrawl_interact.errors import (
    AuthenticationError,
    BackendError,
    BackendNotFoundError,
    BackendNotInstalledError,
    CloseError,
    ConcurrencyLimitError,
    CreateUnknownError,
    FailoverError,
    InteractError,
    InvalidOptionError,
    LocalBrowserError,
    MissingKeyError,
    PaymentRequiredError,
    PermissionDeniedError,
    ProfileBusyError,
    ProtocolError,
    RateLimitError,
    RunFailedError,
    ServerError,
    SessionClosedError,
    SessionGoneError,
    SessionNotFoundError,
    TransportError,
    TransportTimeoutError,
    UnsupportedError,
    UsageError,
)

if TYPE_CHECKING:
    from firecrawl_interact.backends._registry import available_backends, register_backend
    from firecrawl_interact.backends.anchor import AnchorBackend
    from firecrawl_interact.backends.anchor_options import AnchorOptions
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.backends.firecrawl import FirecrawlBackend
    from firecrawl_interact.backends.firecrawl_values import FirecrawlOptions, ReplayPage
    from firecrawl_interact.backends.local import LocalBackend
    from firecrawl_interact.backends.memory import MemoryBackend
    from firecrawl_interact.ledger.base import Ledger
    from firecrawl_interact.models import (
        Capabilities,
        CloseReceipt,
        Profile,
        ProviderOptions,
        RunResult,
        Scrape,
        SessionEnd,
        SessionInfo,
        SessionOptions,
        SessionRef,
        SessionState,
    )
    from firecrawl_interact.pending import PendingSession
    from firecrawl_interact.scrape_session import ScrapeSession
    from firecrawl_interact.session import Session

__version__ = "0.1.0"

__all__ = [
    "AnchorBackend",
    "AnchorOptions",
    "AuthenticationError",
    "Backend",
    "BackendError",
    "BackendNotFoundError",
    "BackendNotInstalledError",
    "Capabilities",
    "CloseError",
    "CloseReceipt",
    "ConcurrencyLimitError",
    "CreateUnknownError",
    "FailoverError",
    "FirecrawlBackend",
    "FirecrawlOptions",
    "InteractError",
    "InvalidOptionError",
    "Ledger",
    "LocalBackend",
    "LocalBrowserError",
    "MemoryBackend",
    "MissingKeyError",
    "PaymentRequiredError",
    "PendingSession",
    "PermissionDeniedError",
    "Profile",
    "ProfileBusyError",
    "ProtocolError",
    "ProviderOptions",
    "RateLimitError",
    "ReplayPage",
    "RunFailedError",
    "RunResult",
    "Scrape",
    "ScrapeSession",
    "ServerError",
    "Session",
    "SessionClosedError",
    "SessionEnd",
    "SessionGoneError",
    "SessionInfo",
    "SessionNotFoundError",
    "SessionOptions",
    "SessionRef",
    "SessionState",
    "TransportError",
    "TransportTimeoutError",
    "UnsupportedError",
    "UsageError",
    "__version__",
    "available_backends",
    "register_backend",
]

# Imported when first asked for: a backend brings its wire classes along, and the command line and the
# local server, which come through here too, need none of it.
_LAZY = {
    name: f"{__name__}.{module}"
    for module, names in {
        "backends._registry": ("available_backends", "register_backend"),
        "backends.anchor": ("AnchorBackend",),
        "backends.anchor_options": ("AnchorOptions",),
        "backends.base": ("Backend",),
        "backends.firecrawl": ("FirecrawlBackend",),
        "backends.firecrawl_values": ("FirecrawlOptions", "ReplayPage"),
        "backends.local": ("LocalBackend",),
        "backends.memory": ("MemoryBackend",),
        "ledger.base": ("Ledger",),
        "models": (
            "Capabilities",
            "CloseReceipt",
            "Profile",
            "ProviderOptions",
            "RunResult",
            "Scrape",
            "SessionEnd",
            "SessionInfo",
            "SessionOptions",
            "SessionRef",
            "SessionState",
        ),
        "pending": ("PendingSession",),
        "scrape_session": ("ScrapeSession",),
        "session": ("Session",),
    }.items()
    for name in names
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_LAZY[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
