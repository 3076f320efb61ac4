"""The writer thread: one for each file and process, committing for all event loops in groups."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import attrs

from firecrawl_interact.ledger._jobs import Ask, Job, Opened, Outcome, Plan, Settled, deliver, drop
from firecrawl_interact.ledger.base import LedgerError

if TYPE_CHECKING:
    from firecrawl_interact.ledger._store import Store

CROWD = 8  # Jobs in one commit from which on the next one waits a moment for company.
GATHER = 0.002  # Seconds of that moment: fewer commits cost less, and a create takes far longer.
SETTLE_DELAY = 0.05  # Seconds that a settled entry may wait for a commit to go along with.
MAX_BATCH = 512  # Jobs in one commit; bounds the memory of a burst.
EXIT_PATIENCE = 0.9  # Seconds that the exit of the interpreter waits for the last commits, in all.
FORK_PATIENCE = 1.0  # Seconds that a fork waits for a commit under way.

_CHANGES = (Plan, Opened, Settled)  # What a batch writes in one transaction.


@attrs.define(eq=False)
class Writer:
    """
    The thread, what waits for it, and the store that only the holder of `busy` may touch.

    The inbox may be filled from any thread, from a signal handler or a finalizer too. The thread
    stays until the process ends: while the interpreter ends no new one could be started.
    """

    folder: Path
    inbox: SimpleQueue[Job] = attrs.field(factory=SimpleQueue[Job], init=False)
    busy: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    paused: bool = attrs.field(default=False, init=False)  # For a fork, by the thread that forks.
    _store: Store | None = attrs.field(default=None, init=False)
    _crowded: bool = attrs.field(default=False, init=False)

    def start(self) -> None:
        """
        Start the thread.

        Raises:
            LedgerError: The system or the ending interpreter gives no thread.
        """
        try:
            threading.Thread(target=self._run, name="firecrawl-interact-ledger", daemon=True).start()
        except RuntimeError as error:
            raise LedgerError(f"The ledger's thread cannot start ({error})") from error

    def flush(self, patience: float) -> None:
        """Wait until everything handed over so far is written, for *patience* seconds at most."""
        written = threading.Event()
        self.inbox.put(Ask(lambda _store: written.set()))
        written.wait(patience)

    def pause(self, patience: float) -> None:
        """Close the file until `resume`, so that a forked child gets no copy of an open one."""
        self.paused = self.busy.acquire(timeout=patience)
        if self.paused and self._store is not None:
            self._store.close()

    def resume(self) -> None:
        """Let the thread go on. The next job opens the file again."""
        if self.paused:
            self.paused = False
            self.busy.release()

    # --- on the thread ------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            with self.busy:
                outcomes = list(self._work(batch))
            deliver(outcomes)
            del batch, outcomes  # Not kept alive while idle.

    def _next_batch(self) -> list[Job]:
        """Wait for a job; take with it all that gathered meanwhile."""
        batch = [self.inbox.get()]
        if self._crowded and _exit_patience is None:
            time.sleep(GATHER)
        self._take_what_waits(batch)
        if _exit_patience is None and all(isinstance(job, Settled) and job.waiter is None for job in batch):
            # Nobody waits for these: they go along with the next commit, if one comes soon.
            try:
                batch.append(self.inbox.get(timeout=SETTLE_DELAY))
            except Empty:
                pass
            self._take_what_waits(batch)
        self._crowded = len(batch) >= CROWD
        return batch

    def _take_what_waits(self, batch: list[Job]) -> None:
        try:
            while len(batch) < MAX_BATCH:
                batch.append(self.inbox.get_nowait())
        except Empty:
            pass

    def _work(self, batch: list[Job]) -> Iterable[Outcome]:
        changes = [job for job in batch if isinstance(job, _CHANGES)]
        missing: set[str] = set()
        problem = None
        if changes:
            missing, problem = self._attempt(lambda store: _change(store, changes), set())
        for job in batch:
            if isinstance(job, Ask):
                yield (job, *self._attempt(job.question, None))
            elif problem is None and isinstance(job, Opened) and job.entry_id in missing:
                yield (job, None, LedgerError("The ledger holds no such entry"))
            else:
                yield (job, None, problem)

    def _attempt(self, question: Callable[[Store], Any], otherwise: Any) -> tuple[Any, Exception | None]:
        try:
            if self._store is None:
                from firecrawl_interact.ledger._store import Store  # sqlite3: not on the loop's thread

                self._store = Store(self.folder)
            return question(self._store), None
        except Exception as error:  # noqa: BLE001  # boundary: the thread outlives every surprise
            return otherwise, error


# --- one writer per folder --------------------------------------------------------------

_writers: dict[Path, Writer] = {}
_registry = threading.RLock()  # Reentrant: a finalizer may hand a job over while one is handed over.
_unusable: set[Path] = set()  # Folders whose file was open when this process was forked.
_exit_patience: float | None = None  # Seconds left to wait; None until the interpreter ends.


def hand_over(folder: Path, job: Job) -> None:
    """
    Give a job to the folder's writer, which is started if need be.

    Raises:
        LedgerError: There can be none.
    """
    with _registry:
        writer = _writer(folder)
    writer.inbox.put(job)
    if _exit_patience is not None:
        _spend_exit_patience(writer)


async def do(folder: Path, job: Job) -> Any:
    """
    Hand a job over and wait for its outcome. A cancelled wait does not stop the job.

    Raises:
        LedgerError: The job failed, or nobody could take it.
    """
    waiter = job.waiter = asyncio.get_running_loop().create_future()
    hand_over(folder, job)
    try:
        return await waiter
    except asyncio.CancelledError:
        # The outcome may have come together with the cancellation.
        if not waiter.cancelled() and waiter.done() and waiter.exception() is None:
            drop(job, waiter.result())
        raise


def is_running(folder: Path) -> bool:
    """Tell whether this process has a writer for the folder."""
    return folder in _writers


def _writer(folder: Path) -> Writer:
    if folder in _unusable:
        raise LedgerError(f"This process was forked while {folder} was being written")
    writer = _writers.get(folder)
    if writer is None:
        writer = Writer(folder)
        writer.start()
        _writers[folder] = writer
    return writer


# --- the thread's work ------------------------------------------------------------------


def _change(store: Store, changes: Sequence[Job]) -> set[str]:
    from firecrawl_interact.ledger import _rows, owner  # only on the thread

    plans = [job.entry for job in changes if isinstance(job, Plan)]
    name = owner.own(store.folder).name if plans else ""
    return set(
        store.change(
            plans=[_rows.plan_row(entry, name) for entry in plans],
            lives=[
                _rows.life_row(job.entry_id, job.session_id, job.expires_at)
                for job in changes
                if isinstance(job, Opened)
            ],
            settled=[job.entry_id for job in changes if isinstance(job, Settled)],
        )
    )


# --- the end of the interpreter, and forks ----------------------------------------------


def _flush_at_exit() -> None:
    """Write out what waits and give the lease back. Daemon threads still run at this point."""
    global _exit_patience  # noqa: PLW0603  # one interpreter ends once
    from firecrawl_interact.ledger import _claims

    _exit_patience = EXIT_PATIENCE
    for writer in tuple(_writers.values()):
        writer.inbox.put(Ask(_claims.retire))
        _spend_exit_patience(writer)


def _spend_exit_patience(writer: Writer) -> None:
    """Wait for the writer: after our own exit callback nobody else will."""
    global _exit_patience  # noqa: PLW0603
    since = time.monotonic()
    writer.flush(max(_exit_patience or 0, 0))
    _exit_patience = (_exit_patience or 0) - (time.monotonic() - since)


def _before_fork() -> None:
    _registry.acquire(timeout=FORK_PATIENCE)
    deadline = time.monotonic() + FORK_PATIENCE
    for writer in tuple(_writers.values()):
        writer.pause(max(deadline - time.monotonic(), 0))


def _after_fork_in_parent() -> None:
    for writer in tuple(_writers.values()):
        writer.resume()
    try:
        _registry.release()
    except RuntimeError:
        pass  # It could not be had in time.


def _after_fork_in_child() -> None:
    """Forget the parent's writers: their threads are not here."""
    global _registry  # noqa: PLW0603  # the parent's may be held for ever
    _registry = threading.RLock()
    # What could not be closed stays referenced by the frame of its thread, so it is never closed
    # here either; and SQLite's own state is then not fit to open the same file again.
    _unusable.update(folder for folder, writer in _writers.items() if not writer.paused)
    _writers.clear()


atexit.register(_flush_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
