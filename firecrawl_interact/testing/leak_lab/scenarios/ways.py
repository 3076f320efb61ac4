"""Scenarios of other ways to a session than a plain create, and of runs in it."""

from __future__ import annotations

from typing import Any

from firecrawl_interact.server.fault_rules import Action, Rule, When
from firecrawl_interact.testing.leak_lab.scenario import (
    ANCHOR,
    BODY,
    CANCELLED,
    ERROR,
    FIRECRAWL,
    NOTHING,
    Scenario,
    Step,
)
from firecrawl_interact.testing.leak_lab.scenarios.cancel import CREATE_HELD, CREATES_HELD, IN_CREATE
from firecrawl_interact.testing.leak_lab.scenarios.death import ENDINGS, NO_MARK

RUN_HELD = Rule(on="run", do=Action.HOLD)
RUN_HELD_WITH_BROWSER = Rule(on="run", do=Action.HOLD, when=When.AFTER)
RUNS_HELD = Rule(on="run", do=Action.HOLD, times=None)
IN_RUN = {"event": "run.received"}

EXECUTE_HELD = Rule(on="execute", do=Action.HOLD)
EXECUTES_HELD = Rule(on="execute", do=Action.HOLD, times=None)
IN_EXECUTE = {"event": "execute.received"}

LOOK_HELD = Rule(on="other", do=Action.HOLD)  # At what became of an asynchronous start.
LOOKS_HELD = Rule(on="other", do=Action.HOLD, times=None)
IN_LOOK = {"event": "other.received"}

HEDGE = {"way": "hedge", "hedge": 0.05}
FIRST_SLOW = Rule(on="create", do=Action.DELAY, seconds=0.6)
NO_MARK_IN_EITHER = dict.fromkeys((FIRECRAWL, ANCHOR), NO_MARK[FIRECRAWL])


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


def _async_start(name: str, **other: Any) -> Scenario:
    options = {"way": "async", **other.pop("options", {})}
    return Scenario(
        name=f"async_{name}", group="async", own=True, options=options, dialects=(ANCHOR,), **other
    )


def _hedge(name: str, **other: Any) -> Scenario:
    options = other.pop("options", HEDGE)
    return Scenario(name=f"hedge_{name}", group="hedge", own=True, options=options, **other)


def _hand_over(name: str, **other: Any) -> Scenario:
    return Scenario(name=f"hand_over_{name}", group="hand-over", own=True, **other)


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
        rules=(Rule(on="run", do=Action.HOLD, when=When.AFTER, times=None),),
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

ASYNC = (
    _async_start("ok", body="plain:once", fast=True),
    _async_start("body_raises", body="plain:raising", raises=(BODY,)),
    _async_start(
        "cancelled_in_create", body="cancel:at", args=IN_CREATE, rules=(CREATE_HELD,), raises=(CANCELLED,)
    ),
    _async_start(
        "cancelled_in_a_look",
        body="cancel:at",
        args=IN_LOOK,
        rules=(LOOK_HELD,),
        raises=(CANCELLED,),
        fast=True,
    ),
    _async_start(
        "cancelled_in_hung_looks",
        body="cancel:at",
        args=IN_LOOK | {"release": False},
        rules=(LOOKS_HELD,),
        raises=(CANCELLED,),
        within=20.0,
    ),
    _async_start(
        "create_answer_lost",
        body="plain:once",
        rules=(Rule(on="create", do=Action.DROP, when=When.AFTER),),
        raises=(ERROR,),
        error="CreateUnknownError",
    ),
    _async_start(
        "looks_refused",
        body="plain:once",
        rules=(Rule(on="other", do=Action.STATUS, status=404, times=None),),
        raises=(ERROR,),
        error="CreateUnknownError",
    ),
    _async_start(
        "looks_lost",
        body="plain:once",
        options={"open_timeout": 1.5},
        rules=(Rule(on="other", do=Action.DROP, times=None),),
        raises=(ERROR,),
        error="CreateUnknownError",
    ),
    _async_start(
        "killed_in_create",
        body="plain:once",
        rules=(Rule(on="create", do=Action.HOLD, when=When.AFTER),),
        steps=(Step(do="KILL", after="browser.started"),),
    ),
    _async_start(
        "killed_in_a_look",
        body="plain:once",
        rules=(LOOKS_HELD,),
        steps=(Step(do="KILL", after="other.received"),),
        fast=True,
    ),
    _async_start(
        "interrupted_in_a_look",
        body="plain:once",
        rules=(LOOK_HELD,),
        steps=(Step(do="INT", after="other.received"), Step(do="release", after="other.received", gap=0.2)),
        raises=ENDINGS,
    ),
)

HEDGED = (
    _hedge("not_needed", body="plain:once", options=HEDGE | {"hedge": 5.0}),
    _hedge("needed", body="plain:once", rules=(FIRST_SLOW,), posts=2, fast=True),
    _hedge("needed_then_raises", body="plain:raising", rules=(FIRST_SLOW,), raises=(BODY,), posts=2),
    _hedge(
        "both_at_once",
        body="plain:once",
        rules=(
            Rule(on="create", do=Action.DELAY, seconds=0.3, nth=1),
            Rule(on="create", do=Action.DELAY, seconds=0.25, nth=2),
        ),
        posts=2,
    ),
    _hedge(
        "cancelled_with_both_held",
        body="cancel:at",
        args=IN_CREATE | {"count": 2},
        rules=(CREATES_HELD,),
        raises=(CANCELLED,),
        posts=2,
    ),
    _hedge(
        "cancelled_in_body",
        body="cancel:in_body",
        rules=(FIRST_SLOW,),
        raises=(CANCELLED,),
        posts=2,
    ),
    _hedge(
        "second_refused",
        body="plain:once",
        rules=(FIRST_SLOW, Rule(on="create", do=Action.STATUS, status=402, nth=2, body="{}")),
        posts=2,
    ),
    _hedge(
        "both_refused",
        body="plain:once",
        rules=(Rule(on="create", do=Action.STATUS, status=402, times=2, body="{}"),),
        raises=("group",),
        posts=2,
    ),
    _hedge(
        "first_lost",
        body="plain:once",
        rules=(
            Rule(on="create", do=Action.DELAY, seconds=0.3),
            Rule(on="create", do=Action.DROP, nth=1),
            Rule(on="create", do=Action.DELAY, seconds=0.6, nth=2),
        ),
        raises=(NOTHING, ERROR),
        posts=2,
    ),
    _hedge(
        "killed_in_body",
        body="cancel:holding",
        rules=(FIRST_SLOW,),
        steps=(Step(do="KILL", after="browser.ending"),),  # The loser's: both are known by then.
        posts=2,
    ),
    _hedge(
        "killed_with_both_under_way",
        body="plain:once",
        rules=(Rule(on="create", do=Action.HOLD, when=When.AFTER, times=None),),
        steps=(Step(do="KILL", after="browser.started", count=2),),
        tolerates=NO_MARK_IN_EITHER,
        posts=2,
    ),
    _hedge(
        "interrupted_with_both_under_way",
        body="plain:once",
        rules=(CREATES_HELD,),
        steps=(
            Step(do="INT", after="create.received", count=2),
            Step(do="release", after="create.received", count=2, gap=0.2),
        ),
        raises=ENDINGS,
        posts=2,
    ),
)

HAND_OVER = (
    _hand_over("in_one_process", body="ways:handed_on", fast=True),
    _hand_over("to_the_next_process", body="ways:handing_out", then="ways:taking_over"),
    _hand_over(
        "then_killed", body="ways:handed_on", args={"stay": True}, steps=(Step(do="KILL"),), fast=True
    ),
    _hand_over(
        "then_interrupted",
        body="ways:handed_on",
        args={"stay": True},
        steps=(Step(do="INT"),),
        raises=ENDINGS,
    ),
    _hand_over(
        "then_killed_with_its_guardian",
        body="ways:handed_on",
        args={"stay": True},
        steps=(Step(do="KILL", to="tree"),),
        then="plain:once",
        posts=2,
    ),
    _hand_over(
        "cancelled",
        body="ways:cancelled_taking",
        rules=(Rule(on="get", do=Action.HOLD),),
        raises=(CANCELLED, NOTHING),
    ),
    _hand_over("refused_while_owned", body="ways:taking_in_vain", raises=(ERROR,), error="UsageError"),
)

SCENARIOS = (*EXECUTE, *SCRAPE, *ASYNC, *HEDGED, *HAND_OVER)
