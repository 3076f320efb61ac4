"""Scenarios of event loops: stopped, abandoned, several of them, uvloop's, eager ones."""

from __future__ import annotations

from typing import Any

import attrs

from firecrawl_interact.testing.leak_lab.scenario import (
    CANCELLED,
    CLOSED,
    EXIT,
    INTERRUPT,
    NOTHING,
    Scenario,
    Step,
)
from firecrawl_interact.testing.leak_lab.scenarios import cancel
from firecrawl_interact.testing.leak_lab.scenarios.cancel import (
    CREATE_HELD,
    DELETE_HELD,
    IN_CREATE,
    IN_DELETE,
    INSIDE,
)

# What Python itself says about a loop that was abandoned with work on it.
ABANDONED = (
    "Task was destroyed",
    "unclosed event loop",
    "Unclosed",
    "unclosed transport",
    "unclosed resource",
    "was never awaited",
)
RELEASE = Step(do="release", after="mark.leaving", gap=0.1)

LOOPS = (
    Scenario(
        name="stray_task_inside",
        group="loops",
        body="loops:stray_task",
        args=INSIDE,
        raises=(CANCELLED,),
        fast=True,
    ),
    Scenario(
        name="stray_task_creating",
        group="loops",
        body="loops:stray_task",
        args=IN_CREATE,
        rules=(CREATE_HELD,),
        steps=(RELEASE,),
        raises=(CANCELLED,),
    ),
    Scenario(
        name="stray_task_deleting",
        group="loops",
        body="loops:stray_task",
        args=IN_DELETE,
        rules=(DELETE_HELD,),
        steps=(RELEASE,),
        raises=(CANCELLED,),
    ),
    Scenario(
        name="all_tasks_cancelled_in_create",
        group="loops",
        body="loops:cancel_all",
        rules=(CREATE_HELD,),
        raises=(CANCELLED,),
    ),
    Scenario(name="generator_left_half_way", group="loops", body="loops:generator_kept", fast=True),
    Scenario(name="generator_dropped", group="loops", body="loops:generator_dropped"),
    Scenario(name="never_left", group="loops", body="loops:never_left"),
    Scenario(
        name="never_left_and_dropped",
        group="loops",
        body="loops:never_left",
        args={"drop": True},
        noise=("ResourceWarning",),  # The client is expected to complain.
    ),
    Scenario(
        name="loop_stopped_and_closed",
        group="loops",
        body="loops:stopped",
        raises=(CLOSED,),
        noise=ABANDONED,
        fast=True,
    ),
    Scenario(
        name="loop_never_closed", group="loops", body="loops:never_closed", raises=(CLOSED,), noise=ABANDONED
    ),
    Scenario(name="daemon_thread", group="loops", body="loops:daemon_thread", noise=ABANDONED),
    Scenario(name="three_threads", group="loops", body="loops:threads", posts=3),
    Scenario(name="three_runs", group="loops", body="loops:three_runs", posts=3),
    Scenario(name="entered_and_left_in_two_calls", group="loops", body="loops:two_calls"),
    Scenario(
        name="exit_in_callback",
        group="loops",
        body="loops:exit_in_callback",
        raises=(EXIT, CANCELLED),
    ),
)


def _elsewhere(group: str, names: tuple[str, ...], **changes: Any) -> tuple[Scenario, ...]:
    """Take scenarios over into another group, under another loop."""
    known = {scenario.name: scenario for scenario in (*cancel.SCENARIOS, *LOOPS)}
    return tuple(
        attrs.evolve(known[name], name=f"{group}_{name}", group=group, fast=False, **changes)
        for name in names
    )


UVLOOP = (
    *_elsewhere(
        "uvloop",
        (
            "cancel_in_body",
            "cancel_in_create",
            "cancel_in_delete",
            "storm_in_create",
            "sibling_fails_in_create",
            "stray_task_creating",
            "generator_left_half_way",
            "loop_stopped_and_closed",
        ),
        loop="uvloop",
        needs=("uvloop",),
    ),
    Scenario(
        name="uvloop_interrupt_twice",
        group="uvloop",
        body="cancel:holding",
        rules=(DELETE_HELD,),
        steps=(
            Step(do="INT"),
            Step(do="INT", after="delete.received", gap=0.2),
            Step(do="release", after="delete.received", gap=0.2),
        ),
        raises=(CANCELLED, INTERRUPT, NOTHING),
        loop="uvloop",
        needs=("uvloop",),
    ),
)

EAGER = _elsewhere(
    "eager",
    (
        "ok",
        "cancel_in_body",
        "cancel_in_create",
        "cancel_in_delete",
        "storm_in_create",
        "timeout_in_create",
        "sibling_fails_in_create",
        "stray_task_inside",
    ),
    eager=True,
)

SCENARIOS = (*LOOPS, *UVLOOP, *EAGER)
