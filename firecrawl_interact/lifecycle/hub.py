"""Hub: what one event loop holds: its transports, its owned tasks, its debts, and the sentinel."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
import warnings
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Hashable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.debt import Debt, DebtState, give_up, outstanding
from firecrawl_interact.lifecycle.exit import expect_exit, note_drain
from firecrawl_interact.lifecycle.nap import Nap
from firecrawl_interact.lifecycle.owned import Owned
from firecrawl_interact.lifecycle.paying import Outcome, added_up, pay
from firecrawl_interact.models import CloseReceipt
from firecrawl_interact.transport.deadline import Deadline

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.models import Answer
    from firecrawl_interact.transport.base import Transport

T = TypeVar("T")
_log = logging.getLogger("firecrawl_interact")

_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()
_making = threading.Lock()  # Loops of several threads may get their hubs at the same time.
_inherited: list[object] = []  # Of a forked child's parent, kept so that nothing of theirs is closed.


class Hub:
    """
    The keeper of one event loop's sessions.

    It outlives every `Session` object, holds its owned tasks against the garbage collector, and
    parks an async generator in the loop, the sentinel: `asyncio.run` closes that one after every
    task has ended, and its ``finally`` pays what is still owed and closes the transports in
    order. A loop that is merely closed, or never, has no such moment; the exit sweep is for it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.pid: int = os.getpid()
        self.debts: set[Debt] = set()
        self.drained: bool = False  # True once the loop's end has begun.
        self._owned: set[Owned[Any]] = set()
        self._transports: dict[Hashable, Transport] = {}
        self._timers: dict[Debt, asyncio.TimerHandle] = {}
        self._ending_since: float | None = None
        self._sentinel = _sentinel(self)

    @classmethod
    def running(cls) -> Hub:
        """Return the hub of the running loop, made on first use."""
        loop = asyncio.get_running_loop()
        hub = _hubs.get(loop)
        if hub is None:
            hub = cls(loop)
            hub._park_sentinel()
            with _making:
                ended = [old for old in _hubs if old.is_closed()]
                orphans = [debt for old in ended for debt in _hubs.pop(old).debts]
                _hubs[loop] = hub
            for debt in orphans:
                hub.start_paying(debt)
        return hub

    # --- tasks and transports -----------------------------------------------------------

    def own(
        self,
        coro: Coroutine[Any, Any, T],
        *,
        end_grace: float,
        on_refused: Callable[[], None] | None = None,
    ) -> Owned[T]:
        """Run *coro* in a task that only we may end; after a refused cancel it has *end_grace* seconds."""

        def refused() -> None:
            if self._ending_since is None:
                self._ending_since = self.loop.time()
            if on_refused is not None:
                on_refused()

        task = Owned(coro, loop=self.loop, end_grace=end_grace, on_refused=refused)
        self._owned.add(task)
        task.add_done_callback(self._disown)
        return task

    def transport(self, backend: Backend) -> Transport:
        """Return the transport to this backend's provider in this loop, made on first use."""
        key = backend.connection_key()
        transport = self._transports.get(key)
        if transport is None:
            transport = self._transports[key] = backend.new_transport()
        return transport

    def _disown(self, task: Owned[Any]) -> None:
        self._owned.discard(task)
        if not task.cancelled():
            task.exception()  # Read, or the loop reports a Ctrl-C that struck in here as never retrieved.

    # --- debts --------------------------------------------------------------------------

    def owe(self, debt: Debt) -> None:
        """Take a debt on."""
        expect_exit()
        debt.hub = self
        self.debts.add(debt)
        outstanding.add(debt)

    def release(self, debt: Debt, state: DebtState) -> None:
        """Strike a debt out: it is paid, or given up on purpose."""
        debt.state = state
        if state is DebtState.RELEASED:
            give_up(debt)
        timer = self._timers.pop(debt, None)
        if timer is not None:
            timer.cancel()
        self.debts.discard(debt)
        outstanding.discard(debt)

    def pay(self, debt: Debt, *, total: float = bounds.DELETE_TOTAL) -> Owned[None]:
        """
        Start to end a session, or join the delete under way: there is one at most.

        What came of it stands in the debt. The task itself never fails: `asyncio.run` reports
        every task that does so at its end, whoever has heard of it already.
        """
        if debt.hub is not self:  # Its own loop has ended, or the session is closed from another one.
            debt.hub.debts.discard(debt)
            debt.payment = None
            self.owe(debt)
        if debt.payment is not None and not debt.payment.done():
            return debt.payment
        nap = Nap()
        debt.state = DebtState.PAYING
        debt.payment = self.own(
            self._pay(debt, nap, total), end_grace=bounds.CLOSE_GRACE, on_refused=nap.wake
        )
        return debt.payment

    def start_paying(self, debt: Debt) -> None:
        """Do the same where nobody waits for it."""
        _ = self.pay(debt)

    def pay_soon(self, debt: Debt) -> None:
        """Start to end a session, from any thread: its owner forgot it."""
        try:
            self.loop.call_soon_threadsafe(self._pay_forgotten, debt)
        except RuntimeError:
            return  # The loop is closed: the next hub of this process or the exit sweep pays.

    def _pay_forgotten(self, debt: Debt) -> None:
        if debt.state is DebtState.OWED:
            self.start_paying(debt)

    async def _pay(self, debt: Debt, nap: Nap, total: float) -> None:
        try:
            try:
                transport = self.transport(debt.backend)
                outcome = await pay(lambda: debt.end, debt.info.id, transport, nap, total=total)
            except Exception as error:  # noqa: BLE001  # boundary: a third party's transport; still owed
                outcome = Outcome(gone=False, problem=error)
            debt.told.extend(outcome.earlier)
            if not outcome.gone:
                debt.failure = debt.unconfirmed(outcome.answer, outcome.problem)
                self._try_later(debt)
                return
            debt.receipt = _receipt(debt, outcome.answer)
            self.release(debt, DebtState.PAID)
            debt.record.settled()
        finally:
            if debt.state is DebtState.PAYING:  # Not confirmed, or this task was ended.
                debt.state = DebtState.OWED

    def _try_later(self, debt: Debt) -> None:
        """Leave the next try to a timer: a pending task would hold the loop's end."""
        if time.time() >= debt.until:
            self.release(debt, DebtState.EXPIRED)
            return
        debt.record.hand_over()
        delay = bounds.LATER[min(debt.later_tries, len(bounds.LATER) - 1)]
        debt.later_tries += 1
        self._timers[debt] = self.loop.call_later(delay, self._pay_forgotten, debt)

    # --- the end ------------------------------------------------------------------------

    async def drain(self) -> None:
        """
        Pay what is owed, each debt once, close the transports, within `bounds.LOOP_END`.

        What could not be paid stays in the list for the exit sweep, guardian and ledger.
        """
        if self.pid != os.getpid():
            return  # A forked child runs its copy of the parent's loop down.
        self.drained = True
        now = self.loop.time()
        since = self._ending_since
        # An old refusal was some handler that cancels every task, not the end of the loop.
        start = since if since is not None and now - since < bounds.LOOP_END + 1 else now
        note_drain(time.monotonic() - (now - start))
        deadline = start + bounds.LOOP_END
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        await self._wait(self._owned, deadline)
        payments = [self.pay(debt, total=max(deadline - self.loop.time(), 0.1)) for debt in tuple(self.debts)]
        await self._wait(payments, deadline)
        for timer in self._timers.values():
            timer.cancel()
        for task in tuple(self._owned):
            task.expire()
        if self._owned:
            await asyncio.wait(tuple(self._owned), timeout=1)
        transports, self._transports = list(self._transports.values()), {}
        await asyncio.gather(*(_close(transport) for transport in transports))
        await asyncio.sleep(0)  # Lets the closed connections' callbacks run before the loop is closed.
        with _making:
            if _hubs.get(self.loop) is self:
                del _hubs[self.loop]

    async def _wait(self, tasks: Iterable[Owned[Any]], deadline: float) -> None:
        pending = [task for task in tasks if not task.done()]
        if pending:
            await asyncio.wait(pending, timeout=max(deadline - self.loop.time(), 0))

    def _park_sentinel(self) -> None:
        try:
            with warnings.catch_warnings():
                # A loop that is past closing its generators says so; the exit sweep is there then.
                warnings.simplefilter("ignore", ResourceWarning)
                self._sentinel.asend(None).send(None)  # Runs up to its yield; the loop's hook notes it.
        except StopIteration:
            return


async def _close(transport: Transport) -> None:
    try:
        with Deadline(bounds.TRANSPORT_CLOSE):
            await transport.aclose()
    except Exception:  # noqa: BLE001  # boundary: a third party's transport must not hold the end of the loop
        _log.warning("A transport could not be closed in order.", exc_info=True)


def _receipt(debt: Debt, answer: Answer | None) -> CloseReceipt:
    if answer is None:
        return CloseReceipt(confirmed=True)
    try:
        return added_up([debt.backend.read_ended(each) for each in (*debt.told, answer)])
    except Exception:  # noqa: BLE001  # boundary: a third party's backend must not turn a confirmed end into a failure
        _log.warning("The %s backend could not read a confirmed end.", debt.backend.name, exc_info=True)
        return CloseReceipt(confirmed=True)


async def _sentinel(hub: Hub) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        # Nothing in here may begin another async generator: the loop no longer takes any.
        await hub.drain()


def _after_fork_in_child() -> None:
    """Forget the parent's sessions and loops without closing anything of theirs."""
    _inherited.extend(_hubs.values())
    _inherited.extend(outstanding)
    _hubs.clear()
    outstanding.clear()
    globals()["_making"] = threading.Lock()  # Another thread of the parent may have held it.


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
