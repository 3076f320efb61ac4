"""The local server: real browsers behind the providers' own API."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firecrawl_interact.server.app import build_app
    from firecrawl_interact.server.browsers import Browsers
    from firecrawl_interact.server.fake import FakeBrowsers
    from firecrawl_interact.server.faults import FaultPlan
    from firecrawl_interact.server.settings import ServerSettings

__all__ = ["Browsers", "FakeBrowsers", "FaultPlan", "ServerSettings", "build_app"]

# Who starts the server as a process of its own waits for no more than that needs.
_LAZY = {
    "Browsers": "firecrawl_interact.server.browsers",
    "FakeBrowsers": "firecrawl_interact.server.fake",
    "FaultPlan": "firecrawl_interact.server.faults.plan",
    "ServerSettings": "firecrawl_interact.server.settings",
    "build_app": "firecrawl_interact.server.app",
}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
