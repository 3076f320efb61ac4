"""Ids that date themselves, in the form both providers use."""

from __future__ import annotations

import os

_VARIANT = "89ab"  # RFC 9562: the two high bits of the fourth group are 10.


def uuid7(now: float) -> str:
    """
    Make a UUID version 7: 48 bits of milliseconds since 1970, then random bits.

    Args:
        now: Wall-clock seconds.

    Source: RFC 9562, section 5.7. ``uuid.uuid7`` exists from Python 3.14 on only.
    """
    date = f"{int(now * 1000) & 0xFFFFFFFFFFFF:012x}"
    noise = os.urandom(10).hex()
    variant = _VARIANT[int(noise[3], 16) & 3]
    return f"{date[:8]}-{date[8:]}-7{noise[:3]}-{variant}{noise[4:7]}-{noise[7:19]}"
