"""Playwright drives real browsers through the gateway."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.engine import Debugging

if TYPE_CHECKING:
    from firecrawl_interact.server.chromium import ChromiumLauncher

pytestmark = pytest.mark.parametrize("debugging", list(Debugging), ids=lambda debugging: debugging.value)

PAGE = "data:text/html,<title>Hello</title><button onclick=\"document.title='Clicked'\">Click</button>"


@pytest.fixture
async def cdp_url(launcher: ChromiumLauncher) -> AsyncIterator[str]:
    """Create a session over the wire, as a client does, and return its CDP address."""
    app = build_app(browsers=Browsers(launcher))
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v2/interact"
    async with asyncio.timeout(60):
        async with aiohttp.ClientSession() as http, http.post(url, json={}) as answer:
            made = await answer.json()
        yield made["cdpUrl"]
        await runner.cleanup()


@pytest.fixture
async def playwright() -> AsyncIterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    async with api.async_playwright() as playwright:
        yield playwright


async def test_playwright_navigates_clicks_and_takes_pictures(playwright: Any, cdp_url: str):
    """
    The usual calls work on the page that is there from the start.
    """
    browser = await playwright.chromium.connect_over_cdp(cdp_url)
    page = browser.contexts[0].pages[0]
    await page.goto(PAGE)
    await page.click("button")
    picture = await page.screenshot()
    title = await page.title()
    await browser.close()

    assert ("Clicked", b"PNG") == (title, picture[1:4])


async def test_playwright_asks_over_http_where_to_connect(playwright: Any, cdp_url: str):
    """
    A session's CDP link may be given to it as an address of HTTP, too.
    """
    browser = await playwright.chromium.connect_over_cdp(cdp_url.replace("ws://", "http://"))
    pages = len(browser.contexts[0].pages)
    await browser.close()

    assert 1 == pages


async def test_browser_outlives_its_clients(playwright: Any, cdp_url: str):
    """
    What one client left open is there for the next.
    """
    first = await playwright.chromium.connect_over_cdp(cdp_url)
    await first.contexts[0].pages[0].goto(PAGE)
    await first.close()
    second = await playwright.chromium.connect_over_cdp(cdp_url)
    title = await second.contexts[0].pages[0].title()
    await second.close()

    assert "Hello" == title


async def test_several_clients_drive_one_browser_at_once(playwright: Any, cdp_url: str):
    """
    Each works on a page of its own, at the same time.
    """

    async def work(number: int) -> str:
        browser = await playwright.chromium.connect_over_cdp(cdp_url)
        page = await browser.contexts[0].new_page()
        await page.goto(f"data:text/html,<title>{number}</title>")
        title = await page.title()
        await page.close()
        await browser.close()
        return title

    assert ["0", "1", "2"] == await asyncio.gather(*map(work, range(3)))


async def test_messages_of_megabytes_pass(playwright: Any, cdp_url: str):
    """
    Large answers and large commands arrive whole.
    """
    browser = await playwright.chromium.connect_over_cdp(cdp_url)
    page = browser.contexts[0].pages[0]
    text = "x" * 8_000_000
    length = await page.evaluate("text => text.length", text)
    received = await page.evaluate("length => 'x'.repeat(length)", len(text))
    await browser.close()

    assert len(text) == length
    assert text == received
