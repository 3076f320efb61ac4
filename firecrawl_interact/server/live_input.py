"""What a viewer does becomes what the browser is told."""

from __future__ import annotations

from typing import Any, cast

Command = tuple[str, dict[str, Any]]

LONGEST_TEXT = 100_000  # Characters pasted at once.

_MOUSE = {"down": "mousePressed", "move": "mouseMoved", "up": "mouseReleased"}
_KEYS = {"down": "keyDown", "up": "keyUp"}
_BUTTONS = ("left", "middle", "right", "back", "forward")  # By the number that pages get.
_MODIFIERS = 0b1111  # Alt, Ctrl, Meta, Shift.
_MOST_CLICKS = 3
_MOST_WHEEL = 10_000  # CSS pixels at once.
_LONGEST_KEY = 32  # Characters of a key's name.


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
    translate = {"mouse": _mouse, "wheel": _wheel, "key": _key, "text": _text}.get(str(message.get("type")))
    try:
        return translate(message, width, height) if translate is not None else None
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


def _key(message: dict[str, Any], width: float, height: float) -> Command:  # noqa: ARG001  # one shape for all
    key = _string(message["key"], _LONGEST_KEY)
    modifiers = _modifiers(message)
    params: dict[str, Any] = {
        "type": _KEYS[message["event"]],
        "key": key,
        "code": _string(message["code"], _LONGEST_KEY),
        "windowsVirtualKeyCode": _whole(message["keyCode"], 0, 255),
        "modifiers": modifiers,
    }
    # What is typed, unless a shortcut is: Ctrl and Meta are bits 2 and 4.
    typed = "\r" if key == "Enter" else key
    if params["type"] == "keyDown" and len(typed) == 1 and not modifiers & 0b0110:
        params["text"] = typed
    return "Input.dispatchKeyEvent", params


def _text(message: dict[str, Any], width: float, height: float) -> Command:  # noqa: ARG001  # one shape for all
    return "Input.insertText", {"text": _string(message["text"], LONGEST_TEXT)}


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
