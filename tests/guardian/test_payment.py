"""Debts paid with blocking calls."""

import itertools
import threading
import time

from guardian_kit import LINE, PATIENCE, end, nobody, search, verify

from firecrawl_interact.guardian.crew import Crew, Job
from firecrawl_interact.guardian.payment import Hunt, Payment, pay
from firecrawl_interact.models import EndRequest, Request


def soon():
    return time.time() + PATIENCE


def test_end_is_sent_again_until_it_is_confirmed(provider):
    """
    A provider that fails for a while is asked until it confirms.
    """
    provider.open("s1")
    answers = iter([502, 429, None])
    provider.answer_end = lambda _: next(answers)

    paid = pay(end(provider.url, "s1"), "s1", LINE, until=soon())

    assert paid.gone
    assert 200 == paid.status
    assert 3 == provider.count("DELETE")


def test_final_refusal_is_not_repeated(provider):
    """
    A refusal for good ends the payment unpaid, after one request.
    """
    provider.answer_end = lambda _: 403

    paid = pay(end(provider.url, "s1"), "s1", LINE, until=soon())

    assert (False, True, 403) == (paid.gone, paid.over, paid.status)
    assert 1 == provider.count("DELETE")


def test_lagging_not_found_is_asked_again(provider):
    """
    A young session that is not found is ended once it is.
    """
    answers = iter([404, None])
    provider.open("s1")
    provider.answer_end = lambda _: next(answers)

    assert pay(end(provider.url, "s1", born=soon()), "s1", LINE, until=soon()).gone
    assert {} == provider.alive


def test_doubtful_refusal_of_a_session_not_in_the_list_is_confirmation(provider):
    """
    401 for a session that is not among the living means that it is gone.
    """
    provider.open("foreign")
    provider.answer_end = lambda _: 401

    assert pay(end(provider.url, "s1", verify=verify(provider.url)), "s1", LINE, until=soon()).gone
    assert ["DELETE", "GET"] == [method for _, method, _ in provider.arrivals]


def test_doubtful_refusal_of_a_living_session_is_repeated(provider):
    """
    401 for a session that still runs does not count as its end.
    """
    provider.open("s1")
    answers = iter([401, None])
    provider.answer_end = lambda _: next(answers)

    assert pay(end(provider.url, "s1", verify=verify(provider.url)), "s1", LINE, until=soon()).gone
    assert {} == provider.alive


def test_doubtful_refusal_with_a_bad_key_is_final(provider):
    """
    401 for the list as well means that the key is bad.
    """
    provider.open("s1")
    provider.answer_end = lambda _: 401
    provider.answer_list = lambda: 401

    paid = pay(end(provider.url, "s1", verify=verify(provider.url)), "s1", LINE, until=soon())

    assert (False, True) == (paid.gone, paid.over)


def test_stopped_payment_returns_unpaid(provider):
    """
    Whoever waits for a payment can end its pauses.
    """
    stop = threading.Event()
    provider.answer_end = lambda _: stop.set() or 503

    paid = pay(end(provider.url, "s1"), "s1", LINE, until=soon(), stop=stop)

    assert (False, False, 503) == (paid.gone, paid.over, paid.status)


def test_nothing_is_sent_after_the_deadline(provider):
    """
    A debt past its deadline is dropped.
    """
    paid = pay(end(provider.url, "s1"), "s1", LINE, until=time.time())

    assert (False, None) == (paid.gone, paid.status)
    assert [] == provider.arrivals


def hunted(provider, *, looks, appears_by):
    """Take steps of a search without its pauses; say how many it took."""
    hunt = Hunt(search(provider.url, "fi-1"), LINE, appears_by=appears_by)
    for taken in range(1, looks + 1):
        hunt.step(timeout=PATIENCE, longest=2)
        if hunt.over:
            return hunt, taken
    return hunt, looks


def test_search_ends_what_carries_the_mark_and_nothing_else(provider):
    """
    A foreign session survives although the provider ignores the filter.
    """
    provider.open("mine", tags=("fi-1",))
    provider.open("foreign", tags=("fi-2",))
    provider.open("untagged")

    hunt, taken = hunted(provider, looks=3, appears_by=soon())

    assert (True, 1) == (hunt.gone, taken)
    assert {"foreign", "untagged"} == set(provider.alive)


def test_search_goes_on_while_the_session_may_still_appear(provider):
    """
    A session that appears late is found.
    """
    looks = itertools.count(1)

    def answer_list():
        if next(looks) == 3:
            provider.open("mine", tags=("fi-1",))

    provider.answer_list = answer_list

    hunt, taken = hunted(provider, looks=5, appears_by=soon())

    assert (True, 3) == (hunt.gone, taken)
    assert {} == provider.alive


def test_search_ends_with_the_first_look_after_the_time_to_appear(provider):
    """
    Once nothing can appear any more, one readable list is enough.
    """
    answers = iter([503, None])
    provider.answer_list = lambda: next(answers)

    hunt, taken = hunted(provider, looks=5, appears_by=time.time())

    assert (False, True, 2) == (hunt.gone, hunt.over, taken)


def test_search_with_a_refused_key_is_over(provider):
    """
    A list that is refused for good is not asked for again.
    """
    provider.answer_list = lambda: 403

    hunt, taken = hunted(provider, looks=5, appears_by=soon())

    assert (False, True, 1) == (hunt.gone, hunt.over, taken)


def test_row_with_a_reserved_id_is_not_ended(provider):
    """
    A list cannot make us end everybody's sessions.
    """
    provider.open("all", tags=("fi-1",))

    hunted(provider, looks=2, appears_by=soon())

    assert 0 == provider.count("DELETE")


def test_hopeless_debts_do_not_hold_up_the_others(provider, monkeypatch):
    """
    A hundred debts at a provider that is down leave threads for one that is up.
    """
    monkeypatch.setattr("firecrawl_interact.guardian.crew.THREADS", 2)
    provider.open("s1")
    crew = Crew()
    paid = threading.Event()
    with nobody() as down:
        hopeless = [
            Job(Payment(end(down, f"x{number}"), f"x{number}", LINE), until=soon(), longest=2)
            for number in range(100)
        ]
        for job in hopeless:
            crew.add(job, lambda: None)
        crew.add(Job(Payment(end(provider.url, "s1"), "s1", LINE), until=soon(), longest=2), paid.set)

        assert paid.wait(PATIENCE)
        for job in hopeless:
            crew.drop(job)


def test_crew_works_without_a_thread(provider, monkeypatch):
    """
    Where the system grants no thread the caller's own does the work.
    """

    def refuse(_):
        raise RuntimeError

    provider.open("s1")
    crew = Crew()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        crew.add(Job(Payment(end(provider.url, "s1"), "s1", LINE), until=soon(), longest=2), lambda: None)

    crew.work()

    assert {} == provider.alive


def test_step_that_fails_unexpectedly_is_tried_again():
    """
    A defect in one payment ends neither the thread nor the payment.
    """
    done = threading.Event()
    payment = Payment(EndRequest(Request("DELETE", ""), frozenset(), frozenset()), "s1", LINE)
    tries = iter([ZeroDivisionError, None])

    def step(**_):
        error = next(tries)
        if error is not None:
            raise error
        payment.over = True
        return 0.0

    payment.step = step
    crew = Crew()
    crew.add(Job(payment, until=soon(), longest=0.01), done.set)

    assert done.wait(PATIENCE)
