"""The dashboard's page, in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import aiohttp
import pytest
import pytest_asyncio

from firecrawl_interact.server import binary

if TYPE_CHECKING:
    from playwright.async_api import Page

    from tests.server.conftest import Theatre

playwright = pytest.importorskip("playwright.async_api", reason="the [playwright] extra is not installed")

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def page(theatre: Theatre) -> AsyncIterator[Page]:
    """A window so low that it shows one card at a time."""
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=str(binary.find()), args=["--no-sandbox"])
        yield await browser.new_page(viewport={"width": 400, "height": 300})
        await browser.close()


async def create(theatre: Theatre) -> str:
    """Start a session with a real browser."""
    async with (
        asyncio.timeout(30),
        aiohttp.ClientSession() as http,
        http.post(f"{theatre.base}/v2/interact", json={}) as answer,
    ):
        return str((await answer.json())["id"])


async def test_pictures_are_taken_of_those_sessions_only_that_are_in_the_window(theatre: Theatre, page: Page):
    """
    Each costs its browser something; who scrolls to another sees it then.
    """
    older, newer = await create(theatre), await create(theatre)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/frame" in request.url else None)
    await page.goto(theatre.base)
    for _ in range(2):
        await page.wait_for_event("response", lambda answer: answer.url.endswith("/dashboard/sessions"))
    before = {url.split("/")[-2] for url in asked}
    await page.get_by_role("link", name=f"Watch session {older}").scroll_into_view_if_needed()
    await page.wait_for_event("request", lambda request: f"{older}/frame" in request.url)

    assert {newer} == before
