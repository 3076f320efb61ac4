"""The private server: what the local backend starts, and what ends with whoever started it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Generator

from firecrawl_interact.server.careful import CarefulLauncher
from firecrawl_interact.server.chromium import ChromiumLauncher
from firecrawl_interact.server.engine import Debugging, Launcher
from firecrawl_interact.server.lead import LeadLauncher
from firecrawl_interact.server.lifeline import parent_ended, read_line
from firecrawl_interact.server.loop import run
from firecrawl_interact.server.parent import become_parent
from firecrawl_interact.wire.private import Orders, Ready

USAGE = "This is started by the local backend. To run a server, call `firecrawl-interact serve`."

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # Where OpenSSL is told to look for them.


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
        run(_run(Orders.load(orders), lifeline, ready, *parent))
    return 0


async def _run(orders: Orders, lifeline: int, ready: int, parent: int | None = None) -> None:
    """Start the browser that is about to be asked for, and meanwhile all else."""
    become_parent()
    launcher = LeadLauncher(
        CarefulLauncher(ChromiumLauncher(orders.browser, debugging=Debugging(orders.cdp)))
    )
    launcher.lead()
    await asyncio.sleep(0)  # Now it has been started: what comes next keeps the loop from anything else.
    try:
        await _serve(launcher, orders, lifeline, ready, parent)
    finally:
        await launcher.aclose()  # As serving does, if it comes to that.


async def _serve(launcher: Launcher, orders: Orders, lifeline: int, ready: int, parent: int | None) -> None:
    with _without_certificates():
        from firecrawl_interact.server.serving import serve  # Most of the starting time.
        from firecrawl_interact.server.settings import ServerSettings

    def announce(base_url: str) -> None:
        with contextlib.suppress(BrokenPipeError):  # The parent died meanwhile, which ends us in a moment.
            os.write(ready, Ready(base_url=base_url).dump())

    await serve(
        host="127.0.0.1",
        port=0,
        key=orders.key,
        launcher=launcher,
        announce=announce,
        until=parent_ended(lifeline, parent),
        # Its one client speaks Firecrawl's wire.
        settings=ServerSettings(allow_execute=orders.allow_execute, anchor=False),
    )


@contextlib.contextmanager
def _without_certificates() -> Generator[None]:
    """Keep aiohttp from reading all of the system's as it is imported: it speaks to loopback alone here."""
    given = {name: os.environ[name] for name in _CERTIFICATES if name in os.environ}
    os.environ.update(dict.fromkeys(_CERTIFICATES, os.devnull))
    try:
        yield
    finally:
        for name in _CERTIFICATES:
            del os.environ[name]
        os.environ.update(given)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
