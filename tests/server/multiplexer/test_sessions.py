"""Which sessions there are, and whose each is."""

from __future__ import annotations

from firecrawl_interact.server.multiplexer.sessions import Sessions

DEEP = 5000  # More than Python recurses.


def test_session_is_its_owners_until_it_ends():
    """
    An unknown one is nobody's.
    """
    sessions = Sessions[str]()
    sessions.add("a", "Ann")
    sessions.add("b", "Bob", "a")
    owners = [sessions.owner(name) for name in ("a", "b", "c")]
    removed = sessions.remove("b")

    assert ["Ann", "Bob", None] == owners
    assert ("Bob", None, "Ann") == (removed, sessions.owner("b"), sessions.owner("a"))


def test_what_began_in_a_session_ends_with_it():
    """
    However deep it is, and nothing is kept of it.
    """
    sessions = Sessions[str]()
    sessions.add("0", "Ann")
    for depth in range(DEEP):
        sessions.add(str(depth + 1), "Ann", str(depth))
    sessions.add("other", "Bob")
    sessions.remove("0")

    assert (1, "Bob") == (len(sessions), sessions.owner("other"))
    assert ({}, {"other": None}) == (sessions._children, sessions._parents)


def test_session_can_change_its_owner():
    """
    It begins in the house, and is then somebody's.
    """
    sessions = Sessions[str]()
    sessions.add("house", "us")
    sessions.add("a", "us", "house")
    sessions.add("a", "Ann")
    sessions.remove("house")

    assert "Ann" == sessions.owner("a")


def test_unknown_session_ends_without_a_word():
    """
    Both sides may end one at the same time.
    """
    assert Sessions[str]().remove("a") is None
