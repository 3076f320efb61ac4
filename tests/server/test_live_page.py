"""The live view's page, in a real browser that watches another real browser."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
import pytest_asyncio
from aiohttp import web

from firecrawl_interact.server import binary, cdp, live_page
from firecrawl_interact.server.record import EndReason

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

    from tests.server.conftest import Stage, Theatre

playwright = pytest.importorskip("playwright.async_api", reason="the [playwright] extra is not installed")

pytestmark = pytest.mark.asyncio(loop_scope="module")

BACK = "states.includes('reconnecting') && states.at(-1) === 'live'"
WATCH, CONTROL = "liveViewUrl", "interactiveLiveViewUrl"
# Notes all that happens to it, and shows it in its title: what a test has to wait for. At first, that it can
# be used, which is so from its first frame on.
NOTING = """data:text/html;charset=utf-8,<style>body{margin:0;height:3000px}</style>
<textarea autofocus style='position:fixed;left:10%25;top:10%25;width:30%25;height:30%25'></textarea>
<button style='position:fixed;left:50%25;top:50%25;width:40%25;height:40%25'>B</button><script>
const note = (text) => { document.title = text; };
const button = document.querySelector('button'), field = document.querySelector('textarea');
button.onclick = (e) =>
  note(['click', Math.round(e.clientX), Math.round(e.clientY)].concat(e.shiftKey ? 'shift' : []).join(' '));
button.ondblclick = () => note('double');
button.oncontextmenu = (e) => { e.preventDefault(); note('menu'); };
let start = null; document.onmousedown = (e) => { start = e; };
document.onmouseup = (e) => {
  if (Math.abs(e.clientX - start.clientX) > 50) note(`dragged ${Math.round(e.clientX - start.clientX)}`);
};
field.oninput = () => note('field ' + field.value);
field.onkeydown = (e) => { if (e.ctrlKey && e.key === 'b') note('bold'); };
field.onkeyup = (e) => { if (e.key === 'Shift') note('shift up'); };
onscroll = () => note('scrolled ' + Math.round(scrollY));
requestAnimationFrame(() => note('ready'));
</script>"""

# The limit of a silence is set anew with every word: `lapse` lets the newest one pass at once.
LAPSING = """{
  const { setTimeout: start } = window;
  window.setTimeout = (act, pause, ...rest) => {
    if (pause >= 10000) { window.lapse = act; }
    return start(act, pause, ...rest);
  };
}"""

Look = Callable[..., Awaitable["Page"]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def eyes(theatre: Theatre) -> AsyncIterator[Browser]:
    """The browser of whoever looks, for all tests."""
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=str(binary.find()), args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def look(stage: Stage, eyes: Browser) -> AsyncIterator[Look]:
    """Open a live page, and wait until it shows something; any error in it fails the test."""
    errors: list[str] = []

    async def look_at(link: str, url: str | None = None, **options: Any) -> Page:
        context = await eyes.new_context(viewport={"width": 640, "height": 700}, **options)
        page = await context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        await page.goto(url or stage.made[link])
        if url is None:
            await shows(page, "document.body.dataset.state === 'live'")
        return page

    yield look_at
    for context in eyes.contexts:
        await context.close()

    assert [] == errors


async def shows(page: Page, condition: str) -> None:
    """
    Wait until a condition holds in the live page.
    """
    async with asyncio.timeout(30):
        while not await page.evaluate(condition):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def drawn(page: Page, color: str) -> None:
    """
    Wait until the middle of the picture has a color.
    """
    await shows(
        page,
        "(() => { const c = document.getElementById('screen');"
        "const [r, g, b] = c.getContext('2d').getImageData(c.width / 2, c.height / 2, 1, 1).data;"
        f"return {color}; }})()",
    )


async def note_states(page: Page) -> None:
    """
    Note the states of the live page as they come: one that is over soon is not missed.
    """
    await page.evaluate(
        """() => {
          window.states = [];
          const note = () => { states.push(document.body.dataset.state); };
          new MutationObserver(note).observe(document.body, {attributeFilter: ["data-state"]});
        }"""
    )


async def spot(page: Page, x: float, y: float) -> tuple[int, int]:
    """
    Where a part of the picture is in the live page; one of its pixels is two of the picture's.
    """
    box = await page.locator("#screen").bounding_box()
    assert box is not None
    return round(box["x"] + box["width"] * x), round(box["y"] + box["height"] * y)


async def noting(stage: Stage, look: Look, link: str = CONTROL, **options: Any) -> Page:
    """
    Lead the watched browser to the page that notes everything, and look at it.
    """
    await stage.goto(NOTING)
    await stage.title_becomes("ready")
    page = await look(link, **options)
    await shows(page, "document.title === 'ready'")
    await drawn(page, "r > 0")
    return page


async def asked(stage: Stage, look: Look, question: str) -> Page:
    """
    Look at a page that asks for a name in a dialog, which is open; the question is an expression.
    """
    asking = f"onclick=\"document.title='got '+prompt({question},'Ann')\""
    await stage.goto(
        f"data:text/html,<title>ready</title><button style='width:99vw;height:99vh' {asking}></button>"
    )
    page = await look(CONTROL)
    await shows(page, "document.title === 'ready'")
    await drawn(page, "r > 0")
    await page.mouse.click(*await spot(page, 0.5, 0.5))
    await page.wait_for_selector("#dialog", state="visible")
    return page


async def test_page_shows_the_picture_the_tab_the_address_and_the_time(stage: Stage, look: Look):
    """
    What the browser shows arrives in the canvas, scaled into the window.
    """
    await stage.goto("data:text/html,<title>Green</title><body bgcolor=lime>")
    page = await look(WATCH)
    await drawn(page, "r < 60 && g > 200 && b < 60")
    await shows(page, "document.getElementById('tabs').textContent === 'Green'")
    box = await page.locator("#screen").bounding_box()

    assert re.fullmatch(r"\d+:\d\d left", await page.text_content("#time") or "")
    assert (await page.input_value("#address")).startswith("data:text/html")
    assert (640, 360) == (box["width"], box["height"])
    assert "Watching" == await page.text_content("#badge")


async def test_click_lands_where_it_was_aimed(stage: Stage, look: Look):
    """
    Though the picture is scaled, the page is clicked to the pixel, with the modifiers that are held.
    """
    page = await noting(stage, look)
    await page.mouse.click(*await spot(page, 0.7, 0.6))
    await stage.title_becomes("click 896 432")
    await page.keyboard.down("Shift")
    await page.mouse.click(*await spot(page, 0.8, 0.7))  # Elsewhere, or it would be a double click.
    await page.keyboard.up("Shift")

    await stage.title_becomes("click 1024 504 shift")


async def test_double_click_right_click_drag_and_wheel_arrive(stage: Stage, look: Look):
    """
    Everything a mouse does.
    """
    page = await noting(stage, look)
    place = await spot(page, 0.7, 0.6)
    await page.mouse.dblclick(*place)
    await stage.title_becomes("double")
    await page.mouse.click(*place, button="right")
    await stage.title_becomes("menu")
    await page.mouse.move(*await spot(page, 0.2, 0.95))
    await page.mouse.down()
    await page.mouse.move(*await spot(page, 0.3, 0.95), steps=4)
    await page.mouse.up()
    await stage.title_becomes("dragged 128")
    await page.mouse.wheel(0, 300)

    await stage.title_becomes("scrolled 300")


async def test_clicks_of_two_buttons_make_no_double_click(stage: Stage, look: Look):
    """
    However soon the second one comes.
    """
    page = await noting(stage, look)
    place = await spot(page, 0.7, 0.6)
    await page.mouse.click(*place, button="right")
    await page.mouse.click(*place)

    await stage.title_becomes("click 896 432")


async def test_typing_accents_shortcuts_and_paste_arrive(stage: Stage, look: Look):
    """
    Everything a keyboard does.
    """
    page = await noting(stage, look)
    await page.mouse.click(*await spot(page, 0.2, 0.2))
    await page.keyboard.type("Zo")
    await page.keyboard.insert_text("ë")  # As an input method does: no key has it.
    await page.keyboard.press("Enter")
    await page.keyboard.type("é!x")
    await page.keyboard.press("Backspace")
    await stage.title_becomes("field Zoë\né!".replace("\n", " "))
    await page.keyboard.press("Control+b")
    await stage.title_becomes("bold")
    await page.keyboard.press("Control+a")
    await page.evaluate(
        """() => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", "pasted 日本");
          const paste = new ClipboardEvent("paste", {clipboardData, cancelable: true});
          document.activeElement.dispatchEvent(paste);
        }"""
    )

    await stage.title_becomes("field pasted 日本")


async def test_input_method_composes_in_the_page(stage: Stage, look: Look):
    """
    A dead key or an input method ends as one text.
    """
    page = await noting(stage, look)
    await page.mouse.click(*await spot(page, 0.2, 0.2))
    ime = await page.context.new_cdp_session(page)
    await ime.send("Input.imeSetComposition", {"text": "に", "selectionStart": 1, "selectionEnd": 1})
    await stage.title_becomes("field に")
    await ime.send("Input.insertText", {"text": "日"})

    await stage.title_becomes("field 日")


async def test_key_that_is_held_is_let_go_of_when_the_page_loses_the_focus(stage: Stage, look: Look):
    """
    No modifier sticks.
    """
    page = await noting(stage, look)
    await page.mouse.click(*await spot(page, 0.2, 0.2))
    await page.keyboard.down("Shift")
    await page.locator("#address").focus()

    await stage.title_becomes("shift up")


async def test_finger_taps_and_scrolls(stage: Stage, look: Look):
    """
    On a phone a tap is a click, and dragging scrolls.
    """
    page = await noting(stage, look, has_touch=True)
    await page.touchscreen.tap(*await spot(page, 0.7, 0.6))
    await stage.title_becomes("click 896 432")
    finger = await page.context.new_cdp_session(page)
    (x, y), (_, higher) = await spot(page, 0.2, 0.9), await spot(page, 0.2, 0.5)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x, "y": higher}]),
        ("touchEnd", []),
    ):
        await finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    await stage.title_becomes("scrolled 288")


async def test_two_fingers_enlarge_the_page_for_those_in_control_too(stage: Stage, look: Look):
    """
    On a phone a page of 1280 pixels is small; the watched page is not told of it.
    """
    page = await noting(stage, look, has_touch=True, is_mobile=True)
    x, y = await spot(page, 0.7, 0.6)
    fingers = await page.context.new_cdp_session(page)
    for kind, apart in (("Start", 30), *(("Move", apart) for apart in range(40, 150, 10)), ("End", 0)):
        points = [{"x": x + side * apart, "y": y, "id": side + 1} for side in (-1, 1)] if apart else []
        await fingers.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    await shows(page, "visualViewport.scale > 1.5")

    assert ["ready"] == await stage.titles()


async def test_bar_goes_to_addresses_opens_turns_and_closes_tabs(stage: Stage, look: Look):
    """
    The bar of a controller works as a browser's does.
    """
    page = await noting(stage, look)
    await page.click("#open")
    await page.locator(".tab.active:nth-child(2)").wait_for()
    await page.fill("#address", "data:text/html,<title>Second</title><body bgcolor=blue>")
    await page.press("#address", "Enter")
    await drawn(page, "b > 200 && r < 60")
    await page.click("[role=tab] >> nth=0")
    await shows(page, "document.title === 'ready'")
    await drawn(page, "r > 60")
    await page.click(".shut >> nth=1")
    await shows(page, "document.querySelectorAll('.tab').length === 1")

    assert ["ready"] == await stage.titles()


async def test_row_of_many_tabs_is_scrolled_by_the_wheel_and_stays_there(stage: Stage, look: Look):
    """
    Also when a page elsewhere changes its title; only another page that is shown moves it.
    """
    async with cdp.connect(stage.browser.engine.endpoint) as hand:
        for number in range(12):
            await hand.call("Target.createTarget", {"url": f"data:text/html,<title>Page {number}</title>"})
        await stage.title_becomes("Page 11")
        page = await look(CONTROL)
        # As the one that is shown: until then the row may still scroll to it.
        await page.get_by_role("tab", name="Page 11", selected=True).wait_for()
        await page.hover("#tabs")
        await page.mouse.wheel(0, -2000)
        await shows(page, "document.getElementById('tabs').scrollLeft === 0")
        await stage.goto("data:text/html,<title>Other</title>")
        await page.get_by_role("tab", name="Other").wait_for()

        assert 0 == await page.evaluate("document.getElementById('tabs').scrollLeft")
        await hand.call("Target.createTarget", {"url": "data:text/html,<title>Last</title>"})
        await shows(page, "document.getElementById('tabs').scrollLeft > 0")


async def test_keyboard_alone_leads_out_of_the_picture_and_through_the_tabs(stage: Stage, look: Look):
    """
    F6 leaves the picture and comes back to it; arrows turn to other pages, Delete closes one.
    """
    page = await noting(stage, look)
    await page.click("#open")
    await page.locator(".tab.active:nth-child(2)").wait_for()
    await page.keyboard.press("F6")  # From the address, which a new page waits for.
    await shows(page, "document.activeElement.id === 'keys'")
    await page.keyboard.press("F6")
    await shows(page, "document.activeElement.id === 'address'")
    await page.focus(".tab.active [role=tab]")
    await page.keyboard.press("ArrowLeft")
    await page.locator(".tab.active:nth-child(1) [role=tab]:focus").wait_for()
    await page.keyboard.press("End")
    await page.locator(".tab.active:nth-child(2) [role=tab]:focus").wait_for()
    await page.keyboard.press("Delete")
    await page.locator(".tab.active:only-child [role=tab]:focus").wait_for()

    assert ["ready"] == await stage.titles()


async def test_page_says_that_there_is_none_when_all_are_closed(stage: Stage, look: Look):
    """
    Nobody sees a picture of a page that has gone, whether they looked before or come later.
    """
    before = await look(WATCH)
    async with cdp.connect(stage.browser.engine.endpoint) as hand:
        for target in await hand.pages():
            await hand.call("Target.closeTarget", {"targetId": target})
    await before.locator("#no-page").wait_for()
    later = await look(CONTROL)
    await later.locator("#no-page").wait_for()

    assert [False] * 2 == [await page.locator("#screen").is_visible() for page in (before, later)]


@pytest.mark.parametrize("end", ["", "/replay"])
async def test_link_that_opens_nothing_is_answered_by_a_page(stage: Stage, end: str):
    """
    Whoever follows a link reads what is the matter, in the look of the other pages.
    """
    link = f"{stage.made[WATCH].partition('?')[0]}{end}"
    async with stage.http.get(f"{link}?token=wrong") as answer:
        text, status, kind = await answer.text(), answer.status, answer.content_type
    (look_of_it,) = re.findall(r'href="([^"]+look\.css)"', text)
    async with stage.http.get(urljoin(link, look_of_it)) as answer:
        assert 200 == answer.status

    assert (403, "text/html") == (status, kind)
    assert "<h1>This link opens nothing.</h1>" in text


async def test_dialog_is_answered_in_the_page(stage: Stage, look: Look):
    """
    A prompt shows its text and default, and gets what is typed.
    """
    page = await asked(stage, look, "'Name?'")

    assert ("Name?", "Ann") == (
        await page.text_content("#dialog-text"),
        await page.input_value("#dialog-answer"),
    )
    await page.fill("#dialog-answer", "Zoë")
    await page.click("#dialog-yes")
    await stage.title_becomes("got Zoë")
    await page.wait_for_selector("#dialog", state="hidden")


async def test_answers_to_a_long_dialog_are_within_reach_on_a_low_screen(stage: Stage, look: Look):
    """
    A phone on its side shows the buttons of a dialog, and scrolls its text.
    """
    page = await asked(stage, look, "'Name? '.repeat(300)")
    await page.set_viewport_size({"width": 640, "height": 320})

    await shows(page, "document.getElementById('dialog').getBoundingClientRect().bottom <= innerHeight")
    assert await page.evaluate(
        "(() => { const text = document.getElementById('dialog-text');"
        "return text.clientHeight > 30 && text.scrollHeight > text.clientHeight; })()"
    )
    await page.click("#dialog-yes")
    await stage.title_becomes("got Ann")


async def test_bar_keeps_to_its_lines_on_the_narrowest_phones(stage: Stage, look: Look):
    """
    320 pixels are enough for a line of buttons and a line with the address.
    """
    page = await look(CONTROL, has_touch=True, is_mobile=True)
    await page.set_viewport_size({"width": 320, "height": 640})

    await shows(
        page,
        "(() => { const top = (id) => document.getElementById(id).getBoundingClientRect().top;"
        "return top('back') === top('full') && top('full') < top('address'); })()",
    )


async def test_watching_page_sends_nothing_and_nothing_gets_through(stage: Stage, look: Look):
    """
    Neither mouse nor keyboard nor bar of a watcher do anything; forged messages over its stream neither.
    """
    sent: list[Any] = []
    await stage.goto(NOTING)
    page = await look(WATCH)
    page.on("websocket", lambda socket: socket.on("framesent", lambda data: sent.append(data)))  # noqa: PLW0108
    await page.reload()
    await shows(page, "document.body.dataset.state === 'live'")
    await drawn(page, "r > 0")
    await page.mouse.click(*await spot(page, 0.7, 0.6))
    await page.mouse.wheel(0, 300)
    await page.keyboard.type("abc")
    await page.keyboard.press("Enter")
    by_page = list(sent)
    await page.evaluate(
        """() => new Promise((done) => {
          const address = location.href.replace("http", "ws").replace("?", "/stream?");
          const socket = new WebSocket(address);
          socket.onopen = () => {
            for (const event of ["down", "up"]) {
              socket.send(JSON.stringify({type: "mouse", event, x: .7, y: .6, button: 0, clicks: 1}));
            }
            socket.send(JSON.stringify({type: "key", event: "down", key: "a", code: "KeyA", keyCode: 65}));
            socket.send(JSON.stringify({type: "go", url: "about:blank"}));
            socket.close();
          };
          socket.onclose = done;
        })"""
    )
    controls = [
        await page.locator(name).is_visible() for name in ("#back", "#reload", "#open", "#keys", ".shut")
    ]

    assert ["ready"] == await stage.titles()
    assert [] == by_page
    assert 4 == len(sent)  # The forged ones.
    assert [False] * 5 == controls


async def test_page_connects_again_when_its_connection_breaks(stage: Stage, look: Look):
    """
    The viewer sees that it does, and then the browser again.
    """
    await stage.goto("data:text/html,<title>ready</title>")
    page = await look(WATCH)
    await note_states(page)
    stage.drop_connections()
    await shows(page, BACK)
    await stage.goto("data:text/html,<body bgcolor=lime>")

    await drawn(page, "r < 60 && g > 200")


async def test_page_that_hears_nothing_any_more_connects_again(stage: Stage, look: Look):
    """
    A line that is dead at its other end looks open for ever.
    """
    await stage.goto("data:text/html,<title>ready</title>")
    page = await look(WATCH)
    await page.add_init_script(LAPSING)
    await page.reload()
    await shows(page, "document.body.dataset.state === 'live'")
    await note_states(page)
    await page.evaluate("lapse()")

    await shows(page, BACK)


async def test_page_of_a_browser_that_has_ended_offers_nothing_to_press(stage: Stage, look: Look):
    """
    What was in control is so no more.
    """
    page = await look(CONTROL)
    before = await page.locator("header :is(button, .badge):visible").count()
    await stage.browsers.end(stage.browser)
    await shows(page, "document.body.dataset.state === 'ended'")

    assert before > 3
    assert ["Full screen"] == await page.locator("header button:visible").evaluate_all(
        "all => all.filter((each) => each.role !== 'tab' && !each.closest('.tab')).map((each) => each.title)"
    )
    assert not await page.locator("#badge").is_visible()
    assert await page.locator("#address").evaluate("it => it.readOnly")


async def test_page_says_why_the_browser_has_ended(stage: Stage, look: Look):
    """
    Whoever looks is told, without any attempt to connect again.
    """
    page = await look(WATCH)
    await stage.browsers.end(stage.browser, EndReason.IDLE)
    await shows(page, "document.body.dataset.state === 'ended'")

    assert ("The browser has ended", "Nobody used it for a while.") == (
        await page.text_content("#notice-title"),
        await page.text_content("#notice-text"),
    )


async def test_page_works_in_a_frame_of_another_site(stage: Stage, look: Look):
    """
    Whoever has the link may embed it, and control the browser from there, in a sandbox too.
    """
    await stage.goto(NOTING)
    await stage.title_becomes("ready")

    async def embed(_: web.Request) -> web.Response:
        how = "width=600 height=500 sandbox='allow-scripts allow-same-origin'"
        text = f"<iframe src='{stage.made[CONTROL]}' {how}></iframe>"
        return web.Response(text=text, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", embed)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    page = await look(CONTROL, f"http://localhost:{runner.addresses[0][1]}/")
    frame = page.frame_locator("iframe")

    await frame.locator("body[data-state=live]").wait_for()
    await frame.locator("#screen.drawn").wait_for()
    box = await frame.locator("#screen").bounding_box()
    assert box is not None
    await page.mouse.click(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.2)
    await page.keyboard.type("x")
    await stage.title_becomes("field x")
    await runner.cleanup()


async def test_page_is_made_of_its_own_files_only(stage: Stage):
    """
    Strict rules for content, files that may be kept for ever, and nothing of the session in either.
    """
    async with stage.http.get(stage.made[CONTROL]) as answer:
        text, rules = await answer.text(), answer.headers["Content-Security-Policy"]
    parts = re.findall(r'(?:src|href)="(static/[^"]+)"', text)
    base = stage.made[CONTROL].partition(stage.made["id"])[0]
    answers = []
    for part in parts:
        async with stage.http.get(base + part) as answer:
            answers.append((answer.status, answer.headers["Cache-Control"].partition(",")[0]))
    async with stage.http.get(f"{base}static/x/live_view.html") as other:
        assert 404 == other.status

    assert "unsafe" not in rules
    assert "frame-ancestors *" in rules
    assert [(200, "public")] * 3 == answers
    assert stage.made["id"] not in text


async def test_every_file_of_the_page_is_served():
    """
    What a script imports is there.
    """
    for name in ("live_view.js", "live_input.js", "live_bar.js", "replay.js"):
        text, kind = live_page.part(name) or ("", "")
        imported = re.findall(r'(?:from|import\() ?"\./(\w+\.js)"', text)

        assert "text/javascript" == kind
        assert imported
        assert all(live_page.part(each) for each in imported)
