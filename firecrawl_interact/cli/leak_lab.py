"""`firecrawl-interact leak-lab`: count the sessions that a client leaves behind when things go wrong."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import math
import sys
from typing import TYPE_CHECKING, Any

import attrs

from firecrawl_interact.cli.output import json_line, table
from firecrawl_interact.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firecrawl_interact.testing.leak_lab.report import Row

HELP = "count the sessions that a client leaves behind when things go wrong"
HEADERS = (
    "group",
    "passed",
    "leaks",
    "sessions left",
    "of these tolerated",
    "wrong endings",
    "harmed others",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--adapter",
        default="sdk",
        metavar="MODULE:FUNCTION",
        help="what opens sessions: sdk (this package, the default), naive (bare aiohttp), firecrawl_py, "
        "anchorbrowser, or a function of yours",
    )
    parser.add_argument(
        "--dialect",
        choices=("firecrawl", "anchor", "both"),
        default="both",
        help="whose API the provider speaks (default: both)",
    )
    parser.add_argument(
        "--loop",
        choices=("asyncio", "uvloop"),
        default="asyncio",
        help="kind of event loop (default: asyncio)",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="run a group or a scenario alone; may be repeated",
    )
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        type=_option,
        metavar="NAME=JSON",
        help="passed to the adapter, such as guardian=false; may be repeated",
    )
    parser.add_argument(
        "--fast", action="store_true", help="run only the quick scenarios, about one in seven"
    )
    parser.add_argument(
        "--at-once", type=_count, default=4, metavar="N", help="scenarios side by side (default: 4)"
    )
    parser.add_argument(
        "--patience",
        type=_seconds,
        metavar="SECONDS",
        help="wait no longer than this for what a program left to be ended; for clients that leave much",
    )
    parser.add_argument("--list", action="store_true", help="name the scenarios and run none")
    parser.add_argument("--json", action="store_true", help="print JSON lines: a verdict each, then the sums")


def run(args: argparse.Namespace) -> int:
    """
    Run the lab; 1 if something leaked or ended wrongly.

    Raises:
        UsageError: There is no such scenario, or the adapter cannot be used.
    """
    from firecrawl_interact.testing.leak_lab import adapters, report, runner
    from firecrawl_interact.testing.leak_lab.scenario import DIALECTS, Verdict

    dialects = DIALECTS if args.dialect == "both" else (args.dialect,)
    adapter: str = adapters.BUILT_IN.get(args.adapter) or args.adapter
    own = adapter == adapters.BUILT_IN["sdk"]
    try:
        chosen = runner.cases(dialects=dialects, loop=args.loop, only=args.only, fast=args.fast, own=own)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if args.list:
        for case in chosen:
            print(f"{case.scenario.group}/{case.scenario.name} [{case.dialect}, {case.loop}]")
        return 0

    if args.adapter in adapters.VENDORS:
        _check_vendor(args.adapter, dialects)
    try:
        runner.check_adapter(adapter)
    except ValueError as error:
        raise UsageError(str(error)) from error

    def show(verdict: Verdict) -> None:
        if args.json:
            print(json_line(report.as_json(verdict)), flush=True)
        elif not verdict.passed:
            print(report.failure(verdict), file=sys.stderr, flush=True)

    running = runner.run(
        chosen,
        adapter=adapter,
        options=dict(args.option),
        at_once=args.at_once,
        patience=args.patience,
        on_verdict=show,
    )
    verdicts = asyncio.run(running)
    rows = report.rows(verdicts)
    if args.json:
        print(json_line({"groups": [attrs.asdict(row) for row in rows]}))
    else:
        print(table(HEADERS, [_cells(row) for row in rows]))
    return 0 if all(verdict.passed for verdict in verdicts) else 1


def _check_vendor(name: str, dialects: Sequence[str]) -> None:
    from firecrawl_interact.testing.leak_lab.adapters import VENDORS

    dialect, module = VENDORS[name]
    if list(dialects) != [dialect]:
        raise UsageError(f"The adapter {name} is for --dialect {dialect} only.")
    if importlib.util.find_spec(module) is None:
        raise UsageError(f"The adapter {name} needs {module}, which is not installed.")


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    decoded = None
    try:
        decoded = json.loads(value)
    except ValueError:
        name = ""  # Neither half is of use without the other.
    if not name.isidentifier():
        raise argparse.ArgumentTypeError(f"must be NAME=JSON, such as guardian=false, not {text!r}")
    return name, decoded


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a finite number of seconds above 0, not {text!r}")
    return number


def _cells(row: Row) -> tuple[object, ...]:
    passed = f"{row.passed}/{row.trials}"
    return (row.name, passed, row.leaks, row.left, row.tolerated, row.wrong, row.harmed)
