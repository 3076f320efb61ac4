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
    """

    key: str = attrs.field(repr=False)
    browser: str | None = None

    def dump(self) -> bytes:
        """Write the line."""
        return json.dumps({"key": self.key, "browser": self.browser}).encode() + b"\n"

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
