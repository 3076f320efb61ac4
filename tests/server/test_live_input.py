"""What a viewer does, translated."""

from __future__ import annotations

from typing import Any

import pytest

from firecrawl_interact.server.live_input import command

MOUSE = {"type": "mouse", "event": "down", "x": 0.25, "y": 0.5, "button": 2, "buttons": 2, "clicks": 1}
KEY = {"type": "key", "event": "down", "key": "a", "code": "KeyA", "keyCode": 65}


def told(message: Any) -> Any:
    """
    Translate for a page of 800 by 600.
    """
    return command(message, width=800, height=600)


def test_position_is_a_part_of_the_page():
    """
    A click carries pixels of the page, its button and the modifiers.
    """
    method, params = told({**MOUSE, "modifiers": 8})

    assert "Input.dispatchMouseEvent" == method
    assert {
        "type": "mousePressed",
        "x": 200.0,
        "y": 300.0,
        "button": "right",
        "buttons": 2,
        "clickCount": 1,
        "modifiers": 8,
    } == params


def test_position_outside_is_moved_to_the_edge():
    """
    Rounding of the viewer's never leads outside of the page.
    """
    _, params = told({**MOUSE, "x": -0.001, "y": 1.5})

    assert (0, 600) == (params["x"], params["y"])


def test_move_without_a_button_presses_none():
    """
    Pages get -1 for the button of a move.
    """
    _, params = told({**MOUSE, "event": "move", "button": -1, "buttons": 0, "clicks": 0})

    assert ("mouseMoved", "none") == (params["type"], params["button"])


def test_wheel_is_bounded():
    """
    A wheel event scrolls by what it says, within reason.
    """
    _, params = told({"type": "wheel", "x": 0, "y": 0, "dx": -3.5, "dy": 1e300})

    assert (-3.5, 10_000) == (params["deltaX"], params["deltaY"])


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (KEY, "a"),
        ({**KEY, "key": "A", "modifiers": 8}, "A"),
        ({**KEY, "key": "Enter", "code": "Enter", "keyCode": 13}, "\r"),
        ({**KEY, "key": "Tab"}, None),
        ({**KEY, "modifiers": 2}, None),
        ({**KEY, "modifiers": 4}, None),
        ({**KEY, "event": "up"}, None),
    ],
)
def test_key_types_what_it_would(message: dict[str, Any], text: str | None):
    """
    Printable keys type themselves; shortcuts, named keys and releases type nothing.
    """
    _, params = told(message)

    assert text == params.get("text")


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        "mouse",
        {},
        {"type": "evaluate", "expression": "1"},
        {"type": ["mouse"]},
        {**MOUSE, "event": "drag"},
        {**MOUSE, "event": {}},
        {**MOUSE, "x": "0"},
        {**MOUSE, "x": True},
        {**MOUSE, "x": float("nan")},
        {**MOUSE, "button": 5},
        {**MOUSE, "button": -2},
        {**MOUSE, "button": 1.0},
        {**MOUSE, "modifiers": 16},
        {**MOUSE, "clicks": 4},
        {"type": "wheel", "x": 0, "y": 0},
        {**KEY, "key": "x" * 33},
        {**KEY, "code": None},
        {**KEY, "keyCode": 256},
        {"type": "text", "text": "x" * 100_001},
        {"type": "text"},
    ],
)
def test_nonsense_is_none(message: Any):
    """
    What the live page could not have sent is no command.
    """
    assert told(message) is None


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("example.com/a?b=c:d", "https://example.com/a?b=c:d"),
        ("example.com:8080", "https://example.com:8080"),
        (" localhost:3000/x ", "http://localhost:3000/x"),
        ("127.0.0.1:8900", "http://127.0.0.1:8900"),
        ("HTTP://example.com", "HTTP://example.com"),
        ("about:blank", "about:blank"),
        ("data:text/html,x", "data:text/html,x"),
    ],
)
def test_address_is_completed(typed: str, url: str):
    """
    What is typed without a scheme gets one.
    """
    assert ("Page.navigate", {"url": url}) == told({"type": "go", "url": typed})


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "  ",
        "file:///etc/passwd",
        "FILE:/etc/passwd",
        "chrome://version",
        "javascript:alert(1)",
        "view-source:x",
    ],
)
def test_address_that_is_not_for_viewers_is_none(typed: str):
    """
    Files, scripts and the browser's own pages are for those who hold the CDP link.
    """
    assert told({"type": "go", "url": typed}) is None


def test_composition_ends_where_browsers_count_it():
    """
    Positions are in UTF-16.
    """
    _, params = told({"type": "compose", "text": "a😀"})

    assert {"text": "a😀", "selectionStart": 3, "selectionEnd": 3} == params
