"""Recordings: what a session showed, on disk for a while, and the links that play it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import threading
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import aiohttp
import pytest
from aiohttp import web

from firecrawl_interact.server import browsers, cdp, scratch
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.keys import BROWSERS, REPLAYS
from firecrawl_interact.server.record import Wish
from firecrawl_interact.server.replay import recorder
from firecrawl_interact.server.replay import store as replays
from firecrawl_interact.server.replay.recorder import Recorder
from firecrawl_interact.server.replay.store import Replays
from firecrawl_interact.server.stage import Scene, Tab

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from firecrawl_interact.server.chromium import ChromiumLauncher
    from firecrawl_interact.server.replay.store import Replay
    from tests.server.conftest import Clock, Leftovers, Serve, Server

PICTURE = b"\xff\xd8picture"
RECORDED = {"recordSession": True}

# Changes the page, once that has been read in.
CHANGES = """
new Promise(done => document.readyState === "complete" ? done() : addEventListener("load", done))
    .then(() => document.onclick())
"""
# Done once the player plays, with the address that it shows at the end of the recording.
PLAYS = """
new Promise(done => setInterval(() => {
    if (document.body?.dataset.state === "ready") {
        const seek = document.getElementById("seek");
        seek.value = seek.max;
        seek.dispatchEvent(new Event("input"));
        done(document.getElementById("address").value);
    }
}, 10))
"""


@pytest.fixture
def store(clock: Clock, leftovers: Leftovers) -> Iterator[Replays]:
    store = Replays(clock=clock)
    yield store
    store.close()

    assert [] == leftovers.folders()


async def recorded(store: Replays, name: str, *pictures: bytes, ended_at: float | None = None) -> Replay:
    """Record these pictures, a second apart."""
    replay = store.begin(name)
    for second, picture in enumerate(pictures):
        await store.add(replay, picture, second * 1000)
    replay.ended_at = ended_at
    return replay


async def test_pictures_come_back_as_they_were(store):
    """
    Each is found by its number, and there is none beyond.
    """
    replay = await recorded(store, "a", b"one", b"two!")

    assert [b"one", b"two!", None, None] == [await replay.picture(number) for number in (0, 1, 2, -1)]
    assert (7, 1000) == (replay.size, replay.length)


async def test_picture_that_nobody_waits_for_any_more_spoils_no_later_one(store, monkeypatch):
    """
    It may be written all the same, and later than the next.
    """
    writing, go, write = threading.Event(), threading.Event(), replays._write

    def write_late(*args):
        if not writing.is_set():
            writing.set()
            go.wait(30)
        write(*args)

    monkeypatch.setattr(replays, "_write", write_late)
    replay = store.begin("a")
    adding = asyncio.create_task(store.add(replay, b"given up", 0))
    async with asyncio.timeout(30):
        await asyncio.to_thread(writing.wait)
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding
        await store.add(replay, b"two", 1000)
        go.set()
        await store.add(replay, b"three", 2000)

    assert [b"two", b"three"] == [await replay.picture(number) for number in range(len(replay.shots))]


async def test_recording_that_becomes_too_large_stops_and_says_so(store, monkeypatch):
    """
    What there is stays; nothing is added.
    """
    monkeypatch.setattr(replays, "SESSION_BYTES", 10)
    replay = await recorded(store, "a", b"12345", b"12345", b"1")

    assert (2, 10, True) == (len(replay.shots), replay.size, replay.cut)


async def test_oldest_that_has_ended_makes_room_and_one_that_runs_does_not(store, clock, monkeypatch):
    """
    All together have a limit: ended ones go, the first one first.
    """
    monkeypatch.setattr(replays, "ALL_BYTES", 10)
    await recorded(store, "runs", b"123")
    await recorded(store, "first", b"123", ended_at=clock.now)
    await recorded(store, "second", b"123", ended_at=clock.now)
    new = await recorded(store, "new", b"1234")
    full = await recorded(store, "full", b"12345678")

    assert [True, False, False, True] == [
        store.get(name) is not None for name in ("runs", "first", "second", "new")
    ]
    assert [False, True] == [new.cut, full.cut]


async def test_recordings_go_on_when_their_folder_was_removed(store):
    """
    Whoever tidies the disk takes what was recorded; what is recorded from then on has a place again.
    """
    old = await recorded(store, "old", b"x")
    shutil.rmtree(old.path.parents[1])
    new = await recorded(store, "new", b"y")

    assert [None, b"y"] == [await old.picture(0), await new.picture(0)]


async def test_room_that_recordings_leave_is_used_again(store, clock, monkeypatch):
    """
    Those that were deleted or forgotten no longer count.
    """
    monkeypatch.setattr(replays, "ALL_BYTES", 10)
    await recorded(store, "deleted", b"123456", ended_at=clock.now)
    store.delete("deleted")
    await recorded(store, "forgotten", b"123456", ended_at=clock.now)
    clock.now += replays.KEPT
    new = await recorded(store, "new", b"1234567890")

    assert (1, False) == (len(new.shots), new.cut)


def test_scenes_of_a_page_that_never_rests_are_bounded(store, monkeypatch):
    """
    A page that changes its title all day does not fill the memory.
    """
    monkeypatch.setattr(replays, "SCENES", 2)
    replay = store.begin("a")
    for number in range(3):
        replay.note(Scene(active=number), number)

    assert [(0, 0), (1, 1)] == [(at, scene.active) for at, scene in replay.scenes]


async def test_recording_is_forgotten_a_while_after_its_session(store, clock):
    """
    Its file goes with it; one that is still made is kept, however long that takes.
    """
    old = await recorded(store, "old", b"x", ended_at=clock.now)
    await recorded(store, "runs", b"x")
    clock.now += replays.KEPT - 1
    kept = store.get("old")
    clock.now += 1

    assert old is kept
    assert store.get("old") is None
    assert store.get("runs") is not None
    assert not old.path.exists()
    assert await old.picture(0) is None


async def test_recordings_end_with_their_server_even_if_it_is_killed(leftovers):
    """
    The folder is one that a later server sweeps, once nobody holds its lock.
    """
    store = Replays()
    await recorded(store, "a", b"x")
    held = scratch.sweep()
    lost = store._folder
    lost._removed = True  # As if killed: the lock goes, the folder stays.
    scratch.os.close(lost.lock)

    assert (0, 1) == (held, scratch.sweep())
    assert [] == leftovers.folders()


async def test_last_scene_is_recorded_though_its_turn_had_not_come(store, clock):
    """
    A session may end between what was shown and the recorder's next look.
    """
    first, last = Scene(active=1), Scene(active=2)
    looked = asyncio.Event()

    class Feed:
        cast = SimpleNamespace(frame=None, scene=last, stage=SimpleNamespace(known=True))

        async def __aiter__(self):
            yield first
            looked.set()
            await asyncio.Event().wait()

    @asynccontextmanager
    async def watch(_):
        yield Feed()

    replay = store.begin("a")
    browser = SimpleNamespace(reason=None, duration=1.0, clock=clock)
    recording = asyncio.create_task(Recorder(SimpleNamespace(watch=watch), store)._record(browser, replay))
    async with asyncio.timeout(30):
        await looked.wait()
        recording.cancel()
        await asyncio.wait((recording,))

    assert [first, last] == [scene for _, scene in replay.scenes]


async def made(server: Server) -> tuple[str, Replay]:
    """Open a session, and put a recording beside it: fakes show nothing."""
    made = await server.ask("POST", "/v2/interact", RECORDED)
    replay = await recorded(server.runner.app[REPLAYS], made.body["id"], PICTURE, PICTURE + b"2")
    replay.scenes.append((0, Scene(tabs=(Tab(number=1, title="T", url="http://u/"),), active=1)))
    return made.body["id"], replay


async def test_replay_is_listed_and_played_in_the_provider_s_shape(serve: Serve):
    """
    One page for all tabs, its playlist, and pictures behind links of their own.
    """
    server = await serve()
    session_id, replay = await made(server)
    replay.length, replay.ended_at = 2500, server.clock.now
    listed = await server.ask("GET", f"/v2/interact/{session_id}/replay")
    played = await server.ask("GET", f"/v2/browser/{session_id}/replay/0")
    lines = played.body.splitlines()
    async with server.http.get(lines[7]) as answer:
        picture = await answer.read()

    page = {
        "pageId": "0",
        "url": f"/v2/interact/{session_id}/replay/0",
        "pageUrl": "",
        "startTimeMs": 0,
        "endTimeMs": 2500,
    }
    assert {"success": True, "pages": [page], "pageCount": 1} == listed.body
    assert "no-store" == listed.headers["Cache-Control"]
    assert "application/vnd.apple.mpegurl" == played.headers["Content-Type"].partition(";")[0]
    assert ["#EXTINF:1.000,", "#EXTINF:1.500,"] == lines[6:10:2]
    assert ["#EXTM3U", "#EXT-X-IMAGES-ONLY", "#EXT-X-ENDLIST"] == [lines[0], lines[4], lines[-1]]
    assert PICTURE == picture


async def test_recording_that_is_still_made_can_be_watched(serve: Serve):
    """
    Its playlist has no end yet.
    """
    server = await serve()
    session_id, _ = await made(server)
    played = await server.ask("GET", f"/v2/interact/{session_id}/replay/0")

    assert "#EXT-X-PLAYLIST-TYPE:EVENT" in played.body
    assert "#EXT-X-ENDLIST" not in played.body


async def test_player_knows_when_what_was_seen(serve: Serve):
    """
    The page and its index open with the recording's own token, which the playlist names.
    """
    server = await serve()
    session_id, _ = await made(server)
    played = await server.ask("GET", f"/v2/interact/{session_id}/replay/0")
    url = played.body.splitlines()[5].partition(": ")[2]
    async with server.http.get(url) as page, server.http.get(url.replace("?", "/index.json?")) as index:
        text, told = await page.text(), await index.json()

    assert "Replay" in text
    assert "no-referrer" == page.headers["Referrer-Policy"]
    assert [0, 1000] == told["pictures"]
    assert [(0, 1, "http://u/")] == [(one["at"], one["active"], one["url"]) for one in told["scenes"]]


@pytest.mark.parametrize("end", ["", "/index.json", "/0.jpg"])
async def test_recording_opens_with_its_own_token_alone(serve: Serve, end: str):
    """
    Neither the live view's tokens nor the API key in a query let anybody in.
    """
    server = await serve()
    session_id, _ = await made(server)
    browser = server.browsers.get(session_id)
    for token in ("", browser.watch_token, browser.control_token, browser.cdp_token):
        answer = await server.ask("GET", f"/live/{session_id}/replay{end}?token={token}")

        assert 403 == answer.status
    unknown = await server.ask("GET", f"/live/other/replay{end}?token={browser.replay_token}")

    assert 403 == unknown.status


@pytest.mark.parametrize("number", ["2", "99999999999999999999", "-1", "../0", "%2e%2e%2f0"])
async def test_picture_that_there_is_not_is_a_404(serve: Serve, number: str):
    """
    Numbers are looked up, never made into paths.
    """
    server = await serve()
    session_id, _ = await made(server)
    token = server.browsers.get(session_id).replay_token
    answer = await server.ask("GET", f"/live/{session_id}/replay/{number}.jpg?token={token}")

    assert 404 == answer.status


@pytest.mark.parametrize(
    ("page_id", "status"), [("0", 404), ("1", 404), ("999", 404), ("1000", 400), ("x", 400), ("..%2f0", 400)]
)
async def test_session_that_was_not_recorded_has_no_replay(serve: Serve, page_id: str, status: int):
    """
    Nothing is recorded unless asked for, and page ids are one to three digits.
    """
    server = await serve()
    session = await server.ask("POST", "/v2/interact", {})
    path = f"/v2/interact/{session.body['id']}/replay"

    assert [404, status] == [
        (await server.ask("GET", path)).status,
        (await server.ask("GET", f"{path}/{page_id}")).status,
    ]


@pytest.fixture
async def real(launcher: ChromiumLauncher) -> AsyncIterator[tuple[web.Application, str]]:
    """A server with real browsers, and a page that changes once."""

    async def page(_: web.Request) -> web.Response:
        change = "document.onclick = () => document.body.textContent = 'after'"
        text = f"<title>Page</title><h1>before</h1><script>{change}</script>"
        return web.Response(text=text, content_type="text/html")

    app = build_app(browsers=Browsers(launcher))
    app.router.add_get("/page", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield app, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what the recorder does; it sets no event."""
    while not condition():  # noqa: ASYNC110  # as said
        await asyncio.sleep(0.01)


async def test_browser_that_hangs_holds_up_neither_picture_nor_end(real, monkeypatch):
    """
    It takes connections and says nothing: who asks for a picture is told, and its end does not wait for one.
    """
    app, base = real
    monkeypatch.setattr(browsers, "ENDING_GRACE", 60)
    async with asyncio.timeout(30), aiohttp.ClientSession(base) as http:
        browser = await app[BROWSERS].create(Wish())
        monkeypatch.setattr(cdp, "CALL_TIMEOUT", 0.1)
        os.killpg(browser.engine._child.pid, signal.SIGSTOP)
        async with http.get(f"/live/{browser.id}/frame?token={browser.watch_token}") as answer:
            told = answer.status

        monkeypatch.setattr(cdp, "CALL_TIMEOUT", 60)
        recorded = await app[BROWSERS].create(Wish(record=True))
        os.killpg(recorded.engine._child.pid, signal.SIGSTOP)
        await app[BROWSERS].end(recorded)

    assert (503, False) == (told, recorded.alive)


async def test_real_session_is_recorded_until_its_end(real):
    """
    What changed is there as pictures, the address as a scene, and the page that plays it loads.
    """
    app, base = real
    async with asyncio.timeout(30), aiohttp.ClientSession(base) as http:
        async with http.post("/v2/interact", json=RECORDED) as answer:
            session_id = (await answer.json())["id"]
        browser = app[BROWSERS].get(session_id)
        replay = app[REPLAYS].get(session_id)
        async with cdp.connect(browser.engine.endpoint) as connection:
            page = await cdp.attach(connection, (await connection.pages())[0])
            await connection.call("Page.navigate", {"url": f"{base}/page"}, session=page)
            await until(lambda: any(scene.url == f"{base}/page" for _, scene in replay.scenes))
            before = len(replay.shots)
            change = {"expression": CHANGES, "awaitPromise": True}
            await connection.call("Runtime.evaluate", change, session=page)
            await until(lambda: len(replay.shots) > before)
        await app[BROWSERS].end(browser)
        pictures = [await replay.picture(number) for number in range(len(replay.shots))]

        assert all(picture.startswith(b"\xff\xd8") for picture in pictures)
        assert len(pictures) == len(set(pictures))
        assert not replay.cut
        assert replay.shots[-1].at <= replay.length <= round(browser.duration * 1000)

        viewer = await app[BROWSERS].create(type(browser.wish)())
        async with cdp.connect(viewer.engine.endpoint) as connection:
            page = await cdp.attach(connection, (await connection.pages())[0])
            await connection.call("Page.enable", session=page)
            url = f"{base}/live/{session_id}/replay?token={browser.replay_token}"
            await connection.call("Page.navigate", {"url": url}, session=page)
            ready = {"expression": PLAYS, "awaitPromise": True}
            shown = await connection.call("Runtime.evaluate", ready, session=page)

    assert f"{base}/page" == shown["result"]["value"]


async def test_session_that_ends_at_once_has_a_picture_all_the_same(real, monkeypatch):
    """
    Whoever asked for a recording finds one, however short the session was.
    """
    monkeypatch.setattr(recorder, "LAST_LOOK", 30)  # Not to be too short is no matter of this machine's.
    app, base = real
    async with asyncio.timeout(30), aiohttp.ClientSession(base) as http:
        async with http.post("/v2/interact", json=RECORDED) as answer:
            session_id = (await answer.json())["id"]
        async with http.delete(f"/v2/interact/{session_id}") as answer:
            assert 200 == answer.status
        async with http.get(f"/v2/interact/{session_id}/replay") as answer:
            assert 200 == answer.status

    assert (await app[REPLAYS].get(session_id).picture(0)).startswith(b"\xff\xd8")
