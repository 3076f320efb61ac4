"""Jobs for the writer thread, and how their outcomes get back to those who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import attrs

from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.entry import Entry

if TYPE_CHECKING:
    from firecrawl_interact.ledger._store import Store


@attrs.define(eq=False)
class Job:
    """
    One thing to do on the thread.

    Attributes:
        waiter: Future of the loop that waits for it, or None.

        unwanted: What to do with a result that nobody takes any more.
    """

    waiter: asyncio.Future[Any] | None = attrs.field(default=None, init=False)
    unwanted: Callable[[Any], object] | None = attrs.field(default=None, kw_only=True)


@attrs.define(eq=False)
class Plan(Job):
    """Write an entry."""

    entry: Entry


@attrs.define(eq=False)
class Opened(Job):
    """Write the provider's id."""

    entry_id: str
    session_id: str
    expires_at: float


@attrs.define(eq=False)
class Settled(Job):
    """Strike an entry out."""

    entry_id: str


@attrs.define(eq=False)
class Ask(Job):
    """Run something else with the store, by itself, after the changes that came before it."""

    question: Callable[[Store], Any]


Outcome = tuple[Job, Any, Exception | None]


def deliver(outcomes: Iterable[Outcome]) -> None:
    """Wake each loop once for all that is ready for it."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        waiter = outcome[0].waiter
        if waiter is not None:
            by_loop.setdefault(waiter.get_loop(), []).append(outcome)
    for loop, ready in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, ready)
        except RuntimeError:  # The loop is closed: nobody waits any more.
            for job, result, _ in ready:
                drop(job, result)


def drop(job: Job, result: Any) -> None:
    """Undo what a job brought for somebody who has gone."""
    if job.unwanted is not None and result is not None:
        job.unwanted(result)


def _resolve(ready: list[Outcome]) -> None:
    for job, result, problem in ready:
        waiter = job.waiter
        if waiter is None or waiter.done():
            drop(job, result)
        elif problem is None:
            waiter.set_result(result)
        else:
            waiter.set_exception(_error(problem))


def _error(problem: Exception) -> LedgerError:
    """Make an error for one waiter: many may wait for the same commit."""
    known = isinstance(problem, LedgerError)
    error = LedgerError(str(problem) if known else f"The ledger failed: {type(problem).__name__}")
    error.__cause__ = problem
    return error
