"""A fingerprint of an API key that tells nothing of the key."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from firecrawl_interact.ledger import _folder
from firecrawl_interact.ledger.base import LedgerError

SALT_BYTES = 32
PRINT_DIGITS = 32  # Hex digits kept, 128 bits: enough to never meet by chance.


@functools.lru_cache(maxsize=64)  # One per key in use; the same key comes with every session.
def fingerprint(key: str | None, salt: bytes) -> str:
    """Return the fingerprint, equal for equal keys under one salt; ``""`` for None."""
    if key is None:
        return ""
    import hmac  # only where a ledger is used

    return hmac.digest(salt, key.encode(), "sha256").hex()[:PRINT_DIGITS]


@functools.cache  # A salt never changes while a process runs; an error is not kept.
def salt_of(folder: Path) -> bytes:
    """
    Return the folder's salt, made on first use.

    Raises:
        LedgerError: The folder or the salt cannot be used. A damaged salt is moved aside.
    """
    _folder.prepare(folder)
    path = folder / "salt"
    _folder.place(path, os.urandom(SALT_BYTES))
    try:
        with path.open("rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            salt = file.read(SALT_BYTES + 1)
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}") from error
    if len(salt) != SALT_BYTES:
        moved = _folder.set_aside([path], inode=inode)
        raise LedgerError(f"{path} is damaged" + (f"; moved to {moved.name}" if moved else ""))
    return salt
