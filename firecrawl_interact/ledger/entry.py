"""Entry: one line of what we may owe."""

from __future__ import annotations

import attrs


@attrs.frozen(kw_only=True)
class Entry:
    """
    One session that we may owe the end of. Written before its create is sent.

    Attributes:
        id: Our own id, random hex.

        backend: Name of the backend.

        base_url: Origin that the create went to.

        key_print: Salted fingerprint of the API key; ``""`` without a key.

        mark: Tag that the create carried, or None.

        session_id: The provider's id; None while only intended.

        planned_at: Wall-clock seconds just before the create was sent.

        expires_at: Wall-clock seconds by which the provider has ended the session by itself.

        owner: Name of the process that promised to settle it; set by the ledger.
    """

    id: str
    backend: str
    base_url: str
    key_print: str
    mark: str | None
    session_id: str | None = attrs.field(repr=False)  # Alone it opens an Anchor browser.
    planned_at: float
    expires_at: float
    owner: str = ""
