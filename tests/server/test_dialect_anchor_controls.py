"""Anchor's routes that need a real browser: pages, picture, mouse, keyboard, clipboard, and minted links."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
import attrs
import pytest
import pytest_asyncio
from aiohttp import web

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import binary
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.chromium import ChromiumLauncher
from firecrawl_interact.server.interpreters.runs import ProcessRuns

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "fc-TEST"
PAGE = """<title>Here</title><style>* { margin: 0 }</style><body style="height: 4000px">
<input id=a style="position: absolute; left: 0; top: 0; width: 200px; height: 40px">
<button id=b style="position: absolute; left: 0; top: 60px" onclick="document.title = 'clicked'"
 ondblclick="document.title = 'twice'">Press</button>
<p id=p style="position: absolute; left: 0; top: 100px">Some text</p>"""
# An interpreter that was connected before may hear late that somebody else went there.
ARRIVED = "await page.waitForFunction(() => document.title === 'Here');"
SESSION = "/v1/sessions"
POINT = {"x": 10, "y": 70}
# Every route of the controls, with a body that fits.
CONTROLS = {
    "clipboard": {"text": "x"},
    "copy": None,
    "drag-and-drop": {"startX": 1, "startY": 2, "endX": 3, "endY": 4, "button": "left"},
    "goto": {"url": "about:blank"},
    "keyboard/shortcut": {"keys": ["Control", "a"], "holdTime": 1},
    "keyboard/type": {"text": "x", "delay": 1},
    "mouse/click": {"x": 1.5, "y": 2, "button": "middle"},
    "mouse/doubleClick": POINT,
    "mouse/down": {**POINT, "button": "right"},
    "mouse/move": POINT,
    "mouse/up": {**POINT, "button": "right"},
    "paste": {"text": "x"},
    "scroll": {**POINT, "deltaY": 100, "deltaX": 1, "steps": 2, "useOs": True},
}


@attrs.frozen
class Session:
    """One session of a server of real browsers."""

    http: aiohttp.ClientSession
    id: str
    made: dict[str, Any]

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask a route of the session; PNG comes as bytes."""
        async with self.http.request(method, f"{SESSION}/{self.id}/{path}", json=body) as answer:
            return answer.status, await (answer.read() if "image" in answer.content_type else answer.json())

    async def do(self, path: str, **body: Any) -> None:
        assert (200, {"status": "success"}) == await self.ask("POST", path, body)

    async def title_becomes(self, wanted: str) -> None:
        """Wait until the page has that title: the browser hears of it a moment after the page has set it."""
        async with asyncio.timeout(30):
            while (await self.ask("GET", "pages"))[1]["data"]["items"][0]["title"] != wanted:
                pass


@asynccontextmanager
async def started(**body: Any) -> AsyncIterator[Session]:
    try:
        binary.find()
    except LocalBrowserError as error:
        pytest.skip(f"no browser here: {error}")
    runs = ProcessRuns()
    browsers = Browsers(ChromiumLauncher(), attendants=[runs])
    runner = web.AppRunner(build_app(browsers=browsers, key=KEY, runs=runs))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession(base, headers={"anchor-api-key": KEY}) as http:
            async with asyncio.timeout(60), http.post(SESSION, json=body) as answer:
                made = (await answer.json())["data"]
            yield Session(http, made["id"], made)
    finally:
        await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Session]:
    """One session for all that leave it as it was."""
    async with started() as session:
        yield session


@pytest_asyncio.fixture(loop_scope="module")
async def session(shared: Session) -> Session:
    """The shared session, with the page as if it were new."""
    async with asyncio.timeout(60):
        await shared.do("clipboard", text="")
        await shared.do("goto", url="data:text/html," + quote(PAGE))
    return shared


async def test_every_control_is_answered_in_anchors_words(session: Session):
    """
    A status, or the text that was copied.
    """
    answers = {path: await session.ask("POST", path, body) for path, body in CONTROLS.items()}

    expected: dict[str, Any] = dict.fromkeys(CONTROLS, (200, {"status": "success"}))
    assert expected | {"copy": (200, {"text": ""})} == answers


async def test_a_page_is_driven_by_mouse_keyboard_and_clipboard(session: Session):
    """
    Each call finds what the one before has left.
    """
    await session.do("mouse/click", x=20, y=70)
    await session.title_becomes("clicked")
    await session.do("mouse/doubleClick", x=20, y=70)
    await session.title_becomes("twice")
    await session.do("mouse/click", selector="#a")
    await session.do("keyboard/type", text="Text")
    await session.do("keyboard/shortcut", keys=["Control", "a"])
    copied = await session.ask("POST", "copy")
    kept = await session.ask("GET", "clipboard")
    await session.do("clipboard", text="+")
    await session.do("keyboard/shortcut", keys=["End"])
    await session.do("keyboard/shortcut", keys=["Control", "v"])
    await session.do("paste", text="!")
    await session.do("keyboard/shortcut", keys=["Control", "a"])
    value = await session.ask("POST", "copy")

    assert (200, {"text": "Text"}) == copied
    assert (200, {"data": {"text": "Text"}}) == kept
    assert (200, {"text": "Text+!"}) == value


async def test_pages_have_a_live_view_each(session: Session):
    """
    The list is in the usual envelope.
    """
    await session.title_becomes("Here")
    status, pages = await session.ask("GET", "pages")

    assert (200, 1) == (status, pages["data"]["count"])
    assert ("Here", True) == (
        pages["data"]["items"][0]["title"],
        pages["data"]["items"][0]["url"].startswith("data:text/html"),
    )
    async with session.http.get(pages["data"]["items"][0]["frontend_url"]) as view:
        assert 200 == view.status


async def test_a_screenshot_is_a_png(session: Session):
    """
    Nothing is wrapped around it.
    """
    status, picture = await session.ask("GET", "screenshot")

    assert (200, b"\x89PNG") == (status, picture[:4])


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("goto", {"url": "http://127.0.0.1:9/"}, "net::ERR"),
        ("goto", {"url": "nowhere"}, "refused"),
        ("mouse/click", {}, "a point or a selector"),
        ("mouse/click", {"x": 1}, "a point or a selector"),
        ("mouse/click", {"selector": "#none", "timeout": 1}, "not found in time"),
        ("mouse/click", {"selector": "#none", "timeout": -1}, "not found in time"),
        ("mouse/click", {"selector": "[", "timeout": 1}, "not a valid selector"),
        ("keyboard/shortcut", {"keys": []}, "no keys"),
        ("keyboard/shortcut", {"keys": ["a"], "holdTime": 10**9}, "too long"),
        ("keyboard/type", {"text": "ab", "delay": 10**9}, "too long"),
        ("scroll", {"x": 1, "y": 1, "deltaY": 1, "steps": 10**6}, "100 steps"),
    ],
)
async def test_what_the_browser_cannot_do_is_a_400(session: Session, path: str, body: Any, expected: str):
    """
    The text says why.
    """
    status, refusal = await session.ask("POST", path, body)

    assert (400, 400) == (status, refusal["error"]["code"])
    assert expected in refusal["error"]["message"]


async def test_a_start_opens_the_address_it_was_given():
    """
    The first page is there.
    """
    async with started(session={"initial_url": "data:text/html,<title>First</title>"}) as session:
        await session.title_becomes("First")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            ARRIVED + "return {title: await page.title(), same: sessionId}",
            {"title": "Here", "same": "ID"},
        ),
        ("return [1, 'two', null]", [1, "two", None]),
        ("await page.title()", None),
        ("throw new Error('not today')", "not today"),
        ("return (", "SyntaxError"),
    ],
)
async def test_code_is_the_body_of_a_function(session: Session, code: str, expected: Any):
    """
    It is given the page, and what it returns is JSON; what it throws is told.
    """
    url = f"/v1/tools/execute-code?sessionId={session.id}"
    async with session.http.post(url, json={"code": code}) as answer:
        told = await answer.json()
    if answer.status == 501:
        pytest.skip(told["error"]["message"])

    if told["success"]:
        assert expected == json.loads(told.get("output", "null").replace(session.id, "ID"))
    else:
        assert isinstance(expected, str)
        assert expected in told["error"]


async def test_a_recording_is_listed_paused_and_deleted_after_its_end():
    """
    It is a page of pictures that plays by itself; nobody calls it a video.
    """
    async with started(session={"recording": {"active": True}}) as session:
        listed = (await session.ask("GET", "recordings"))[1]["data"]["items"]
        async with session.http.get(listed[0]["file_link"]) as player:
            shown = player.status
        answers = [
            await session.ask("POST", "recordings/pause"),
            await session.ask("POST", "recordings/resume"),
            await session.ask("GET", "recordings/primary/fetch"),
            await session.ask("DELETE", "recordings/primary"),
        ]
        async with session.http.delete(f"{SESSION}/{session.id}"):
            pass
        answers += [
            await session.ask("POST", "recordings/pause"),
            await session.ask("DELETE", "recordings/other"),
            await session.ask("DELETE", "recordings/primary"),
            await session.ask("DELETE", "recordings/primary"),
        ]
        left = (await session.ask("GET", "recordings"))[1]["data"]

    assert ([(session.id, True)], 200) == ([(item["id"], item["is_primary"]) for item in listed], shown)
    assert [200, 200, 501, 400, 400, 404, 200, 400] == [status for status, _ in answers]
    assert {"count": 0, "items": []} == left


async def test_nothing_is_recorded_while_it_is_paused():
    """
    What the page shows then is not in the recording, addresses included.
    """
    async with started(session={"recording": {"active": True}}) as session:
        await session.ask("POST", "recordings/pause")
        await session.do("goto", url="data:text/html,<title>Unseen</title><h1>Unseen</h1>")
        async with session.http.delete(f"{SESSION}/{session.id}"):
            pass
        link = (await session.ask("GET", "recordings"))[1]["data"]["items"][0]["file_link"]
        async with session.http.get(link.replace("/replay?", "/replay/index.json?")) as answer:
            recorded = await answer.text()

    assert "Unseen" not in recorded


async def test_a_one_time_link_shows_the_browser_to_its_first_viewer_only():
    """
    The page may be fetched before; once its stream runs, the link opens nothing any more.
    """
    async with started(session={"live_view": {"one_time_url": True}}) as session:
        link = session.made["live_view_url"]
        stream = link.replace("?", "/stream?")
        async with session.http.get(link) as page, session.http.ws_connect(stream) as viewer:
            first = page.status, not viewer.closed
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.http.ws_connect(stream)

    assert (200, True) == first
    assert 403 == refused.value.status


async def test_minted_links_open_what_they_say_until_they_are_revoked():
    """
    The links of the start, and the id alone, open nothing any more.
    """
    async with started() as session:
        helper = f"/?apiKey={KEY}&sessionId={session.id}"
        async with session.http.ws_connect(helper):
            pass
        _, minted = await session.ask("POST", "tokens", {"scopes": ["cdp", "live_view_read_only"]})
        links = minted["data"]
        token = links["cdp_url"].partition("token=")[2]

        assert {"cdp_url", "live_view_read_only_url"} == links.keys()
        async with session.http.ws_connect(links["cdp_url"]) as socket:
            assert (200, {"data": {"status": "success"}}) == await session.ask("DELETE", f"tokens/{token}")
            await socket.send_json({"id": 1, "method": "Browser.getVersion"})  # What is open stays so.
            assert 1 == (await socket.receive_json(timeout=30))["id"]
        for url, status in ((links["cdp_url"], 403), (session.made["cdp_url"], 403), (helper, 401)):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.http.ws_connect(url)
            assert status == refused.value.status
        async with (
            session.http.get(links["live_view_read_only_url"]) as view,
            session.http.get(session.made["live_view_url"]) as old,
        ):
            assert (200, 403) == (view.status, old.status)
