"""The stream of the live view: what a viewer sees of a real browser, and what it may do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from aiohttp import WSMsgType

from firecrawl_interact.server import cdp, live_view
from firecrawl_interact.server.record import EndReason

if TYPE_CHECKING:
    from tests.server.conftest import Stage, Viewer

pytestmark = pytest.mark.asyncio(loop_scope="module")

JPEG = b"\xff\xd8\xff"
# Said in a page's first frame: what is pressed or typed before it may be lost.
READY = "<script>requestAnimationFrame(() => { document.title = 'new' })</script>"
BUTTON = (
    "data:text/html,<body style='margin:0'><button style='width:100vw;height:100vh'"
    f" onclick=\"document.title='clicked'\">B</button>{READY}"
)
FIELD = (
    "data:text/html,<body style='margin:0'><textarea autofocus style='width:100vw;height:100vh'"
    f' oninput="document.title=this.value"></textarea>{READY}'
)
ASKING = BUTTON.replace("document.title='clicked'", "document.title=confirm('Sure?')")
MOVING = (
    "data:text/html,<h1>0</h1><script>let n=0;"
    "(function f(){document.querySelector('h1').textContent=n++;requestAnimationFrame(f)})()</script>"
)
WATCH = "liveViewUrl"


async def show(stage: Stage, url: str) -> None:
    """
    Lead the first page to one of these, and wait until it can be used.
    """
    await stage.goto(url)
    await stage.title_becomes("new")


async def frame_and_ping(viewer: Viewer) -> tuple[bytes, bytes]:
    """
    Wait for the next picture and the ping that follows it, and do not answer.
    """
    frame = b""
    async with asyncio.timeout(30):
        while (message := await viewer.socket.receive()).type is not WSMsgType.PING:
            frame = message.data if message.type is WSMsgType.BINARY else frame
    return frame, message.data


async def test_viewer_sees_a_frame_at_once_and_another_when_the_page_changes(stage: Stage):
    """
    Frames come as JPEG messages.
    """
    async with stage.view(WATCH) as viewer:
        first = await viewer.frame()
        await stage.goto(BUTTON)
        second = await viewer.frame()

    assert [JPEG] * 2 == [first[:3], second[:3]]


async def test_viewer_is_told_the_tabs_the_address_and_the_time_left(stage: Stage):
    """
    What stands around the picture follows the browser.
    """
    async with stage.view(WATCH) as viewer:
        time = await viewer.told(lambda words: words["type"] == "time")
        await stage.goto(BUTTON)
        scene = await viewer.told(lambda words: words.get("tabs") and words["tabs"][0]["title"] == "new")

    assert 590 < time["left"] <= 600
    assert 290 < time["idle"] <= 300
    assert [(1, BUTTON)] == [(tab["number"], tab["url"]) for tab in scene["tabs"]]
    assert (1, BUTTON, None) == (scene["active"], scene["url"], scene["dialog"])


async def test_controller_clicks(stage: Stage):
    """
    A click at half of both sides lands in the middle of the page, and counts as activity.
    """
    await show(stage, BUTTON)
    async with stage.view() as viewer:
        await viewer.frame()
        await viewer.click()
        await stage.title_becomes("clicked")

    assert stage.browser.last_activity > stage.browser.started_at


async def test_controller_types_and_pastes(stage: Stage):
    """
    Keys arrive as typed text, and pasted text as a whole.
    """
    await show(stage, FIELD)
    async with stage.view() as viewer:
        await viewer.frame()
        for event in ("down", "up"):
            await viewer.do("key", event=event, key="a", code="KeyA", keyCode=65)
        await viewer.do("text", text="bc")

        await stage.title_becomes("abc")


async def test_controller_composes(stage: Stage):
    """
    What an input method is at is seen in the page, and replaced by what it ends with.
    """
    await show(stage, FIELD)
    async with stage.view() as viewer:
        await viewer.frame()
        await viewer.do("compose", text="にほ")
        await stage.title_becomes("にほ")
        await viewer.do("text", text="日本")

        await stage.title_becomes("日本")


async def test_controller_copies_what_is_selected(stage: Stage):
    """
    The page's selection comes back for the viewer's own clipboard.
    """
    await stage.goto(
        "data:text/html,<title>new</title>hello<script>getSelection().selectAllChildren(document.body)</script>"
    )
    await stage.title_becomes("new")
    async with stage.view() as viewer:
        await viewer.frame()
        await viewer.do("copy")

        assert "hello" == (await viewer.told(lambda words: words["type"] == "clipboard"))["text"]


async def test_controller_goes_somewhere_and_back(stage: Stage):
    """
    The address bar and the history work; files are not for viewers.
    """
    async with stage.view() as viewer:
        await viewer.frame()
        await viewer.do("go", url="file:///etc/passwd")
        await viewer.do("go", url=BUTTON)
        await viewer.told(lambda words: words.get("url") == BUTTON)
        await viewer.do("history", step=1)  # There is nothing.
        await viewer.do("history", step=-1)
        scene = await viewer.told(lambda words: words.get("url") == "about:blank")

    assert [1] == [tab["number"] for tab in scene["tabs"]]


async def test_controller_opens_turns_and_closes_tabs(stage: Stage):
    """
    A new page is shown; the first can be turned to, and the new one closed.
    """
    await show(stage, BUTTON)
    async with stage.view() as viewer:
        await viewer.frame()
        await viewer.do("open")
        await viewer.told(lambda words: words.get("active") == 2)
        await viewer.do("turn", tab=7)  # There is none.
        await viewer.do("turn", tab=1)
        scene = await viewer.told(lambda words: words.get("active") == 1)
        await stage.title_becomes("clicked", viewer.click)  # Clicks before its first picture are lost.
        await viewer.do("close", tab=2)
        left = await viewer.told(lambda words: len(words.get("tabs", [0, 0])) == 1)

    assert (BUTTON, [1, 2]) == (scene["url"], [tab["number"] for tab in scene["tabs"]])
    assert [1] == [tab["number"] for tab in left["tabs"]]


@pytest.mark.parametrize(("accept", "title"), [(True, "true"), (False, "false")])
async def test_controller_answers_dialogs(stage: Stage, accept: bool, title: str):
    """
    A page that asks waits for the controller; watchers see the question.
    """
    await show(stage, ASKING)
    async with stage.view() as viewer, stage.view(WATCH) as watcher:
        await viewer.frame()
        await viewer.click()
        asked = await viewer.told(lambda words: words.get("dialog"))
        seen = await watcher.told(lambda words: words.get("dialog"))
        await watcher.do("dialog", accept=not accept)  # Nobody listens.
        await viewer.do("dialog", accept=accept)
        await stage.title_becomes(title)
        await watcher.told(lambda words: words["type"] == "scene" and words["dialog"] is None)

    assert {"kind": "confirm", "message": "Sure?", "default": ""} == asked["dialog"] == seen["dialog"]


async def test_dialog_does_not_wait_where_only_watchers_are(stage: Stage):
    """
    Watching keeps no dialog open: the browser answers it, as it does when nobody looks.
    """
    async with stage.view(WATCH) as viewer:
        await viewer.frame()
        await stage.goto("data:text/html,<script>document.title = 'asked ' + confirm('Sure?')</script>")

        await stage.title_becomes("asked false")


async def test_controller_that_leaves_leaves_no_dialog_behind(stage: Stage):
    """
    With the last one who could answer, the question goes.
    """
    await show(stage, ASKING)
    async with stage.view(WATCH) as watcher:
        async with stage.view() as viewer:
            await viewer.frame()
            await viewer.click()
            await viewer.told(lambda words: words.get("dialog"))
        await stage.title_becomes("false")
        scene = await watcher.told(lambda words: words["type"] == "scene" and words["dialog"] is None)

    assert 1 == scene["active"]


async def test_watcher_can_do_nothing(stage: Stage):
    """
    No message over the watching link changes anything.
    """
    await show(stage, BUTTON)
    async with stage.view(WATCH) as watcher, stage.view() as controller:
        await watcher.frame()
        await controller.frame()
        before = stage.browser.last_activity
        await watcher.click()
        for event in ("down", "up"):
            await watcher.do("key", event=event, key="Enter", code="Enter", keyCode=13)
        await watcher.do("go", url="about:blank")
        await watcher.do("open")
        await watcher.do("close", tab=1)
        await watcher.socket.close()  # Returns once the server has read all that came before.

        assert before == stage.browser.last_activity
        assert ["new"] == await stage.titles()
        await controller.click()
        await stage.title_becomes("clicked")


async def test_nonsense_from_a_controller_changes_nothing(stage: Stage):
    """
    What the live page could not have sent is ignored, and the view goes on.
    """
    await show(stage, BUTTON)
    async with stage.view() as viewer:
        await viewer.frame()
        texts = ["", "[]", "{", "[" * 100_000, '{"type": "mouse"}', '{"type": ["mouse"]}', "1e999"]
        texts += ['{"type": "turn", "tab": "1"}', '{"type": "history", "step": []}', '{"type": "dialog"}']
        for text in texts:
            await viewer.socket.send_str(text)
        await viewer.click()

        await stage.title_becomes("clicked")


async def test_view_follows_to_a_new_page_and_back(stage: Stage):
    """
    A page that opens is the one that is shown; when it closes, the one before is again.
    """
    await show(stage, BUTTON)
    async with stage.view() as viewer, cdp.connect(stage.browser.engine.endpoint) as hand:
        await viewer.frame()
        made = await hand.call("Target.createTarget", {"url": BUTTON.replace("clicked", "other clicked")})
        await viewer.told(lambda words: words.get("active") == 2)
        await stage.title_becomes("other clicked", viewer.click)
        await hand.call("Target.closeTarget", {"targetId": made["targetId"]})
        await viewer.told(lambda words: words.get("active") == 1)
        await stage.title_becomes("clicked", viewer.click)


async def test_viewer_that_lags_gets_newer_frames_instead_of_more(stage: Stage):
    """
    Without pongs only so many frames are sent; what comes after a pong is none of the many missed.
    """
    await stage.goto(MOVING)
    async with stage.view(WATCH, autoping=False) as slow, stage.view(WATCH) as fast:
        pings = [(await frame_and_ping(slow))[1] for _ in range(live_view.IN_FLIGHT)]
        missed = [await fast.frame() for _ in range(20)]
        await slow.socket.pong(pings[-1])
        frame, ping = await frame_and_ping(slow)

    assert [b"1", b"2", b"3"] == pings
    assert b"4" == ping
    assert 20 == len(set(missed))
    assert frame not in missed[:-5]  # Some of the fast viewer's may be on their way, too.


async def test_stream_says_why_the_browser_has_ended(stage: Stage):
    """
    A browser that is ended takes its viewers' connections along, with the reason.
    """
    async with stage.view(WATCH) as viewer:
        await viewer.frame()
        await stage.browsers.end(stage.browser, EndReason.TTL)
        ended = await viewer.told(lambda words: words["type"] == "ended")
        await viewer.socket.receive()

    assert "ttl" == ended["reason"]
    assert live_view.ENDED == viewer.socket.close_code


async def test_stream_ends_with_a_browser_that_dies(stage: Stage):
    """
    A crash is told, too.
    """
    async with stage.view(WATCH) as viewer:
        await viewer.frame()
        await stage.browser.engine.stop()
        ended = await viewer.told(lambda words: words["type"] == "ended")
        await viewer.socket.receive()

    assert "exited" == ended["reason"]
    assert live_view.ENDED == viewer.socket.close_code


async def test_viewer_that_leaves_leaves_nothing_behind(stage: Stage):
    """
    With the viewer its connection to the browser ends.
    """
    async with stage.view(WATCH) as viewer:
        await viewer.frame()

        assert 1 == stage.browser._connections
    async with asyncio.timeout(30):
        while stage.browser._connections:  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0.01)


async def test_wrong_token_shows_nothing(stage: Stage):
    """
    Neither page nor frame nor stream opens with the CDP token or none.
    """
    page = stage.made[WATCH].partition("?")[0]
    token = stage.made["cdpUrl"].partition("?")[2]
    statuses = []
    for address in (page, f"{page}/frame", f"{page}/stream"):
        for query in (token, ""):
            async with stage.http.get(f"{address}?{query}") as answer:
                statuses.append(answer.status)

    assert [403] * 6 == statuses


async def test_token_of_another_session_shows_nothing(stage: Stage):
    """
    Each link opens its own browser.
    """
    async with stage.http.post(
        stage.made["liveViewUrl"].partition("/live/")[0] + "/v2/interact", json={}
    ) as made:
        other = await made.json()
    token = other["interactiveLiveViewUrl"].partition("?")[2]
    async with stage.http.get(stage.made[WATCH].partition("?")[0] + f"/stream?{token}") as answer:
        assert 403 == answer.status
