"""What a provider says is not trusted: links, lengths, redirects, and its texts in our errors."""

import asyncio
import json
import logging
import traceback

import pytest
from aiohttp import web

from firecrawl_interact import (
    AnchorBackend,
    CreateUnknownError,
    FirecrawlBackend,
    InteractError,
    ProtocolError,
    Session,
    SessionOptions,
    TransportError,
)
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.debt import outstanding
from firecrawl_interact.models.debts import LONGEST_ANSWER

KEY = "sk-topsecretkey0123456789"
SESSION_ID = "0b5c7e9a-2d1f-4c8b-9e6a-7f3d1a2b4c5d"
SOCKET = f"wss://cdp.example/devtools/{SESSION_ID}?apiKey={KEY}"
PAGE = f"https://live.example/view/{SESSION_ID}"
MAKERS = {
    "firecrawl": lambda url: FirecrawlBackend(api_key=KEY, base_url=url),
    "anchor": lambda url: AnchorBackend(api_key=KEY, base_url=url),
}


class Liar:
    """A provider that answers creates as told, and ends what it is told to end."""

    def __init__(self):
        self.url = ""
        self.created = web.json_response({})
        self.refusal = ""
        self.ended = []
        self.asked = []

    async def answer(self, request):
        self.asked.append((request.method, request.path, dict(request.headers)))
        if request.method == "DELETE" and self.refusal:
            return web.json_response({"success": False, "error": self.refusal}, status=403)
        if request.method == "DELETE":
            self.ended.append(request.path.rpartition("/")[2])
            return web.json_response({"success": True, "data": {"status": "success"}})
        if request.method == "POST":
            return self.created
        return web.json_response({"success": True, "sessions": [], "data": {"items": []}})


def made(name, **links):
    """An answer to a create in a provider's shape."""
    links = {"cdp": SOCKET, "watch": PAGE, "control": PAGE} | links
    if name == "anchor":
        data = {"id": SESSION_ID, "cdp_url": links["cdp"], "live_view_url": links["control"]}
        return web.json_response({"data": data})
    return web.json_response(
        {
            "success": True,
            "id": SESSION_ID,
            "cdpUrl": links["cdp"],
            "liveViewUrl": links["watch"],
            "interactiveLiveViewUrl": links["control"],
        }
    )


@pytest.fixture
async def liar(monkeypatch):
    """A provider on loopback that lies."""
    monkeypatch.setattr(bounds, "SEARCHES", (0.0,))
    provider = Liar()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", provider.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield provider
    await runner.cleanup()


async def refused(backend):
    """Open a session that cannot be; return the error."""
    with pytest.raises(InteractError) as caught:
        async with asyncio.timeout(30), Session.create(backend=backend, guardian=False, ledger=False):
            raise AssertionError("Nobody should be in here.")
    return caught.value


def everything_said(error):
    """All that a log, a tracker or a user could get to see of an error."""
    shown = "".join(traceback.format_exception(error))
    chain = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return shown + " ".join(
        f"{each!r} {each} {each.args} {vars(each)} {getattr(each, '__notes__', [])}" for each in chain
    )


# --- links -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    "links",
    [
        {"cdp": "https://cdp.example/"},
        {"cdp": "file:///etc/passwd"},
        {"cdp": "ws://"},
        {"cdp": "wss:cdp.example"},
        {"cdp": "wss://cdp.example/ x"},
        {"cdp": "wss://cdp.example/\nHost: evil"},
        {"control": "javascript:alert(1)"},
        {"control": "data:text/html,x"},
        {"control": "wss://live.example/"},
        {"control": "//live.example/"},
    ],
    ids=["https", "file", "hostless", "relative", "space", "newline", "script", "data", "socket", "bare"],
)
async def test_link_of_another_kind_is_never_handed_out(liar, name, links):
    """The create fails without repeating the link, and the session that it made is ended."""
    liar.created = made(name, **links)
    error = await refused(MAKERS[name](liar.url))

    assert isinstance(error, ProtocolError)
    assert SESSION_ID == error.session_id
    assert [SESSION_ID] == liar.ended
    assert not any(link in everything_said(error) for link in links.values())
    assert set() == outstanding


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("links", [{}, {"cdp": "WSS://CDP.example"}, {"control": "HTTP://[::1]:9/"}], ids=str)
async def test_link_of_its_kind_is_handed_out(liar, name, links):
    """Secure or not, in either case of letters, links of the right kind are taken as they are."""
    liar.created = made(name, **links)
    async with Session.create(backend=MAKERS[name](liar.url), guardian=False, ledger=False) as session:
        assert links.get("cdp", SOCKET) == session.cdp_url
        assert links.get("control", PAGE) == session.interactive_live_view_url


async def test_backend_on_its_own_hands_out_no_such_link_either(liar):
    """Without a Session the error carries the id, for whoever made it to delete."""
    liar.created = made("firecrawl", cdp="file:///etc/passwd")
    async with MAKERS["firecrawl"](liar.url) as backend:
        with pytest.raises(ProtocolError) as caught:
            await backend.create(SessionOptions())

    assert ("cdp_url", SESSION_ID) == (caught.value.field, caught.value.session_id)


# --- lengths and redirects -------------------------------------------------------------------


@pytest.mark.parametrize("name", MAKERS)
async def test_answer_without_end_is_an_unknown_outcome(liar, name):
    """An answer longer than 8 MB is not read on; the create may have made something."""
    liar.created = web.Response(body=b'{"id": "' + b"x" * LONGEST_ANSWER + b'"}')
    error = await refused(MAKERS[name](liar.url))

    assert isinstance(error, CreateUnknownError)
    assert isinstance(error.__cause__, TransportError)
    assert "longer than" in str(error.__cause__)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirect_never_takes_the_key_elsewhere(liar, name, status):
    """A redirect of the create is not followed, to this host or another, so the key goes nowhere."""
    liar.created = web.Response(status=status, headers={"Location": f"{liar.url}/elsewhere"})
    await refused(MAKERS[name](liar.url))

    assert [] == [path for _, path, _ in liar.asked if "elsewhere" in path]


# --- texts -----------------------------------------------------------------------------------

FAULTS = {
    "401": lambda text: web.json_response({"success": False, "error": text}, status=401),
    "402": lambda text: web.json_response({"error": {"message": text, "code": 7}}, status=402),
    "409": lambda text: web.json_response({"success": False, "error": text}, status=409),
    "429": lambda text: web.json_response({"success": False, "error": text}, status=429),
    "500": lambda text: web.json_response({"success": False, "error": text}, status=500),
    "503": lambda text: web.json_response({"success": False, "error": text}, status=503),
    "html": lambda text: web.Response(status=502, text=f"<p>{text}</p>", content_type="text/html"),
    "200-no": lambda text: web.json_response({"success": False, "error": text}),
    "200-html": lambda text: web.Response(text=text, content_type="text/html"),
    "200-cut": lambda text: web.Response(text='{"success": true, "cdpUrl": "' + text),
    "200-misfit": lambda text: web.json_response({"success": text, "data": text, "id": SESSION_ID}),
    "400-details": lambda text: web.json_response(
        {"success": False, "error": text, "details": [{"path": ["ttl"], "message": text}]}, status=400
    ),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_providers_words_never_carry_secrets_into_errors(liar, name, fault, caplog):
    """Neither text, repr, data, notes nor causes of an error repeat a key or a CDP address."""
    caplog.set_level(logging.DEBUG, logger="firecrawl_interact")
    words = f"Failed: key {KEY}, Bearer {KEY}, at {SOCKET} and {json.dumps(SOCKET)}"
    liar.created = FAULTS[fault](words)
    error = await refused(MAKERS[name](liar.url))

    said = everything_said(error) + caplog.text
    assert KEY not in said
    assert "cdp.example" not in said


@pytest.mark.parametrize("name", MAKERS)
async def test_unconfirmed_end_never_repeats_a_secret(liar, name, caplog):
    """An end that is refused with the session's id in the text says neither id nor key."""
    liar.created = made(name)
    pending = Session.create(backend=MAKERS[name](liar.url), guardian=False, ledger=False)
    with pytest.raises(InteractError) as caught:
        async with asyncio.timeout(30), pending as session:
            liar.refusal = f"No such thing: {SESSION_ID} for {KEY} at {SOCKET}"
    for debt in tuple(outstanding):
        debt.hub.release(debt, type(debt.state).RELEASED)

    said = f"{caught.value} {caught.value!r} {caught.value.text} {caplog.text} {caught.value.__cause__}"
    assert KEY not in said
    assert SESSION_ID not in said
    assert "cdp.example" not in said
    assert session.id == caught.value.session_id
