"""`firecrawl-interact demo`: open a browser, drive it, close it, and prove that it is gone."""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from firecrawl_interact.cli.processes import Process, browsers_below, can_be_seen, still_running
from firecrawl_interact.config import Settings
from firecrawl_interact.errors import InteractError, SessionGoneError, SessionNotFoundError, UsageError

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.session import Session

HELP = "open a browser, drive it, close it, and prove that it is gone"

TTL = 120  # Seconds; the provider's own end, should everything else fail.
LONGEST_OPEN = 110  # Seconds to look at the live view; the rest of the ttl is for driving.
GONE_WITHIN = 5.0  # Seconds in which the last process must have ended after the close.
LOOK_AGAIN = 0.02  # Seconds between two looks at the processes.

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Waiting for a click</title>
<style>
  body { display: grid; place-content: center; height: 90vh; font: 2rem system-ui, sans-serif; }
  button { font: inherit; padding: 1em 2em; }
</style>
<button onclick="document.title = this.textContent = 'Clicked by the SDK'">Click me</button>
</html>
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "--backend", default="local", metavar="NAME", help="who runs the browser (default: local)"
    )
    parser.add_argument(
        "--screenshot",
        type=Path,
        default=Path("firecrawl-interact-demo.png"),
        metavar="PATH",
        help="where the screenshot goes (default: %(default)s)",
    )
    parser.add_argument(
        "--keep-open",
        type=_keep_open,
        default=0,
        metavar="SECONDS",
        help=f"leave time to look at the live view before closing, at most {LONGEST_OPEN} s",
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 if nothing is left of the browser."""
    return 0 if asyncio.run(_Demo(args).run()) else 1


class _Demo:
    """One run of the demo, which says what it does and when."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._backend = _backend(args.backend)
        self._screenshot = _writable(args.screenshot)
        self._keep_open: float = args.keep_open
        self._begun = time.monotonic()

    async def run(self) -> bool:
        from firecrawl_interact.session import Session  # No help text waits for it.

        self._say(f"Opening a session at the {self._backend.name} backend")
        async with Session.create(ttl=TTL, backend=self._backend) as session:
            self._say(f"Open: {session.id}")
            if self._backend.hosted:
                self._more("its links open the browser to whoever has them, so they are not shown")
            else:
                self._show_links(session)
            if session.cdp_url is not None:
                await self._drive(session.cdp_url)
            processes = browsers_below(os.getpid())
            if self._keep_open:
                self._say(f"Keeping it open for {self._keep_open:g} s")
                await asyncio.sleep(self._keep_open)
            self._say("Closing")
        self._show_receipt(session)
        if self._backend.hosted:
            return await self._prove_ended(session.id)
        return await self._prove_gone(processes)

    async def _drive(self, cdp_url: str) -> None:
        from firecrawl_interact.cli.cdp import Page

        async with _served(self._backend) as url, Page(cdp_url) as page:
            await page.go(url)
            self._say(f"Loaded a page; its title is {await page.evaluate('document.title')!r}")
            await page.click("button")
            self._say(f"Clicked its button; the title is now {await page.evaluate('document.title')!r}")
            png = await page.screenshot()
        try:
            self._screenshot.write_bytes(png)
        except OSError as error:
            raise InteractError(f"The screenshot cannot be written: {error}.") from error
        self._say(f"Saved a screenshot, {len(png):,} bytes: {self._screenshot}")

    async def _prove_gone(self, processes: set[Process]) -> bool:
        """Watch the browser's processes end."""
        if not can_be_seen():
            self._say("This system does not show its processes, so nothing more can be proved here")
            return True
        until = time.monotonic() + GONE_WITHIN
        # No event tells that somebody else's child has ended.
        while (left := still_running(processes)) and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_AGAIN)
        if left:
            self._say(f"Still running: {', '.join(str(process.pid) for process in left)}")
            return False
        self._say(f"Gone: of the {len(processes)} processes of the browser none is left")
        return True

    async def _prove_ended(self, session_id: str) -> bool:
        """Ask the provider."""
        try:
            async with self._backend as backend:
                alive = (await backend.get(session_id)).alive
        except (SessionNotFoundError, SessionGoneError):
            alive = False
        self._say("Still running, says the provider" if alive else "Gone, says the provider")
        return not alive

    def _show_links(self, session: Session) -> None:
        links = {
            "drive": session.cdp_url,
            "watch": session.live_view_url,
            "control": session.interactive_live_view_url,
        }
        for use, link in links.items():
            if link is not None:
                self._more(f"{use:8} {link}")
        self._more("These links are secrets, shown because they die with this session.")

    def _show_receipt(self, session: Session) -> None:
        receipt = session.receipt
        if receipt is None or not receipt.confirmed:
            self._say("Closed, but not confirmed")
            return
        ran = "" if receipt.duration is None else f", ran {receipt.duration.total_seconds():.2f} s"
        billed = "" if receipt.credits_billed is None else f", {receipt.credits_billed} credits"
        self._say(f"Closed and confirmed{ran}{billed}")

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._begun:6.2f} s  {text}", flush=True)

    def _more(self, text: str) -> None:
        print(f"{'':10}{text}", flush=True)


def _keep_open(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= LONGEST_OPEN:
        raise argparse.ArgumentTypeError(f"must be 0 to {LONGEST_OPEN} seconds, not {text!r}")
    return number


def _writable(path: Path) -> Path:
    """Find a mistake in the path before a browser is opened, which may cost something."""
    if path.is_dir():
        raise UsageError(f"--screenshot must name a file; {path} is a folder.")
    if not path.parent.is_dir():
        raise UsageError(
            f"--screenshot must name a file in a folder that exists, and {path.parent} does not."
        )
    return path


def _backend(name: str) -> Backend:
    from firecrawl_interact.backends._registry import resolve

    backends = resolve(name, api_key=None, base_url=None, settings=Settings.from_env())
    if len(backends) != 1:
        raise UsageError("The demo shows one backend; name one.")
    if backends[0].name == "memory":
        raise UsageError("The memory backend has no browser to show; name another.")
    return backends[0]


@asynccontextmanager
async def _served(backend: Backend) -> AsyncGenerator[str, None]:
    """Give the demo's page an address that the browser can reach."""
    if backend.hosted:
        # A browser elsewhere cannot reach this machine; the address holds the page itself.
        yield "data:text/html;charset=utf-8," + quote(PAGE)
        return

    from aiohttp import web

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
