"""The reference's tables, held against the code."""

from __future__ import annotations

import argparse
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
from firecrawl_interact.cli.main import COMMANDS, load

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


@pytest.mark.parametrize("name", BACKENDS)
def test_table_of_differences_says_what_the_capabilities_say(name):
    """
    Units, bounds and abilities on the page are those of the code, row by row.
    """
    able = BACKENDS[name].capabilities
    table = cells("differences.md")
    column = table.pop("").index(name)
    del table["---"]
    step = f"{able.limits_step} s"
    longest = "none" if able.longest_ttl is None else f"{able.longest_ttl:g} s"
    says = {True: "yes", False: "no"}
    asked = BACKENDS[name].receipt_request("a-session") is not None
    expected = {
        "ttl`, `activity_ttl` are counted in": step if able.limits_step == 1 else f"{step}, rounded up",
        "shortest `ttl": f"{able.shortest_ttl:g} s",
        "longest `ttl": longest,
        "activity_ttl` is time without": able.idle_means,
        "live_view_url` takes no input": "yes" if able.watch_only_link else "only if asked for",
        "execute` speaks": ", ".join(sorted(able.languages)),
        "prompt": says[able.prompts],
        "from_scrape": says[able.scrapes],
        "the end tells its duration": "yes, by one request more" if asked else says[able.receipts],
    }

    assert expected == {row: said[column] for row, said in table.items()}


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("option", [option for option in ASKED if option != "extra"])
def test_table_of_options_says_what_the_capabilities_say(name, option):
    """
    What a backend declares is what its page promises.
    """
    spelt = {"live_view=False": "no_live_view", "record=True": "record", "block_ads=True": "block_ads"}
    table = cells("backends.md")
    said = table[option][table["Option"].index(name)]

    assert (said != "no") is (spelt.get(option, option) in BACKENDS[name].capabilities.options)


def test_every_variable_that_is_read_has_a_row():
    """
    A variable that the code knows and the page does not would be found by nobody.
    """
    read = set(re.findall(r'"((?:FIRECRAWL|ANCHOR)[A-Z_]+)"', inspect.getsource(config)))
    shown = set(re.findall(r"[A-Z_]{8,}", " ".join(cells("environment.md"))))

    assert set() == read - shown
    assert len(read) >= 9


def options(command: str) -> list[list[str]]:
    """
    The rows of a command's options on the page: what they are called, what they say, what is so without.
    """
    page = (REFERENCE / "command-line.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## `{command}`\n")[2].partition("\n## ")[0]
    table = re.search(r"(^\| Option \|.*\n)(^\|.*\n)+", section, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[0].splitlines()[2:]]


@pytest.mark.parametrize("command", COMMANDS)
def test_page_lists_the_options_of_each_command_and_no_others(command):
    """
    Whoever reads the page knows what `--help` would tell.
    """
    parser = argparse.ArgumentParser()
    load(command).configure(parser)
    known = {f"--{name.replace('_', '-')}" for name in vars(parser.parse_args([]))} - {"--pid"}
    shown = {option for name, says, _ in options(command) for option in re.findall(r"--[a-z-]+", name + says)}

    assert known == shown


@pytest.mark.parametrize("command", COMMANDS)
def test_page_says_what_holds_without_an_option(command):
    """
    A default that is a value stands in the last cell of its option's row.
    """
    parser = argparse.ArgumentParser()
    load(command).configure(parser)
    values = {
        f"`--{name.replace('_', '-')}": str(default)
        for name, default in vars(parser.parse_args([])).items()
        if default and not isinstance(default, list)
    }
    wrong = [
        option
        for option, default in values.items()
        if not any(option in name and default in without for name, _, without in options(command))
    ]

    assert [] == wrong
