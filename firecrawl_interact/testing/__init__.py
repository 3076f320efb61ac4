"""The public test kit."""

from firecrawl_interact.testing.conformance import (
    ConformanceError,
    ConformanceReport,
    Finding,
    check_backend,
)

__all__ = ["ConformanceError", "ConformanceReport", "Finding", "check_backend"]
