"""
The exit sweep: what is still owed when the interpreter ends.

For loops that were stopped, merely closed or never, that ran in daemon threads, or whose end was
broken off by Ctrl-C. aiohttp cannot work here any more: its resolver's threads are gone.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from firecrawl_interact.guardian.payment import pay
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.debt import DebtState, outstanding

if TYPE_CHECKING:
    from firecrawl_interact.lifecycle.debt import Debt

_log = logging.getLogger("firecrawl_interact")

_AT_ONCE = 64  # Threads.

_drained_since: float | None = None  # Monotonic seconds at which a sentinel last began to use up the time.
_registered = False


def expect_exit() -> None:
    """Have the sweep run at the interpreter's end; called when the first debt is taken on."""
    global _registered  # noqa: PLW0603  # one interpreter ends once
    if not _registered:
        _registered = True
        # After the ledger's own callback was registered, so that ours runs before it.
        atexit.register(_pay_what_is_left)


def note_drain(since: float) -> None:
    """Remember that a loop's end used time that the sweep shares."""
    global _drained_since  # noqa: PLW0603
    _drained_since = since


def _pay_what_is_left() -> None:
    """Pay every debt of this process, in parallel, within the time that the loops' ends left."""
    mine = os.getpid()
    # A local server's browsers end with this process anyway, and memory's were never there.
    debts = [
        debt for debt in tuple(outstanding) if debt.pid == mine and debt.backend.hosted and not debt.settled
    ]
    if not debts:
        return
    now = time.monotonic()
    since = now if _drained_since is None else _drained_since
    deadline = max(since + bounds.LOOP_END, now + bounds.EXIT_EXTRA)
    if _drained_since is not None and now - since > bounds.LOOP_END + bounds.EXIT_EXTRA:
        deadline = now + bounds.LOOP_END  # That drain was another loop's, long ago.
    until = time.time() + deadline - now
    with _undisturbed():
        _pay_all(debts, until)


def _pay_all(debts: list[Debt], until: float) -> None:
    waiting = iter(debts)

    def work() -> None:
        for debt in waiting:
            _pay(debt, until)

    threads = [
        threading.Thread(target=work, name="firecrawl-interact-exit", daemon=True)
        for _ in range(min(len(debts), _AT_ONCE) - 1)
    ]
    for thread in threads:
        try:
            thread.start()
        except RuntimeError:
            # Python 3.12 gives no thread any more. A guardian that has a debt pays it as soon as
            # we are gone, all at once; the rest is paid here, one after the other.
            waiting = iter([debt for debt in debts if debt.record.guardian is None])
            break
    work()
    for thread in threads:
        if thread.is_alive():
            thread.join(max(until - time.time(), 0))


def _pay(debt: Debt, until: float) -> None:
    line = debt.backend.line()
    if line is None or debt.settled or time.time() >= until:
        return
    payment = pay(debt.end, debt.info.id, line, until=until)
    if payment.gone:
        debt.state = DebtState.PAID
        debt.record.settled()
    else:
        _log.warning(
            "The %s could not be ended while Python ended (%s).",
            debt.title,
            "no answer" if payment.status is None else f"HTTP {payment.status}",
        )


@contextmanager
def _undisturbed() -> Generator[None]:
    """Keep one more Ctrl-C from breaking off what is bounded by seconds anyway."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # Not the main thread: signals do not come here.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
