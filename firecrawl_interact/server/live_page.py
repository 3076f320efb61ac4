"""The files of the pages that show a browser, and how browsers may treat them."""

from __future__ import annotations

import functools
import hashlib
from importlib.resources import files

# The scripts and styles are our own files; the page may be framed by whoever knows its link.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors *"
    ),
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
PART_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",  # Another version has another address.
    "X-Content-Type-Options": "nosniff",
}

_PAGE, _PLAYER, _REFUSAL = "live_view.html", "replay.html", "refusal.html"
_ADVICE = {
    403: "It may have been copied in part, or it was for one viewer. Ask whoever gave it to you for another.",
    410: "Ask whoever gave you the link.",
}
_KINDS = {
    "live_tabs.js": "text/javascript",
    "live_view.css": "text/css",
    "live_view.js": "text/javascript",
    "live_bar.js": "text/javascript",
    "live_input.js": "text/javascript",
    "live_keys.js": "text/javascript",
    "live_screen.js": "text/javascript",
    "live_stream.js": "text/javascript",
    "look.css": "text/css",
    "replay.css": "text/css",
    "replay.js": "text/javascript",
}


@functools.cache
def page(*, control: bool) -> str:
    """
    Return the page; it opens the stream beside its own address, with its own query.

    Args:
        control: Whether it shall pass on what its viewer does.
    """
    mode = "control" if control else "watch"
    return _read(_PAGE).replace("{version}", _version()).replace("{mode}", mode, 1)


@functools.cache
def player() -> str:
    """Return the page that plays a recording; it asks for it beside its own address, with its own query."""
    return _read(_PLAYER).replace("{version}", _version())


def refusal(status: int, title: str, *, root: str = "") -> str:
    """
    Return the page for a link that opens nothing, or nothing any more.

    Args:
        status: That of the answer.

        title: What is the matter. A text of ours: nothing that a caller sent.

        root: Way from the page's address up to that of the live pages.
    """
    text = _read(_REFUSAL).replace("{version}", _version()).replace("{root}", root)
    return text.replace("{title}", title).replace("{advice}", _ADVICE[status])


def part(name: str) -> tuple[str, str] | None:
    """Return text and type of a file that the page loads; None for any other name."""
    kind = _KINDS.get(name)
    return None if kind is None else (_read(name), kind)


@functools.cache
def _version() -> str:
    text = "".join(_read(name) for name in sorted(_KINDS))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@functools.cache  # Of our own names only: what strangers ask for must not be remembered.
def _read(name: str) -> str:
    return files("firecrawl_interact.server").joinpath("static", name).read_text(encoding="utf-8")
