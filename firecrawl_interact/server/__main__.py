"""The private server: what the local backend starts, and what ends with whoever started it."""

from __future__ import annotations

import os
import sys

from firecrawl_interact.server.lifeline import parent_ended, read_line
from firecrawl_interact.wire.private import Orders, Ready

USAGE = "This is started by the local backend. To run a server, call `firecrawl-interact serve`."


def main(arguments: list[str]) -> int:
    """
    Serve until the parent ends.

    Args:
        arguments: Numbers of inherited descriptors: the lifeline, which begins with the orders;
            the pipe on which the parent hears that we are ready, and by its end that we are not
            any more; the parent's pidfd, where there are such.
    """
    if not all(map(str.isdecimal, arguments)) or len(arguments) not in {2, 3}:
        sys.stderr.write(f"{USAGE}\n")
        return 2
    lifeline, ready, *parent = map(int, arguments)
    orders = read_line(lifeline)
    if orders is not None:
        from firecrawl_interact.server.loop import run

        run(_serve(Orders.load(orders), lifeline, ready, *parent))
    return 0


async def _serve(orders: Orders, lifeline: int, ready: int, parent: int | None = None) -> None:
    from firecrawl_interact.server.engine import Debugging
    from firecrawl_interact.server.serving import serve  # Most of the starting time.
    from firecrawl_interact.server.settings import ServerSettings

    def announce(base_url: str) -> None:
        os.write(ready, Ready(base_url=base_url).dump())

    await serve(
        host="127.0.0.1",
        port=0,
        key=orders.key,
        browser=orders.browser,
        announce=announce,
        until=parent_ended(lifeline, parent),
        # Its one client speaks Firecrawl's wire.
        settings=ServerSettings(allow_execute=orders.allow_execute, anchor=False, cdp=Debugging(orders.cdp)),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
