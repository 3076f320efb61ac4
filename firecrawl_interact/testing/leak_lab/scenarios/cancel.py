"""Scenarios of cancellation inside one loop: tasks, time limits, task groups, anyio's scopes."""

from __future__ import annotations

from firecrawl_interact.server.faults.rules import Action, Rule
from firecrawl_interact.testing.leak_lab.scenario import (
    BODY,
    CANCELLED,
    EXIT,
    GROUP,
    NOTHING,
    TIMEOUT,
    Scenario,
)

CREATE_HELD = Rule(on="create", do=Action.HOLD)
CREATES_HELD = Rule(on="create", do=Action.HOLD, times=None)
DELETE_HELD = Rule(on="delete", do=Action.HOLD)
SECOND_CREATE_SLOW = Rule(on="create", do=Action.DELAY, seconds=1.5, nth=2)
DELETE_SLOW = Rule(on="delete", do=Action.DELAY, seconds=1.0)
DELETE_503 = Rule(on="delete", do=Action.STATUS, status=503, body='{"success": false, "error": "Later."}')

IN_CREATE = {"event": "create.received"}
IN_DELETE = {"event": "delete.received"}
INSIDE = {"event": "mark.inside"}

SCENARIOS = (
    Scenario(name="ok", group="plain", body="plain:once", fast=True),
    Scenario(name="body_raises", group="plain", body="plain:raising", raises=(BODY,)),
    Scenario(name="body_exits", group="plain", body="plain:exiting", raises=(EXIT,)),
    Scenario(name="ten_in_turn", group="plain", body="plain:in_turn", args={"count": 10}, posts=10),
    Scenario(name="thirty_at_once", group="plain", body="plain:at_once", args={"count": 30}, posts=30),
    Scenario(name="nested_raises", group="plain", body="plain:nested", raises=(BODY,), posts=2),
    # --- one task is cancelled -----------------------------------------------------------
    Scenario(name="cancel_in_body", group="cancel", body="cancel:in_body", raises=(CANCELLED,), fast=True),
    Scenario(
        name="cancel_in_create",
        group="cancel",
        body="cancel:at",
        args=IN_CREATE,
        rules=(CREATE_HELD,),
        raises=(CANCELLED,),
        fast=True,
    ),
    Scenario(
        name="cancel_in_create_twice",
        group="cancel",
        body="cancel:at",
        args=IN_CREATE | {"times": 2},
        rules=(CREATE_HELD,),
        raises=(CANCELLED,),
    ),
    Scenario(
        name="cancel_in_hung_create",
        group="cancel",
        body="cancel:at",
        args=IN_CREATE | {"release": False},
        rules=(CREATES_HELD,),
        raises=(CANCELLED,),
        within=14.0,  # A time limit must mean something: 5 s, 5 s for the end of the loop, and the way home.
    ),
    Scenario(
        name="cancel_in_slow_create",
        group="cancel",
        body="cancel:at",
        # The statement does not wait that long; whoever goes on must end what comes.
        args=IN_CREATE | {"release": False, "then": "delete.done"},
        rules=(Rule(on="create", do=Action.DELAY, seconds=6.5),),
        raises=(CANCELLED,),
    ),
    Scenario(
        name="cancel_in_delete",
        group="cancel",
        body="cancel:at",
        args=IN_DELETE,
        rules=(DELETE_HELD,),
        raises=(CANCELLED,),
        fast=True,
    ),
    Scenario(
        name="cancel_in_delete_twice",
        group="cancel",
        body="cancel:at",
        args=IN_DELETE | {"times": 2},
        rules=(DELETE_HELD,),
        raises=(CANCELLED,),
    ),
    Scenario(
        name="cancel_in_backoff",
        group="cancel",
        body="cancel:at",
        args={"event": "delete.answered"},
        rules=(DELETE_503,),
        raises=(CANCELLED,),
    ),
    Scenario(
        name="cancel_in_body_then_in_delete",
        group="cancel",
        body="cancel:in_body_then_end",
        rules=(DELETE_HELD,),
        raises=(CANCELLED,),
    ),
    Scenario(
        name="storm_in_create",
        group="cancel",
        body="cancel:storm",
        args=IN_CREATE,
        rules=(CREATE_HELD,),
        raises=(CANCELLED,),
        fast=True,
    ),
    Scenario(
        name="storm_in_delete",
        group="cancel",
        body="cancel:storm",
        args=IN_DELETE,
        rules=(DELETE_HELD,),
        raises=(CANCELLED,),
    ),
    Scenario(
        name="sweep_over_forty_moments",
        group="cancel",
        body="cancel:sweep",
        raises=(CANCELLED, NOTHING),
        posts=None,
        fast=True,
    ),
    Scenario(
        name="thirty_cancelled_while_opening",
        group="cancel",
        body="cancel:many_opening",
        rules=(CREATES_HELD,),
        raises=(CANCELLED,),
        posts=30,
    ),
    Scenario(name="cancel_before_start", group="cancel", body="cancel:before_start", posts=0),
    Scenario(
        name="cancel_answered_by_error", group="cancel", body="cancel:answered_by_error", raises=(BODY,)
    ),
    Scenario(name="cancel_swallowed_in_body", group="cancel", body="cancel:swallowed"),
    # --- time limits and task groups -----------------------------------------------------
    Scenario(
        name="timeout_in_body",
        group="scopes",
        body="scopes:expiring",
        args=INSIDE,
        raises=(TIMEOUT,),
        fast=True,
    ),
    Scenario(
        name="timeout_in_create",
        group="scopes",
        body="scopes:expiring",
        args=IN_CREATE,
        rules=(CREATE_HELD,),
        raises=(TIMEOUT,),
    ),
    Scenario(
        name="timeout_in_delete",
        group="scopes",
        body="scopes:expiring",
        args=IN_DELETE,
        rules=(DELETE_HELD,),
        raises=(TIMEOUT,),
    ),
    Scenario(
        name="timeouts_nested",
        group="scopes",
        body="scopes:expiring",
        args=IN_CREATE | {"depth": 3},
        rules=(CREATE_HELD,),
        raises=(TIMEOUT,),
    ),
    Scenario(
        name="timeout_over_already",
        group="scopes",
        body="scopes:at_once",
        raises=(TIMEOUT,),
        posts=None,
    ),
    Scenario(
        name="wait_for_in_create",
        group="scopes",
        body="scopes:wait_for",
        rules=(SECOND_CREATE_SLOW,),
        raises=(NOTHING, TIMEOUT),
        posts=2,
    ),
    Scenario(
        name="sibling_fails_in_body",
        group="scopes",
        body="scopes:sibling_fails",
        args=INSIDE,
        raises=(GROUP,),
    ),
    Scenario(
        name="sibling_fails_in_create",
        group="scopes",
        body="scopes:sibling_fails",
        args=IN_CREATE,
        rules=(CREATE_HELD,),
        raises=(GROUP,),
        fast=True,
    ),
    Scenario(
        name="sibling_fails_in_delete",
        group="scopes",
        body="scopes:sibling_fails",
        args=IN_DELETE,
        rules=(DELETE_HELD,),
        raises=(GROUP,),
    ),
    Scenario(
        name="one_of_ten_fails",
        group="scopes",
        body="scopes:sibling_fails_among_many",
        raises=(GROUP,),
        posts=10,
    ),
    Scenario(
        name="uncancelled_by_canceller",
        group="scopes",
        body="scopes:uncancelled",
        raises=(CANCELLED, NOTHING),
        posts=2,
    ),
    Scenario(name="gather_fails", group="scopes", body="scopes:gather_fails", raises=(BODY,)),
    # --- anyio ----------------------------------------------------------------------------
    Scenario(
        name="scope_in_body",
        group="anyio",
        body="levels:scope",
        args=INSIDE,
        raises=(CANCELLED,),
        needs=("anyio",),
    ),
    Scenario(
        name="scope_in_create",
        group="anyio",
        body="levels:scope",
        args=IN_CREATE,
        rules=(CREATE_HELD,),
        raises=(CANCELLED,),
        needs=("anyio",),
        fast=True,
    ),
    Scenario(
        name="scope_in_delete",
        group="anyio",
        body="levels:scope",
        args=IN_DELETE,
        rules=(DELETE_HELD,),
        raises=(CANCELLED,),
        needs=("anyio",),
    ),
    Scenario(
        name="fail_after_in_create",
        group="anyio",
        body="levels:fail_after",
        rules=(SECOND_CREATE_SLOW,),
        raises=(NOTHING, TIMEOUT),
        posts=2,
        needs=("anyio",),
    ),
    Scenario(
        name="group_of_five",
        group="anyio",
        body="levels:group",
        raises=(CANCELLED,),
        posts=5,
        needs=("anyio",),
    ),
    Scenario(
        name="scope_and_native",
        group="anyio",
        body="levels:both",
        rules=(CREATE_HELD,),
        raises=(CANCELLED,),
        needs=("anyio",),
    ),
    Scenario(
        name="no_spin_while_waiting",
        group="anyio",
        body="levels:idle",
        rules=(DELETE_SLOW,),
        raises=(CANCELLED,),
        needs=("anyio",),
    ),
)
