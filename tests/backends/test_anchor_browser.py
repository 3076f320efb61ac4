"""A browser at Anchor is driven by requests, each checked before it is sent."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from firecrawl_interact.backends.anchor import AnchorBackend
from firecrawl_interact.backends.anchor_account import AnchorFilters
from firecrawl_interact.backends.anchor_values import AnchorDownload, AnchorLinks, AnchorProfile
from firecrawl_interact.backends.base import RESERVED_IDS
from firecrawl_interact.errors import (
    BackendError,
    CloseError,
    InvalidOptionError,
    ProtocolError,
    SessionNotFoundError,
    UnsupportedError,
)
from firecrawl_interact.models import Answer, Run, RunResult

ID = "5f1c9a52-6f0e-4f3b-9d3a-0d3f6f0f6c11"
BASE = f"/v1/sessions/{ID}"
DONE = {"status": "success"}

CONTROLS = [
    ("mouse/click", {"x": 1, "y": 2, "button": "left"}, lambda b: b.mouse.click(1, 2)),
    (
        "mouse/click",
        {"selector": "#a", "index": 1, "button": "right", "timeout": 1500},
        lambda b: b.mouse.click_on("#a", index=1, button="right", timeout=1.5),
    ),
    ("mouse/doubleClick", {"x": 1, "y": 2, "button": "left"}, lambda b: b.mouse.double_click(1, 2)),
    ("mouse/down", {"x": 1, "y": 2, "button": "middle"}, lambda b: b.mouse.down(1, 2, button="middle")),
    ("mouse/up", {"x": 1, "y": 2, "button": "left"}, lambda b: b.mouse.up(1, 2)),
    ("mouse/move", {"x": 1, "y": 2}, lambda b: b.mouse.move(1, 2)),
    (
        "drag-and-drop",
        {"startX": 1, "startY": 2, "endX": 3, "endY": 4, "button": "left"},
        lambda b: b.mouse.drag_and_drop(1, 2, 3, 4),
    ),
    (
        "scroll",
        {"x": 1, "y": 2, "deltaX": 0, "deltaY": -3, "steps": 4, "useOs": True},
        lambda b: b.mouse.scroll(1, 2, delta_y=-3, steps=4, use_os=True),
    ),
    ("keyboard/type", {"text": "hi", "delay": 20}, lambda b: b.keyboard.type("hi", delay=0.02)),
    (
        "keyboard/shortcut",
        {"keys": ["Control", "a"], "holdTime": 100},
        lambda b: b.keyboard.shortcut("Control", "a", hold=0.1),
    ),
    ("clipboard", {"text": ""}, lambda b: b.clipboard.set("")),
    ("paste", {"text": "hi"}, lambda b: b.clipboard.paste("hi")),
    ("goto", {"url": "https://example.com"}, lambda b: b.goto("https://example.com")),
    ("recordings/pause", None, lambda b: b.recordings.pause()),
    ("recordings/resume", None, lambda b: b.recordings.resume()),
]


@pytest.fixture
def backend(provider):
    """A backend that nobody has entered: each call opens a line of its own."""
    return AnchorBackend("test-key", provider.url)


@pytest.mark.parametrize(
    ("path", "body", "call"), [pytest.param(*each, id=f"{each[0]}-{n}") for n, each in enumerate(CONTROLS)]
)
async def test_a_control_says_what_was_asked(provider, backend, path, body, call):
    """In Anchor's spelling and units; sent once, with the key."""
    provider.answers("POST", f"{BASE}/{path}", 200, DONE)
    async with asyncio.timeout(30):
        await call(backend.browser(ID))

    (asked,) = provider.asked

    assert body == asked.body
    assert "test-key" == asked.headers["anchor-api-key"]


async def test_what_changes_something_is_sent_once(provider, backend):
    """A click that was done, and whose answer failed, must not be done again."""
    provider.answers("POST", f"{BASE}/mouse/click", 500, {"error": "x"})
    async with asyncio.timeout(30):
        with pytest.raises(BackendError):
            await backend.browser(ID).mouse.click(1, 2)

    assert 1 == len(provider.asked)


WRONG = [
    ("x", lambda b: b.mouse.click(1.5, 2)),
    ("y", lambda b: b.mouse.move(1, "2")),
    ("button", lambda b: b.mouse.click(1, 2, button="fourth")),
    ("selector", lambda b: b.mouse.click_on("")),
    ("timeout", lambda b: b.mouse.click_on("#a", timeout=-1)),
    ("timeout", lambda b: b.mouse.click_on("#a", timeout=float("nan"))),
    ("steps", lambda b: b.mouse.scroll(1, 2, delta_y=1, steps=0)),
    ("text", lambda b: b.keyboard.type(5)),
    ("delay", lambda b: b.keyboard.type("a", delay="fast")),
    ("keys", lambda b: b.keyboard.shortcut()),
    ("keys", lambda b: b.keyboard.shortcut("")),
    ("url", lambda b: b.goto("")),
    ("scopes", lambda b: b.mint_links("everything")),
    ("link", lambda b: b.revoke("https://live.example.com/?sessionId=x")),
    ("link", lambda b: b.revoke("..")),
    ("tags", lambda b: b.tags.set("abc")),
    ("tags", lambda b: b.tags.set(["a,b"])),
    ("content", lambda b: b.files.upload("a", "text")),
    ("name", lambda b: b.files.upload("../a", b"")),
    ("name", lambda b: b.files.upload('a"; x="', b"")),
    ("session_id", lambda b: b.recordings.delete("..")),
    ("use_os", lambda b: b.mouse.scroll(1, 2, delta_y=1, use_os="yes")),
    ("scopes", lambda b: b.mint_links(["cdp"])),
    ("tags", lambda b: b.tags.set(5)),
    ("tags", lambda b: b.tags.set(None)),
    ("text", lambda b: b.keyboard.type("\ud800")),
]

WRONG_OF_THE_ACCOUNT = [
    ("description", lambda b: b.profiles.create("p", description=5)),
    ("dedicated_sticky_ip", lambda b: b.profiles.create("p", dedicated_sticky_ip="yes")),
    ("name", lambda b: b.profiles.delete("\ud800")),
    ("metrics", lambda b: b.account.usage(metrics=5)),
    ("metrics", lambda b: b.account.usage(metrics=[["session_count"]])),
    ("filters", lambda b: b.running({"tags": ["a"]})),
    ("tags", lambda b: b.running(AnchorFilters(tags=5))),
    ("batch_id", lambda b: b.running(AnchorFilters(batch_id=5))),
    ("profile_name", lambda b: b.running(AnchorFilters(profile_name="\ud800"))),
    ("search", lambda b: anext(b.history(search=5))),
    ("status", lambda b: anext(b.history(status=""))),
    ("filters", lambda b: anext(b.history({"tags": ["a"]}))),
    ("options", lambda b: b.batches.create(1, {"ttl": 60})),
    ("metadata", lambda b: b.batches.create(1, metadata=5)),
    ("metadata", lambda b: b.batches.create(1, metadata={"a": object()})),
    ("failed_only", lambda b: b.batches.retry("b", failed_only="no")),
]


@pytest.mark.parametrize(
    ("option", "call"), [pytest.param(*each, id=f"{each[0]}-{n}") for n, each in enumerate(WRONG)]
)
async def test_a_bad_value_is_never_sent(provider, backend, option, call):
    """It is refused by its name."""
    with pytest.raises(InvalidOptionError) as caught:
        await call(backend.browser(ID))

    assert option == caught.value.option
    assert [] == provider.asked


@pytest.mark.parametrize(
    ("option", "call"),
    [pytest.param(*each, id=f"{each[0]}-{n}") for n, each in enumerate(WRONG_OF_THE_ACCOUNT)],
)
async def test_a_bad_value_about_the_account_is_never_sent(provider, backend, option, call):
    """It is refused by its name, too, whatever type it is of."""

    async def called():
        return await call(backend)  # Some of it is refused before there is anything to await.

    with pytest.raises(InvalidOptionError) as caught:
        await called()

    assert option == caught.value.option
    assert [] == provider.asked


@pytest.mark.parametrize("session_id", ["", "a/b", "x?y", *sorted(RESERVED_IDS)])
def test_an_id_that_is_none_takes_nothing_in_hand(backend, session_id):
    """It would lead to another route."""
    with pytest.raises(InvalidOptionError, match="session_id"):
        backend.browser(session_id)


async def test_pictures_and_videos_are_bytes(provider, backend):
    """As they came, and asked for by their types."""
    provider.answers("GET", f"{BASE}/screenshot", 200, "png")
    provider.answers("GET", f"{BASE}/recordings/primary/fetch", 200, "mp4")
    browser = backend.browser(ID)
    async with asyncio.timeout(30):
        assert (b"png", b"mp4") == (await browser.screenshot(), await browser.recordings.fetch())

    assert ["image/png", "video/mp4"] == [asked.headers["Accept"] for asked in provider.asked]


async def test_an_upload_is_one_part_named_file():
    """Read by a form parser as Anchor's own would."""
    got = []

    async def answer(request):
        part = await (await request.multipart()).next()
        got.append((part.name, part.filename, await part.read()))
        return web.json_response({"data": DONE})

    app = web.Application()
    app.router.add_post(f"{BASE}/uploads", answer)
    async with TestServer(app) as server, asyncio.timeout(30):
        mine = AnchorBackend("test-key", str(server.make_url("")).rstrip("/"))
        await mine.browser(ID).files.upload("a b.txt", b"\r\n--x\x00")

    assert [("file", "a b.txt", b"\r\n--x\x00")] == got


async def test_downloads_come_in_our_units(provider, backend):
    """Milliseconds become a span of time, and the link is no part of a repr."""
    item = {
        "id": "d",
        "suggested_file_name": "a",
        "size": 5,
        "duration": 1500,
        "file_link": "https://x/secret",
    }
    provider.answers("GET", f"{BASE}/downloads", 200, {"data": {"count": 1, "items": [item]}})
    async with asyncio.timeout(30):
        (found,) = await backend.browser(ID).files.downloads()

    expected = AnchorDownload(
        id="d", name="a", size=5, duration=timedelta(seconds=1.5), url="https://x/secret"
    )

    assert expected == found
    assert "secret" not in repr(found)


async def test_minted_links_are_told_apart(provider, backend):
    """A link that takes input never passes for one that does not."""
    links = {"live_view_url": "live", "live_view_read_only_url": "watch", "cdp_url": "cdp"}
    provider.answers("POST", f"{BASE}/tokens", 200, {"data": links})
    provider.answers("POST", f"{BASE}/tokens", 200, {"data": {**links, "live_view_url": "watch"}})
    provider.answers("POST", f"{BASE}/tokens", 200, {"data": {"live_view_url": "live"}})
    browser = backend.browser(ID)
    async with asyncio.timeout(30):
        both, one, other = [await browser.mint_links() for _ in range(3)]

    assert AnchorLinks(live_view_url="watch", interactive_live_view_url="live", cdp_url="cdp") == both
    assert (("watch", None), (None, "live")) == (
        (one.live_view_url, one.interactive_live_view_url),
        (other.live_view_url, other.interactive_live_view_url),
    )
    assert "watch" not in repr(both)


@pytest.mark.parametrize("link", ["to/k", "https://live.example.com/?x=1&token=to%2Fk"])
async def test_a_link_is_revoked_by_its_token(provider, backend, link):
    """Escaped, so that it stays one segment."""
    provider.answers("DELETE", f"{BASE}/tokens/to/k", 200, {"data": DONE})
    async with asyncio.timeout(30):
        await backend.browser(ID).revoke(link)

    assert [f"{BASE}/tokens/to%2Fk"] == [asked.path for asked in provider.asked]


async def test_a_session_that_is_gone_is_named(provider, backend):
    """The error says which, and its text hides it: the id opens the browser."""
    provider.answers("GET", f"{BASE}/clipboard", 404, {"error": f"No session {ID}"})
    async with asyncio.timeout(30):
        with pytest.raises(SessionNotFoundError) as caught:
            await backend.browser(ID).clipboard.get()

    assert ID == caught.value.session_id
    assert ID not in str(caught.value)
    assert ID not in repr(backend.browser(ID))


# --- the account ----------------------------------------------------------------------------


async def test_a_profiles_name_is_one_segment(provider, backend):
    """Names are free text."""
    item = {"name": "a b/c", "status": "ready", "session_id": ID}
    provider.answers("GET", "/v1/profiles/a b/c", 200, {"data": item})
    async with asyncio.timeout(30):
        found = await backend.profiles.get("a b/c")

    assert AnchorProfile(name="a b/c", status="ready", session_id=ID) == found
    assert ["/v1/profiles/a%20b%2Fc"] == [asked.path for asked in provider.asked]
    assert ID not in repr(found)


@pytest.mark.parametrize("name", ["", "p" * 129, ".", "..", 5])
async def test_a_profile_that_cannot_be_named_is_not_asked_for(provider, backend, name):
    """Dots would lead out of the profiles: deleting would mean something else."""
    with pytest.raises(InvalidOptionError):
        await backend.profiles.delete(name)

    assert [] == provider.asked


async def test_every_filter_reaches_the_query(provider, backend):
    """In Anchor's names: lists with commas, flags as words, times in UTC."""
    provider.answers(
        "GET", "/v1/sessions", 200, {"data": {"sessions": [], "total": 0, "page": 1, "total_pages": 0}}
    )
    when = datetime(2026, 3, 9, 12, tzinfo=UTC)
    filters = AnchorFilters(
        tags=("a", "b"),
        domains=("d",),
        created_from=when,
        created_to=when,
        batch_id="b1",
        task_initiated=False,
        proxy=True,
        extra_stealth=True,
        profile_name="p",
    )
    async with asyncio.timeout(30):
        found = [
            each
            async for each in backend.history(
                filters, search="s", status="running", sort_by="used_credits", descending=False, page_size=20
            )
        ]

    assert [] == found
    assert (
        "/v1/sessions?page=1&limit=20&sort_by=used_credits&sort_order=asc&tags=a%2Cb&domains=d"
        "&created_from=2026-03-09T12%3A00%3A00Z&created_to=2026-03-09T12%3A00%3A00Z&batch_id=b1"
        "&task_initiated=false&proxy=true&extra_stealth=true&profile_name=p&search=s&status=running"
    ) == provider.asked[0].path


async def test_the_history_asks_for_a_page_when_it_is_needed(provider, backend):
    """Whoever stops reading stops asking."""
    row = {"id": "s", "status": "completed", "used_credits": "1.5", "duration": 60}
    page = {"data": {"sessions": [row], "total": 9, "page": 1, "total_pages": 9}}
    provider.answers("GET", "/v1/sessions", 200, page)
    seen = []
    async with asyncio.timeout(30):
        async for past in backend.history():
            seen.append(past)
            if len(seen) == 2:
                break

    assert 2 == len(provider.asked)
    assert [(timedelta(minutes=1), 1.5)] * 2 == [(past.duration, past.credits_billed) for past in seen]


@pytest.mark.parametrize(
    "asked", [{"page_size": 25}, {"page_size": True}, {"sort_by": "colour"}], ids=["size", "flag", "key"]
)
def test_paging_that_anchor_would_refuse_is_refused_here(backend, asked):
    """At the call, before anything is read."""
    with pytest.raises(InvalidOptionError):
        backend.history(**asked)


# --- runs -----------------------------------------------------------------------------------


async def test_batch_that_was_ended_in_part_says_so_and_opens_nothing(provider, backend):
    """A success with failures leaves browsers; what Anchor says of them may hold links."""
    said = {"deleted_sessions": 1, "failed_deletions": 2, "message": f"still at wss://h/?sessionId={ID}"}
    provider.answers("DELETE", "/v1/batch-sessions/b1", 200, {"data": said})
    with pytest.raises(CloseError, match="2 sessions") as caught:
        await backend.batches.delete("b1")

    assert "still at" in caught.value.text
    assert ID not in f"{caught.value!r}{caught.value.text}"


async def test_batch_that_is_over_is_about_no_profile(provider, backend):
    """Not every conflict is a profile that is busy."""
    said = {"code": 409, "message": "Invalid state transition (batch already cancelled or completed)"}
    provider.answers("PATCH", "/v1/batch-sessions/b1", 409, {"error": said})
    with pytest.raises(BackendError) as caught:
        await backend.batches.cancel("b1")

    assert (BackendError, 409) == (type(caught.value), caught.value.status)


def test_code_and_prompts_name_their_session(backend):
    """In the query, escaped; without it Anchor would start a browser of its own."""
    code = backend.run_request("a~b", Run(code="return 1"))
    prompt = backend.run_request("a~b", Run(prompt="Look."))

    assert code.url.endswith("/v1/tools/execute-code?sessionId=a~b")
    assert prompt.url.endswith("/v1/tools/perform-web-task?sessionId=a~b")
    assert (b'{"code": "return 1"}', b'{"prompt": "Look."}') == (code.body, prompt.body)


@pytest.mark.parametrize("run", [Run(code=""), Run(prompt="")], ids=["code", "prompt"])
def test_nothing_is_not_run(backend, run):
    """An empty text is a mistake."""
    with pytest.raises(InvalidOptionError):
        backend.run_request(ID, run)


def test_other_languages_are_refused(backend):
    """Anchor runs TypeScript alone."""
    with pytest.raises(UnsupportedError, match="python"):
        backend.run_request(ID, Run(code="1", language="python"))


@pytest.mark.parametrize(
    ("run", "body", "result"),
    [
        (Run(code="1"), b'{"success": true, "message": "ok", "output": "1"}', RunResult(result="1")),
        (Run(code="1"), b'{"success": false, "message": "m", "error": "e"}', RunResult(error="e")),
        (Run(code="1"), b'{"success": false, "message": "m"}', RunResult(error="m")),
        (Run(prompt="p"), b'{"data": {"result": "done"}}', RunResult(output="done")),
        (Run(prompt="p"), b'{"data": {"result": {"a": 1}}}', RunResult(output='{"a": 1}')),
        (Run(prompt="p"), b'{"data": {"status": "FAILED", "error": "e"}}', RunResult(error="e")),
        (Run(prompt="p"), b'{"data": {}}', RunResult(error="The agent has left no result.")),
    ],
    ids=["value", "error", "message", "text", "object", "failed", "nothing"],
)
def test_what_a_run_left_is_a_result(backend, run, body, result):
    """One that failed is returned like any other."""
    assert result == backend.read_run(Answer(200, {}, body), run, session_id=ID)


def test_an_answer_that_is_no_result_is_a_protocol_error(backend):
    """Success must be said."""
    with pytest.raises(ProtocolError):
        backend.read_run(Answer(200, {}, b'{"output": "1"}'), Run(code="1"), session_id=ID)
