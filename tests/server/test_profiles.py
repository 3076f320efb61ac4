"""State that outlives its browser, seen by the next one."""

from __future__ import annotations

import asyncio
import shutil
import signal
from typing import TYPE_CHECKING, Any

import pytest

from firecrawl_interact.server import cdp, chromium
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.chromium import ChromiumLauncher
from firecrawl_interact.server.engine import Debugging
from firecrawl_interact.server.profile_store import ProfileFolder
from firecrawl_interact.server.record import ProfileUse, Status, Wish
from tests.server.conftest import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from firecrawl_interact.server.record import Browser
    from tests.server.conftest import Leftovers

SAVER = Wish(team="t", profile=ProfileUse(name="../shop", saves=True, alone=True))
READER = Wish(team="t", profile=ProfileUse(name="../shop", saves=False, alone=True))

LOG_IN = """
document.cookie = "lasting=1; max-age=9999";
document.cookie = "session=2";
localStorage.setItem("stored", "3");
new Promise(done => {
    const opening = indexedDB.open("database");
    opening.onupgradeneeded = () => opening.result.createObjectStore("table").put("4", "key");
    opening.onsuccess = () => { opening.result.close(); done("logged in"); };
});
"""
LOOK = """
new Promise(done => {
    const opening = indexedDB.open("database");
    opening.onupgradeneeded = () => opening.result.createObjectStore("table");
    opening.onsuccess = () => {
        const reading = opening.result.transaction("table").objectStore("table").get("key");
        reading.onsuccess = () => done(
            [document.cookie, localStorage.getItem("stored"), reading.result ?? null]
        );
    };
});
"""
LOGGED_IN = ["lasting=1; session=2", "3", "4"]
BLANK = ["", None, None]


@pytest.fixture(autouse=True)
def _time_to_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no browser be killed while it saves, however busy this machine is."""
    monkeypatch.setattr(chromium, "FINISH_GRACE", 30)


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """A page that asks whoever leaves it whether to stay."""
    async with served("<script>onbeforeunload = event => event.preventDefault()</script>") as url:
        yield url


@pytest.fixture(params=["chromium-headless-shell", "chromium"])
async def any_launcher(
    request: pytest.FixtureRequest, leftovers: Leftovers, debugging: Debugging
) -> AsyncIterator[ChromiumLauncher]:
    """Launchers of both kinds of browser; skips where one is not installed."""
    if shutil.which(request.param) is None:
        pytest.skip(f"no {request.param} here")
    launcher = ChromiumLauncher(request.param, debugging=debugging)
    yield launcher
    await launcher.aclose()

    assert ([], []) == await leftovers.gone()


@pytest.fixture
async def browsers(launcher: ChromiumLauncher, tmp_path: Path) -> AsyncIterator[Browsers]:
    """A table of real browsers whose state is kept in a folder."""
    browsers = Browsers(launcher, profiles=ProfileFolder(tmp_path / "profiles"))
    yield browsers
    await browsers.aclose()


async def visit(browser: Browser, site: str, script: str) -> Any:
    """Open the site in a browser and run a script there."""
    assert browser.engine.endpoint is not None
    loaded = asyncio.Event()

    def note(method: str, _: object, __: object) -> None:
        if method == "Page.loadEventFired":
            loaded.set()

    async with asyncio.timeout(60), cdp.connect(browser.engine.endpoint, note) as connection:
        page = await cdp.attach(connection, (await connection.pages())[0])
        await connection.call("Page.enable", session=page)
        await connection.call("Page.navigate", {"url": site}, session=page)
        await loaded.wait()
        answer = await connection.call(
            "Runtime.evaluate",
            {"expression": script, "awaitPromise": True, "returnByValue": True},
            session=page,
        )
        return answer["result"].get("value")


async def use(browsers: Browsers, wish: Wish, site: str, script: str) -> Any:
    """Visit the site in a browser of its own, which ends at once."""
    browser = await browsers.create(wish)
    try:
        return await visit(browser, site, script)
    finally:
        await browsers.end(browser)


@pytest.mark.parametrize("debugging", list(Debugging), ids=lambda debugging: debugging.value)
async def test_what_was_set_a_moment_before_the_end_is_there_in_the_next_browser(
    any_launcher, tmp_path, site
):
    """
    Cookies with and without a date, localStorage and IndexedDB all outlive the browser.
    """
    browsers = Browsers(any_launcher, profiles=ProfileFolder(tmp_path))
    assert await use(browsers, SAVER, site, LOG_IN) == "logged in"

    assert LOGGED_IN == await use(browsers, READER, site, LOOK)


async def test_readers_see_what_was_saved_last_and_change_nothing(browsers, site):
    """
    A reader beside a saver sees the state of before, and what it does itself is not kept.
    """
    saver = await browsers.create(SAVER)
    await visit(saver, site, LOG_IN)

    assert BLANK == await use(browsers, READER, site, LOOK)
    await browsers.end(saver)
    await use(browsers, READER, site, "document.cookie = 'lasting=; max-age=0'")
    assert LOGGED_IN == await use(browsers, READER, site, LOOK)


async def test_another_team_s_profile_of_the_same_name_is_another_one(browsers, site):
    """
    A name belongs to a team.
    """
    await use(browsers, SAVER, site, LOG_IN)
    other = Wish(team="u", profile=SAVER.profile)

    assert BLANK == await use(browsers, other, site, LOOK)


async def test_a_browser_that_crashes_leaves_what_was_saved_before(browsers, site, caplog):
    """
    A crash is no end in good order: the profile stays as it was, and a line says so.
    """
    await use(browsers, SAVER, site, LOG_IN)
    crashing = await browsers.create(SAVER)
    await visit(crashing, site, "localStorage.clear()")
    crashing.engine._child.signal(signal.SIGKILL)

    async with asyncio.timeout(30):
        await asyncio.wait((crashing.engine.exited,))
        await browsers.end(crashing)
    assert Status.FAILED is crashing.status
    assert "its profile stays as it was" in caplog.text
    assert LOGGED_IN == await use(browsers, READER, site, LOOK)


@pytest.mark.parametrize("debugging", list(Debugging), ids=lambda debugging: debugging.value)
async def test_a_client_that_closes_the_browser_itself_saves_too(browsers, site):
    """
    ``Browser.close`` is an end in good order, whoever sends it.
    """
    saver = await browsers.create(SAVER)
    await visit(saver, site, LOG_IN)
    async with cdp.connect(saver.engine.endpoint) as connection:
        await connection.tell("Browser.close")
        async with asyncio.timeout(30):
            await asyncio.wait((saver.engine.exited,))
    await browsers.end(saver)

    assert ["lasting=1", "3", "4"] == await use(browsers, READER, site, LOOK)


async def test_the_server_s_end_saves_every_profile(launcher, tmp_path, site):
    """
    Browsers that still run when the table closes are saved like any other.
    """
    folder = tmp_path / "profiles"
    browsers = Browsers(launcher, profiles=ProfileFolder(folder))
    for name in ("a", "b"):
        browser = await browsers.create(Wish(team="t", profile=ProfileUse(name=name, saves=True, alone=True)))
        await visit(browser, site, LOG_IN)
    await browsers.aclose()

    assert [("a", True), ("b", True)] == [
        (one.name, one.saved_at is not None) for one in await ProfileFolder(folder).list("t")
    ]


async def test_a_deleted_profile_is_blank_again(browsers, site):
    """
    Nothing of the state is left to a browser that names it afterwards.
    """
    await use(browsers, SAVER, site, LOG_IN)

    assert await browsers.delete_profile("t", "../shop")
    assert BLANK == await use(browsers, READER, site, LOOK)
