"""The leak lab on this package, and on a client that leaks."""

from __future__ import annotations

import asyncio
import json

import pytest

from firecrawl_interact.cli.main import main
from firecrawl_interact.testing.leak_lab import adapters, report, runner

# In turn one dialect and the other; `firecrawl-interact leak-lab` runs all of it in both.
FAST = [case for number, case in enumerate(runner.cases(fast=True)) if number % 4 in {0, 3}]
SHORT = 1.0  # Seconds of patience with those that are known to leak.


def name(case: runner.Case) -> str:
    return f"{case.scenario.name}-{case.dialect}"


@pytest.fixture(scope="module")
def verdicts():
    """What the short run says of this package; all of it runs once, side by side."""
    found = asyncio.run(runner.run(FAST, adapter=adapters.BUILT_IN["sdk"]))
    return dict(zip(map(name, FAST), found, strict=True))


@pytest.mark.parametrize("case", FAST, ids=name)
def test_nothing_is_left(verdicts, case):
    """This package passes the short run."""
    verdict = verdicts[name(case)]

    assert verdict.passed, report.failure(verdict)


def test_a_naive_client_is_caught_leaking():
    """The lab sees what try/finally leaves, and that it is no leak where the block just ends."""
    only = ("ok", "cancel_in_create", "kill_in_body", "delete_503_once")
    chosen = runner.cases(dialects=("firecrawl",), only=only)

    found = asyncio.run(runner.run(chosen, adapter=adapters.BUILT_IN["naive"], patience=SHORT))

    assert {
        "ok": 0,
        "cancel_in_create": 1,
        "kill_in_body": 1,
        "delete_503_once": 1,
    } == {verdict.scenario: verdict.left for verdict in found if verdict.leaked == (verdict.left > 0)}
    assert ["ok"] == [verdict.scenario for verdict in found if verdict.passed]


def test_a_client_that_repeats_creates_and_ends_everything_is_caught(tmp_path, monkeypatch):
    """A second create and the end of somebody else's session are told apart from leaks."""
    (tmp_path / "rude_client.py").write_text(RUDE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    chosen = runner.cases(dialects=("anchor",), only=["create_dropped_after"])

    (verdict,) = asyncio.run(runner.run(chosen, adapter="rude_client:open_session"))

    assert (0, True) == (verdict.left, verdict.harmed)
    assert "2 creates were sent, not 1" in verdict.wrong


def test_layers_can_be_switched_off_for_comparison():
    """Without its helper process this package leaks when it is killed, and the lab says so."""
    chosen = runner.cases(dialects=("firecrawl",), only=["kill_in_body"])
    off = {"guardian": False, "ledger": False}

    (verdict,) = asyncio.run(
        runner.run(chosen, adapter=adapters.BUILT_IN["sdk"], options=off, patience=SHORT)
    )

    assert (True, 1) == (verdict.leaked, verdict.left)


def test_the_catalogue_covers_every_group_in_both_dialects():
    """More than a hundred scenarios, each with a name of its own."""
    cases = runner.cases()

    assert len(cases) == len({name(case) for case in cases})
    assert len({case.scenario.name for case in cases}) > 100
    assert {"plain", "cancel", "scopes", "anyio", "loops", "uvloop"} | {
        "ctrl-c",
        "death",
        "harm",
        "restart",
        "delete",
        "create",
        "execute",
        "scrape",
        "async",
        "hedge",
        "hand-over",
    } <= {case.scenario.group for case in cases}


def test_what_only_this_package_offers_is_tried_on_no_other_client(capsys):
    """Runs, scraped pages, hedged creates: whoever has none cannot fail at them."""
    code = main(["leak-lab", "--list", "--adapter", "naive", "--only", "hedge", "--only", "ok"])

    assert (0, ["plain/ok [firecrawl, asyncio]", "plain/ok [anchor, asyncio]"]) == (
        code,
        capsys.readouterr().out.splitlines(),
    )


def test_a_wire_that_cannot_express_a_scenario_is_left_out():
    """Scraped pages are Firecrawl's, asynchronous starts are Anchor's."""
    found = {(case.scenario.group, case.dialect) for case in runner.cases(only=["scrape", "async"])}

    assert {("scrape", "firecrawl"), ("async", "anchor")} == found


def test_the_command_prints_verdicts_and_sums_as_json_lines(capsys):
    """A trial a line, then the groups; exit code 0 when all passed."""
    code = main(["leak-lab", "--only", "ok", "--dialect", "anchor", "--json"])

    trial, sums = map(json.loads, capsys.readouterr().out.splitlines())
    assert 0 == code
    assert ("ok", "anchor", True) == (trial["scenario"], trial["dialect"], trial["passed"])
    assert ["plain", "all"] == [row["name"] for row in sums["groups"]]


def test_the_command_draws_a_table_and_fails_on_a_leak(capsys):
    """What leaked is named on stderr, the table is on stdout, the exit code is 1."""
    code = main(
        [
            "leak-lab",
            "--only",
            "kill_in_body",
            "--dialect",
            "firecrawl",
            "--adapter",
            "naive",
            "--patience",
            "1",
        ]
    )

    out, err = capsys.readouterr()
    assert 1 == code
    assert "death/kill_in_body [firecrawl, asyncio]: 1 of 1 sessions left\n" == err
    assert ["death", "0/1", "1", "1", "0", "0", "0"] == out.splitlines()[2].split()


def test_an_unknown_name_is_a_misuse(capsys):
    """A typing error must not look like a run without leaks."""
    code = main(["leak-lab", "--only", "deaht"])

    assert (2, "firecrawl-interact: There is no group or scenario named deaht.\n") == (
        code,
        capsys.readouterr().err,
    )


def test_a_vendors_client_at_the_other_vendors_dialect_is_a_misuse(capsys):
    """
    One line says which dialect it speaks, before any scenario fails for it.
    """
    code = main(["leak-lab", "--only", "ok", "--adapter", "firecrawl_py"])

    out, err = capsys.readouterr()
    assert (2, "") == (code, out)
    assert "firecrawl-interact: The adapter firecrawl_py is for --dialect firecrawl only.\n" == err


def test_a_vendors_client_that_is_not_installed_is_a_misuse(capsys, monkeypatch):
    """
    One line says what is missing, before any scenario fails for it.
    """
    monkeypatch.setitem(adapters.VENDORS, "anchorbrowser", ("anchor", "no_such_module"))
    code = main(["leak-lab", "--only", "ok", "--adapter", "anchorbrowser", "--dialect", "anchor"])

    out, err = capsys.readouterr()
    assert (2, "") == (code, out)
    assert (
        "firecrawl-interact: The adapter anchorbrowser needs no_such_module, which is not installed.\n" == err
    )


@pytest.mark.parametrize("adapter", ["nowhere:open_session", "json:nothing", "json", ":x"])
def test_an_adapter_that_cannot_be_imported_is_a_misuse(capsys, adapter):
    """It is said once, before anything runs, and not once per scenario."""
    code = main(["leak-lab", "--only", "ok", "--adapter", adapter])

    out, err = capsys.readouterr()
    assert (2, "", 1) == (code, out, err.count("\n"))
    assert err.startswith(f"firecrawl-interact: The adapter {adapter!r} cannot be imported: ")


@pytest.mark.parametrize(
    "option",
    [
        *("--at-once=0", "--at-once=-1", "--at-once=x"),
        *("--patience=0", "--patience=-1", "--patience=nan", "--patience=inf", "--patience=x"),
        *("--option=guardian", "--option=guardian=False", "--option==1", "--option=a b=1"),
    ],
)
def test_a_value_that_cannot_work_is_a_misuse_and_is_shown(capsys, option):
    """The line says what was given, and what is possible."""
    with pytest.raises(SystemExit) as caught:
        main(["leak-lab", "--list", option])

    value = option.partition("=")[2]
    assert 2 == caught.value.code
    assert f"not {value!r}" in capsys.readouterr().err


RUDE = """
import aiohttp
from contextlib import asynccontextmanager


@asynccontextmanager
async def open_session(url, key, dialect, **options):
    async with aiohttp.ClientSession(url, headers={"anchor-api-key": key}) as client:
        try:
            await client.post("/v1/sessions", json={})
        except aiohttp.ClientError:
            await client.post("/v1/sessions", json={})
        yield
        await client.delete("/v1/sessions/all")
"""
