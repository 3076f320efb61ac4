"""What a viewer does becomes what the browser is told."""

from __future__ import annotations

import re
from typing import Any, cast

Command = tuple[str, dict[str, Any]]

LONGEST_TEXT = 100_000  # Characters pasted at once.

_MOUSE = {"down": "mousePressed", "move": "mouseMoved", "up": "mouseReleased"}
_KEYPAD = 3  # As pages name the place of a key.
_KEYS = {"down": "keyDown", "up": "keyUp"}
_BUTTONS = ("left", "middle", "right", "back", "forward")  # By the number that pages get.
_MODIFIERS = 0b1111  # Alt, Ctrl, Meta, Shift.
_MOST_CLICKS = 3
_MOST_WHEEL = 10_000  # CSS pixels at once.
_LONGEST_KEY = 32  # Characters of a key's name.
_LONGEST_URL = 8_000  # Characters.

# What a viewer may go to: files and the browser's own pages are for those who hold the CDP link.
_SCHEMES = ("http://", "https://", "about:blank", "data:")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?!\d)", re.IGNORECASE)  # And not the port behind a name.
_NEAR = re.compile(
    r"(localhost|127\.|\[::1\]|10\.|192\.168\.)", re.IGNORECASE
)  # Speaks plain HTTP, most likely.


def command(message: Any, *, width: float, height: float) -> Command | None:
    """
    Translate one message of the live page; None for what it could not have sent.

    Args:
        message: As decoded from JSON.

        width: CSS pixels of the page shown. Positions come as parts of it, from 0 to 1.

        height: The same, of the other direction.
    """
    if not isinstance(message, dict):
        return None
    message = cast("dict[str, Any]", message)
    kind = str(message.get("type"))
    try:
        if kind in _PLACED:
            return _PLACED[kind](message, width, height)
        return _OTHERS[kind](message) if kind in _OTHERS else None
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def _mouse(message: dict[str, Any], width: float, height: float) -> Command:
    button = _whole(message.get("button", -1), -1, len(_BUTTONS) - 1)
    params: dict[str, Any] = {
        "type": _MOUSE[message["event"]],
        **_place(message, width, height),
        "button": _BUTTONS[button] if button >= 0 else "none",
        "buttons": _whole(message.get("buttons", 0), 0, 31),
        "clickCount": _whole(message.get("clicks", 0), 0, _MOST_CLICKS),
    }
    return "Input.dispatchMouseEvent", params


def _wheel(message: dict[str, Any], width: float, height: float) -> Command:
    params = {
        "type": "mouseWheel",
        **_place(message, width, height),
        "deltaX": _number(message["dx"], -_MOST_WHEEL, _MOST_WHEEL),
        "deltaY": _number(message["dy"], -_MOST_WHEEL, _MOST_WHEEL),
    }
    return "Input.dispatchMouseEvent", params


def _key(message: dict[str, Any]) -> Command:
    key = _string(message["key"], _LONGEST_KEY)
    modifiers = _modifiers(message)
    params: dict[str, Any] = {
        "type": _KEYS[message["event"]],
        "key": key,
        "code": _string(message["code"], _LONGEST_KEY),
        "windowsVirtualKeyCode": _whole(message["keyCode"], 0, 255),
        "modifiers": modifiers,
        "autoRepeat": message.get("repeat") is True,
        "location": _whole(message.get("location", 0), 0, 3),
        "isKeypad": message.get("location") == _KEYPAD,
    }
    # What is typed, unless a shortcut is: Ctrl and Meta are bits 2 and 4.
    typed = "\r" if key == "Enter" else key
    if params["type"] == "keyDown" and len(typed) == 1 and not modifiers & 0b0110:
        params["text"] = typed
    return "Input.dispatchKeyEvent", params


def _text(message: dict[str, Any]) -> Command:
    return "Input.insertText", {"text": _string(message["text"], LONGEST_TEXT)}


def _compose(message: dict[str, Any]) -> Command:
    """Show what an input method is at; its end comes as text."""
    text = _string(message["text"], LONGEST_TEXT)
    end = len(text.encode("utf-16-le")) // 2  # Browsers count in UTF-16.
    return "Input.imeSetComposition", {"text": text, "selectionStart": end, "selectionEnd": end}


def _go(message: dict[str, Any]) -> Command:
    return "Page.navigate", {"url": address(_string(message["url"], _LONGEST_URL))}


def _reload(message: dict[str, Any]) -> Command:  # noqa: ARG001  # one shape for all
    return "Page.reload", {}


def _stop(message: dict[str, Any]) -> Command:  # noqa: ARG001  # one shape for all
    return "Page.stopLoading", {}


_PLACED = {"mouse": _mouse, "wheel": _wheel}
_OTHERS = {
    "key": _key,
    "text": _text,
    "compose": _compose,
    "go": _go,
    "reload": _reload,
    "stop": _stop,
}


def address(typed: str) -> str:
    """
    Complete what was typed into the address bar.

    Raises:
        ValueError: It leads where viewers may not go, or nowhere.
    """
    typed = typed.strip()
    if not typed:
        raise ValueError("no address")
    if typed.lower().startswith(_SCHEMES):
        return typed
    if _SCHEME.match(typed):
        raise ValueError("viewers may not go there")
    return ("http://" if _NEAR.match(typed) else "https://") + typed


def _place(message: dict[str, Any], width: float, height: float) -> dict[str, Any]:
    return {
        "x": _number(message["x"], 0, 1) * width,
        "y": _number(message["y"], 0, 1) * height,
        "modifiers": _modifiers(message),
    }


def _modifiers(message: dict[str, Any]) -> int:
    return _whole(message.get("modifiers", 0), 0, _MODIFIERS)


def _number(value: Any, lowest: float, highest: float) -> float:
    """Return a number moved into its bounds."""
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:  # noqa: PLR0124  # NaN
        raise TypeError
    return min(max(float(value), lowest), highest)


def _whole(value: Any, lowest: int, highest: int) -> int:
    if type(value) is not int or not lowest <= value <= highest:
        raise ValueError
    return value


def _string(value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError
    return value
