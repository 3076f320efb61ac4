"""The public test kit."""

from firecrawl_interact.testing.conformance import check_backend

__all__ = ["check_backend"]
