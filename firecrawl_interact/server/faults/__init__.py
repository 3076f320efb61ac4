"""Misbehaving on purpose: which requests go wrong, how, and an account of all of them."""

from firecrawl_interact.server.faults.plan import FOREIGN_HEADER, FaultPlan

__all__ = ["FOREIGN_HEADER", "FaultPlan"]
