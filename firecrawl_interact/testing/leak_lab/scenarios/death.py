"""Scenarios of signals and deaths: of the process, of its children, of the machine."""

from __future__ import annotations

from firecrawl_interact.server.faults.rules import Action, Rule
from firecrawl_interact.testing.leak_lab.scenario import (
    CANCELLED,
    FIRECRAWL,
    INTERRUPT,
    NOTHING,
    Scenario,
    Step,
)
from firecrawl_interact.testing.leak_lab.scenarios.cancel import (
    CREATE_HELD,
    DELETE_HELD,
    IN_CREATE,
    INSIDE,
)
from firecrawl_interact.testing.leak_lab.scenarios.loops import ABANDONED

ENDINGS = (CANCELLED, INTERRUPT, NOTHING)  # What a Ctrl-C becomes depends on where it strikes.
NO_MARK = {FIRECRAWL: "the answer died with the process, and a list there shows no mark"}
AGAIN = 0.2  # Seconds between two presses of Ctrl-C: signals that come closer melt into one.

DELETE_HELD_ONCE = Rule(on="delete", do=Action.HOLD, times=1)


def _interrupts(count: int, **where: object) -> tuple[Step, ...]:
    """Press Ctrl-C at an event, several times."""
    return tuple(Step(do="INT", gap=AGAIN * (number > 0), **where) for number in range(count))  # type: ignore[arg-type]


CTRL_C = (
    Scenario(
        name="interrupt_in_body",
        group="ctrl-c",
        body="cancel:holding",
        steps=_interrupts(1),
        raises=ENDINGS,
        fast=True,
    ),
    Scenario(
        name="interrupt_in_create",
        group="ctrl-c",
        body="plain:once",
        rules=(CREATE_HELD,),
        steps=(
            *_interrupts(1, after="create.received"),
            Step(do="release", after="create.received", gap=AGAIN),
        ),
        raises=ENDINGS,
    ),
    Scenario(
        name="interrupt_in_delete",
        group="ctrl-c",
        body="plain:once",
        rules=(DELETE_HELD,),
        steps=(
            *_interrupts(1, after="delete.received"),
            Step(do="release", after="delete.received", gap=AGAIN),
        ),
        raises=ENDINGS,
    ),
    Scenario(
        name="interrupt_twice_in_body",
        group="ctrl-c",
        body="cancel:holding",
        rules=(DELETE_HELD_ONCE,),
        steps=(
            *_interrupts(1),
            *_interrupts(2, after="delete.received"),
            Step(do="release", after="delete.received", gap=AGAIN),
        ),
        raises=ENDINGS,
        noise=ABANDONED,
        fast=True,
    ),
    Scenario(
        name="interrupt_twice_in_create",
        group="ctrl-c",
        body="plain:once",
        rules=(CREATE_HELD,),
        steps=(
            *_interrupts(2, after="create.received"),
            Step(do="release", after="create.received", gap=AGAIN),
        ),
        raises=ENDINGS,
        noise=ABANDONED,
    ),
    Scenario(
        name="interrupt_five_times_in_body",
        group="ctrl-c",
        body="cancel:holding",
        rules=(DELETE_HELD_ONCE,),
        steps=(*_interrupts(5), Step(do="release", gap=AGAIN)),
        raises=ENDINGS,
        noise=ABANDONED,
    ),
    Scenario(
        name="interrupt_five_times_in_delete",
        group="ctrl-c",
        body="plain:once",
        rules=(DELETE_HELD_ONCE,),
        steps=(*_interrupts(5, after="delete.received"), Step(do="release", gap=AGAIN)),
        raises=ENDINGS,
        noise=ABANDONED,
    ),
    Scenario(
        name="interrupt_to_group",
        group="ctrl-c",
        body="cancel:holding",
        steps=(Step(do="INT", to="group"),),
        raises=ENDINGS,
    ),
    Scenario(
        name="interrupt_with_hundred_open",
        group="ctrl-c",
        body="death:many_holding",
        args={"count": 100},
        steps=(Step(do="INT", count=100),),
        raises=ENDINGS,
        posts=100,
    ),
)

DEATH = (
    *(
        Scenario(
            name=f"{name.lower()}_in_body",
            group="death",
            body="cancel:holding",
            steps=(Step(do=name),),
            fast=name == "KILL",
        )
        for name in ("KILL", "TERM", "HUP", "QUIT")
    ),
    Scenario(
        name="kill_to_group",
        group="death",
        body="cancel:holding",
        steps=(Step(do="KILL", to="group"),),
    ),
    Scenario(
        name="kill_in_create",
        group="death",
        body="plain:once",
        rules=(CREATE_HELD,),
        steps=(Step(do="KILL", after="create.received"), Step(do="release", after="create.received")),
        tolerates=NO_MARK,
        settle=12.0,  # The helper looks for the mark for 10 s.
    ),
    Scenario(
        name="kill_in_relayed_create",
        group="death",
        body="plain:once",
        options={"relay": True},  # The helper process sends the create, and hears the answer.
        rules=(CREATE_HELD,),
        steps=(Step(do="KILL", after="create.received"), Step(do="release", after="create.received")),
    ),
    Scenario(
        name="kill_in_drain",
        group="death",
        body="cancel:holding",
        rules=(DELETE_HELD,),
        steps=(Step(do="INT"), Step(do="KILL", after="delete.received")),
        raises=ENDINGS,
    ),
    Scenario(
        name="kill_after_helper_was_killed",
        group="death",
        body="cancel:holding",
        steps=(Step(do="KILL", to="helpers"), Step(do="KILL", gap=1.0)),
    ),
    Scenario(
        name="kill_after_helper_was_killed_between_two",
        group="death",
        body="death:another",
        steps=(
            Step(do="KILL", to="helpers", after="mark.first"),
            Step(do="mark", after="mark.first"),
            Step(do="KILL"),
        ),
        posts=2,
    ),
    Scenario(
        name="kill_in_delete",
        group="death",
        body="plain:once",
        rules=(Rule(on="delete", do=Action.DROP),),
        steps=(Step(do="KILL", after="delete.received"),),
    ),
    Scenario(
        name="kill_after_refused_delete",
        group="death",
        body="plain:once",
        rules=(Rule(on="delete", do=Action.STATUS, status=503, times=2),),
        steps=(Step(do="KILL", after="delete.answered"),),
        settle=8.0,
    ),
    *(
        Scenario(name=name, group="death", body="death:suicide", args={"by": by}, noise=("Fatal Python",))
        for name, by in (
            ("os_exit", "_exit"),
            ("abort", "abort"),
            ("segmentation_fault", "segfault"),
            ("exec", "exec"),
        )
    ),
    Scenario(
        name="kill_while_fork_lives",
        group="death",
        body="death:fork_outlives",
        steps=(Step(do="KILL"),),
        fast=True,
    ),
    Scenario(
        name="kill_during_outage",
        group="death",
        body="cancel:holding",
        steps=(Step(do="outage", seconds=1.2), Step(do="KILL", after="outage.begun")),
        settle=10.0,
    ),
    Scenario(
        name="kill_with_hundred_open",
        group="death",
        body="death:many_holding",
        args={"count": 100},
        steps=(Step(do="KILL", count=100),),
        posts=100,
        settle=10.0,
    ),
    Scenario(
        name="term_cancels_all_in_body",
        group="death",
        body="death:term_cancels_all",
        args=INSIDE,
        steps=(Step(do="TERM"),),
        raises=(CANCELLED,),
    ),
    Scenario(
        name="term_cancels_all_in_create",
        group="death",
        body="death:term_cancels_all",
        args=IN_CREATE,
        rules=(CREATE_HELD,),
        steps=(Step(do="TERM", after="create.received"),),
        raises=(CANCELLED,),
    ),
)

HARM = (
    Scenario(
        name="stopped_owner_keeps_its_session",
        group="harm",
        body="death:paused",
        steps=(
            Step(do="STOP"),
            Step(do="alive", gap=1.5),
            Step(do="CONT"),
            Step(do="mark"),
        ),
        fast=True,
    ),
    Scenario(
        name="neighbour_keeps_its_session",
        group="harm",
        body="death:paused",
        steps=(Step(do="neighbour"), Step(do="alive"), Step(do="mark")),
        posts=2,
    ),
    Scenario(name="forks_end_nothing", group="harm", body="death:fork_exits"),
    Scenario(name="fork_ends_its_own_only", group="harm", body="death:fork_works", posts=2),
    Scenario(name="subprocess_ends_nothing", group="harm", body="death:subprocess_ends"),
    Scenario(name="session_ended_elsewhere", group="harm", body="plain:ended_elsewhere"),
)

RESTART = (
    Scenario(
        name="restart_after_container_kill",
        group="restart",
        body="cancel:holding",
        steps=(Step(do="KILL", to="tree"),),
        then="plain:once",
        posts=2,
        fast=True,
    ),
    Scenario(
        name="restart_after_container_kill_with_twenty",
        group="restart",
        body="death:many_holding",
        args={"count": 20},
        steps=(Step(do="KILL", to="tree", count=20),),
        then="plain:once",
        posts=21,
    ),
    Scenario(
        name="restart_after_container_kill_in_create",
        group="restart",
        body="plain:once",
        rules=(CREATE_HELD,),
        steps=(
            Step(do="KILL", to="tree", after="create.received"),
            Step(do="release", after="create.received"),
        ),
        then="plain:once",
        posts=2,
        tolerates=NO_MARK,
    ),
)

SCENARIOS = (*CTRL_C, *DEATH, *HARM, *RESTART)
