"""What a call does in a real browser: mouse, keyboard, clipboard and pages."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import attrs
import pytest
import pytest_asyncio

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import binary
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.cdp import CdpError
from firecrawl_interact.server.chromium import ChromiumLauncher
from firecrawl_interact.server.controls import clipboard, keyboard, mouse, tabs
from firecrawl_interact.server.controls.desk import ControlError, Controls, Desk, NoBrowserError
from firecrawl_interact.server.engine import Debugging
from firecrawl_interact.server.fake import FakeBrowsers
from firecrawl_interact.server.record import Browser, EndReason, Wish

pytestmark = pytest.mark.asyncio(loop_scope="module")

PNG = b"\x89PNG"
LOGGED = ("mousedown", "mouseup", "click", "dblclick", "mousemove", "wheel", "keydown", "contextmenu")
# What happens in the page, the newest last; `events(...)` returns the chosen members of each.
PAGE = """<!doctype html><title>Controlled</title><style>* { margin: 0 }</style>
<body style="height: 4000px">
<input id=a style="position: absolute; left: 0; top: 0; width: 200px; height: 40px">
<button class=b style="position: absolute; left: 0; top: 60px">first</button>
<button class=b style="position: absolute; left: 0; top: 3000px">second</button>
<script>
window.log = []
// The browser itself makes a move, to nowhere, when a page is new.
window.made = (e) => e.type === "mousemove" && !e.x && !e.y
for (const name of %s)
  addEventListener(name, (e) => log.push({type: e.type, x: e.clientX, y: e.clientY, button: e.button,
    buttons: e.buttons, detail: e.detail, key: e.key, code: e.code, ctrl: e.ctrlKey, shift: e.shiftKey,
    dy: e.deltaY, dx: e.deltaX, on: e.target.textContent || e.target.id}), true)
</script>"""


@attrs.frozen
class Real:
    """One real browser that shows the page, and the controls of it."""

    browser: Browser
    browsers: Browsers
    controls: Controls

    async def log(self, name: str, *members: str) -> list[Any]:
        """Return what the page saw of one kind of event: one member, or several of each."""
        async with self.controls.at(self.browser) as desk:
            seen = await (await desk.tab()).run(
                "(name) => log.filter((e) => e.type === name && !made(e))", name
            )
        return [
            event[members[0]] if len(members) == 1 else tuple(event[m] for m in members) for event in seen
        ]

    async def value(self, expression: str) -> Any:
        async with self.controls.at(self.browser) as desk:
            return await (await desk.tab()).run(f"() => {expression}")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        async with asyncio.timeout(30):
            while not await self.value(expression):  # noqa: ASYNC110  # pages set no event
                await asyncio.sleep(0.01)


async def shown(desk: Desk, titles: list[str]) -> list[tabs.PageInfo]:
    """Wait until the pages have these titles, and return them."""
    async with asyncio.timeout(30):
        while True:
            pages = await tabs.pages(await desk.browser())
            if titles == [page.title for page in pages]:
                return pages
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(debugging: Debugging = Debugging.PORT, **wish: Any) -> AsyncIterator[Real]:
    try:
        binary.find()
    except LocalBrowserError as error:
        pytest.skip(f"no browser here: {error}")
    controls = Controls()
    browsers = Browsers(ChromiumLauncher(debugging=debugging), attendants=[controls])
    try:
        async with asyncio.timeout(60):
            browser = await browsers.create(Wish(**wish))
        yield Real(browser, browsers, controls)
    finally:
        await browsers.aclose()


@pytest_asyncio.fixture(
    scope="module", loop_scope="module", params=list(Debugging), ids=lambda debugging: debugging.value
)
async def shared(request: pytest.FixtureRequest) -> AsyncIterator[Real]:
    """One browser for all that leave it running."""
    async with running(request.param) as real:
        yield real


@pytest_asyncio.fixture(loop_scope="module")
async def real(shared: Real) -> Real:
    """The shared browser, with the page as if it were new and nothing held."""
    async with asyncio.timeout(60), shared.controls.at(shared.browser) as desk:
        desk.clipboard, desk.held = "", 0
        await tabs.goto(desk, "data:text/html," + quote(PAGE % json.dumps(LOGGED)))
        # What is left of the pointer and of the wheel belongs to the page before.
        await (await desk.tab()).run("() => new Promise(requestAnimationFrame)")
        await (await desk.tab()).run("() => { log.length = 0 }")
    return shared


async def test_a_click_arrives_where_it_was_aimed(real: Real):
    """
    Move, press and release come from the one point, with the button asked for.
    """
    async with real.controls.at(real.browser) as desk:
        await mouse.click(desk, 300, 200)
        await mouse.click(desk, 310, 210, button="right")

    assert [(300, 200, 0)] == await real.log("click", "x", "y", "button")
    assert [(300, 200, 1), (310, 210, 2)] == await real.log("mousedown", "x", "y", "buttons")
    assert [(310, 210)] == await real.log("contextmenu", "x", "y")


async def test_a_double_click_is_one(real: Real):
    """
    The page sees two clicks that belong together.
    """
    async with real.controls.at(real.browser) as desk:
        await mouse.click(desk, 300, 200, times=2)

    assert [1, 2] == await real.log("click", "detail")
    assert [(300, 200)] == await real.log("dblclick", "x", "y")


async def test_a_button_stays_down_from_one_call_to_another(real: Real):
    """
    Moves between press and release drag.
    """
    for work in (mouse.press, mouse.move, mouse.release, mouse.move):
        async with real.controls.at(real.browser) as desk:
            await work(desk, 300, 200)

    assert [1, 0] == await real.log("mousemove", "buttons")
    assert (1, 1) == (len(await real.log("mousedown", "x")), len(await real.log("mouseup", "x")))


async def test_a_drag_ends_where_it_should(real: Real):
    """
    The button is down for all of the way.
    """
    async with real.controls.at(real.browser) as desk:
        await mouse.drag(desk, (300, 200), (400, 300), button="left")

    moves = await real.log("mousemove", "x", "y", "buttons")
    assert (300, 200, 0) == moves[0]
    assert (400, 300, 1) == moves[-1]
    assert {1} == {buttons for *_, buttons in moves[1:]}
    assert [(400, 300)] == await real.log("mouseup", "x", "y")


async def test_what_pages_call_draggable_is_dragged_and_dropped(real: Real):
    """
    The page's own drag and drop gets its events too.
    """
    await real.value(
        """{
        const place = "position: absolute; top: 0; width: 99px; height: 99px; left: ";
        document.body.innerHTML = `<p id=s draggable=true style="${place} 0">S</p>
          <p id=t style="${place} 300px">T</p>`;
        s.ondragstart = (e) => e.dataTransfer.setData("text/plain", "carried");
        t.ondragover = (e) => e.preventDefault();
        t.ondrop = (e) => { window.dropped = e.dataTransfer.getData("text/plain") };
        }"""
    )
    async with real.controls.at(real.browser) as desk:
        await mouse.drag(desk, (50, 50), (350, 50), button="left")

    assert "carried" == await real.value("window.dropped")


async def test_an_element_is_scrolled_to_and_clicked(real: Real):
    """
    The index says which of those that fit.
    """
    async with real.controls.at(real.browser) as desk:
        await mouse.click_element(desk, ".b", index=1, timeout=5, button="left")
        await mouse.click_element(desk, ".b", index=0, timeout=5, button="left")

    assert ["second", "first"] == await real.log("click", "on")


async def test_an_element_that_comes_later_is_waited_for(real: Real):
    """
    It need not be there yet.
    """
    late = '<b id=late style="margin-left: 300px">late</b>'
    await real.value(f"setTimeout(() => document.body.insertAdjacentHTML('afterbegin', '{late}'), 100)")
    async with real.controls.at(real.browser) as desk:
        await mouse.click_element(desk, "#late", index=0, timeout=5, button="left")

    assert ["late"] == await real.log("click", "on")


@pytest.mark.parametrize(
    ("selector", "expected"), [("#none", "was not found in time"), ("a[", "not a valid selector")]
)
async def test_an_element_that_does_not_come_is_told(real: Real, selector: str, expected: str):
    """
    Neither what is missing nor what is no selector is waited for without end.
    """
    async with real.controls.at(real.browser) as desk:
        with pytest.raises(ControlError, match=expected):
            await mouse.click_element(desk, selector, index=0, timeout=0.1, button="left")


async def test_the_wheel_turns_in_steps_that_add_up(real: Real):
    """
    The page scrolls by as much as was asked for.
    """
    async with real.controls.at(real.browser) as desk:
        await mouse.scroll(desk, 300, 200, dx=0, dy=700, steps=3)

    await real.until("scrollY >= 700")  # It is told at once, and done with the next frames.

    assert 700 == await real.value("scrollY")
    assert 700 == sum(await real.log("wheel", "dy"))


@pytest.mark.parametrize("text", ["Hello, World! #1\tx", 'a~`|\\"<>?', "Ärger über 日本 🎈"])
async def test_a_text_is_typed_as_it_is(real: Real, text: str):
    """
    Capitals, signs, and what no key is for.
    """
    await real.value(
        "{ a.focus(); a.onkeydown = (e) => { if (e.key === 'Tab') { a.value += '\t'; return false } } }"
    )
    async with real.controls.at(real.browser) as desk:
        await keyboard.type_text(desk, text, delay=0)

    assert text == await real.value("a.value")


async def test_keys_look_as_if_somebody_typed_them(real: Real):
    """
    Pages see names, places and Shift; Enter sends a form.
    """
    await real.value(
        "{ document.body.innerHTML = '<form onsubmit=\"document.title=q.value;return false\"><input id=q>' }"
    )
    await real.value("q.focus()")
    async with real.controls.at(real.browser) as desk:
        await keyboard.type_text(desk, "aB\n", delay=0.001)

    assert [("a", "KeyA", False), ("B", "KeyB", True), ("Enter", "Enter", False)] == await real.log(
        "keydown", "key", "code", "shift"
    )
    assert "aB" == await real.value("document.title")


async def test_shortcuts_edit_and_share_the_clipboard(real: Real):
    """
    Select all, cut and paste do what they do at a keyboard.
    """
    await real.value("{ a.value = 'first'; a.focus() }")
    async with real.controls.at(real.browser) as desk:
        await keyboard.shortcut(desk, ["Control", "a"], hold=0.01)
        await keyboard.shortcut(desk, ["ctrl", "x"], hold=0)
        cut = desk.clipboard, await (await desk.tab()).run("() => a.value")
        await keyboard.shortcut(desk, ["Meta", "v"], hold=0)
        await keyboard.shortcut(desk, ["Control", "V"], hold=0)
        await keyboard.shortcut(desk, ["Backspace"], hold=0)
        await keyboard.shortcut(desk, ["Shift", "ArrowLeft"], hold=0)
        copied = await clipboard.copy(desk)

    assert ("first", "") == cut
    assert "firstfirs" == await real.value("a.value")
    assert "s" == copied


@pytest.mark.parametrize("names", [[], ["Hyper"], [""], ["a"] * 9])
async def test_what_is_no_shortcut_is_refused(real: Real, names: list[str]):
    """
    Nothing is pressed.
    """
    async with real.controls.at(real.browser) as desk:
        with pytest.raises(ControlError, match="no keys"):
            await keyboard.shortcut(desk, names, hold=0)

    assert [] == await real.log("keydown", "key")


@pytest.mark.parametrize(("text", "delay"), [("a" * (keyboard.MOST_CHARACTERS + 1), 0), ("abc", 30)])
async def test_typing_without_end_is_refused(real: Real, text: str, delay: float):
    """
    The bound is checked before the first key.
    """
    async with real.controls.at(real.browser) as desk:
        with pytest.raises(ControlError, match="too long"):
            await keyboard.type_text(desk, text, delay=delay)

    assert [] == await real.log("keydown", "key")


async def test_what_is_selected_can_be_copied_and_pasted(real: Real):
    """
    Texts of the page and of its fields, but never a password.
    """
    fields = "<p id=p>Some text</p><input id=i value=field><input id=w type=password value=x>"
    await real.value(f"{{ document.body.innerHTML = '{fields}' }}")
    copied = []
    async with real.controls.at(real.browser) as desk:
        tab = await desk.tab()
        copied.append(await clipboard.copy(desk))
        await tab.run("() => getSelection().selectAllChildren(p)")
        copied.append(await clipboard.copy(desk))
        await tab.run("() => { i.focus(); i.setSelectionRange(1, 3) }")
        copied.append(await clipboard.copy(desk))
        await tab.run("() => { w.focus(); w.select() }")
        copied.append(await clipboard.copy(desk))
        await tab.run("() => { i.focus(); i.setSelectionRange(5, 5) }")
        await clipboard.paste(desk, "+\u00e9")
        value = await tab.run("() => i.value")
        kept = desk.clipboard

    assert ["", "Some text", "ie", ""] == copied
    assert ("field+\u00e9", "ie") == (value, kept)


async def test_work_is_done_in_the_page_that_was_opened_last(real: Real):
    """
    The list has it first; when it is closed, the one before is worked in again.
    """
    async with real.controls.at(real.browser) as desk:
        await (await desk.browser()).call("Target.createTarget", {"url": "data:text/html,<title>New</title>"})
        both = await shown(desk, ["New", "Controlled"])
        title = await (await desk.tab()).run("() => document.title")
        await (await desk.browser()).call("Target.closeTarget", {"targetId": both[0].id})
        await shown(desk, ["Controlled"])
        before = await (await desk.tab()).run("() => document.title")

    assert ("New", "Controlled") == (title, before)


async def test_a_picture_is_a_png(real: Real):
    """
    It shows what the page shows.
    """
    async with real.controls.at(real.browser) as desk:
        picture = await tabs.screenshot(desk)

    assert picture.startswith(PNG)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "no address", "", "http://"])
async def test_an_address_that_leads_nowhere_is_told(real: Real, url: str):
    """
    The browser's own word for it is in the text.
    """
    with pytest.raises(ControlError, match=r"net::ERR|refused"):
        async with real.controls.at(real.browser) as desk:
            await tabs.goto(desk, url)


async def test_a_new_browser_opens_the_address_it_was_asked_for():
    """
    It is on its way before anybody is given the browser; one that leads nowhere is no failure.
    """
    page = "data:text/html,<title>First</title>"
    async with running(initial_url=page) as real, running(initial_url="%") as other:
        async with real.controls.at(real.browser) as desk:
            found = await shown(desk, ["First"])
        async with other.controls.at(other.browser) as desk:
            nowhere = await tabs.pages(await desk.browser())

    assert [page] == [opened.url for opened in found]
    assert 1 == len(nowhere)


async def test_calls_at_the_same_time_take_turns(real: Real):
    """
    Two texts are not mixed.
    """
    await real.value("a.focus()")

    async def type_it(text: str) -> None:
        async with real.controls.at(real.browser) as desk:
            await keyboard.type_text(desk, text, delay=0)

    await asyncio.gather(type_it("aaaa"), type_it("bbbb"))

    assert await real.value("a.value") in ("aaaabbbb", "bbbbaaaa")


async def test_a_browser_is_not_idle_while_it_is_worked_in(real: Real):
    """
    Only its ttl can end it then.
    """
    async with real.controls.at(real.browser):
        _, within = real.browser.due()
    _, after = real.browser.due()

    assert (EndReason.TTL, EndReason.IDLE) == (within, after)


async def test_a_browser_that_ends_meanwhile_is_told_of():
    """
    The call under way fails, a later one finds nothing, and no connection is left open.
    """

    async def wait_for_ever(real: Real) -> None:
        async with asyncio.timeout(30), real.controls.at(real.browser) as desk:
            tab = await desk.tab()
            working.set()
            await tab.call("Runtime.evaluate", expression="new Promise(() => 0)", awaitPromise=True)

    working = asyncio.Event()
    async with running() as real:
        call = asyncio.create_task(wait_for_ever(real))
        async with asyncio.timeout(30):
            await working.wait()
            await real.browsers.end(real.browser)
            with pytest.raises(NoBrowserError):
                await call
        with pytest.raises(NoBrowserError):
            async with real.controls.at(real.browser):
                pass

    assert {} == real.controls._desks


async def test_a_cut_connection_is_opened_anew(real: Real):
    """
    The next call gets through.
    """
    async with real.controls.at(real.browser) as desk:
        await desk._disconnect()
        title = await (await desk.tab()).run("() => document.title")

    assert "Controlled" == title


async def test_a_call_that_takes_too_long_is_given_up(real: Real, monkeypatch: pytest.MonkeyPatch):
    """
    Nobody waits for a page without end.
    """
    monkeypatch.setattr("firecrawl_interact.server.controls.desk.LONGEST_USE", 0.05)
    with pytest.raises(ControlError, match="not done within"):
        async with real.controls.at(real.browser) as desk:
            await (await desk.tab()).call(
                "Runtime.evaluate", expression="new Promise(() => 0)", awaitPromise=True
            )


async def test_fakes_have_nothing_to_control():
    """
    There is no browser behind them.
    """
    browsers = FakeBrowsers()
    browser = await browsers.create(Wish())
    with pytest.raises(NoBrowserError):
        async with Controls().at(browser):
            pass
    await browsers.aclose()


async def test_a_browser_that_ends_while_it_is_connected_to_is_let_go():
    """
    Whoever works there finds it gone, and the connection is closed though it came after the end.
    """
    dialling, proceed, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Silent:
        async def __aiter__(self) -> AsyncIterator[str]:
            await asyncio.Event().wait()
            yield ""

    class Slow:
        @contextlib.asynccontextmanager
        async def dial(self) -> AsyncIterator[Silent]:
            dialling.set()
            await proceed.wait()
            try:
                yield Silent()
            finally:
                closed.set()

    desk = Desk(Slow())
    working = asyncio.create_task(desk.browser())
    async with asyncio.timeout(30):
        await dialling.wait()
        await desk.aclose()
        proceed.set()
        with pytest.raises(CdpError):
            await working

    assert closed.is_set()
