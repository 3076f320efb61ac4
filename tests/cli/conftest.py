"""Running the command line as its users do."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60  # Seconds for one command.


@pytest.fixture
def command() -> list[str]:
    """
    The start of every command.
    """
    return [sys.executable, "-m", "firecrawl_interact"]


@pytest.fixture
def run(command: list[str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """
    Run a command to its end, its output in a pipe.
    """

    def run_it(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *words],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    return run_it
