"""Keep keys and capability URLs out of logs."""

from __future__ import annotations

import logging

from firecrawl_interact.redaction import MASK, redact

__all__ = ["MASK", "RedactingFilter", "redact"]


class RedactingFilter(logging.Filter):
    """
    Mask secrets in whatever is logged: message, arguments and traceback.

    It never drops a record. The traceback is formatted here, since a formatter would do so
    after all filters; the record keeps its ``exc_info``, whose exceptions are ours.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask in place; always let the record through."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001  # boundary: the caller's arguments; the handler reports a misfit
            text = f"{record.msg} {record.args}"
        clean = redact(text)
        if clean != text:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


# Here, since whoever talks to a provider imports this module: nobody can forget it. Python applies
# a logger's filters to what is logged on that very logger only, so the package has no child loggers.
logging.getLogger("firecrawl_interact").addFilter(RedactingFilter())
