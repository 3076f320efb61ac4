"""What the helper process does, in a thread of the test."""

import os
import socket
import subprocess
import threading
import time

import pytest
from guardian_kit import LINE, PATIENCE, create, end, nobody, search

from firecrawl_interact.guardian import messages, program
from firecrawl_interact.guardian.messages import pack


class Line:
    """
    The owner's end of a line to a keeper that runs in a thread.

    Attributes:
        owner: Pid of the process that the keeper watches.
    """

    def __init__(self):
        self._process = subprocess.Popen(["sleep", "300"])
        self.owner = self._process.pid
        self._ours, self._theirs = socket.socketpair()
        self._ours.settimeout(PATIENCE)
        self.keeper = program.Keeper(self._theirs.fileno(), self.owner)
        self._thread = threading.Thread(target=self.keeper.run)
        self._lines = messages.Lines()
        self._heard = []

    def start(self):
        self._thread.start()

    def tell(self, *message):
        self._ours.sendall(pack(*message))

    def hear(self):
        while not self._heard:
            self._heard.extend(self._lines.feed(self._ours.recv(65536)))
        return self._heard.pop(0)

    def hang_up(self):
        self._ours.close()

    def kill_owner(self):
        self._process.kill()
        self._process.wait()

    def join(self):
        if self._thread.ident is not None:
            self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def close(self):
        self.kill_owner()
        self.hang_up()
        self.join()
        self._theirs.close()


@pytest.fixture
def line():
    """
    A line to a keeper that is not started yet.
    """
    line = Line()
    yield line
    line.close()


def tell_opened(line, provider, name, until=100.0, **more):
    due = end(provider.url, name, **more)
    line.tell(messages.STYLE, 1, messages.end_style(due, LINE))
    line.tell(messages.OPENED, name, 1, name, due.request.url, due.born, time.time() + until)


def tell_plan(line, provider, name, until=100.0):
    sought = search(provider.url, name)
    line.tell(messages.STYLE, 2, messages.search_style(sought, LINE))
    line.tell(messages.PLAN, name, 2, sought.request.url, name, time.time() + until, 0)


def tell_relay(line, url, name):
    template = end(url, "{id}")
    line.tell(messages.STYLE, 3, messages.end_style(template, LINE))
    request = messages.pack_request(create(url, name=name))
    line.tell(
        messages.RELAY, name, 3, template.request.url, request, 10, ["data", "id"], time.time() + 100, None
    )


def test_end_of_the_line_pays_every_debt(provider, line):
    """
    A line that is closed means that its owner is gone.
    """
    provider.open("s1", "s2")
    line.start()
    tell_opened(line, provider, "s1")
    tell_opened(line, provider, "s2")

    line.hang_up()
    line.join()

    assert {} == provider.alive


def test_death_of_the_owner_is_seen_though_the_line_stays_open(provider, line):
    """
    What was said before the death is heard, and paid.
    """
    provider.open("s1")
    line.start()
    assert ["ready"] == line.hear()
    tell_opened(line, provider, "s1")

    line.kill_owner()
    line.join()

    assert {} == provider.alive


@pytest.mark.parametrize("error", [AttributeError, PermissionError])
def test_without_pidfd_the_end_of_the_line_is_enough(provider, line, monkeypatch, error):
    """
    Where the owner's process cannot be watched the line alone tells.
    """

    def refuse(_):
        raise error

    monkeypatch.setattr(os, "pidfd_open", refuse)
    provider.open("s1")
    line.start()
    tell_opened(line, provider, "s1")

    line.hang_up()
    line.join()

    assert {} == provider.alive


def test_owner_that_was_never_seen_alive_is_read_all_the_same(provider, line):
    """
    What a dead owner said waits in the line.
    """
    provider.open("s1")
    tell_opened(line, provider, "s1")
    line.kill_owner()
    line.start()

    line.join()

    assert {} == provider.alive


def test_debt_past_its_time_is_dropped(provider, line):
    """
    What the provider has ended by itself is not asked for.
    """
    tell_opened(line, provider, "s1", until=0.0)
    tell_plan(line, provider, "fi-1", until=0.0)
    line.hang_up()
    line.start()

    line.join()

    assert [] == provider.arrivals


def test_told_again_counts_once(provider, line):
    """
    A debt that is told twice is one debt, as last told.
    """
    provider.open("s1")
    tell_plan(line, provider, "s1")
    tell_opened(line, provider, "s1")
    tell_opened(line, provider, "s1")
    line.tell(messages.FORGET, 1)
    line.tell(messages.FORGET, 7)
    line.hang_up()
    line.start()

    line.join()

    assert ["DELETE"] == [method for _, method, _ in provider.arrivals]


def test_taken_debts_are_reported(provider, line):
    """
    What is handed over is paid while the owner lives, and said to be.
    """
    provider.open("s1")
    line.start()
    assert ["ready"] == line.hear()
    tell_opened(line, provider, "s1")
    line.tell(messages.TAKE, "s1")
    line.tell(messages.TAKE, "unknown")

    assert ["over", "s1", True] == line.hear()


def test_taken_debt_without_id_or_mark_is_over_at_once(line):
    """
    A relayed create that never left and has no mark leaves nothing to do.
    """
    line.start()
    assert ["ready"] == line.hear()
    with nobody() as url:
        tell_relay(line, url, "r1")
        kind, name, _, arrived, timed_out = line.hear()
    line.tell(messages.TAKE, "r1")

    assert ("failed", "r1", False, False) == (kind, name, arrived, timed_out)
    assert ["over", "r1", False] == line.hear()


def test_relay_without_a_thread_was_not_sent(provider, line, monkeypatch):
    """
    Where the system grants no thread the owner may send the create itself.
    """
    start = threading.Thread.start

    def refuse(thread):
        if thread._target == line.keeper._relay:
            raise RuntimeError
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    line.start()
    assert ["ready"] == line.hear()
    tell_relay(line, provider.url, "r1")

    assert ["failed", "r1", "No thread for it.", False, False] == line.hear()
    assert [] == provider.arrivals


def test_relayed_session_is_owed_before_the_owner_says_so(provider, line):
    """
    From the answer on the session is ended when the owner goes.
    """
    line.start()
    assert ["ready"] == line.hear()
    tell_relay(line, provider.url, "r1")
    assert ["answer", "r1", 200] == line.hear()[:3]

    line.hang_up()
    line.join()

    assert {} == provider.alive


def test_owner_that_does_not_listen_is_told_nothing_more(provider, line, monkeypatch):
    """
    An owner whose end of the line is full blocks nothing; what it left is paid all the same.
    """
    monkeypatch.setattr(program, "SAY_TIMEOUT", 10)
    line._theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    provider.open("s1")
    line.start()
    for name in [f"gone{number}" for number in range(200)]:
        tell_opened(line, provider, name)
        line.tell(messages.TAKE, name)
    tell_opened(line, provider, "s1")
    provider.wait(lambda: provider.count("DELETE") == 200)

    line.kill_owner()
    line.join()

    assert not line.keeper._owner_listens
    assert {} == provider.alive
