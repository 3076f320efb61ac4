"""Many debts at once: threads that try each in its turn until it is over or too late."""

from __future__ import annotations

import heapq
import itertools
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .payment import Hunt, Payment

THREADS = 64  # At most so many requests at once.
FIRST_THREADS = 4  # So many at first: where a provider answers at once, more only get in each other's way.
GROWTH_PAUSE = 0.01  # Seconds after which their number is doubled, if jobs still wait to be tried.
GROWTH_PAUSE_LONGEST = 0.5  # Seconds between those looks while nothing waits.


class Job:
    """
    One debt being paid.

    Attributes:
        work: What to try.

        until: Wall-clock seconds after which it is given up.

        longest: Seconds to which the pauses between tries grow.

        dropped: True once nobody wants it any more; it ends without a report.
    """

    def __init__(self, work: Payment | Hunt, *, until: float, longest: float) -> None:
        self.work = work
        self.until = until
        self.longest = longest
        self.dropped = False


class Crew:
    """
    Threads that work on jobs, a try at a time, so that a hopeless job holds up no other.

    There are never more threads than jobs, and few where each job takes no time: a hundred ends at a
    near provider take 35 ms in one thread, and twice that in sixty-four.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._jobs: dict[Job, Callable[[], None]] = {}
        self._queue: list[tuple[float, int, Job]] = []
        self._numbers = itertools.count()
        self._threads = 0
        self._growing = False

    def add(self, job: Job, done: Callable[[], None]) -> None:
        """Start a job; *done* is called from one of the threads when it is over or too late."""
        with self._changed:
            self._jobs[job] = done
            self._push(job, 0.0)
            if self._threads < FIRST_THREADS:
                self._start_thread()
            elif self._threads < THREADS and not self._growing:
                self._growing = self._start(self._grow)

    def hurry(self, *, longest: float, until: Callable[[Job], float]) -> None:
        """Try every job at once, and give all of them other bounds."""
        with self._changed:
            for job in self._jobs:
                job.longest = longest
                job.until = until(job)
            now = time.monotonic()
            self._queue = [(now, number, job) for _, number, job in self._queue]
            self._changed.notify_all()

    def drop(self, job: Job) -> None:
        """Forget a job; a try under way is not broken off."""
        with self._changed:
            job.dropped = True
            self._jobs.pop(job, None)
            self._changed.notify_all()

    def work(self) -> None:
        """Work in this thread until there is nothing to do that other threads are not doing already."""
        while (job := self._next()) is not None:
            longest = job.longest
            wait = self._try(job)
            with self._changed:
                if job.dropped:
                    continue
                if job.longest != longest:
                    wait = 0.0  # Hurried while it was tried.
                if not job.work.over and time.time() + wait < job.until:
                    self._push(job, wait)
                    continue
                done = self._jobs.pop(job)
            done()

    def _start_thread(self) -> None:
        self._threads += 1
        if not self._start(self._run):
            self._threads -= 1

    @staticmethod
    def _start(run: Callable[[], None]) -> bool:
        """Start a thread; False if the system grants no more: `work` in the main one does without."""
        try:
            threading.Thread(target=run, daemon=True).start()
        except RuntimeError:
            return False
        return True

    def _grow(self) -> None:
        """Double the threads whenever jobs wait to be tried, until each job has one."""
        pause = GROWTH_PAUSE
        while True:
            time.sleep(pause)
            with self._changed:
                if self._threads >= min(len(self._jobs), THREADS):
                    self._growing = False
                    return
                now = time.monotonic()
                waiting = sum(due <= now for due, _, _ in self._queue)
                for _ in range(min(waiting, max(self._threads, 1), THREADS - self._threads)):
                    self._start_thread()
                pause = GROWTH_PAUSE if waiting else min(2 * pause, GROWTH_PAUSE_LONGEST)

    def _run(self) -> None:
        self.work()
        with self._changed:
            self._threads -= 1

    def _push(self, job: Job, wait: float) -> None:
        heapq.heappush(self._queue, (time.monotonic() + wait, next(self._numbers), job))
        self._changed.notify()

    def _next(self) -> Job | None:
        """Wait for a job that is due; None if there is no more work for this thread."""
        with self._changed:
            while self._queue:
                due, _, job = self._queue[0]
                wait = due - time.monotonic()
                if wait <= 0 or job.dropped:
                    heapq.heappop(self._queue)
                    if not job.dropped:
                        return job
                else:
                    self._changed.wait(wait)
            return None

    @staticmethod
    def _try(job: Job) -> float:
        left = job.until - time.time()
        if left <= 0:
            return 0.0
        try:
            return job.work.step(timeout=left, longest=job.longest)
        except Exception:  # noqa: BLE001  # boundary: whatever one provider answers, the other debts are paid
            return job.longest
