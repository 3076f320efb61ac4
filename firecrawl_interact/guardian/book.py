"""What the helper process was told of debts, to be told again to its successor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import attrs

from firecrawl_interact.guardian import messages
from firecrawl_interact.guardian.styles import Style, Styles
from firecrawl_interact.models import EndRequest, LineSettings, Request, Search


@attrs.define(eq=False)
class Owed:
    """
    One debt as the helper process was told it.

    Attributes:
        styles: What the message refers to.

        told: The message for a successor; empty where it could do nothing, as for a relayed
            create without a mark, which nobody else may send.

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

    def plan(
        self, debt: str, search: Search, *, line: LineSettings, until: float, appears_by: float | None
    ) -> bytes:
        """Note a create that can be found by its mark; return the message that tells it."""
        style = self.styles.of_search(search, line)
        told = messages.pack(messages.PLAN, debt, *_plan(style, search, until, appears_by))
        self._keep(debt, Owed((style,), told, until))
        return told

    def opened(
        self, debt: str, end: EndRequest, *, line: LineSettings, session_id: str, until: float
    ) -> bytes:
        """Note an open session; return the message that tells it."""
        style = self.styles.of_end(end, line)
        told = messages.pack(
            messages.OPENED, debt, style.number, session_id, end.request.url, end.born, until
        )
        self._keep(debt, Owed((style,), told, until))
        return told

    def relay(
        self,
        debt: str,
        request: Request,
        *,
        line: LineSettings,
        timeout: float,
        end: EndRequest,
        id_path: Sequence[str],
        until: float,
        search: Search | None,
        appears_by: float | None,
    ) -> bytes:
        """Note a create that is to be sent; return the message that asks for it. No successor is told it."""
        style = self.styles.of_end(end, line)
        styles: tuple[Style, ...] = (style,)
        plan: list[Any] | None = None
        planned = b""
        if search is not None:
            by_mark = self.styles.of_search(search, line)
            styles = (style, by_mark)
            plan = _plan(by_mark, search, until, appears_by)
            planned = messages.pack(messages.PLAN, debt, *plan)
        asked = messages.pack_request(request)
        told = messages.pack(
            messages.RELAY, debt, style.number, end.request.url, asked, timeout, list(id_path), until, plan
        )
        self._keep(debt, Owed(styles, planned, until))
        return told

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

    def _keep(self, debt: str, owed: Owed) -> None:
        """Note what is told of one, in place of what was told before."""
        self.styles.hold(*owed.styles)
        self.drop(debt)
        self._owed[debt] = owed


def _plan(style: Style, search: Search, until: float, appears_by: float | None) -> list[Any]:
    """Write the arguments of a plan after the debt's name."""
    return [style.number, search.request.url, search.mark, until, appears_by or 0.0]
