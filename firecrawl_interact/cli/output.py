"""What commands print: tables for people, JSON lines for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

_GAP = "  "  # Between two columns.


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """
    Lay out rows below their headers, without a newline at the end.

    Plain text, so that it can be piped; drawn by rich where that is installed and stdout is
    a terminal. None is shown as an empty cell, and a time as in ISO 8601.
    """
    values = [list(row) for row in rows]
    if sys.stdout.isatty():
        drawn = _drawn(headers, values)
        if drawn is not None:
            return drawn
    cells = [["" if value is None else _text(value) for value in row] for row in values]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    lines = (headers, ["-" * width for width in widths], *cells)
    return "\n".join(_line(line, widths) for line in lines)


def json_line(obj: object) -> str:
    """Write a value as one line of JSON, without the newline; times as in ISO 8601, other objects as text."""
    return json.dumps(obj, default=_text, ensure_ascii=False, separators=(",", ":"))


def _text(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _drawn(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str | None:
    try:
        import rich.box  # an extra
        import rich.console
        import rich.table
        import rich.text
    except ImportError:
        return None
    console = rich.console.Console()
    cells = [[_for_people(value) for value in row] for row in rows]
    if _width(headers, cells) > console.width:
        # Else the widest cells are cut anywhere, times among them.
        cells = [[_for_people(value, parted="\n") for value in row] for row in rows]
    grid = rich.table.Table(box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for header in headers:
        grid.add_column(header, overflow="fold")
    for row in cells:
        # Text, not str: a bracket in a cell is no markup.
        grid.add_row(*map(rich.text.Text, row))
    with console.capture() as captured:
        console.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _for_people(value: object, *, parted: str = " ") -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d{parted}%H:%M:%SZ}"
    return "" if value is None else str(value)


def _width(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    columns = zip(headers, *rows, strict=True)
    return sum(len(_GAP) + max(map(len, column)) for column in columns) - len(_GAP)
