"""Scenarios of other ways to a session than a plain create."""

from __future__ import annotations

from typing import Any

from firecrawl_interact.server.faults.rules import Action, Rule, When
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

LOOK_HELD = Rule(on="other", do=Action.HOLD)  # At what became of an asynchronous start.
LOOKS_HELD = Rule(on="other", do=Action.HOLD, times=None)
IN_LOOK = {"event": "other.received"}

HEDGE: dict[str, Any] = {"way": "hedge", "hedge": 0.05}
FIRST_SLOW = Rule(on="create", do=Action.DELAY, seconds=0.6)
NO_MARK_IN_EITHER = dict.fromkeys((FIRECRAWL, ANCHOR), NO_MARK[FIRECRAWL])


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

SCENARIOS = (*ASYNC, *HEDGED, *HAND_OVER)
