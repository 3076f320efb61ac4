"""What the helper process was told of debts, to be told again to its successor."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from firecrawl_interact.guardian import messages
from firecrawl_interact.guardian.styles import Style, Styles


@attrs.define(eq=False)
class Owed:
    """
    One debt as the helper process was told it.

    Attributes:
        styles: What the message refers to.

        told: The message; empty for a relayed create, which nobody else may send.

        until: Wall-clock seconds by which the provider has ended the session by itself.

        taken: Whether the helper process was asked to end it though we live.

        done: Called once that is over.
    """

    styles: tuple[Style, ...]
    told: bytes = attrs.field(repr=False)
    until: float
    taken: bool = False
    done: Callable[[bool], None] | None = None


class Book:
    """
    The debts of one guardian. Not thread-safe: the guardian's lock is.

    Attributes:
        styles: What their messages refer to.
    """

    def __init__(self, tell: Callable[[bytes], None]) -> None:
        """
        Begin with none.

        Args:
            tell: Called with the messages that the styles need.
        """
        self.styles: Styles = Styles(tell)
        self._owed: dict[str, Owed] = {}

    def __len__(self) -> int:
        """Count the debts."""
        return len(self._owed)

    def __iter__(self) -> Iterator[str]:
        """Name the debts there are now."""
        return iter(tuple(self._owed))

    def get(self, debt: str) -> Owed | None:
        """Return what was told of one; None if nothing was."""
        return self._owed.get(debt)

    def keep(self, debt: str, owed: Owed) -> None:
        """Note what is told of one, in place of what was told before."""
        self.styles.hold(*owed.styles)
        self.drop(debt)
        self._owed[debt] = owed

    def drop(self, debt: str) -> Owed | None:
        """Strike one out, and return what was told of it."""
        owed = self._owed.pop(debt, None)
        if owed is not None:
            self.styles.release(*owed.styles)
        return owed

    def drop_lost(self, now: float) -> None:
        """Strike out what a successor could do nothing about, at *now* in wall-clock seconds."""
        for debt, owed in list(self._owed.items()):
            if not owed.told or owed.until < now:
                self.drop(debt)

    def tell_all(self) -> bytes:
        """Return the messages that tell all of it to a new helper process."""
        told = [self.styles.tell_all()]
        for debt, owed in self._owed.items():
            told.append(owed.told)
            if owed.taken:
                told.append(messages.pack(messages.TAKE, debt))
        return b"".join(told)
