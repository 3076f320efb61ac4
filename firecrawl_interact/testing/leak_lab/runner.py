"""Runner: choose scenarios and run them side by side."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import aiohttp

from firecrawl_interact.testing.leak_lab import processes, provider
from firecrawl_interact.testing.leak_lab.scenario import DIALECTS, Scenario, Verdict
from firecrawl_interact.testing.leak_lab.scenarios import SCENARIOS
from firecrawl_interact.testing.leak_lab.trial import Case, Trial

AT_ONCE = 4  # Scenarios side by side: most of their time is waiting.

_EAGER_FROM = (3, 12)


def cases(
    *,
    dialects: Sequence[str] = DIALECTS,
    loop: str = "asyncio",
    only: Iterable[str] = (),
    fast: bool = False,
    own: bool = True,
) -> list[Case]:
    """
    Choose what to run; what this interpreter cannot run is left out.

    Args:
        dialects: Whose wires to speak.

        loop: Kind of loop, for scenarios that are not about one.

        only: Names of groups or scenarios; none means all.

        fast: Only those of the short run.

        own: Also those that only this package can be tried on.

    Raises:
        ValueError: A name is neither a group's nor a scenario's.
    """
    wanted = set(only)
    known = {name for scenario in SCENARIOS for name in (scenario.name, scenario.group)}
    if unknown := sorted(wanted - known):
        raise ValueError(f"There is no group or scenario named {', '.join(unknown)}.")
    return [
        Case(scenario=scenario, dialect=dialect, loop=scenario.loop or loop)
        for scenario in SCENARIOS
        for dialect in dialects
        if (not wanted or {scenario.name, scenario.group} & wanted)
        and dialect in scenario.dialects
        and (scenario.fast or not fast)
        and (own or not scenario.own)
        and _runs_here(scenario)
    ]


def check_adapter(adapter: str) -> None:
    """
    Import an adapter once, as each worker will: in a process of its own, from the working folder.

    Raises:
        ValueError: That failed; the text holds the error.
    """
    program = "import sys; from firecrawl_interact.testing.leak_lab.worker import load; load(sys.argv[1])"
    done = subprocess.run(  # noqa: S603 - the caller's own adapter
        [sys.executable, "-c", program, adapter], capture_output=True, text=True, check=False
    )
    if done.returncode:
        *_, reason = done.stderr.splitlines() or ["it ended the interpreter"]
        raise ValueError(f"The adapter {adapter!r} cannot be imported: {reason}")


async def run(
    chosen: Sequence[Case],
    *,
    adapter: str,
    options: Mapping[str, Any] | None = None,
    at_once: int = AT_ONCE,
    patience: float | None = None,
    on_verdict: Callable[[Verdict], None] | None = None,
) -> list[Verdict]:
    """
    Run cases, several side by side, and return their verdicts in the same order.

    Args:
        chosen: What to run, from `cases`.

        adapter: ``module:attribute`` of what opens sessions.

        options: Passed to it, besides the scenario's own, which go first.

        at_once: How many run at the same time.

        patience: Most seconds to wait, after a program's end, for what it left to be ended;
            None means what each scenario grants.

        on_verdict: Called with each verdict as it falls.
    """
    places = asyncio.Semaphore(at_once)
    async with provider.running() as origin, aiohttp.ClientSession() as client:

        async def one(case: Case) -> Verdict:
            async with places:
                verdict = await Trial(
                    case=case,
                    adapter=adapter,
                    options=options or {},
                    patience=patience,
                    origin=origin,
                    client=client,
                ).run()
            if on_verdict is not None:
                on_verdict(verdict)
            return verdict

        async with asyncio.TaskGroup() as group:
            running = [group.create_task(one(case)) for case in chosen]
    return [task.result() for task in running]


def _runs_here(scenario: Scenario) -> bool:
    if scenario.eager and sys.version_info < _EAGER_FROM:
        return False
    if any(step.to in {"helpers", "tree"} for step in scenario.steps) and not processes.KNOWS_FAMILIES:
        return False
    return all(importlib.util.find_spec(module) is not None for module in scenario.needs)
