"""Links in a provider's answer: used only where they are what they are meant to be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from firecrawl_interact.backends.base import has_network
from firecrawl_interact.errors import ProtocolError

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.models import SessionInfo

_SOCKET = re.compile(r"wss?://[^\s/?#\\]+[^\s\\]*", re.IGNORECASE)
_PAGE = re.compile(r"https?://[^\s/?#\\]+[^\s\\]*", re.IGNORECASE)
_LINKS = (
    ("cdp_url", _SOCKET, "ws or wss"),
    ("live_view_url", _PAGE, "http or https"),
    ("interactive_live_view_url", _PAGE, "http or https"),
)


def check_links(backend: Backend, info: SessionInfo) -> None:
    """
    Refuse links of another kind: whoever opens them would open a file, or run a script.

    Raises:
        ProtocolError: See above. It carries the id, so that the session can be ended, and not the link.
    """
    if not has_network(backend.base_url):
        return  # A backend that is reached some other way has links of its own kind.
    for field, shape, schemes in _LINKS:
        link: str | None = getattr(info, field)
        if link is not None and not (shape.fullmatch(link) and link.isprintable()):
            raise ProtocolError(
                f"The answer of {backend.name} does not fit: {field} is no {schemes} URL.",
                field=field,
                session_id=info.id,
            )
