"""One screencast for all who watch a browser, and none for nobody."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from firecrawl_interact.server.screencast import Feed, Frame, Screencasts

if TYPE_CHECKING:
    from tests.server.conftest import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOVING = (
    "data:text/html,<h1>0</h1><script>let n=0;"
    "(function f(){document.querySelector('h1').textContent=n++;requestAnimationFrame(f)})()</script>"
)


async def picture(feed: Feed) -> Frame:
    """
    Wait for the next frame.
    """
    async with asyncio.timeout(30):
        while not isinstance(shown := await feed.next(), Frame):
            assert shown is not None
    return shown


async def until_still(feed: Feed) -> None:
    """
    Wait until the stream of frames has come to a stop: nobody takes them.
    """
    before: Any = None
    async with asyncio.timeout(30):
        while before is not feed.cast.frame:
            before = feed.cast.frame
            await asyncio.sleep(0.1)


async def test_ten_viewers_cost_one_screencast_and_none_costs_nothing(stage: Stage):
    """
    It is started for the first viewer, shared by all, and ended with the last.
    """
    assert 0 == stage.commands["Page.startScreencast"]
    async with AsyncExitStack() as viewers:
        for _ in range(10):
            viewer = await viewers.enter_async_context(stage.view("liveViewUrl"))
            await viewer.frame()

        assert 1 == stage.commands["Page.startScreencast"]
    async with asyncio.timeout(30):
        while stage.browser._connections:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.01)
    async with stage.view("liveViewUrl") as viewer:
        await viewer.frame()

    assert 2 == stage.commands["Page.startScreencast"]


async def test_all_feeds_get_the_same_frame(stage: Stage):
    """
    A picture is decoded once; whoever comes later gets the newest at once.
    """
    casts = Screencasts()
    async with casts.watch(stage.browser) as first, casts.watch(stage.browser) as second:
        frame = await picture(first)
        async with casts.watch(stage.browser) as third:
            assert frame is await picture(second)
            assert frame is await picture(third)

    assert (1280, 720, 1) == (frame.width, frame.height, frame.page)


async def test_slow_feed_holds_up_nobody(stage: Stage):
    """
    Who takes nothing while others do gets the newest in the end.
    """
    await stage.goto(MOVING)
    casts = Screencasts()
    async with casts.watch(stage.browser) as slow, casts.watch(stage.browser) as fast:
        first = await picture(slow)
        taken = [await picture(fast) for _ in range(10)]
        newest = await picture(slow)

    assert 10 == len({frame.time for frame in taken})
    assert newest.time >= taken[-1].time > first.time


async def test_browser_takes_no_pictures_that_nobody_takes(stage: Stage):
    """
    If all are slow, the browser waits for them.
    """
    await stage.goto(MOVING)
    casts = Screencasts()
    async with casts.watch(stage.browser) as feed:
        await picture(feed)
        await until_still(feed)
        stale = await picture(feed)
        fresh = await picture(feed)

    assert fresh.time > stale.time


async def test_feed_ends_with_the_browser(stage: Stage):
    """
    The end comes after what was to be seen before it.
    """
    casts = Screencasts()
    async with casts.watch(stage.browser) as feed, casts.watch(stage.browser) as other:
        await picture(other)
        await casts.ending(stage.browser)
        async with asyncio.timeout(30):
            frames = [shown async for shown in feed if isinstance(shown, Frame)]

    assert [feed.cast.frame] == frames
    assert feed.cast.ended


async def test_feed_of_a_browser_that_cannot_be_reached_ends_at_once(stage: Stage):
    """
    There is nothing to see.
    """
    browser, casts = stage.browser, Screencasts()
    await stage.browsers.end(browser)
    async with asyncio.timeout(30), casts.watch(browser) as feed:
        assert None is await feed.next()


async def test_picture_costs_no_screenshot_while_somebody_watches(stage: Stage):
    """
    The newest frame will do; and one screenshot does for all who ask within a second.
    """
    casts = Screencasts()
    alone = await asyncio.gather(*(casts.picture(stage.browser) for _ in range(3)))
    async with casts.watch(stage.browser) as feed:
        frame = await picture(feed)
        watched = await casts.picture(stage.browser)

    assert 1 == len(set(alone))
    assert frame.data == watched
    assert 1 == stage.commands["Page.captureScreenshot"]


async def test_titles_that_change_by_themselves_are_seen(stage: Stage):
    """
    No event tells of them, so they are asked for.
    """
    await stage.goto("data:text/html,<title>one</title>")
    await stage.title_becomes("one")  # Before it is read in, it would take no other.
    casts = Screencasts()
    async with asyncio.timeout(30), casts.watch(stage.browser) as feed:
        await picture(feed)
        await feed.cast.stage.call("Runtime.evaluate", {"expression": "document.title='two'"})
        while not [tab for tab in feed.cast.scene.tabs if tab.title == "two"]:
            await feed.next()

    assert ["two"] == [tab.title for tab in feed.cast.scene.tabs]
