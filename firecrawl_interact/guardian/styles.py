"""What the sessions of one configuration have in common, so that the helper process is told it once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import attrs

from firecrawl_interact.guardian import messages
from firecrawl_interact.models import EndRequest, LineSettings, Request, Search

STYLES_MAX = 64  # Kept; beyond that those that no debt uses are forgotten.


@attrs.define(eq=False)
class Style:
    """
    All of an end or a search but what differs from session to session.

    Attributes:
        number: What messages call it.

        told: The message that tells it; holds the key.

        users: How many debts refer to it.
    """

    number: int
    told: bytes = attrs.field(repr=False)
    users: int = 0


class Styles:
    """The styles of one guardian. Not thread-safe: the guardian's lock is."""

    def __init__(self, tell: Callable[[bytes], None]) -> None:
        """
        Begin with none.

        Args:
            tell: Called with the message for each style that is new, or forgotten.
        """
        self._tell = tell
        self._styles: dict[Hashable, Style] = {}
        self._numbers = 0

    def of_end(self, end: EndRequest, line: LineSettings) -> Style:
        """Return the style of an end, new or known; what is not held may be forgotten at the next `hold`."""
        return self._style(_end_key(end, line), lambda: messages.end_style(end, line))

    def of_search(self, search: Search, line: LineSettings) -> Style:
        """Return the style of a search, as `of_end` does."""
        template = search.end.request.url
        key = ("search", _request_key(search.request), search.rows, template, _end_key(search.end, line))
        return self._style(key, lambda: messages.search_style(search, line))

    def hold(self, *styles: Style) -> None:
        """Count one more debt that refers to these."""
        for style in styles:
            style.users += 1
        if len(self._styles) > STYLES_MAX:
            self._forget_unused()

    def release(self, *styles: Style) -> None:
        """Count one less."""
        for style in styles:
            style.users -= 1

    def tell_all(self) -> bytes:
        """Return the messages that tell every style in use, for a new helper process; forget the others."""
        self._styles = {key: style for key, style in self._styles.items() if style.users}
        return b"".join(style.told for style in self._styles.values())

    def _style(self, key: Hashable, describe: Callable[[], dict[str, Any]]) -> Style:
        style = self._styles.get(key)
        if style is None:
            self._numbers += 1
            told = messages.pack(messages.STYLE, self._numbers, describe())
            style = self._styles[key] = Style(self._numbers, told)
            self._tell(told)
        return style

    def _forget_unused(self) -> None:
        for key, style in list(self._styles.items()):
            if not style.users:
                del self._styles[key]
                self._tell(messages.pack(messages.FORGET, style.number))


def _end_key(end: EndRequest, line: LineSettings) -> Hashable:
    """Return what two ends have in common if they differ in URL and birth at most."""
    verify = end.verify
    return (
        _request_key(end.request),
        end.gone,
        end.again,
        end.final,
        end.repeat_while_field,
        verify and (verify.status, verify.request.url, _request_key(verify.request), verify.rows),
        line,
    )


def _request_key(request: Request) -> Hashable:
    return request.method, *request.headers.items()
