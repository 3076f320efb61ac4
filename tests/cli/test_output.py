"""Tests of what commands print."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime

import pytest

from firecrawl_interact.cli.output import json_line, table


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    def isatty(self):
        return True


def test_table_lines_its_columns_up_without_trailing_blanks():
    """
    Each column is as wide as its widest cell, and no line ends in blanks.
    """
    text = table(["id", "backend"], [["s1", "local"], ["session-2", None]])

    expected = "id         backend\n---------  -------\ns1         local\nsession-2"
    assert expected == text


def test_table_without_rows_shows_its_headers():
    """
    An empty table still says what it would show.
    """
    assert "id  since\n--  -----" == table(["id", "since"], [])


def test_table_refuses_a_row_of_another_length():
    """
    A row that does not fit is a defect, not a shifted column.
    """
    with pytest.raises(ValueError, match="zip"):
        table(["id", "since"], [["s1"]])


def test_table_on_a_terminal_is_drawn_by_rich_with_brackets_kept(monkeypatch):
    """
    What looks like rich's markup in a cell is shown as it is.
    """
    pytest.importorskip("rich", reason="the extra `rich` is not installed")
    monkeypatch.setattr(sys, "stdout", Terminal())

    text = table(["id"], [["[red]s1[/red]"]])

    assert "[red]s1[/red]" in text
    assert "\n--" not in text
    assert "id" in text.splitlines()[0]
    assert [line.rstrip() for line in text.splitlines()] == text.splitlines()


def test_times_in_a_narrow_terminal_are_parted_between_date_and_time(monkeypatch):
    """
    What the ledger shows of a session fits into 80 columns, and no word of it is cut.
    """
    pytest.importorskip("rich", reason="the extra `rich` is not installed")
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    at = datetime(2026, 11, 21, 12, 10, 28, tzinfo=UTC)
    row = ["firecrawl", "https://api.firecrawl.dev", "01a1fe03...", at, at, "alive"]

    *_, first, second = table(
        ["BACKEND", "BASE URL", "SESSION", "SINCE", "UNTIL", "OWNER"], [row]
    ).splitlines()

    assert [*row[:3], "2026-11-21", "2026-11-21", "alive"] == first.split()
    assert ["12:10:28Z", "12:10:28Z"] == second.split()


def test_times_in_a_plain_table_are_those_of_iso_8601():
    """
    Whoever reads a pipe can parse them.
    """
    assert "at\n-------------------------\n2026-01-02T00:00:00+00:00" == table(
        ["at"], [[datetime(2026, 1, 2, tzinfo=UTC)]]
    )


def test_table_on_a_terminal_without_rich_is_plain(monkeypatch):
    """
    The extra only beautifies.
    """
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setitem(sys.modules, "rich", None)

    assert "id\n--\ns1" == table(["id"], [["s1"]])


def test_json_line_is_one_line_that_reads_back():
    """
    A value with a line break stays one line, and times are in the form of ISO 8601.
    """
    line = json_line({"text": "a\nb", "at": datetime(2026, 1, 2, tzinfo=UTC)})

    assert "\n" not in line
    assert {"text": "a\nb", "at": "2026-01-02T00:00:00+00:00"} == json.loads(line)
