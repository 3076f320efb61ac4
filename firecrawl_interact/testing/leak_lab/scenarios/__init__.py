"""The catalogue of scenarios."""

from __future__ import annotations

from firecrawl_interact.testing.leak_lab.scenario import Scenario
from firecrawl_interact.testing.leak_lab.scenarios import answers, cancel, death, loops, runs, ways

SCENARIOS: tuple[Scenario, ...] = (
    *cancel.SCENARIOS,
    *loops.SCENARIOS,
    *death.SCENARIOS,
    *answers.SCENARIOS,
    *runs.SCENARIOS,
    *ways.SCENARIOS,
)
