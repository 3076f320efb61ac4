"""Keys by their names and by what they type, on a US keyboard."""

from __future__ import annotations

import string

import attrs

MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}  # With the bits that CDP gives them.

_ALIASES = {
    "cmd": "Meta",
    "command": "Meta",
    "ctrl": "Control",
    "del": "Delete",
    "down": "ArrowDown",
    "esc": "Escape",
    "ins": "Insert",
    "left": "ArrowLeft",
    "option": "Alt",
    "return": "Enter",
    "right": "ArrowRight",
    "space": " ",
    "super": "Meta",
    "up": "ArrowUp",
    "win": "Meta",
}


@attrs.frozen(kw_only=True)
class Key:
    """
    One key.

    Attributes:
        key: What it means, as pages read it.

        code: Where it is, as pages read it.

        number: Its Windows virtual key code, which pages read as `keyCode`.

        text: What it types, or "".

        shifted: Whether Shift is needed for that.
    """

    key: str
    code: str
    number: int
    text: str = ""
    shifted: bool = False


def by_name(name: str) -> Key | None:
    """Find a key by its name, such as ``Control``, ``a``, ``F5`` or ``Enter``; however it is capitalised."""
    if name in _CHARACTERS:
        return _CHARACTERS[name]
    lower = name.lower()
    return _NAMED.get(_ALIASES.get(lower, name).lower()) or _CHARACTERS.get(_ALIASES.get(lower, ""))


def by_character(character: str) -> Key | None:
    """Find the key that types a character; None where the keyboard has none for it."""
    return _CHARACTERS.get("\n" if character == "\r" else character)


def _characters() -> dict[str, Key]:
    keys = {
        letter: Key(key=letter, code=f"Key{letter.upper()}", number=ord(letter.upper()), text=letter)
        for letter in string.ascii_lowercase
    }
    keys |= {
        letter.upper(): attrs.evolve(key, key=letter.upper(), text=letter.upper(), shifted=True)
        for letter, key in keys.items()
    }
    for digit, sign in zip(string.digits, ")!@#$%^&*(", strict=True):
        key = Key(key=digit, code=f"Digit{digit}", number=ord(digit), text=digit)
        keys[digit], keys[sign] = key, attrs.evolve(key, key=sign, text=sign, shifted=True)
    for code, number, plain, shifted in (
        ("Backquote", 192, "`", "~"),
        ("Minus", 189, "-", "_"),
        ("Equal", 187, "=", "+"),
        ("BracketLeft", 219, "[", "{"),
        ("BracketRight", 221, "]", "}"),
        ("Backslash", 220, "\\", "|"),
        ("Semicolon", 186, ";", ":"),
        ("Quote", 222, "'", '"'),
        ("Comma", 188, ",", "<"),
        ("Period", 190, ".", ">"),
        ("Slash", 191, "/", "?"),
    ):
        key = Key(key=plain, code=code, number=number, text=plain)
        keys[plain], keys[shifted] = key, attrs.evolve(key, key=shifted, text=shifted, shifted=True)
    keys[" "] = Key(key=" ", code="Space", number=32, text=" ")
    keys["\n"] = _ENTER
    keys["\t"] = _TAB
    return keys


def _named() -> dict[str, Key]:
    keys = [
        _ENTER,
        _TAB,
        Key(key="Alt", code="AltLeft", number=18),
        Key(key="Control", code="ControlLeft", number=17),
        Key(key="Meta", code="MetaLeft", number=91),
        Key(key="Shift", code="ShiftLeft", number=16),
        *(Key(key=f"F{number}", code=f"F{number}", number=111 + number) for number in range(1, 13)),
    ]
    for name, number in (
        ("Backspace", 8),
        ("CapsLock", 20),
        ("Escape", 27),
        ("PageUp", 33),
        ("PageDown", 34),
        ("End", 35),
        ("Home", 36),
        ("ArrowLeft", 37),
        ("ArrowUp", 38),
        ("ArrowRight", 39),
        ("ArrowDown", 40),
        ("Insert", 45),
        ("Delete", 46),
    ):
        keys.append(Key(key=name, code=name, number=number))
    return {key.key.lower(): key for key in keys}


_ENTER = Key(key="Enter", code="Enter", number=13, text="\r")
_TAB = Key(key="Tab", code="Tab", number=9)  # It moves the focus and types nothing.
_CHARACTERS = _characters()
_NAMED = _named()
