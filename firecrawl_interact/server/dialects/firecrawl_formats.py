"""Which of Firecrawl's formats of a page a scrape gets here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import attrs

from firecrawl_interact.server.dialects import zod
from firecrawl_interact.server.dialects.firecrawl_guard import ProblemError, bad_request
from firecrawl_interact.server.reading import READABLE

NO_MARKDOWN = f"This server makes no markdown of pages. It has {', '.join(READABLE)}."

_MARKDOWN = "markdown"  # What a scrape gives that asks for nothing.
_SCREENSHOT = "screenshot"


@attrs.frozen(kw_only=True)
class Formats:
    """
    What a scrape asks for.

    Attributes:
        parts: Of the page, by the names of `READABLE`.

        full_page: Whether a screenshot shows all of the page.

        markdown: Whether markdown is among it, which there is not. It is no error, but a warning: it is what
            everybody gets unasked, and what those ask for who want no more than a job's id.
    """

    parts: tuple[str, ...] = ()
    full_page: bool = False
    markdown: bool = True


def read_formats(formats: list[Any] | None) -> Formats:
    """
    Read the ``formats`` of a scrape: names, or objects with a name and options.

    Raises:
        ProblemError: There is something that is not made here.
    """
    if not formats:
        return Formats()
    asked = [_named(entry, place) for place, entry in enumerate(formats)]
    for name, options in asked:
        _check(name, options)
    names = [name for name, _ in asked]
    return Formats(
        parts=tuple(dict.fromkeys(name for name in names if name != _MARKDOWN)),
        full_page=any(options.get("fullPage") is True for _, options in asked),
        markdown=_MARKDOWN in names,
    )


def _named(entry: Any, place: int) -> tuple[str, Mapping[str, Any]]:
    options = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {"type": entry}
    name = options.get("type")
    if not isinstance(name, str):
        raise bad_request([zod.invalid_choice((_MARKDOWN, *READABLE), ("formats", place))])
    return name, {
        option: value for option, value in options.items() if option != "type" and value is not None
    }


def _check(name: str, options: Mapping[str, Any]) -> None:
    """Refuse what would else be missing without a word."""
    if name not in {_MARKDOWN, *READABLE}:
        text = f"This server makes no {name[:40]!r} of pages. It has {', '.join(READABLE)}."
        raise ProblemError(501, text)
    if name == _SCREENSHOT and options.keys() - {"fullPage"}:
        raise ProblemError(
            501, "This server takes screenshots as PNG, 1280 pixels wide; fullPage is its one option."
        )
