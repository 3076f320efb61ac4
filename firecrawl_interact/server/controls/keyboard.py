"""What a keyboard does in a page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from firecrawl_interact.server.controls import clipboard
from firecrawl_interact.server.controls.desk import ControlError, Desk, Tab
from firecrawl_interact.server.controls.layout import MODIFIERS, Key, by_character, by_name

LONGEST_TYPING = 60.0  # Seconds that the pauses of one call may add up to.
MOST_CHARACTERS = 10_000  # Typed by one call, key by key; more can be pasted.
MOST_KEYS = 8  # Of one shortcut.


async def type_text(desk: Desk, text: str, *, delay: float) -> None:
    """
    Type a text, key by key; what no key is for is put in as an input method would.

    Args:
        desk: Whose browser.

        text: At most `MOST_CHARACTERS`.

        delay: Seconds between the keys.

    Raises:
        ControlError: It would take too long.
    """
    if len(text) > MOST_CHARACTERS or len(text) * delay > LONGEST_TYPING:
        raise ControlError("The text takes too long to type.")
    tab = await desk.tab()
    for character in text:
        key = by_character(character)
        if key is None:
            await tab.call("Input.insertText", text=character)
        else:
            modifiers = MODIFIERS["Shift"] if key.shifted else 0
            await _down(tab, key, modifiers)
            await _up(tab, key, modifiers)
        if delay:
            await asyncio.sleep(delay)


async def shortcut(desk: Desk, names: Sequence[str], *, hold: float) -> None:
    """
    Press keys together, in their order, and let them go in the reverse.

    Copy, cut and paste work on the desk's clipboard.

    Args:
        desk: Whose browser.

        names: At most `MOST_KEYS`.

        hold: Seconds to hold them.

    Raises:
        ControlError: A key is unknown, there are too many, or it would take too long.
    """
    keys = [by_name(name) for name in names]
    if None in keys or not 0 < len(keys) <= MOST_KEYS:
        raise ControlError("These are no keys that could be pressed together.")
    if hold > LONGEST_TYPING:
        raise ControlError("The keys are held too long.")
    pressed = [key for key in keys if key is not None]
    last = pressed[-1].key.lower()
    commanded = any(key.key in ("Control", "Meta") for key in pressed[:-1])
    tab = await desk.tab()
    if commanded and last in ("c", "x"):
        await clipboard.copy(desk)
    if commanded and last == "v":
        await clipboard.paste(desk, desk.clipboard)
        return
    modifiers = 0
    for key in pressed:
        modifiers |= MODIFIERS.get(key.key, 0)
        await _down(tab, key, modifiers)
    await asyncio.sleep(hold)
    for key in reversed(pressed):
        modifiers &= ~MODIFIERS.get(key.key, 0)
        await _up(tab, key, modifiers)


async def _down(tab: Tab, key: Key, modifiers: int) -> None:
    # With Control, Alt or Meta a key commands, and types nothing.
    text = "" if modifiers & ~MODIFIERS["Shift"] else key.text
    await tab.call(
        "Input.dispatchKeyEvent",
        type="keyDown" if text else "rawKeyDown",
        key=key.key,
        code=key.code,
        windowsVirtualKeyCode=key.number,
        modifiers=modifiers,
        text=text,
    )


async def _up(tab: Tab, key: Key, modifiers: int) -> None:
    await tab.call(
        "Input.dispatchKeyEvent",
        type="keyUp",
        key=key.key,
        code=key.code,
        windowsVirtualKeyCode=key.number,
        modifiers=modifiers,
    )
