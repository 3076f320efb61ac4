"""What a mouse does in a page."""

from __future__ import annotations

import asyncio
from typing import Any

from firecrawl_interact.server.controls.desk import ControlError, Desk

BUTTONS = {"left": 1, "right": 2, "middle": 4}  # With the bits that CDP gives them.

MOST_STEPS = 100  # Of one scroll.
LONGEST_SEARCH = 60.0  # Seconds.

_DRAG_STEPS = 10  # Moves between both ends of a drag: pages want to see it come.
_LOOKS = 0.05  # Seconds between looks for an element.

# Elements that have no size yet are waited for as if they were missing.
_FIND = """(selector, index) => {
  const found = document.querySelectorAll(selector)[index];
  if (!found) return null;
  found.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
  const {x, y, width, height} = found.getBoundingClientRect();
  return width && height ? [x + width / 2, y + height / 2] : null;
}"""


async def move(desk: Desk, x: float, y: float) -> None:
    """Move the pointer; with a button down, this drags."""
    down = next((name for name, bit in BUTTONS.items() if desk.held & bit), "none")
    await _tell(desk, "mouseMoved", x, y, button=down)


async def press(desk: Desk, x: float, y: float, *, button: str = "left", count: int = 1) -> None:
    """Put a button down, and leave it so; *count* is 2 for the second half of a double click."""
    desk.held |= BUTTONS[button]
    await _tell(desk, "mousePressed", x, y, button=button, clickCount=count)


async def release(desk: Desk, x: float, y: float, *, button: str = "left", count: int = 1) -> None:
    """Let a button go."""
    desk.held &= ~BUTTONS[button]
    await _tell(desk, "mouseReleased", x, y, button=button, clickCount=count)


async def click(desk: Desk, x: float, y: float, *, button: str = "left", times: int = 1) -> None:
    """Click at a point, so many times in a row."""
    await move(desk, x, y)
    for count in range(1, times + 1):
        await press(desk, x, y, button=button, count=count)
        await release(desk, x, y, button=button, count=count)


async def click_element(desk: Desk, selector: str, *, index: int, timeout: float, button: str) -> None:
    """
    Wait for an element, scroll to it, and click in its middle.

    Args:
        desk: Whose browser.

        selector: CSS selector.

        index: Which of those that fit, from 0.

        timeout: Seconds to wait; at most `LONGEST_SEARCH`.

        button: Which button.

    Raises:
        ControlError: It did not come, or the selector is none.
    """
    tab = await desk.tab()
    place = await tab.run(_FIND, selector, index)  # Once, however short the time.
    try:
        async with asyncio.timeout(min(timeout, LONGEST_SEARCH)):
            while place is None:
                await asyncio.sleep(_LOOKS)
                place = await tab.run(_FIND, selector, index)
    except TimeoutError:
        raise ControlError("The element was not found in time.") from None
    await click(desk, *place, button=button)


async def drag(desk: Desk, start: tuple[float, float], end: tuple[float, float], *, button: str) -> None:
    """Take something from one point to another."""
    await move(desk, *start)
    await press(desk, *start, button=button)
    for step in range(1, _DRAG_STEPS + 1):
        part = step / _DRAG_STEPS
        await move(desk, start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part)
    await release(desk, *end, button=button)


async def scroll(desk: Desk, x: float, y: float, *, dx: int, dy: int, steps: int) -> None:
    """Turn the wheel at a point, in so many steps; positive is downwards and to the right."""
    for step in range(steps):
        # Whole pixels, which add up to what was asked for.
        share_x = dx * (step + 1) // steps - dx * step // steps
        share_y = dy * (step + 1) // steps - dy * step // steps
        await _tell(desk, "mouseWheel", x, y, deltaX=share_x, deltaY=share_y)


async def _tell(desk: Desk, event: str, x: float, y: float, **more: Any) -> None:
    tab = await desk.tab()
    await tab.call("Input.dispatchMouseEvent", type=event, x=x, y=y, buttons=desk.held, **more)
