"""One provider per file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firecrawl_interact.backends.base import Backend

if TYPE_CHECKING:
    from firecrawl_interact.backends.anchor import AnchorBackend
    from firecrawl_interact.backends.firecrawl import FirecrawlBackend
    from firecrawl_interact.backends.local import LocalBackend
    from firecrawl_interact.backends.memory import MemoryBackend

__all__ = ["AnchorBackend", "Backend", "FirecrawlBackend", "LocalBackend", "MemoryBackend"]

# A concrete backend brings its wire classes along: imported when first asked for.
_LAZY = {
    "AnchorBackend": "firecrawl_interact.backends.anchor",
    "FirecrawlBackend": "firecrawl_interact.backends.firecrawl",
    "LocalBackend": "firecrawl_interact.backends.local",
    "MemoryBackend": "firecrawl_interact.backends.memory",
}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
