"""Where the processes of a browser listen."""

from __future__ import annotations

import contextlib
from pathlib import Path

from firecrawl_interact.server.record import Browser


def listening(browser: Browser) -> set[str]:
    """Return the addresses of TCP at which a browser's processes listen, as Linux writes them."""
    group = browser.engine._child.pid
    held = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((process / "stat").read_text().rpartition(")")[2].split()[2]) == group:
                for entry in (process / "fd").iterdir():
                    with contextlib.suppress(OSError):  # A busy process closes some meanwhile.
                        held.add(str(entry.readlink()))
    rows = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path("/proc/net", name).read_text().splitlines()[1:]
    ]
    return {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in held}
