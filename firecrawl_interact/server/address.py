"""Where a browser listens."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Address:
    """
    Where a browser's own CDP WebSocket listens, on loopback.

    Attributes:
        host: Address.

        port: TCP port.

        path: Path of the browser-level WebSocket, ``/devtools/browser/...``; a secret.
    """

    host: str
    port: int
    path: str = attrs.field(repr=False)
