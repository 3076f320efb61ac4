"""What the helper process runs: keep the debts of its owner, pay them when it dies."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time

if not __package__:
    # Run by file path, because `-m` would import all of the package above. The files beside this one
    # are standard library only, and found as a package of their own.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120  # `pathlib` costs 5 ms
    __package__ = "guardian"

from . import messages
from .answers import PAUSE_LONGEST, find_id
from .crew import Crew, Job
from .payment import SEARCH_SPAN, Hunt, Payment, ready
from .sender import NotSentError, send

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

GRACE = 60.0  # Seconds after the owner's death for which an unreachable provider is tried.
PATIENT_PAUSE = 30.0  # Seconds between tries while the owner lives; nothing is urgent then.
CHUNK = 64 * 1024  # Bytes read at a time.
PIECE = 16 * 1024  # Bytes written at a time: always fits once the socket takes any.
LINGER = 900.0  # Seconds after the owner's death at which the process ends, whatever still hangs.
SAY_TIMEOUT = 5000  # Milliseconds for which an owner may not listen before nothing more is said.

IGNORED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGTSTP")  # What is meant for the owner.


class Debt:
    """
    What is known of one session that may be owed.

    Attributes:
        until: Wall-clock seconds after which the provider has ended it by itself.

        line: How to reach the provider.

        end: The end request, once there is an id.

        session_id: The id.

        search: How to find the session while there is no id; None where it cannot be found.

        appears_by: Wall-clock seconds until which its create may take effect.

        job: The work on it, while there is any.

        relaying: True while its create is under way from here.

        taken: True once the owner has left it to us.
    """

    def __init__(self, *, until: float, line: Any) -> None:
        self.until = until
        self.line = line
        self.end: Any = None
        self.session_id = ""
        self.search: Any = None
        self.appears_by: float = 0.0
        self.job: Job | None = None
        self.relaying = False
        self.taken = False


class Keeper:
    """The table of debts, and what to do with each when the owner says so, or says no more."""

    def __init__(self, channel: int, owner: int) -> None:
        self._channel = channel
        self._owner = owner
        self._owner_lives = True
        self._owner_listens = True
        self._lines = messages.Lines()
        self._styles: dict[int, messages.Style] = {}
        self._debts: dict[str, Debt] = {}
        self._changed = threading.Condition(threading.RLock())
        self._saying = threading.Lock()
        self._crew = Crew()

    def run(self) -> None:
        """Serve until the owner is gone and nothing is owed."""
        self._say(messages.READY)
        self._listen()
        self._inherit()
        self._crew.work()
        with self._changed:
            self._changed.wait_for(lambda: not self._debts, LINGER)

    # --- listening ----------------------------------------------------------------------

    def _listen(self) -> None:
        """Serve the owner until it is gone and all its words are read."""
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        watch: int | None = None
        gone = False
        try:
            watch = os.pidfd_open(self._owner)
            poll.register(watch, select.POLLIN)
        except ProcessLookupError:
            gone = True
        except (AttributeError, OSError):
            pass  # Not Linux, or forbidden: the end of the stream has to do.
        while not gone:
            gone = watch in dict(poll.poll())
            if not gone and not self._hear():
                return
        # A forked child may hold the socket open past the owner's death, so that its end never
        # comes: what the owner said is what is there now.
        if watch is not None:
            poll.unregister(watch)
        while poll.poll(0) and self._hear():
            pass

    def _hear(self) -> bool:
        try:
            chunk = os.read(self._channel, CHUNK)
        except OSError:
            return False
        for kind, *rest in self._lines.feed(chunk):
            with self._changed:
                getattr(self, f"_on_{kind}")(*rest)
        return bool(chunk)

    def _on_style(self, number: int, told: dict[str, Any]) -> None:
        self._styles[number] = messages.Style(told)

    def _on_forget(self, number: int) -> None:
        self._styles.pop(number, None)

    def _on_plan(self, name: str, number: int, url: str, mark: str, until: float, appears_by: float) -> None:
        style = self._styles[number]
        debt = Debt(until=until, line=style.line)
        debt.search = style.search(url, mark)
        debt.appears_by = appears_by
        self._replace(name, debt)

    def _on_opened(
        self, name: str, number: int, session_id: str, url: str, born: float | None, until: float
    ) -> None:
        style = self._styles[number]
        debt = Debt(until=until, line=style.line)
        debt.end = style.end(url, born)
        debt.session_id = session_id
        self._replace(name, debt)

    def _on_settled(self, name: str) -> None:
        self._replace(name, None)

    def _on_take(self, name: str) -> None:
        debt = self._debts.get(name)
        if debt is not None:
            debt.taken = True
            self._work_on(name, debt)

    def _on_relay(
        self,
        name: str,
        number: int,
        template: str,
        request: list[Any],
        timeout: float,
        path: list[str],
        until: float,
        plan: list[Any] | None,
    ) -> None:
        if plan is not None:
            self._on_plan(name, *plan)
        else:
            self._replace(name, Debt(until=until, line=self._styles[number].line))
        debt = self._debts[name]
        debt.relaying = True
        end = self._styles[number].end(template, None)
        relaying = (name, debt, messages.request(*request), timeout, path, end)
        try:
            threading.Thread(target=self._relay, args=relaying, daemon=True).start()
        except RuntimeError:
            self._failed(name, debt, NotSentError("No thread for it."))

    # --- paying -------------------------------------------------------------------------

    def _replace(self, name: str, debt: Debt | None) -> None:
        old = self._debts.pop(name, None)
        if old is not None and old.job is not None:
            self._crew.drop(old.job)
        if debt is not None:
            self._debts[name] = debt

    def _inherit(self) -> None:
        """Take over every debt of an owner that is gone."""
        with self._changed:
            self._owner_lives = False
            self._crew.hurry(longest=PAUSE_LONGEST, until=lambda job: min(job.until, time.time() + GRACE))
            for name, debt in list(self._debts.items()):
                self._work_on(name, debt)

    def _work_on(self, name: str, debt: Debt) -> None:
        """Start paying, unless that is under way, must wait for a relayed answer, or cannot be done."""
        if debt.job is not None or debt.relaying:
            return
        now = time.time()
        until = debt.until
        if debt.end is not None:
            work: Payment | Hunt = Payment(debt.end, debt.session_id, debt.line)
        elif debt.search is not None:
            appears_by = max(now + SEARCH_SPAN, debt.appears_by)
            work = Hunt(debt.search, debt.line, appears_by=appears_by)
        else:
            self._over(name, debt, gone=False)
            return
        if not self._owner_lives:
            until = min(until, max(now + GRACE, debt.appears_by + SEARCH_SPAN))
        debt.job = Job(work, until=until, longest=PATIENT_PAUSE if self._owner_lives else PAUSE_LONGEST)
        self._crew.add(debt.job, lambda: self._over(name, debt, gone=work.gone))

    def _over(self, name: str, debt: Debt, *, gone: bool) -> None:
        with self._changed:
            if self._debts.get(name) is debt:
                del self._debts[name]
            self._changed.notify_all()
        self._say(messages.OVER, name, gone)

    def _relay(
        self, name: str, debt: Debt, request: Any, timeout: float, path: list[str], template: Any
    ) -> None:
        """Send a create for the owner; know its session before the owner does."""
        try:
            status, headers, body = send(request, debt.line, timeout=timeout)
        except OSError as error:
            self._failed(name, debt, error)
            return
        session_id = find_id(path, body) if status in range(200, 300) else None
        if session_id is not None:
            debt.end = ready(template, session_id)
            debt.session_id = session_id
            if debt.end is not None:
                debt.end.born = time.time()
        self._relayed(name, debt)
        self._say(messages.ANSWER, name, status, headers, body.decode("latin-1"))

    def _failed(self, name: str, debt: Debt, error: OSError) -> None:
        arrived = not isinstance(error, NotSentError)
        if not arrived:
            debt.search = None
        self._relayed(name, debt)
        self._say(messages.FAILED, name, str(error), arrived, isinstance(error, TimeoutError))

    def _relayed(self, name: str, debt: Debt) -> None:
        with self._changed:
            debt.relaying = False
            if debt.taken or not self._owner_lives:
                self._work_on(name, debt)

    # --- speaking -----------------------------------------------------------------------

    def _say(self, *message: Any) -> None:
        """Tell the owner. One that lives and does not listen is told nothing more: lines stay whole."""
        data = messages.pack(*message)
        poll = select.poll()
        poll.register(self._channel, select.POLLOUT)
        with self._saying:
            while data and self._owner_lives and self._owner_listens:
                try:
                    self._owner_listens = bool(poll.poll(SAY_TIMEOUT))
                    if self._owner_listens:
                        data = data[os.write(self._channel, data[:PIECE]) :]
                except OSError:
                    self._owner_listens = False


def main() -> None:
    """Be the helper process of the owner whose pid, and the descriptor to which, the arguments name."""
    for name in IGNORED:
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    owner, channel = map(int, sys.argv[1:])
    Keeper(channel, owner).run()
    # Threads that still wait for an answer nobody needs must not hold up the end.
    os._exit(0)


if __name__ == "__main__":
    main()
