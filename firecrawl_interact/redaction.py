"""Mask keys and capability URLs in a text."""

from __future__ import annotations

import re
from urllib.parse import quote

MASK = "***"  # Redacting it again changes nothing.
ID_SHOWN = 8  # Characters of a session's id: alone it may open the browser.

_REST = r"[^\s\"'<>\\]*"  # Up to what ends a URL in JSON, in a repr or in prose.
_VALUE = r"[^\s\"'<>\\&;,)}\]]+"  # Up to what ends one value in a query, a header or a repr.

# Each begins with fixed text and repeats single character classes, none within another: linear time.
_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        # Whoever has a CDP address drives the browser; even its host may be part of the secret.
        (r"(wss?)://" + _REST, rf"\1://{MASK}"),
        # Live views: the providers' hosts, and the local server's paths.
        (r"(https?://live[a-z]*\.[a-z0-9.:-]+)[/?]" + _REST, rf"\1/{MASK}"),
        (r"(/(?:live|cdp)/)" + _REST, rf"\1{MASK}"),
        # User and password, as in a proxy's URL.
        (r"://[^\s/@\"'<>\\]+@", f"://{MASK}@"),
        # Headers as sent, in JSON, or in the repr of a dict or of a pair.
        (
            r"((?:anchor-api-key|x-api-key|authorization)(?:[\"']?\s*[:=]\s*|[\"'],\s*)(?:b?[\"'])?)"
            r"(?:(?:Bearer|Basic)\s+)?" + _VALUE,
            rf"\1{MASK}",
        ),
        (r"\b(Bearer)\s+" + _VALUE, rf"\1 {MASK}"),
        (r"((?:apikey|api_key|sessionid|token|key)=)" + _VALUE, rf"\1{MASK}"),
        # Firecrawl's keys, wherever they stand.
        (r"\bfc-[a-z0-9_-]{8,}", MASK),
    )
)


def redact(text: str, *secrets: str | None) -> str:
    """
    Mask what opens a browser or an account.

    Args:
        text: Anything; a provider's words, a URL, an exception's text.

        secrets: Exact values to mask too, as they are and escaped for a URL. Empty ones and
            None are passed over, so that a key that is not set needs no check.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
        escaped = quote(secret, safe="")
        if escaped != secret:
            text = text.replace(escaped, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def short_id(session_id: str) -> str:
    """Return as much of an id as tells sessions apart, and opens nothing."""
    return f"{session_id[:ID_SHOWN]}..."
