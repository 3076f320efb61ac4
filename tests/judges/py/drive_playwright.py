"""Drive a page with Playwright: reads one JSON object, prints another."""

from __future__ import annotations

import asyncio
import json
import sys

from playwright.async_api import async_playwright


async def drive(cdp_url: str, url: str, **_: str) -> dict[str, str]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(cdp_url)
        page = await browser.contexts[0].new_page()
        await page.goto(url)
        await page.click("button")
        title, picture = await page.title(), await page.screenshot()
        await browser.close()
    return {"title": title, "picture": picture[1:4].decode()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(drive(**json.load(sys.stdin)))))
