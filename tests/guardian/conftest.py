"""A provider, owners that can be killed, and a guardian of the test's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from firecrawl_interact.guardian.client import Guardian

# The owners, which are processes of their own, import the kit as well: so it has a name of its own.
sys.path.insert(0, str(Path(__file__).parent))

from guardian_kit import Owner, Provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    """
    A provider with no session.
    """
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
def owner(provider: Provider) -> Iterator[Callable[..., Owner]]:
    """
    Start a process that runs a script, with ``URL`` the provider's.
    """
    owners: list[Owner] = []

    def start(script: str, url: str | None = None, **environ: str) -> Owner:
        owners.append(Owner(script, url or provider.url, **environ))
        return owners[-1]

    yield start
    for each in owners:
        each.close()


@pytest.fixture
def keeper() -> Iterator[Guardian]:
    """
    A guardian of the test's own process.
    """
    guardian = Guardian()
    yield guardian
    for debt in guardian._book:
        guardian.settled(debt)
    guardian.close()
