"""Drive a page with browser-use: reads one JSON object, prints another."""

from __future__ import annotations

import asyncio
import base64
import json
import sys

from browser_use import BrowserSession


async def drive(cdp_url: str, url: str, **_: str) -> dict[str, str]:
    session = BrowserSession(cdp_url=cdp_url, enable_default_extensions=False)
    await session.start()
    try:
        await session.navigate_to(url)
        page = await session.must_get_current_page()
        (button,) = await page.get_elements_by_css_selector("button")
        await button.click()
        picture = base64.b64decode(await page.screenshot(format="png"))
        return {"title": await page.evaluate("() => document.title"), "picture": picture[1:4].decode()}
    finally:
        await session.stop()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(drive(**json.load(sys.stdin)))))
