"""Fixtures for the promise: a provider in memory that can be held and broken."""

import pytest

from firecrawl_interact import MemoryBackend


@pytest.fixture
def backend():
    """A provider without network; nothing of it is left when the test ends."""
    memory = MemoryBackend()
    yield memory

    assert set() == memory.alive
