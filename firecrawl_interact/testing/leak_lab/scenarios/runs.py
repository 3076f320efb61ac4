"""Scenarios of runs: code in a session, and in a scraped page."""

from __future__ import annotations

from typing import Any

from firecrawl_interact.server.faults.rules import Action, Rule, When
from firecrawl_interact.testing.leak_lab.scenario import BODY, CANCELLED, ERROR, FIRECRAWL, Scenario, Step
from firecrawl_interact.testing.leak_lab.scenarios.death import ENDINGS

RUN_HELD = Rule(on="run", do=Action.HOLD)
RUN_HELD_WITH_BROWSER = Rule(on="run", do=Action.HOLD, when=When.AFTER)
RUNS_HELD_WITH_BROWSER = Rule(on="run", do=Action.HOLD, when=When.AFTER, times=None)
IN_RUN = {"event": "run.received"}

EXECUTE_HELD = Rule(on="execute", do=Action.HOLD)
EXECUTES_HELD = Rule(on="execute", do=Action.HOLD, times=None)
IN_EXECUTE = {"event": "execute.received"}


def _execute(name: str, **other: Any) -> Scenario:
    return Scenario(name=f"execute_{name}", group="execute", own=True, **other)


def _scrape(name: str, **other: Any) -> Scenario:
    options = {"way": "scrape", **other.pop("options", {})}
    return Scenario(
        name=f"scrape_{name}",
        group="scrape",
        own=True,
        options=options,
        dialects=(FIRECRAWL,),
        posts=other.pop("posts", 0),
        **other,
    )


EXECUTE = (
    _execute("ok", body="ways:running", fast=True),
    _execute("then_raises", body="ways:raising", raises=(BODY,)),
    _execute(
        "cancelled",
        body="ways:cancelled",
        args=IN_EXECUTE,
        rules=(EXECUTE_HELD,),
        raises=(CANCELLED,),
        fast=True,
    ),
    _execute(
        "cancelled_twice",
        body="ways:cancelled",
        args=IN_EXECUTE | {"times": 2},
        rules=(EXECUTE_HELD,),
        raises=(CANCELLED,),
    ),
    _execute(
        "hung_and_cancelled",
        body="ways:cancelled",
        args=IN_EXECUTE | {"release": False},
        rules=(EXECUTES_HELD,),
        raises=(CANCELLED,),
        within=12.0,
    ),
    _execute("in_scopes", body="ways:in_scope", rules=(EXECUTES_HELD,), needs=("anyio",)),
    _execute(
        "answer_lost",
        body="ways:running",
        rules=(Rule(on="execute", do=Action.DROP, when=When.AFTER),),
        raises=(ERROR,),
        error="TransportError",
    ),
    _execute(
        "answer_of_a_proxy",
        body="ways:running",
        rules=(Rule(on="execute", do=Action.HTML, status=502),),
        raises=(ERROR,),
        error="ServerError",
    ),
    _execute(
        "over_meanwhile",
        body="ways:over_meanwhile",
        rules=(EXECUTE_HELD,),
        raises=(ERROR,),
        error="SessionGoneError",
    ),
    _execute(
        "interrupted",
        body="ways:running",
        rules=(EXECUTE_HELD,),
        steps=(
            Step(do="INT", after="execute.received"),
            Step(do="release", after="execute.received", gap=0.2),
        ),
        raises=ENDINGS,
    ),
    _execute(
        "killed",
        body="ways:running",
        rules=(EXECUTES_HELD,),
        steps=(Step(do="KILL", after="execute.received"),),
    ),
)

SCRAPE = (
    _scrape("ok", body="ways:running", fast=True),
    _scrape("left_unused", body="plain:once"),
    _scrape("then_raises", body="ways:raising", raises=(BODY,)),
    _scrape("eight_first_runs", body="ways:running_at_once", args={"count": 8}),
    *(
        _scrape(
            f"cancelled_{moment}",
            body="ways:cancelled",
            args=IN_RUN | {"times": times},
            rules=(rule,),
            raises=(CANCELLED,),
        )
        for moment, rule, times in (
            ("before_the_browser", RUN_HELD, 1),
            ("with_the_browser", RUN_HELD_WITH_BROWSER, 1),
            ("twice", RUN_HELD, 2),
        )
    ),
    _scrape(
        "hung_and_cancelled",
        body="ways:cancelled",
        args=IN_RUN | {"release": False},
        rules=(RUNS_HELD_WITH_BROWSER,),
        raises=(CANCELLED,),
        within=20.0,
    ),
    _scrape("in_scopes", body="ways:in_scope", rules=(RUN_HELD_WITH_BROWSER,), needs=("anyio",)),
    _scrape(
        "answer_lost",
        body="ways:running",
        rules=(Rule(on="run", do=Action.DROP, when=When.AFTER),),
        raises=(ERROR,),
        error="TransportError",
        fast=True,
    ),
    _scrape(
        "answer_of_a_proxy",
        body="ways:running",
        rules=(Rule(on="run", do=Action.HTML, status=502, when=When.AFTER),),
        raises=(ERROR,),
        error="ServerError",
    ),
    _scrape("stop_503_once", body="ways:running", rules=(Rule(on="stop", do=Action.STATUS, status=503),)),
    _scrape(
        "stop_answer_lost", body="ways:running", rules=(Rule(on="stop", do=Action.DROP, when=When.AFTER),)
    ),
    _scrape(
        "interrupted",
        body="ways:running",
        rules=(RUN_HELD_WITH_BROWSER,),
        steps=(Step(do="INT", after="run.received"), Step(do="release", after="run.received", gap=0.2)),
        raises=ENDINGS,
    ),
    _scrape("killed_after_its_run", body="ways:staying", steps=(Step(do="KILL"),), fast=True),
    _scrape(
        "killed_with_the_browser",
        body="ways:staying",
        rules=(RUN_HELD_WITH_BROWSER,),
        steps=(Step(do="KILL", after="browser.started"),),
    ),
    _scrape(
        "killed_before_the_browser",
        body="ways:staying",
        rules=(RUN_HELD,),
        # The browser comes when nobody is left who has asked for it.
        steps=(Step(do="KILL", after="run.received"), Step(do="release", after="stop.answered", gap=0.2)),
        settle=10.0,
    ),
    _scrape(
        "killed_with_its_guardian",
        body="ways:staying",
        steps=(Step(do="KILL", to="tree"),),
        then="ways:running",
        posts=0,
    ),
)

SCENARIOS = (*EXECUTE, *SCRAPE)
