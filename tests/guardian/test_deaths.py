"""Deaths of helper processes: how soon another may come, and when none may."""

from firecrawl_interact.guardian.deaths import FALSE_STARTS_MAX, PAUSE_LONGEST, STEADY, Deaths


def test_first_early_death_costs_no_pause():
    """One death may happen to anybody."""

    assert Deaths().note(age=0.1, ready=True) == 0.0


def test_pause_grows_to_its_bound_and_is_forgotten_after_a_steady_one():
    """A helper that keeps dying is not started in a tight loop; one that lived long clears the record."""
    deaths = Deaths()
    pauses = [deaths.note(age=0.1, ready=True) for _ in range(20)]
    after = deaths.note(age=STEADY, ready=True)

    assert sorted(pauses) == pauses
    assert PAUSE_LONGEST == pauses[-1]
    assert (0.0, False) == (after, deaths.hopeless)


def test_false_starts_in_a_row_are_hopeless():
    """Only those count that never came up, and only in a row."""
    deaths = Deaths()
    for ready in [False] * (FALSE_STARTS_MAX - 1) + [True] + [False] * (FALSE_STARTS_MAX - 1):
        deaths.note(age=0.0, ready=ready)
    before = deaths.hopeless
    deaths.note(age=0.0, ready=False)

    assert (False, True) == (before, deaths.hopeless)
