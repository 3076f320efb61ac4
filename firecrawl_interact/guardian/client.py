"""The guardian as its owner uses it: one helper process, told what is owed, replaced when it dies."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from firecrawl_interact.errors import TransportError
from firecrawl_interact.guardian import messages
from firecrawl_interact.guardian.book import Book
from firecrawl_interact.guardian.deaths import Deaths
from firecrawl_interact.guardian.helper import CannotStartError, Helper
from firecrawl_interact.guardian.news import News
from firecrawl_interact.guardian.relays import Relays
from firecrawl_interact.models import Answer, EndRequest, LineSettings, Request, Search
from firecrawl_interact.transport.deadline import Deadline

RELAY_MARGIN = 10.0  # Seconds past a create's own time limit for which the helper's word on it is waited for.

_log = logging.getLogger("firecrawl_interact")


class Guardian:
    """
    The helper process of this process, which ends its sessions should it die.

    Started by its first use, in about a third of a millisecond; replaced when it dies, and told
    again what is owed. Every method may be called from any thread, returns at once and never
    raises, unless it says otherwise. A forked child begins with an empty one of its own.

    Where no helper process can run, the first use says so in one WARNING, and all calls do nothing.
    """

    def __init__(self) -> None:
        self._reset()
        self._off = False
        _all.add(self)

    def _reset(self) -> None:
        # Re-entrant: a session collected amid a call may make another.
        self._lock = threading.RLock()
        self._helper: Helper | None = None
        self._book = Book(self._write)
        self._relays = Relays()
        self._news = News(self._flush)
        self._deaths = Deaths()

    @property
    def works(self) -> bool:
        """False once it is known that no helper process can run here."""
        return not self._off

    @property
    def pid(self) -> int | None:
        """Process id of the helper process, which has been told all there is to tell; None without one."""
        with self._lock:  # Held by whoever starts one, until it was told.
            return None if self._helper is None else self._helper.pid

    @property
    def owed(self) -> int:
        """How many debts it was told and is not rid of."""
        return len(self._book)

    def start(self) -> None:
        """Start the helper process if there is none, to have it ready."""
        with self._lock:
            self._start()

    def plan(
        self,
        debt: str,
        *,
        line: LineSettings,
        search: Search | None,
        until: float,
        appears_by: float | None = None,
    ) -> None:
        """
        Tell, before a create is sent, how its session could be found without its answer.

        Args:
            debt: Our own id of the debt.

            line: How to reach the provider.

            search: How to find the session by its mark; None where it cannot be found, so that
                nothing need be told and only the helper process is started.

            until: Wall-clock seconds by which the provider has ended it by itself.

            appears_by: Wall-clock seconds until which the create may still take effect. The
                search goes on at least for 10 s, and until then.
        """
        with self._lock:
            self._start()
            if search is None or self._off:
                return
            self._write(self._book.plan(debt, search, line=line, until=until, appears_by=appears_by))

    def opened(
        self, debt: str, end: EndRequest, *, line: LineSettings, session_id: str, until: float
    ) -> None:
        """
        Tell that a session is open, and how to end it.

        In a running event loop it is written after the loop's current pass, once for all sessions
        that open in it, and so before their blocks are entered.

        Args:
            debt: Our own id of the debt, the same as in `plan`.

            end: What to send.

            line: How to reach the provider.

            session_id: What to look for in the provider's list, where an answer is doubtful.

            until: Wall-clock seconds by which the provider has ended it by itself.
        """
        with self._lock:
            self._start()
            if self._off:
                return
            told = self._book.opened(debt, end, line=line, session_id=session_id, until=until)
            self._news.after_pass(told)

    def settled(self, debt: str) -> None:
        """
        Tell that nothing is owed any more: the session is gone, given up, or never came to be.

        In a running event loop that may be told a moment later, to save a call to the system.
        """
        with self._lock:
            if not self._book.drop(debt):
                return
            self._news.later(messages.pack(messages.SETTLED, debt))

    def hand_over(self, debt: str, done: Callable[[bool], None] | None = None) -> bool:
        """
        Leave a debt to the helper process, though we live.

        It ends the session, trying patiently until the debt's *until*; one that is only planned
        it searches for; a relayed create it waits for, then ends what that makes.

        Args:
            debt: The debt, which is settled by this if all goes well.

            done: Called from a thread once it is over, with True if the session is confirmed
                gone. Not called if `settled` comes first.

        Returns:
            False if the debt is not known to the helper process, so that nobody looks after it.
        """
        with self._lock:
            owed = self._book.get(debt)
            if owed is None:
                return False
            owed.taken = True
            owed.done = done
            self._write(messages.pack(messages.TAKE, debt))
            return True

    async def relay(
        self,
        debt: str,
        request: Request,
        *,
        line: LineSettings,
        timeout: float,
        end: EndRequest,
        id_path: Sequence[str],
        until: float,
        search: Search | None = None,
        appears_by: float | None = None,
    ) -> Answer:
        """
        Have the helper process send a create, so that its session is known even if we die before the answer.

        From its answer on the session is owed, without `opened`: tell that all the same, with
        what is known better, or `settled`. If the call is cancelled the create goes on; then
        `hand_over` the debt.

        Args:
            debt: Our own id of the debt.

            request: The create. Sent once.

            line: How to reach the provider.

            timeout: Seconds for the create. A helper process that is stuck is waited for
                `RELAY_MARGIN` longer.

            end: The end of the session, its URL holding ``{id}`` in place of the id.

            id_path: Keys that lead from the JSON answer to the id.

            until: Wall-clock seconds by which the provider has ended it by itself.

            search: How to find the session by its mark, should the answer be lost.

            appears_by: As in `plan`.

        Raises:
            TransportTimeoutError: No answer in time.

            TransportError: The line failed, or the helper process did. ``sent`` is False if no
                byte of the request left.
        """
        with self._lock:
            self._start()
            if self._off or self._helper is None:
                raise TransportError("The guardian cannot run here, so it can relay nothing.", sent=False)
            told = self._book.relay(
                debt,
                request,
                line=line,
                timeout=timeout,
                end=end,
                id_path=id_path,
                until=until,
                search=search,
                appears_by=appears_by,
            )
            answer = self._relays.expect(debt)
            self._helper.write(told)
        with Deadline(timeout + RELAY_MARGIN):  # The helper process may be stuck.
            return await answer

    def close(self) -> None:
        """Let the helper process go. It pays what is still owed, then ends; the next use starts another."""
        with self._lock:
            helper, self._helper = self._helper, None
            news = self._news.take()
            self._book = Book(self._write)
            if helper is not None:
                helper.write(news)
                helper.hang_up()

    # --- telling ------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        news = self._news.take()
        if self._helper is not None:
            self._helper.write(news + data)

    def _flush(self) -> None:
        with self._lock:
            if self._news:
                self._write(b"")

    # --- starting and replacing ---------------------------------------------------------

    def _start(self) -> None:
        """Start the helper process if there is none, and tell it all that is owed."""
        if self._off or self._helper is not None:
            return
        try:
            self._helper = Helper(self._hear, self._lost)
        except CannotStartError as error:
            self._switch_off(str(error))
            return
        self._news.take()  # For the one before; the book has all that is still owed.
        self._write(self._book.tell_all())

    def _switch_off(self, reason: str) -> None:
        self._off = True
        self._book = Book(self._write)
        _log.warning(
            "The guardian cannot be used and is left out: %s. Sessions are still closed by this "
            "process; after its sudden death only the ledger, or their ttl, ends them.",
            reason,
        )

    def _lost(self, helper: Helper) -> None:
        """Replace a helper process that died. Called from its thread, which ends with this."""
        with self._lock:
            if self._helper is not helper:
                return
            self._helper = None
            relays, self._relays = self._relays, Relays()
            pause = self._deaths.note(age=time.monotonic() - helper.started, ready=helper.ready)
            if self._deaths.hopeless:
                self._switch_off("its process ends before it is up")
            self._book.drop_lost(time.time())
        relays.fail(TransportError("The guardian died before it had the answer.", sent=True))
        if pause:
            time.sleep(pause)
        with self._lock:
            if self._book:
                self._start()

    # --- hearing ------------------------------------------------------------------------

    def _hear(self, message: list[Any]) -> None:
        kind, debt, *rest = message
        if kind == messages.OVER:
            self._over(debt, *rest)
            return
        with self._lock:
            relays = self._relays
        relays.settle(debt, kind, rest)

    def _over(self, debt: str, gone: bool) -> None:
        with self._lock:
            owed = self._book.drop(debt)
        if owed is None or owed.done is None:
            return
        try:
            owed.done(gone)
        except Exception:  # noqa: BLE001  # boundary: a caller's callback must not end the thread that listens
            _log.exception("A callback of the guardian failed.")

    def _forked(self) -> None:
        """Forget the parent's helper process and debts, in a child of it."""
        if self._helper is not None:
            self._helper.disown()
        self._reset()


def guardian() -> Guardian:
    """Return this process's guardian; nothing is started before its first use."""
    return _guardian


def _after_fork_in_child() -> None:
    for each in _all:
        each._forked()  # noqa: SLF001  # the same module's


def _before_exit() -> None:
    for each in tuple(_all):
        each._flush()  # noqa: SLF001  # the same module's


_all: weakref.WeakSet[Guardian] = weakref.WeakSet()
_guardian = Guardian()
atexit.register(_before_exit)

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
