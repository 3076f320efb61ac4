"""A scraped page, opened again in a real browser."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from firecrawl_interact.server import reopening
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.cdp import attach, connect
from firecrawl_interact.server.engine import Debugging
from firecrawl_interact.server.record import Browser, Wish
from firecrawl_interact.server.reopening import ReopeningError, reopen
from tests.server.conftest import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from firecrawl_interact.server.chromium import ChromiumLauncher

PAGE = """
<title>Shop</title>
<body style="height: 5000px">
<button onclick="setTimeout(() => document.body.append(more.content), 50)">More</button>
<template id="more"><form id="late" onsubmit="document.title = field.value; return false">
<input id="field"></form></template>
<script>document.addEventListener("keydown", (event) => { window.key = event.key })</script>
"""
ACTIONS = [
    {"type": "wait", "milliseconds": 1},
    {"type": "click", "selector": "button"},
    {"type": "wait", "selector": "#late"},
    {"type": "click", "selector": "#field"},
    {"type": "executeJavascript", "script": "document.title = 'no'"},
    {"type": "screenshot"},
]
WRITE = [
    {"type": "write", "text": "shoes"},
    {"type": "press", "key": "Enter"},
    {"type": "scroll", "direction": "down"},
]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with served(PAGE) as address:
        yield address


@pytest.fixture
async def browser(launcher: ChromiumLauncher) -> AsyncIterator[Browser]:
    browsers = Browsers(launcher)
    yield await browsers.create(Wish())
    await browsers.aclose()


async def evaluate(browser: Browser, expression: str) -> Any:
    endpoint = browser.engine.endpoint
    assert endpoint is not None
    async with connect(endpoint) as cdp:
        session = await attach(cdp, (await cdp.pages())[0])
        params = {"expression": expression, "returnByValue": True}
        return (await cdp.call("Runtime.evaluate", params, session=session))["result"]["value"]


@pytest.mark.parametrize("debugging", list(Debugging), ids=lambda debugging: debugging.value)
async def test_the_page_is_as_the_scrape_left_it(browser: Browser, url: str):
    """
    What clicked, wrote, pressed and scrolled is repeated; scripts and pictures are not.
    """
    focus = {"type": "click", "selector": "#field"}
    await reopen(browser, url, 1, ACTIONS)
    title = await evaluate(browser, "field.focus(), document.title")
    await reopen(browser, url, 0, [*ACTIONS[:3], focus, {"type": "scroll", "direction": "down"}])
    scrolled = await evaluate(
        browser, "[location.href, window.scrollY > 0, !!document.getElementById('late')]"
    )

    assert "Shop" == title
    assert [url, True, True] == scrolled


async def test_keys_reach_what_has_the_focus(browser: Browser, url: str):
    """
    Text goes into the field, and Enter sends its form.
    """
    autofocus = (
        "data:text/html,<form onsubmit='document.title=f.value;return false'><input id=f autofocus></form>"
    )
    await reopen(browser, autofocus, 0, WRITE)

    assert "shoes" == await evaluate(browser, "document.title")


async def test_a_page_that_asks_is_told_no_and_goes_on(browser: Browser):
    """
    Nobody sees its dialogs, and until one is answered it would never have loaded.
    """
    asking = "data:text/html,<title>no</title><script>alert(1); document.title = confirm('Go on?')</script>"

    async with asyncio.timeout(30):
        await reopen(browser, asking)

    assert "false" == await evaluate(browser, "document.title")


@pytest.mark.parametrize(
    "action",
    [
        {"type": "click", "selector": "#none"},
        {"type": "wait", "selector": "#none"},
        {"type": "wait", "milliseconds": "long"},
        {"type": "click"},
        {"type": "press", "key": 5},
        {},
    ],
)
async def test_what_cannot_be_repeated_is_an_error(
    browser: Browser, url: str, monkeypatch, action: dict[str, Any]
):
    """
    Within the time limit, whatever the actions are.
    """
    monkeypatch.setattr(reopening, "TIMEOUT", 1.0)

    with pytest.raises(ReopeningError):
        await reopen(browser, url, 0, [action])


async def test_an_address_that_does_not_answer_is_an_error(browser: Browser):
    """
    The browser's own words say why.
    """
    with pytest.raises(ReopeningError) as caught:
        await reopen(browser, "http://127.0.0.1:1/")

    assert "net::ERR" in str(caught.value.__cause__)
