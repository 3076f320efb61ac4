"""What Anchor's controls of mouse, keyboard and clipboard take and say, as attrs classes."""

from __future__ import annotations

import attrs
from attrs.validators import in_, optional

from firecrawl_interact.wire._bounds import Between, filled
from firecrawl_interact.wire._converter import Dialect, camel_case

# These routes spell their members in camel case, unlike the rest.
CONTROLS = Dialect("Anchor", rename=camel_case)

MILLISECONDS = Between(0, None, "milliseconds")
STEPS = Between(1, None, "steps")
BUTTONS = ("left", "middle", "right")

_button = optional(in_(BUTTONS))


@attrs.frozen(kw_only=True)
class GotoRequest:
    """Body of ``POST /v1/sessions/{id}/goto``."""

    url: str = attrs.field(validator=filled)


@attrs.frozen(kw_only=True)
class ClickRequest:
    """
    Body of ``POST .../mouse/click``: a point, or an element.

    Attributes:
        timeout: Milliseconds to wait for the element; absent means 5000.

        index: Which of the elements that fit, from 0; absent means 0.
    """

    x: float | None = None
    y: float | None = None
    button: str | None = attrs.field(default=None, validator=_button)
    selector: str | None = None
    timeout: float | None = None
    index: float | None = None


@attrs.frozen(kw_only=True)
class PointRequest:
    """
    Body of ``POST .../mouse/doubleClick``, ``down``, ``up`` and ``move``.

    Attributes:
        button: Not for ``move``.
    """

    x: int
    y: int
    button: str | None = attrs.field(default=None, validator=_button)


@attrs.frozen(kw_only=True)
class DragRequest:
    """Body of ``POST .../drag-and-drop``."""

    start_x: int
    start_y: int
    end_x: int
    end_y: int
    button: str | None = attrs.field(default=None, validator=_button)


@attrs.frozen(kw_only=True)
class ScrollRequest:
    """
    Body of ``POST .../scroll``.

    Attributes:
        delta_y: Pixels; downwards is positive.

        delta_x: Pixels; to the right is positive.

        use_os: Scroll as the machine's mouse would, and not through the driver.
    """

    x: int
    y: int
    delta_y: int
    delta_x: int | None = None
    steps: int | None = attrs.field(default=None, validator=optional(STEPS))
    use_os: bool | None = None


@attrs.frozen(kw_only=True)
class TypeRequest:
    """
    Body of ``POST .../keyboard/type``.

    Attributes:
        delay: Milliseconds between the keys.
    """

    text: str = attrs.field(repr=False)
    delay: int | None = attrs.field(default=None, validator=optional(MILLISECONDS))


@attrs.frozen(kw_only=True)
class ShortcutRequest:
    """
    Body of ``POST .../keyboard/shortcut``.

    Attributes:
        keys: Pressed together.

        hold_time: Milliseconds.
    """

    keys: list[str]
    hold_time: int | None = attrs.field(default=None, validator=optional(MILLISECONDS))


@attrs.frozen(kw_only=True)
class TextRequest:
    """Body of ``POST .../clipboard`` and ``POST .../paste``."""

    text: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Text:
    """
    A text of the clipboard; also the whole answer to ``POST .../copy``.

    Attributes:
        text: Absent where there is none.
    """

    text: str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class ClipboardReply:
    """Answer to ``GET .../clipboard``."""

    data: Text | None = None


@attrs.frozen(kw_only=True)
class Done:
    """
    Answer to most controls, without the usual ``data``.

    Attributes:
        status: Free text.
    """

    status: str | None = None
