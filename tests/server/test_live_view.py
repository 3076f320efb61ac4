"""The live view of real browsers: what a viewer sees, and what it may do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
import pytest
from aiohttp import WSMsgType, web

from firecrawl_interact.server import cdp, live_view
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.engine import LaunchSpec

if TYPE_CHECKING:
    from firecrawl_interact.server.chromium import Chromium, ChromiumLauncher

JPEG = b"\xff\xd8\xff"
BUTTON = (
    "data:text/html,<body style='margin:0'><button style='width:100vw;height:100vh'"
    " onclick=\"document.title='clicked'\">B</button>"
)
FIELD = (
    "data:text/html,<body style='margin:0'><textarea autofocus style='width:100vw;height:100vh'"
    ' oninput="document.title=this.value"></textarea>'
)


@attrs.frozen
class Stage:
    """A server with one session: its links, and a hand on its page beside them."""

    made: dict[str, Any]
    browser: Chromium
    http: aiohttp.ClientSession
    browsers: Browsers

    def stream(self, link: str) -> str:
        page, _, query = self.made[link].partition("?")
        return f"{page}/stream?{query}"

    async def goto(self, url: str) -> None:
        async with cdp.connect(self.browser.endpoint) as hand:
            session = await cdp.attach(hand, (await hand.pages())[-1])
            await hand.call("Page.navigate", {"url": url}, session=session)

    async def titles(self) -> list[str]:
        """The titles of all pages, in no order."""
        async with cdp.connect(self.browser.endpoint) as hand:
            return [target["title"] for target in (await hand.call("Target.getTargets"))["targetInfos"]]

    async def title_becomes(self, wanted: str, doing: Callable[[], Awaitable[None]] | None = None) -> None:
        """Wait until a page has that title, and do something again and again until then."""
        async with asyncio.timeout(5):
            while wanted not in await self.titles():
                if doing is not None:
                    await doing()
                await asyncio.sleep(0.02)


async def click(viewer: aiohttp.ClientWebSocketResponse) -> None:
    """
    Do as the live page does when its middle is clicked.
    """
    for event in ("down", "up"):
        await viewer.send_json(
            {"type": "mouse", "event": event, "x": 0.5, "y": 0.5, "button": 0, "clicks": 1}
        )


@pytest.fixture
async def stage(launcher: ChromiumLauncher) -> AsyncIterator[Stage]:
    browsers = Browsers(launcher)
    runner = web.AppRunner(build_app(browsers=browsers), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with asyncio.timeout(20), aiohttp.ClientSession() as http:
        async with http.post(f"{base}/v2/interact", json={}) as answer:
            made = await answer.json()
        yield Stage(made, browsers.list()[0].engine, http, browsers)
        await runner.cleanup()


async def test_frame_is_a_picture_of_the_last_page(launcher: ChromiumLauncher):
    """
    `frame` returns a JPEG, of the page that was opened last.
    """
    browser = await launcher.launch(LaunchSpec())
    async with asyncio.timeout(10), cdp.connect(browser.endpoint) as hand:
        made = [await hand.call("Target.createTarget", {"url": BUTTON}) for _ in range(2)]
        newest = [target["targetId"] for target in reversed(made)]

        assert newest == (await hand.pages())[:2]
        assert JPEG == (await live_view.frame(browser.endpoint))[:3]


async def test_frame_of_a_browser_without_pages_is_an_error(launcher: ChromiumLauncher):
    """
    A browser whose last page was closed has no picture.
    """
    browser = await launcher.launch(LaunchSpec())
    async with cdp.connect(browser.endpoint) as hand:
        await hand.call("Target.closeTarget", {"targetId": (await hand.pages())[0]})
        async with asyncio.timeout(5):
            while await hand.pages():  # noqa: ASYNC110  # the browser is asked
                await asyncio.sleep(0.01)
        with pytest.raises(cdp.CdpError, match="there is no page"):
            await live_view.frame(browser.endpoint)


async def test_page_is_served_to_whoever_has_a_link(stage: Stage):
    """
    The page names nothing of the session, and tells nobody where it was opened.
    """
    async with stage.http.get(stage.made["liveViewUrl"]) as answer:
        text = await answer.text()

    assert (200, "no-referrer") == (answer.status, answer.headers["Referrer-Policy"])
    assert "<canvas" in text
    assert stage.made["id"] not in text


async def test_server_tells_the_page_whether_it_may_control(stage: Stage):
    """
    A watcher who adds ``interactive=true`` to the link is not told that the browser obeys.
    """
    modes = []
    for link in (stage.made["liveViewUrl"] + "&interactive=true", stage.made["interactiveLiveViewUrl"]):
        async with stage.http.get(link) as answer:
            modes += re.findall(r'data-mode="(.*?)"', await answer.text())

    assert ["watch", "control"] == modes


async def test_live_page_says_at_once_that_the_browser_has_ended(stage: Stage, launcher: ChromiumLauncher):
    """
    Whoever looks is told, without any attempt to connect again.
    """
    viewer = await launcher.launch(LaunchSpec())
    async with cdp.connect(viewer.endpoint) as hand:
        session = await cdp.attach(hand, (await hand.pages())[0])

        async def state_becomes(wanted: str) -> None:
            script = {"expression": "document.getElementById('state')?.textContent"}
            async with asyncio.timeout(5):
                while True:
                    told = await hand.call("Runtime.evaluate", script, session=session)
                    if told["result"].get("value") == wanted:
                        return
                    await asyncio.sleep(0.02)

        await hand.call("Page.navigate", {"url": stage.made["liveViewUrl"]}, session=session)
        await state_becomes("live")
        await stage.browsers.end(stage.browsers.list()[0])

        await state_becomes("the browser has ended")


async def test_viewer_sees_a_frame_at_once_and_another_when_the_page_changes(stage: Stage):
    """
    Frames come as JPEG messages.
    """
    async with stage.http.ws_connect(stage.stream("liveViewUrl")) as viewer:
        first = await viewer.receive()
        await stage.goto(BUTTON)
        second = await viewer.receive()

    assert [WSMsgType.BINARY] * 2 == [first.type, second.type]
    assert [JPEG] * 2 == [first.data[:3], second.data[:3]]


async def test_controller_clicks(stage: Stage):
    """
    A click at half of both sides lands in the middle of the page, and counts as activity.
    """
    await stage.goto(BUTTON)
    async with stage.http.ws_connect(stage.stream("interactiveLiveViewUrl")) as viewer:
        await viewer.receive()
        await click(viewer)
        await stage.title_becomes("clicked")

    assert stage.browsers.list()[0].last_activity > stage.browsers.list()[0].started_at


async def test_controller_types_and_pastes(stage: Stage):
    """
    Keys arrive as typed text, and pasted text as a whole.
    """
    await stage.goto(FIELD)
    async with stage.http.ws_connect(stage.stream("interactiveLiveViewUrl")) as viewer:
        await viewer.receive()
        for event in ("down", "up"):
            await viewer.send_json({"type": "key", "event": event, "key": "a", "code": "KeyA", "keyCode": 65})
        await viewer.send_json({"type": "text", "text": "bc"})

        await stage.title_becomes("abc")


async def test_watcher_can_do_nothing(stage: Stage):
    """
    The same messages over the watching link change nothing.
    """
    await stage.goto(BUTTON)
    async with (
        stage.http.ws_connect(stage.stream("liveViewUrl")) as watcher,
        stage.http.ws_connect(stage.stream("interactiveLiveViewUrl")) as controller,
    ):
        await watcher.receive()
        await controller.receive()
        before = stage.browsers.list()[0].last_activity
        await click(watcher)
        await watcher.close()  # Returns once the server has read all that came before.

        assert before == stage.browsers.list()[0].last_activity
        assert "clicked" not in await stage.titles()
        await click(controller)
        await stage.title_becomes("clicked")


async def test_nonsense_from_a_controller_changes_nothing(stage: Stage):
    """
    What the live page could not have sent is ignored, and the view goes on.
    """
    await stage.goto(BUTTON)
    async with stage.http.ws_connect(stage.stream("interactiveLiveViewUrl")) as viewer:
        await viewer.receive()
        for text in ("", "[]", "{", "[" * 100_000, '{"type": "mouse"}', '{"type": ["mouse"]}', "1e999"):
            await viewer.send_str(text)
        await click(viewer)

        await stage.title_becomes("clicked")


async def test_view_follows_to_a_new_page_and_back(stage: Stage):
    """
    A page that opens is the one that is shown; when it closes, the one before is again.
    """
    await stage.goto(BUTTON)
    async with stage.http.ws_connect(stage.stream("interactiveLiveViewUrl")) as viewer:

        async def click_anywhere() -> None:
            await click(viewer)

        await viewer.receive()
        async with cdp.connect(stage.browser.endpoint) as hand:
            other = BUTTON.replace("clicked", "other clicked")
            made = await hand.call("Target.createTarget", {"url": other})
            # The view turns a moment after the opening: clicks before that go to the first page.
            await stage.title_becomes("other clicked", click_anywhere)
            await stage.goto(BUTTON.replace("clicked", "clicked again"))
            await click(viewer)
            assert "clicked again" not in await stage.titles()
            await hand.call("Target.closeTarget", {"targetId": made["targetId"]})
        await stage.title_becomes("clicked again", click_anywhere)


async def test_stream_ends_with_the_browser(stage: Stage):
    """
    A browser that ends takes its viewers' connections along.
    """
    async with stage.http.ws_connect(stage.stream("liveViewUrl")) as viewer:
        await viewer.receive()
        await stage.browser.stop()
        kinds = {message.type async for message in viewer}

    assert kinds <= {WSMsgType.BINARY}
    assert live_view.ENDED == viewer.close_code


async def test_viewer_that_leaves_leaves_nothing_behind(stage: Stage):
    """
    With the viewer its connection to the browser ends.
    """
    record = stage.browsers.list()[0]
    async with stage.http.ws_connect(stage.stream("liveViewUrl")) as viewer:
        await viewer.receive()

        assert 1 == record._connections
    async with asyncio.timeout(5):
        while record._connections:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.01)


async def test_wrong_token_shows_nothing(stage: Stage):
    """
    Neither page nor frame nor stream opens with the CDP token or none.
    """
    page = stage.made["liveViewUrl"].partition("?")[0]
    token = stage.made["cdpUrl"].partition("?")[2]
    statuses = []
    for address in (page, f"{page}/frame", f"{page}/stream"):
        for query in (token, ""):
            async with stage.http.get(f"{address}?{query}") as answer:
                statuses.append(answer.status)

    assert [403] * 6 == statuses
