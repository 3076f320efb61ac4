"""Mouse, keyboard and clipboard of a browser at Anchor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from firecrawl_interact.backends._arguments import flag, milliseconds, string, whole
from firecrawl_interact.backends.anchor_calls import checked
from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.wire import anchor_controls as wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from firecrawl_interact.backends.anchor_calls import Calls

Button = Literal["left", "middle", "right"]

ELEMENT_TIMEOUT = 5.0  # Seconds to wait for an element: Anchor's own default, sent all the same.
_PATIENCE = 30.0  # Seconds that an answer may come after a control's own time.


@attrs.frozen
class AnchorMouse:
    """
    The mouse; coordinates are pixels of the page, from its upper left corner.

    Every call raises `InvalidOptionError` for values out of bounds, and what `AnchorBrowser` says.
    """

    _calls: Calls

    async def click(self, x: int, y: int, *, button: Button = "left") -> None:
        """Click at a point."""
        await self._do(
            "/mouse/click", lambda: wire.ClickRequest(x=whole("x", x), y=whole("y", y), button=button)
        )

    async def click_on(
        self, selector: str, *, index: int = 0, button: Button = "left", timeout: float = ELEMENT_TIMEOUT
    ) -> None:
        """
        Click on an element.

        Args:
            selector: CSS.

            index: Which of the elements that fit, from 0.

            button: Of the mouse.

            timeout: Seconds to wait for it to appear.
        """
        wait = milliseconds("timeout", timeout)
        body = checked(
            lambda: wire.ClickRequest(
                selector=string("selector", selector),
                index=whole("index", index),
                button=button,
                timeout=wait,
            )
        )
        await self._calls.change(
            "POST",
            "/mouse/click",
            wire.Done,
            body,
            dialect=wire.CONTROLS,
            timeout=timeout + _PATIENCE,
        )

    async def double_click(self, x: int, y: int, *, button: Button = "left") -> None:
        """Click twice at a point."""
        await self._do("/mouse/doubleClick", lambda: _point(x, y, button))

    async def down(self, x: int, y: int, *, button: Button = "left") -> None:
        """Press a button at a point, and keep it down."""
        await self._do("/mouse/down", lambda: _point(x, y, button))

    async def up(self, x: int, y: int, *, button: Button = "left") -> None:
        """Let a button go at a point."""
        await self._do("/mouse/up", lambda: _point(x, y, button))

    async def move(self, x: int, y: int) -> None:
        """Move to a point."""
        await self._do("/mouse/move", lambda: _point(x, y, None))

    async def drag_and_drop(
        self, start_x: int, start_y: int, end_x: int, end_y: int, *, button: Button = "left"
    ) -> None:
        """Drag what is at one point to another."""
        await self._do(
            "/drag-and-drop",
            lambda: wire.DragRequest(
                start_x=whole("start_x", start_x),
                start_y=whole("start_y", start_y),
                end_x=whole("end_x", end_x),
                end_y=whole("end_y", end_y),
                button=button,
            ),
        )

    async def scroll(
        self,
        x: int,
        y: int,
        *,
        delta_y: int,
        delta_x: int = 0,
        steps: int | None = None,
        use_os: bool | None = None,
    ) -> None:
        """
        Scroll at a point.

        Args:
            x: Of the point.

            y: Of the point.

            delta_y: Pixels; downwards is positive.

            delta_x: Pixels; to the right is positive.

            steps: In how many steps, to look smooth.

            use_os: As the machine's own mouse would, and not through the driver.
        """
        await self._do(
            "/scroll",
            lambda: wire.ScrollRequest(
                x=whole("x", x),
                y=whole("y", y),
                delta_y=whole("delta_y", delta_y),
                delta_x=whole("delta_x", delta_x),
                steps=steps,
                use_os=flag("use_os", use_os),
            ),
        )

    async def _do(self, path: str, body: Callable[[], object]) -> None:
        await self._calls.change("POST", path, wire.Done, checked(body), dialect=wire.CONTROLS)


@attrs.frozen
class AnchorKeyboard:
    """The keyboard; raises what `AnchorMouse` does."""

    _calls: Calls

    async def type(self, text: str, *, delay: float | None = None) -> None:
        """
        Type a text where the cursor is.

        Args:
            text: May be a password: never in a log or an error.

            delay: Seconds between the keys.
        """
        wait = None if delay is None else milliseconds("delay", delay)
        body = checked(lambda: wire.TypeRequest(text=string("text", text, empty=True), delay=wait))
        timeout = (delay or 0) * len(text) + _PATIENCE
        await self._calls.change(
            "POST", "/keyboard/type", wire.Done, body, dialect=wire.CONTROLS, timeout=timeout
        )

    async def shortcut(self, *keys: str, hold: float | None = None) -> None:
        """
        Press keys together, such as ``"Control", "a"``.

        Args:
            keys: At least one.

            hold: Seconds to keep them down.
        """
        if not keys:
            raise InvalidOptionError("keys must be at least one.", option="keys")
        pressed = [string("keys", key) for key in keys]
        wait = None if hold is None else milliseconds("hold", hold)
        body = checked(lambda: wire.ShortcutRequest(keys=pressed, hold_time=wait))
        await self._calls.change(
            "POST",
            "/keyboard/shortcut",
            wire.Done,
            body,
            dialect=wire.CONTROLS,
            timeout=(hold or 0) + _PATIENCE,
        )


@attrs.frozen
class AnchorClipboard:
    """The clipboard; raises what `AnchorMouse` does."""

    _calls: Calls

    async def get(self) -> str:
        """Return its text; ``""`` where it has none."""
        found = (await self._calls.get("/clipboard", wire.ClipboardReply)).data
        return "" if found is None else found.text or ""

    async def set(self, text: str) -> None:
        """Put a text into it."""
        body = wire.TextRequest(text=string("text", text, empty=True))
        await self._calls.change("POST", "/clipboard", wire.Done, body, repeatable=True)

    async def copy(self) -> str:
        """Copy what is selected, and return it."""
        return (await self._calls.change("POST", "/copy", wire.Text)).text or ""

    async def paste(self, text: str) -> None:
        """Paste a text where the cursor is."""
        body = wire.TextRequest(text=string("text", text, empty=True))
        await self._calls.change("POST", "/paste", wire.Done, body)


def _point(x: int, y: int, button: Button | None) -> wire.PointRequest:
    return wire.PointRequest(x=whole("x", x), y=whole("y", y), button=button)
