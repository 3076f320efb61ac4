"""What drives browsers over CDP, through the links of each dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import attrs
import pytest

if TYPE_CHECKING:
    from tests.judges.conftest import Judge

KEY = "fc-TEST"
PAGE = "data:text/html,<title>Shop</title><button onclick=\"document.title='Clicked'\">Click</button>"


@attrs.frozen
class Dialect:
    """How to open a session, where its link and its id are, and what its end says."""

    headers: dict[str, str]
    path: str
    link: str
    ended: str

    async def open(self, client: aiohttp.ClientSession) -> tuple[str, str]:
        """Open a session; returns its id and its link."""
        async with client.post(self.path, json={}) as answer:
            made = await answer.json()
        made = made.get("data", made)
        return made["id"], made[self.link]

    async def end(self, client: aiohttp.ClientSession, session_id: str) -> str:
        """End a session; returns what is said of it."""
        async with client.delete(f"{self.path}/{session_id}") as answer:
            said = await answer.json()
        return str(said.get("data", said)["status"])


DIALECTS = {
    "firecrawl": Dialect({"Authorization": f"Bearer {KEY}"}, "/v2/interact", "cdpUrl", "stopped"),
    "anchor": Dialect({"anchor-api-key": KEY}, "/v1/sessions", "cdp_url", "success"),
}
DRIVERS = {
    "Playwright": ("drive_playwright.py", "playwright"),
    "Playwright of npm": ("drive_playwright.mjs", "playwright-core"),
    "Puppeteer": ("drive_puppeteer.mjs", "puppeteer-core"),
    "browser-use": ("drive_browser_use.py", "browser_use"),
}


@pytest.mark.parametrize("served", [("--cdp", "port"), ("--cdp", "pipe")], indirect=True, ids=" ".join)
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_driver_navigates_clicks_takes_pictures_and_leaves_the_session_to_its_owner(
    driver: str, dialect: str, program: Judge, served: str
):
    """
    The link is all that it needs; when it has gone, the session is still there to be ended.
    """
    wire = DIALECTS[dialect]
    async with aiohttp.ClientSession(served, headers=wire.headers) as client:
        session_id, link = await wire.open(client)
        try:
            seen = await program(*DRIVERS[driver], cdp_url=link, url=PAGE)
        finally:
            ended = await wire.end(client, session_id)

    assert {"title": "Clicked", "picture": "PNG"} == seen
    assert wire.ended == ended
