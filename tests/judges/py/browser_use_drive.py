"""Drive a browser with browser-use: reads one JSON object, prints another."""

from __future__ import annotations

import asyncio
import json
import sys

from browser_use import BrowserSession


async def drive(cdp_url: str, page: str) -> dict[str, str]:
    session = BrowserSession(cdp_url=cdp_url, enable_default_extensions=False)
    await session.start()
    try:
        await session.navigate_to(page)
        browser_page = await session.must_get_current_page()
        return {"title": await browser_page.evaluate("() => document.title")}
    finally:
        await session.stop()


if __name__ == "__main__":
    given = json.load(sys.stdin)
    sys.stdout.write(json.dumps(asyncio.run(drive(**given))))
