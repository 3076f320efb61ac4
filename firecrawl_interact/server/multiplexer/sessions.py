"""Which CDP sessions there are on one connection, and whose each is."""

from __future__ import annotations

from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class Sessions(Generic[Owner]):
    """A tree of session ids: what begins in a session is of the same owner, and ends with it."""

    def __init__(self) -> None:
        """Have none."""
        self._owners: dict[str, Owner] = {}
        self._parents: dict[str, str | None] = {}
        self._children: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, session: str, owner: Owner, parent: str | None = None) -> None:
        """Note a session that has begun; one that is known changes its owner."""
        self.remove(session)
        self._owners[session] = owner
        self._parents[session] = parent
        if parent is not None:
            self._children.setdefault(parent, set()).add(session)

    def owner(self, session: str) -> Owner | None:
        """Tell whose it is; None if there is none of this id."""
        return self._owners.get(session)

    def remove(self, session: str) -> Owner | None:
        """Forget a session and all that began in it; tell whose it was."""
        owner = self._owners.get(session)
        parent = self._parents.get(session)
        if parent is not None:
            self._children[parent].discard(session)
            if not self._children[parent]:
                del self._children[parent]
        ended = [session]
        while ended:  # Callers nest them as deeply as they like.
            one = ended.pop()
            self._owners.pop(one, None)
            self._parents.pop(one, None)
            ended += self._children.pop(one, ())
        return owner
