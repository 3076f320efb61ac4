"""The guardian as its owner uses it."""

import asyncio
import logging
import os
import queue
import signal
import socket
import threading
import time
from contextlib import suppress

import pytest
from guardian_kit import LINE, PATIENCE, Provider, create, end, ended, nobody, search

from firecrawl_interact.errors import TransportError, TransportTimeoutError
from firecrawl_interact.guardian import client, helper, messages
from firecrawl_interact.guardian.book import Book
from firecrawl_interact.guardian.client import Guardian
from firecrawl_interact.guardian.news import SETTLE_DELAY
from firecrawl_interact.guardian.styles import STYLES_MAX
from firecrawl_interact.models import Request


def later():
    return time.time() + 100


def tell_opened(guardian, provider, *names):
    for name in names:
        guardian.opened(name, end(provider.url, name), line=LINE, session_id=name, until=later())


def relay(guardian, url, name="r1", *, timeout=PATIENCE):
    """Have a create relayed."""
    return guardian.relay(
        name,
        create(url, name=name),
        line=LINE,
        timeout=timeout,
        end=end(url, "{id}"),
        id_path=("data", "id"),
        until=later(),
    )


class Outcome:
    """What a hand-over came to, reported from a thread."""

    def __init__(self):
        self._over = threading.Event()

    def __call__(self, gone):
        self.gone = gone
        self._over.set()

    def wait(self):
        assert self._over.wait(PATIENCE)
        return self.gone


def stop(pid):
    """Stop a helper process, and return once it does nothing any more."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)


def replaced(guardian, pid):
    """Wait until there is another helper process than *pid*."""
    limit = time.monotonic() + PATIENCE
    while guardian.pid in {None, pid}:
        assert time.monotonic() < limit
        time.sleep(0.001)
    return guardian.pid


# --- its life ---------------------------------------------------------------------------


def test_nothing_runs_before_the_first_use():
    """
    A process that opens no session has no helper process.
    """
    assert Guardian().pid is None


def test_first_plan_starts_it_even_if_there_is_nothing_to_find(keeper):
    """
    It comes up beside the first create, mark or none.
    """
    keeper.plan("d1", line=LINE, search=None, until=later())

    assert keeper.pid is not None
    assert 0 == keeper.owed


def test_closed_guardian_pays_what_is_owed_and_ends(keeper, provider):
    """
    To let go of it is to leave it what is owed.
    """
    provider.open("s1", "s2")
    tell_opened(keeper, provider, "s1", "s2")
    keeper.settled("s2")
    pid = keeper.pid

    keeper.close()
    provider.wait(lambda: "s1" not in provider.alive)

    assert ended(pid)
    assert {"s2": []} == provider.alive


def test_killed_guardian_is_replaced_and_told_everything_again(keeper, provider, owner):
    """
    A helper process that is killed between two writes has a successor that knows every debt.
    """
    provider.open("s1", "s2", "s3")
    provider.open("m1", tags=("fi-1",))
    process = owner(
        "opened(URL, 's1', 's2', 's3'); planned(URL, 'fi-1'); guardian().settled('s3')\n"
        "old = guardian().pid; os.kill(old, signal.SIGKILL)\n"
        "while guardian().pid in {None, old}: time.sleep(0.001)\n"
        "say('replaced'); sys.stdin.readline()"
    )
    process.hear()

    process.kill()
    provider.wait(lambda: len(provider.alive) == 1)

    assert {"s3": []} == provider.alive


def test_process_id_is_told_once_that_process_knows_every_debt(keeper, monkeypatch):
    """
    Nobody hears of a helper process that is still to be told what is owed.
    """
    seen = queue.SimpleQueue()
    looked = threading.Thread(target=lambda: seen.put(keeper.pid))
    tell_all = Book.tell_all

    def told_while_somebody_looks(book):
        looked.start()
        with suppress(queue.Empty):
            seen.put(("early", seen.get(timeout=0.2)))
        return tell_all(book)

    monkeypatch.setattr(Book, "tell_all", told_while_somebody_looks)
    keeper.start()
    looked.join(PATIENCE)

    assert keeper.pid == seen.get(timeout=PATIENCE)


def test_death_of_the_guardian_does_not_kill_a_program_that_minds_broken_pipes(provider, owner):
    """
    An owner with SIGPIPE's default handling survives a write to a dead helper process.
    """
    process = owner(
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL); guardian().start(); old = guardian().pid\n"
        "os.kill(old, signal.SIGKILL)\n"
        "while guardian().pid == old: opened(URL, 's1')\n"
        "guardian().settled('s1'); say('alive'); sys.stdin.readline()"
    )

    assert "alive" == process.hear()


def test_dead_guardian_is_no_zombie(keeper, provider):
    """
    A helper process that died is waited for.
    """
    tell_opened(keeper, provider, "s1")
    pid = keeper.pid
    os.kill(pid, signal.SIGKILL)

    replaced(keeper, pid)

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_guardian_with_nothing_owed_is_not_replaced_until_used(keeper):
    """
    A helper process that nobody needs is started again by the next session only.
    """
    keeper.start()
    pid = keeper.pid
    lost = threading.Event()
    keeper._helper._lost = lambda dead: (type(keeper)._lost(keeper, dead), lost.set())
    os.kill(pid, signal.SIGKILL)

    assert lost.wait(PATIENCE)
    assert keeper.pid is None

    keeper.start()

    assert pid != keeper.pid


def test_stuck_guardian_never_blocks_and_is_replaced(keeper, provider, monkeypatch):
    """
    A helper process that takes nothing is killed once too much waits for it; its successor knows all.
    """
    monkeypatch.setattr(helper, "BACKLOG_MAX", 100_000)
    provider.open("s1", "s2")
    tell_opened(keeper, provider, "s1")
    pid = keeper.pid
    os.kill(pid, signal.SIGSTOP)
    for number in range(10_000):
        if keeper.pid != pid:
            break
        tell_opened(keeper, provider, f"x{number}")
        keeper.settled(f"x{number}")

    assert pid != replaced(keeper, pid)

    tell_opened(keeper, provider, "s2")
    keeper.close()
    provider.wait_empty()

    assert 2 == provider.count("DELETE")


def test_backlog_is_sent_when_it_is_taken_again(keeper, provider):
    """
    What does not fit into the socket arrives later, in order.
    """
    provider.open("s1")
    tell_opened(keeper, provider, "s1")
    os.kill(keeper.pid, signal.SIGSTOP)
    for number in range(3000):
        tell_opened(keeper, provider, f"x{number}")
        keeper.settled(f"x{number}")
    os.kill(keeper.pid, signal.SIGCONT)
    keeper.close()

    provider.wait_empty()

    assert ["/sessions/s1"] == [path for _, _, path in provider.arrivals]


FORGET = messages.pack(messages.FORGET, 1)  # Says nothing of any debt.
FULL = FORGET * 100_000  # More than a line takes while nobody reads it.


class Threads:
    """
    Stands for `threading` in the helper's module: its threads wait until they are run, or cannot start.
    """

    RLock = staticmethod(threading.RLock)

    def __init__(self):
        self.waiting = []
        self.granted = True

    def Thread(self, *, target, daemon):  # noqa: N802  # the name is Python's
        assert daemon
        self._target = target
        return self

    def start(self):
        if not self.granted:
            raise RuntimeError("can't start new thread")
        self.waiting.append(self._target)


@pytest.fixture
def threads(monkeypatch):
    """
    The threads of helper processes, in the test's own hands.
    """
    threads = Threads()
    monkeypatch.setattr(helper, "threading", threads)
    return threads


@pytest.fixture
def stopped(threads):
    """
    A helper process that was stopped and whose line is full, and an event for its end.
    """
    lost = threading.Event()
    process = helper.Helper(lambda _: None, lambda _: lost.set())
    stop(process.pid)
    threads.granted = False
    yield process, lost
    process.kill()
    assert lost.wait(PATIENCE)


def test_guardian_that_dies_before_its_line_is_waited_for_is_no_error(threads, stopped):
    """
    The thread that would wait for a full line finds it closed, and ends.
    """
    process, lost = stopped
    threads.granted = True
    process.write(FULL)
    process.kill()
    assert lost.wait(PATIENCE)

    (wait,) = threads.waiting
    wait()


def test_full_line_without_a_thread_to_wait_for_it_is_tried_again(threads, stopped):
    """
    Where the system gives no thread, as at the interpreter's end, the next words take the others along.
    """
    process, _ = stopped
    process.write(FULL)
    os.kill(process.pid, signal.SIGCONT)

    limit = time.monotonic() + PATIENCE
    while process._backlog:
        assert time.monotonic() < limit
        process.write(FORGET)


def test_many_configurations_are_not_kept_for_ever(keeper, provider):
    """
    Of the configurations that no debt uses only some are remembered; those in use still work.
    """
    provider.open("kept")
    tell_opened(keeper, provider, "kept")
    for number in range(STYLES_MAX * 3):
        request = Request("DELETE", provider.url, {"Authorization": f"Bearer {number}"})
        other = end(provider.url, "x").__class__(request, frozenset({200}), frozenset())
        keeper.opened("other", other, line=LINE, session_id="x", until=later())

    assert len(keeper._book.styles._styles) <= STYLES_MAX + 1

    keeper.settled("other")
    keeper.close()
    provider.wait_empty()


def test_threads_may_tell_at_once(keeper, provider):
    """
    Messages of several threads never mix.
    """
    names = [f"s{number}" for number in range(200)]
    provider.open(*names)
    threads = [
        threading.Thread(target=tell_opened, args=(keeper, provider, *names[start::4])) for start in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    keeper.close()
    provider.wait_empty()

    assert 200 == provider.count("DELETE")


# --- where it cannot run ----------------------------------------------------------------


@pytest.fixture
def warnings(caplog):
    """
    The warnings that the package logs.
    """
    caplog.set_level(logging.WARNING, logger="firecrawl_interact")
    return caplog


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("sys.executable", ""),
        ("sys.executable", None),
        ("sys.executable", "/nowhere/python"),
        ("sys.frozen", True),
        ("os.name", "nt"),
        ("firecrawl_interact.guardian.helper.PROGRAM", helper.PROGRAM.with_name("zipped.py")),
    ],
)
async def test_where_it_cannot_run_one_warning_is_said(provider, monkeypatch, warnings, target, value):
    """
    The layer is left out, every call does nothing, and the process goes on.
    """
    guardian = Guardian()
    with monkeypatch.context() as patch:
        patch.setattr(target, value, raising=False)
        guardian.plan("s1", line=LINE, search=search(provider.url, "fi-1"), until=later())
    tell_opened(guardian, provider, "s1")
    guardian.settled("s1")

    assert 1 == len(warnings.messages)
    assert "The guardian cannot be used" in warnings.messages[0]
    assert not guardian.works
    assert not guardian.hand_over("s1")
    with pytest.raises(TransportError) as caught:
        await relay(guardian, provider.url)
    assert not caught.value.sent


def test_interpreter_that_never_comes_up_is_given_up(provider, monkeypatch, warnings):
    """
    After some starts in vain there are no more.
    """
    monkeypatch.setattr("sys.executable", "/bin/false")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    guardian = Guardian()
    off = threading.Event()
    switch_off = guardian._switch_off
    guardian._switch_off = lambda reason: (switch_off(reason), off.set())
    tell_opened(guardian, provider, "s1")

    assert off.wait(PATIENCE)
    assert 1 == len(warnings.messages)
    assert (None, 0) == (guardian.pid, guardian.owed)


# --- debts that are left to it ----------------------------------------------------------


def test_handed_over_debt_is_paid_while_the_owner_lives(keeper, provider):
    """
    A close that was not confirmed is tried until it is.
    """
    answers = iter([503, None])
    provider.open("s1")
    provider.answer_end = lambda _: next(answers)
    tell_opened(keeper, provider, "s1")
    outcome = Outcome()

    assert keeper.hand_over("s1", outcome)
    assert outcome.wait()
    assert {} == provider.alive
    assert 0 == keeper.owed


def test_handed_over_debt_that_is_refused_is_reported(keeper, provider):
    """
    A refusal for good is told, so that others can go on.
    """
    provider.answer_end = lambda _: 403
    tell_opened(keeper, provider, "s1")
    outcome = Outcome()

    assert keeper.hand_over("s1", outcome)
    assert not outcome.wait()


def test_handed_over_plan_is_searched_for_until_it_appears(keeper, provider):
    """
    The session of a lost answer is found by its mark and ended, while its owner lives.
    """
    looks = iter(range(10))

    def answer_list():
        if next(looks) == 1:
            provider.open("mine", tags=("fi-1",))

    provider.open("foreign", tags=("fi-2",))
    provider.answer_list = answer_list
    keeper.plan("d1", line=LINE, search=search(provider.url, "fi-1"), until=later())
    outcome = Outcome()

    assert keeper.hand_over("d1", outcome)
    assert outcome.wait()
    assert {"foreign": ["fi-2"]} == provider.alive


def test_hand_over_survives_the_death_of_the_guardian(keeper, provider):
    """
    The successor goes on with what its predecessor was left.
    """
    asked = threading.Event()
    provider.open("s1")
    provider.answer_end = lambda _: asked.set() or 503
    tell_opened(keeper, provider, "s1")
    outcome = Outcome()
    keeper.hand_over("s1", outcome)
    assert asked.wait(PATIENCE)

    provider.answer_end = lambda _: None
    os.kill(keeper.pid, signal.SIGKILL)

    assert outcome.wait()
    assert {} == provider.alive


def test_settled_debt_is_no_longer_tried(keeper, provider):
    """
    Once the owner itself has ended the session the helper process lets go, and reports nothing.
    """
    asked = threading.Event()
    provider.answer_end = lambda _: asked.set() or 503
    tell_opened(keeper, provider, "s1")
    reports: list[bool] = []
    keeper.hand_over("s1", reports.append)
    assert asked.wait(PATIENCE)

    keeper.settled("s1")
    provider.answer_end = lambda name: 500 if name == "s1" else None
    provider.open("s2")
    tell_opened(keeper, provider, "s2")
    outcome = Outcome()
    keeper.hand_over("s2", outcome)

    assert outcome.wait()
    assert [] == reports


async def test_settled_debts_are_told_together_with_what_comes_next(keeper, provider, monkeypatch):
    """
    In a loop the news of an end waits a moment, and no call to the system is made for it alone.
    """
    provider.open("s1", "s2", "s3")
    tell_opened(keeper, provider, "s1", "s2")
    await asyncio.sleep(0)
    told = []
    monkeypatch.setattr(helper.Helper, "write", lambda _, data: told.append(data.count(b"\n")))

    keeper.settled("s1")
    keeper.settled("s2")
    tell_opened(keeper, provider, "s3")
    await asyncio.sleep(0)

    assert [3] == told


async def test_sessions_of_one_pass_are_told_in_one_call_right_after_it(keeper, provider, monkeypatch):
    """
    A hundred sessions that open together cost one call to the system, and none waits for the next pass.
    """
    names = [f"s{number}" for number in range(100)]
    keeper.start()
    told = []
    monkeypatch.setattr(helper.Helper, "write", lambda _, data: told.append(data.count(b'["opened"')))

    tell_opened(keeper, provider, *names)
    before = sum(told)
    await asyncio.sleep(0)

    assert (0, 100) == (before, sum(told))
    assert 1 == sum(1 for opened in told if opened)


async def test_hand_over_in_the_pass_of_the_opening_is_told_after_it(keeper, provider):
    """
    What is asked about a session does not overtake the news that it is there.
    """
    provider.open("s1")
    tell_opened(keeper, provider, "s1")
    outcome = Outcome()
    keeper.hand_over("s1", outcome)

    assert await asyncio.to_thread(outcome.wait)


async def test_guardian_that_dies_before_it_was_told_is_replaced_by_one_that_knows(keeper, provider):
    """
    The successor is told all that is owed at once, and nothing that was meant for the other.
    """
    provider.open("s1", "s2")
    tell_opened(keeper, provider, "s1")
    await asyncio.sleep(0)
    pid = keeper.pid
    tell_opened(keeper, provider, "s2")
    os.kill(pid, signal.SIGKILL)
    replaced(keeper, pid)  # Without a turn of the loop.
    keeper._helper.hang_up()
    await asyncio.to_thread(provider.wait_empty)

    assert 2 == provider.count("DELETE")


async def test_news_of_a_settled_debt_waits_for_no_other(keeper, provider):
    """
    It is told by itself a moment later: the death of its owner then ends nothing twice.
    """
    provider.open("s1", "s2")
    tell_opened(keeper, provider, "s1", "s2")
    keeper.settled("s2")

    await asyncio.sleep(SETTLE_DELAY * 2)  # The timer was set before, so it is due before.
    keeper._helper.hang_up()
    await asyncio.to_thread(provider.wait, lambda: "s1" not in provider.alive)

    assert {"s2": []} == provider.alive


def test_unknown_debt_cannot_be_handed_over(keeper):
    """
    Whoever hands over learns that nobody goes on.
    """
    assert not keeper.hand_over("never told")


def test_callback_that_fails_does_not_end_the_listening(keeper, provider, caplog):
    """
    An error in one callback is logged, and the next is called.
    """
    caplog.set_level(logging.CRITICAL, logger="firecrawl_interact")
    provider.open("s1", "s2")
    tell_opened(keeper, provider, "s1", "s2")
    outcome = Outcome()

    keeper.hand_over("s1", lambda _: 1 // 0)
    keeper.hand_over("s2", outcome)

    assert outcome.wait()


# --- relay ------------------------------------------------------------------------------


async def test_relayed_create_is_answered(keeper, provider):
    """
    The answer of the provider comes back whole.
    """
    async with asyncio.timeout(PATIENCE):
        answer = await relay(keeper, provider.url)

    assert 200 == answer.status
    assert b'{"data": {"id": "r1"}}' == answer.body
    assert "22" == answer.headers["content-length"]


async def test_many_relays_at_once_each_get_their_own_answer(keeper, provider):
    """
    Creates are sent side by side, and no answer goes astray.
    """
    names = [f"r{number}" for number in range(80)]
    async with asyncio.timeout(PATIENCE):
        answers = await asyncio.gather(*(relay(keeper, provider.url, name) for name in names))

    assert [f'{{"data": {{"id": "{name}"}}}}'.encode() for name in names] == [each.body for each in answers]


async def test_relay_to_nobody_was_not_sent(keeper):
    """
    A create that surely never left may be tried elsewhere.
    """
    with nobody() as url, pytest.raises(TransportError) as caught:
        await relay(keeper, url)

    assert not caught.value.sent


async def test_relay_without_an_answer_in_time_is_a_timeout(keeper, provider):
    """
    A create that hangs is an unknown one.
    """
    provider.hold_creates.clear()

    with pytest.raises(TransportTimeoutError) as caught:
        await relay(keeper, provider.url, timeout=0.1)

    assert caught.value.sent


async def test_relay_of_a_stuck_guardian_ends_in_time(keeper, monkeypatch):
    """
    A helper process that says nothing at all holds up a create no longer than its time limit allows.
    """
    monkeypatch.setattr(client, "RELAY_MARGIN", 0.1)
    keeper.start()
    stop(keeper.pid)

    with nobody() as url, pytest.raises(TransportTimeoutError) as caught:
        async with asyncio.timeout(PATIENCE):
            await relay(keeper, url, timeout=0.1)

    os.kill(keeper.pid, signal.SIGCONT)

    assert caught.value.sent


async def test_relay_whose_guardian_dies_is_unknown(keeper, provider):
    """
    Who waits for a relayed create learns that its outcome is not known; it is not sent twice.
    """
    provider.hold_creates.clear()
    waiting = asyncio.create_task(relay(keeper, provider.url))
    await asyncio.to_thread(provider.create_came.wait, PATIENCE)

    os.kill(keeper.pid, signal.SIGKILL)

    with pytest.raises(TransportError) as caught:
        await waiting
    assert caught.value.sent
    assert 1 == provider.count("POST")


async def test_cancelled_relay_can_be_handed_over(keeper, provider):
    """
    A create whose caller has gone is ended once it is answered.
    """
    provider.hold_creates.clear()
    waiting = asyncio.create_task(relay(keeper, provider.url))
    await asyncio.to_thread(provider.create_came.wait, PATIENCE)
    waiting.cancel()
    with suppress(asyncio.CancelledError):
        await waiting
    outcome = Outcome()
    keeper.hand_over("r1", outcome)

    provider.hold_creates.set()

    assert await asyncio.to_thread(outcome.wait)
    assert {} == provider.alive


RELAYING = (
    "import asyncio\n"
    "from guardian_kit import create\n"
    "def relay(): return guardian().relay('r1', create(URL, name='r1'), line=LINE, timeout=20,\n"
    "    end=end(URL, '{id}'), id_path=('data', 'id'), until=time.time() + 100)\n"
)


def test_owner_killed_during_a_relayed_create_leaves_nothing(provider, owner):
    """
    The helper process waits for the answer and ends the session it names, mark or none.
    """
    provider.hold_creates.clear()
    process = owner(RELAYING + "asyncio.run(relay())")
    assert provider.create_came.wait(PATIENCE)

    process.kill()
    provider.hold_creates.set()
    provider.wait(lambda: provider.count("DELETE") == 1)

    assert {} == provider.alive


def test_owner_killed_after_a_relayed_answer_leaves_nothing(provider, owner):
    """
    Between the answer and the owner's own word nothing is lost.
    """
    process = owner(RELAYING + "asyncio.run(relay()); say(); sys.stdin.readline()")
    process.hear()

    process.kill()
    provider.wait_empty()

    assert 1 == provider.count("DELETE")


# --- plans of a dead owner --------------------------------------------------------------


def test_orphan_of_a_killed_owner_is_found_by_its_mark(provider, owner):
    """
    The session of a create that was under way is ended although it appears only later.
    """
    looks = iter(range(20))

    def answer_list():
        if next(looks) == 2:
            provider.open("mine", tags=("fi-1",))

    provider.open("foreign", tags=("fi-2",))
    provider.answer_list = answer_list
    process = owner("planned(URL, 'fi-1'); say(); sys.stdin.readline()")
    process.hear()

    process.kill()
    provider.wait(lambda: provider.count("DELETE") == 1)

    assert {"foreign": ["fi-2"]} == provider.alive


def test_outage_at_the_owners_death_is_outlasted(owner):
    """
    A provider that is away when the owner dies is asked again when it is back.
    """
    with socket.socket() as place:  # Keeps the port for those who listen there in turn.
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        provider = Provider(port)
        process = owner("opened(URL, 's1'); say(); sys.stdin.readline()", provider.url)
        process.hear()
        provider.close()
        process.kill()
        # Stands for the outage: takes the connection and gives no answer.
        with socket.create_server(("127.0.0.1", port)) as silent:
            peer, _ = silent.accept()
            peer.close()

        back = Provider(port, alive=("s1",))  # From its first moment on: it may be asked at once.
        try:
            back.wait_empty()
        finally:
            back.close()
