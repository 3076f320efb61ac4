"""Logs of a server: lines of JSON, and who gets one."""

from __future__ import annotations

import json
import logging
import sys

from firecrawl_interact.cli.logs import JsonFormatter


def record(text: str, *args: object, **extra: object) -> logging.LogRecord:
    """
    Make a record as a logger does.
    """
    made = logging.LogRecord("server", logging.WARNING, __file__, 1, text, args, None)
    made.__dict__.update(extra)
    return made


def test_a_line_is_one_json_object():
    """
    Whatever the message holds.
    """
    line = JsonFormatter().format(record('"%s"\nends', "ä"))
    told = json.loads(line)

    assert 1 == len(line.splitlines())
    assert ("warning", "server", '"ä"\nends') == (told["level"], told["logger"], told["message"])
    assert told["time"].endswith("+00:00")


def test_an_access_line_has_members_of_its_own():
    """
    They can be searched without taking the message apart.
    """
    told = json.loads(JsonFormatter().format(record("GET", access={"route": "/cdp/{id}", "status": 101})))

    assert ("/cdp/{id}", 101) == (told["route"], told["status"])


def test_an_exception_is_in_the_line():
    """
    Its traceback does not break the lines.
    """
    try:
        int("why")
    except ValueError:
        failed = record("failed")
        failed.exc_info = sys.exc_info()
    told = json.loads(JsonFormatter().format(failed))

    assert "ValueError: invalid literal" in told["exception"]
