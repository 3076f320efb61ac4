"""Scrapes read pages in real browsers, and say what they cannot do."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from firecrawl_interact.server import reading

if TYPE_CHECKING:
    from tests.server.conftest import Theatre

PAGE = """<!doctype html><html lang="en"><head><title>Shop</title><meta name="Description" content="Lamps">
<style>p { margin: 0 }</style></head><body style="margin: 0; height: 3000px"><p>49 dollars</p>
<a href="/about">About</a><a href="/about">Again</a><img src="/lamp.png">
<button onclick="document.title = 'Clicked'">Click</button><script>"use strict"</script></body></html>"""

PASSING = {
    "refreshed": '<meta http-equiv="refresh" content="0;url=/shop">',
    "led": "<script>onload = () => setTimeout(() => location = '/shop', 5)</script>",
}
HOSTILE = {
    "boastful": "<script>document.title = document.documentElement.lang = 'x'.repeat(100_000)</script>",
    "lying": "<body><script>JSON.stringify = () => ''; document.body.append('x'.repeat(1000))</script>",
    "named": "<title>Named</title><img name=querySelector><img name=title><img name=links><a href=/shop>",
    "wide": "<body style='margin: 0'><div style='width: 60000px; height: 20000px'></div>",
}

NO_NAME = f"{'a' * 64}.invalid"  # Too long for the DNS, which so is not even asked.

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site() -> AsyncIterator[str]:
    """A shop, an address that leads to it, one that it does not know, and one that never answers."""
    app = web.Application()

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPFound("/shop")

    async def other(request: web.Request) -> web.Response:
        return web.Response(text=(PASSING | HOSTILE)[request.path[1:]], content_type="text/html")

    async def silent(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    app.add_routes([web.get("/shop", page), web.get("/moved", moved), web.get("/silent", silent)])
    app.add_routes(web.get(f"/{name}", other) for name in PASSING | HOSTILE)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def ask(theatre: Theatre, **body: Any) -> tuple[int, dict[str, Any]]:
    """Scrape with a real browser."""
    async with (
        asyncio.timeout(30),
        aiohttp.ClientSession() as http,
        http.post(f"{theatre.base}/v2/scrape", json=body) as answer,
    ):
        return answer.status, await answer.json()


async def test_scrape_tells_where_the_address_led_and_what_is_there(theatre: Theatre, site: str):
    """
    An address without a scheme is completed; what was asked for beside it comes as Firecrawl spells it.
    """
    status, answer = await ask(theatre, url=f"{site}/moved", formats=["html", "rawHtml", "links", "images"])
    data = answer["data"]
    metadata = data.pop("metadata")
    html, raw_html = data.pop("html"), data.pop("rawHtml")

    assert (200, True, answer["scrape_id"]) == (status, answer["success"], metadata.pop("scrapeId"))
    assert {
        "title": "Shop",
        "description": "Lamps",
        "language": "en",
        "url": f"http://{site}/shop",
        "sourceURL": f"{site}/moved",
        "statusCode": 200,
        "contentType": "text/html",
    } == metadata
    assert {"links": [f"http://{site}/about"], "images": [f"http://{site}/lamp.png"]} == data
    assert (True, True, True) == tuple(
        part in raw_html for part in ("<!DOCTYPE html>", "<script>", "<style>")
    )
    assert (False, False, True) == tuple(part in html for part in ("<script>", "<style>", "49 dollars"))


@pytest.mark.parametrize("page", PASSING)
async def test_page_that_leads_on_by_itself_is_followed(theatre: Theatre, site: str, page: str):
    """
    As do those that only say where to go; once it was too late to read them, and an error.
    """
    status, answer = await ask(theatre, url=f"http://{site}/{page}", formats=["rawHtml"])

    assert (200, "Shop") == (status, answer["data"]["metadata"]["title"])
    assert "49 dollars" in answer["data"]["rawHtml"]


async def test_page_tells_no_more_of_itself_than_fits(theatre: Theatre, site: str):
    """
    What it says in its title and language has an end.
    """
    _, answer = await ask(theatre, url=f"http://{site}/boastful")
    metadata = answer["data"]["metadata"]

    assert [10_000, 10_000] == [len(metadata[name]) for name in ("title", "language")]


async def test_page_cannot_hide_how_long_it_is(theatre: Theatre, site: str, monkeypatch: pytest.MonkeyPatch):
    """
    Its scripts may replace what we measure with; that is theirs alone.
    """
    monkeypatch.setattr(reading, "LONGEST", 100)
    _, answer = await ask(theatre, url=f"http://{site}/lying", formats=["rawHtml"])

    assert "Too long, and left out: rawHtml." == answer["data"].get("warning")


async def test_page_cannot_hide_parts_of_its_document_behind_names(theatre: Theatre, site: str):
    """
    An element's name stands before what the document itself has by it.
    """
    status, answer = await ask(theatre, url=f"http://{site}/named", formats=["links"])

    assert (200, "Named") == (status, answer["data"]["metadata"]["title"])
    assert [f"http://{site}/shop"] == answer["data"]["links"]


async def test_screenshot_of_a_page_wider_than_can_be_painted_is_as_wide_as_the_window(
    theatre: Theatre, site: str
):
    """
    And as high as Chromium paints.
    """
    shot = {"type": "screenshot", "fullPage": True}
    status, answer = await ask(theatre, url=f"http://{site}/wide", formats=[shot])
    picture = base64.b64decode(answer["data"]["screenshot"].partition(",")[2])

    assert (200, 1280, 16_384) == (status, *(int.from_bytes(picture[at : at + 4]) for at in (16, 20)))


@pytest.mark.parametrize("milliseconds", [10**400, "soon"], ids=["number", "word"])
async def test_wait_without_end_is_an_action_that_failed(theatre: Theatre, site: str, milliseconds: Any):
    """
    Actions come as they were sent, in numbers of any size.
    """
    actions = [{"type": "wait", "milliseconds": milliseconds}]
    status, answer = await ask(theatre, url=f"http://{site}/shop", actions=actions)

    assert (500, "SCRAPE_ACTION_ERROR") == (status, answer["code"])


async def test_page_that_is_not_there_is_read_like_any_other(theatre: Theatre, site: str):
    """
    Its status is told, as Firecrawl does.
    """
    status, answer = await ask(theatre, url=f"http://{site}/none", formats=["rawHtml"])

    assert (200, 404) == (status, answer["data"]["metadata"]["statusCode"])
    assert "404: Not Found" in answer["data"]["rawHtml"]


@pytest.mark.parametrize(("full_page", "height"), [(False, 720), (True, 3000)], ids=["window", "page"])
async def test_screenshot_shows_the_window_or_the_page(
    theatre: Theatre, site: str, full_page: bool, height: int
):
    """
    It is an address that holds the picture, since there is no other place for it.
    """
    shot = {"type": "screenshot", "fullPage": full_page}
    _, answer = await ask(theatre, url=f"http://{site}/shop", formats=[shot])
    kind, _, data = answer["data"]["screenshot"].partition(",")
    picture = base64.b64decode(data)

    assert "data:image/png;base64" == kind
    assert height == int.from_bytes(picture[20:24])


async def test_actions_come_first_and_those_that_only_read_are_told(theatre: Theatre, site: str):
    """
    Nothing is left out without a word.
    """
    actions = [{"type": "click", "selector": "button"}, {"type": "executeJavascript", "script": "1"}]
    _, answer = await ask(theatre, url=f"http://{site}/shop", actions=actions, formats=["links"])

    assert "Clicked" == answer["data"]["metadata"]["title"]
    assert "Actions that only read were left out: executeJavascript." == answer["data"]["warning"]


async def test_part_that_is_too_long_is_left_out_with_a_word(
    theatre: Theatre, site: str, monkeypatch: pytest.MonkeyPatch
):
    """
    It does not even leave the browser.
    """
    monkeypatch.setattr(reading, "LONGEST", 100)
    _, answer = await ask(theatre, url=f"http://{site}/shop", formats=["rawHtml", "links"])

    assert {"links", "warning", "metadata"} == answer["data"].keys()
    assert "Too long, and left out: rawHtml." == answer["data"]["warning"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": f"http://{NO_NAME}/"}, 200, "SCRAPE_DNS_RESOLUTION_ERROR"),
        ({"url": "http://127.0.0.1:1/"}, 500, "SCRAPE_SITE_ERROR"),
        ({"url": "http://"}, 400, "BAD_REQUEST"),
        ({"url": "{site}/silent", "timeout": 1000}, 408, "SCRAPE_TIMEOUT"),
        ({"url": "{site}/shop", "actions": [{"type": "click"}]}, 500, "SCRAPE_ACTION_ERROR"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_page_that_cannot_be_read_is_told_in_firecrawls_codes(
    theatre: Theatre, site: str, body: dict[str, Any], status: int, code: str
):
    """
    A name that leads nowhere is a 200 there, without success.
    """
    answered, answer = await ask(theatre, **{**body, "url": body["url"].replace("{site}", site)})

    assert (status, False, code) == (answered, answer["success"], answer["code"])


async def test_scrapes_leave_no_browser_and_are_no_session(theatre: Theatre, site: str):
    """
    Neither one that went well nor one that failed is ever listed.
    """
    before = theatre.browsers.list()
    for path in ("shop", "silent"):
        await ask(theatre, url=f"http://{site}/{path}", timeout=1000)

    assert before == theatre.browsers.list()
    assert not theatre.browsers._slots  # What it still counts as running
