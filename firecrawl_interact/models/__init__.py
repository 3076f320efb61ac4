"""Values every provider shares."""

from __future__ import annotations

from firecrawl_interact.models.capabilities import (
    Capabilities,
    Option,
)
from firecrawl_interact.models.debts import (
    Answer,
    CreatePlan,
    EndRequest,
    LineSettings,
    Request,
    Rows,
    Search,
    Verify,
)
from firecrawl_interact.models.runs import (
    Language,
    Run,
    RunResult,
    Scrape,
)
from firecrawl_interact.models.sessions import (
    DEFAULT_ACTIVITY_TTL,
    DEFAULT_TTL,
    CloseReceipt,
    EndReason,
    Profile,
    ProviderOptions,
    SessionEnd,
    SessionInfo,
    SessionOptions,
    SessionRef,
    SessionState,
)

__all__ = [
    "DEFAULT_ACTIVITY_TTL",
    "DEFAULT_TTL",
    "Answer",
    "Capabilities",
    "CloseReceipt",
    "CreatePlan",
    "EndReason",
    "EndRequest",
    "Language",
    "LineSettings",
    "Option",
    "Profile",
    "ProviderOptions",
    "Request",
    "Rows",
    "Run",
    "RunResult",
    "Scrape",
    "Search",
    "SessionEnd",
    "SessionInfo",
    "SessionOptions",
    "SessionRef",
    "SessionState",
    "Verify",
]
