"""The threads that pay: few where few are enough, as many as it takes where providers are slow."""

import threading
import time

from firecrawl_interact.guardian import crew
from firecrawl_interact.guardian.crew import Crew, Job


class Work:
    """A debt whose one try is a callable."""

    def __init__(self, attempt):
        self.over = False
        self._attempt = attempt

    def step(self, *, timeout, longest):
        self._attempt()
        self.over = True
        return 0.0


def run(attempts):
    """Give a crew jobs; return True once all are done."""
    workers = Crew()
    left = threading.Semaphore(0)
    for attempt in attempts:
        workers.add(Job(Work(attempt), until=time.time() + 100, longest=1.0), left.release)
    return all(left.acquire(timeout=60) for _ in attempts)


def test_slow_jobs_all_get_a_thread():
    """Jobs that hold their thread do not hold up each other: all of them are tried at the same time."""
    together = threading.Barrier(20)

    assert run([lambda: together.wait(60)] * 20)
    assert not together.broken


def test_job_that_comes_late_is_not_left_behind_slow_ones():
    """While slow jobs hold the first threads, one more still gets its turn."""
    release = threading.Event()
    late = threading.Event()
    workers = Crew()
    for _ in range(crew.FIRST_THREADS):
        workers.add(Job(Work(lambda: release.wait(60)), until=time.time() + 100, longest=1.0), lambda: None)
    workers.add(Job(Work(late.set), until=time.time() + 100, longest=1.0), lambda: None)
    came = late.wait(30)
    release.set()

    assert came
