"""The reference's tables, held against the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from firecrawl_interact import (
    AnchorBackend,
    Backend,
    FirecrawlBackend,
    LocalBackend,
    MemoryBackend,
    Profile,
    SessionOptions,
    UnsupportedError,
    config,
)

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
BACKENDS: dict[str, Backend] = {
    "firecrawl": FirecrawlBackend(api_key="fc-test"),
    "anchor": AnchorBackend(api_key="sk-test"),
    "local": LocalBackend(),
    "memory": MemoryBackend(),
}
ASKED = {
    "profile": {"profile": Profile("work")},
    "live_view=False": {"live_view": False},
    "record=True": {"record": True},
    "block_ads=True": {"block_ads": True},
    "country": {"country": "DE"},
    "tags": {"tags": ("night",)},
    "extra": {"extra": {"new": 1}},
}


def cells(page: str) -> dict[str, list[str]]:
    """
    The first table of a page: its rows, by their first cells.
    """
    table = re.search(r"(^\|.*\n)+", (REFERENCE / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert table is not None
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in table[0].splitlines()]
    return {first: others for first, *others in rows}


@pytest.mark.parametrize("option", ASKED)
@pytest.mark.parametrize("name", BACKENDS)
def test_a_backend_refuses_what_the_table_says_it_refuses(name, option):
    """
    "No" raises `UnsupportedError`, and anything else passes.
    """
    table = cells("backends.md")
    said = table[option][table["Option"].index(name)]
    try:
        BACKENDS[name].check(SessionOptions(**ASKED[option]))
        refused = False
    except UnsupportedError:
        refused = True

    assert (said == "no") is refused


def test_every_variable_that_is_read_has_a_row():
    """
    A variable that the code knows and the page does not would be found by nobody.
    """
    read = set(re.findall(r'"((?:FIRECRAWL|ANCHOR)[A-Z_]+)"', inspect.getsource(config)))
    shown = set(re.findall(r"[A-Z_]{8,}", " ".join(cells("environment.md"))))

    assert set() == read - shown
    assert len(read) >= 9
