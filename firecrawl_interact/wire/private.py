"""What the local backend and the private server that it starts tell each other, a line each."""

from __future__ import annotations

import json

import attrs


@attrs.frozen(kw_only=True)
class Orders:
    """
    From the backend, before anything else: over a pipe, so that no list of processes shows it.

    Attributes:
        key: API key that the server is to ask for.

        browser: Path or name of the browser, or None to look for one.

        allow_execute: Whether the server is to run code: for whoever started it, it does.

        cdp: How browsers are to take commands, ``port`` or ``pipe``.
    """

    key: str = attrs.field(repr=False)
    browser: str | None = None
    allow_execute: bool = False
    cdp: str = "port"

    def dump(self) -> bytes:
        """Write the line."""
        return json.dumps(attrs.asdict(self)).encode() + b"\n"

    @classmethod
    def load(cls, line: bytes) -> Orders:
        """Read the line."""
        return cls(**json.loads(line))


@attrs.frozen(kw_only=True)
class Ready:
    """
    From the server, once it can be connected to.

    Attributes:
        base_url: Where.
    """

    base_url: str

    def dump(self) -> bytes:
        """Write the line."""
        return json.dumps({"base_url": self.base_url}).encode() + b"\n"

    @classmethod
    def load(cls, line: bytes) -> Ready:
        """Read the line."""
        return cls(**json.loads(line))
