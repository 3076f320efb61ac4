"""What a process does once, before browsers become its children."""

from __future__ import annotations

from firecrawl_interact.server.child import adopt_orphans, keep_descriptors
from firecrawl_interact.server.room import take_all_descriptors


def become_parent() -> None:
    """Give children nothing that is not theirs, take in what they leave behind, and make room for many."""
    keep_descriptors()
    adopt_orphans()
    take_all_descriptors()
