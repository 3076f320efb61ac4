"""What a command that runs for long writes to stderr."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

ACCESS = "aiohttp.access"


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Lay out one record; what an access line is made of becomes members of its own."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "access", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(form: str, *, access: bool) -> None:
    """
    Log to stderr.

    Args:
        form: ``text`` or ``json``.

        access: Whether every request gets a line.
    """
    if form == "json":
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter())
        logging.basicConfig(handlers=[handler])
    else:
        logging.basicConfig(format="%(levelname)s: %(message)s")
    logging.getLogger(ACCESS).setLevel(logging.INFO if access else logging.WARNING)
