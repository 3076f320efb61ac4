"""Firecrawl's own: options, lists by status, replays, profiles, scrapes."""

import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from firecrawl_interact import (
    BackendError,
    FirecrawlBackend,
    FirecrawlOptions,
    InvalidOptionError,
    MemoryBackend,
    PaymentRequiredError,
    Profile,
    ProfileBusyError,
    ProtocolError,
    Session,
    SessionNotFoundError,
    SessionOptions,
    UnsupportedError,
)
from firecrawl_interact.backends.local import LocalBackend

JOB = "019a1f01-1111-7222-8333-444455556666"


class Canned:
    """A server that answers what it is told to, and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.answers = []

    async def handle(self, request):
        text = await request.text()
        self.asked.append((request.method, request.raw_path, json.loads(text) if text else None))
        status, body = self.answers.pop(0)
        return web.Response(
            status=status,
            text=body if isinstance(body, str) else json.dumps(body),
            content_type="application/json",
        )


@pytest.fixture
async def canned():
    """A server for one test."""
    canned = Canned()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", canned.handle)
    server = TestServer(app)
    await server.start_server()
    canned.backend = FirecrawlBackend("fc-TEST", str(server.make_url("")))
    yield canned
    await server.close()


def body_of(backend, options):
    return json.loads(backend.prepare(options).request.body)


# --- options --------------------------------------------------------------------------------


def test_typed_options_reach_the_create():
    """Both fields are sent as the provider spells them."""
    typed = FirecrawlOptions(zero_data_retention=True, integration="mine")
    body = body_of(FirecrawlBackend("fc-TEST"), SessionOptions(provider=typed))

    assert (True, "mine") == (body["zeroDataRetention"], body["integration"])


def test_options_of_the_session_take_the_place_of_the_backends():
    """They are not mixed."""
    backend = FirecrawlBackend("fc-TEST", options=FirecrawlOptions(zero_data_retention=True))

    assert body_of(backend, SessionOptions())["zeroDataRetention"]
    assert "zeroDataRetention" not in body_of(
        backend, SessionOptions(provider=FirecrawlOptions(integration="x"))
    )


@pytest.mark.parametrize("options", [{"record": True}, {"profile": Profile("p")}])
def test_what_would_be_retained_is_refused_without_retention(options):
    """The provider refuses it too, after the request."""
    typed = FirecrawlOptions(zero_data_retention=True)
    with pytest.raises(UnsupportedError, match="zero_data_retention"):
        FirecrawlBackend("fc-TEST").check(SessionOptions(provider=typed, **options))


@pytest.mark.parametrize("backend", [MemoryBackend, LocalBackend])
def test_other_backends_refuse_firecrawls_options(backend):
    """They cannot honour them, though they speak the same wire."""
    with pytest.raises(UnsupportedError, match="FirecrawlOptions"):
        Session.create(backend=backend(), options=FirecrawlOptions())


def test_options_of_another_provider_are_refused():
    """An option is never dropped."""
    from firecrawl_interact import AnchorOptions

    with pytest.raises(UnsupportedError, match="AnchorOptions"):
        FirecrawlBackend("fc-TEST").check(SessionOptions(provider=AnchorOptions()))


@pytest.mark.parametrize("wrong", [{"zero_data_retention": 1}, {"integration": 7}])
def test_options_of_a_wrong_type_are_refused(wrong):
    """A value that would be sent as something else is not taken."""
    with pytest.raises(InvalidOptionError):
        FirecrawlOptions(**wrong)


def test_backend_refuses_options_that_are_none_of_its_own():
    """A mistake in the configuration is found there."""
    with pytest.raises(InvalidOptionError, match="options"):
        FirecrawlBackend("fc-TEST", options={"zero_data_retention": True})


# --- lists, replays, profiles -----------------------------------------------------------------


async def test_list_by_status_asks_the_provider(canned):
    """The provider's own word is passed on."""
    row = {"id": "s1", "status": "destroyed"}
    canned.answers.append((200, {"success": True, "sessions": [row]}))
    async with canned.backend:
        found = await canned.backend.list(status="destroyed")

    assert [("GET", "/v2/interact?status=destroyed", None)] == canned.asked
    assert [("s1", False)] == [(info.id, info.alive) for info in found]


async def test_replay_is_read_without_entering_the_backend(canned):
    """One call opens a connection of its own."""
    page = {"pageId": "0", "url": "/x", "pageUrl": "", "startTimeMs": 0, "endTimeMs": 5000}
    canned.answers += [(200, {"success": True, "pages": [page], "pageCount": 1}), (200, "#EXTM3U\n")]
    (found,) = await canned.backend.replay("s1")
    playlist = await canned.backend.replay_playlist("s1", found.id)

    assert ("0", None, 5.0) == (found.id, found.page_url, found.end.total_seconds())
    assert "#EXTM3U\n" == playlist
    assert ["/v2/interact/s1/replay", "/v2/interact/s1/replay/0"] == [path for _, path, _ in canned.asked]


async def test_missing_replay_is_not_found(canned):
    """Not recorded and not ready yet are the same to the provider."""
    canned.answers.append((404, {"success": False, "error": "Replay not found."}))
    with pytest.raises(SessionNotFoundError, match="Replay not found"):
        await canned.backend.replay("s1")


async def test_profile_is_deleted_by_its_escaped_name(canned):
    """A name is one segment of the path, whatever it holds."""
    canned.answers.append((200, {"success": True}))
    await canned.backend.delete_profile("a/b c")

    assert [("DELETE", "/v2/browser/profiles/a%2Fb%20c", None)] == canned.asked


async def test_busy_profile_is_not_deleted(canned):
    """Who saves to it has to end first."""
    canned.answers.append(
        (409, {"success": False, "error": "A session is currently saving to this profile."})
    )
    with pytest.raises(ProfileBusyError):
        await canned.backend.delete_profile("p")


# --- scrapes ----------------------------------------------------------------------------------


async def test_scrape_says_everything_that_was_asked(canned):
    """Seconds become milliseconds, and nothing else changes."""
    canned.answers.append((200, {"success": True, "data": {"markdown": "# x"}, "scrape_id": JOB}))
    scrape = await canned.backend.scrape(
        "https://example.com",
        formats=["markdown"],
        wait_for=1.5,
        actions=[{"type": "click", "selector": "#go"}],
        profile="p",
        country="de",
        block_ads=False,
        timeout=20,
        zero_data_retention=True,
        extra={"onlyMainContent": True},
    )
    ((method, path, body),) = canned.asked

    assert (JOB, {"markdown": "# x"}) == (scrape.job_id, scrape.data)
    assert ("POST", "/v2/scrape") == (method, path)
    assert body == {
        "url": "https://example.com",
        "formats": ["markdown"],
        "waitFor": 1500,
        "actions": [{"type": "click", "selector": "#go"}],
        "profile": {"name": "p", "saveChanges": True},
        "location": {"country": "DE"},
        "blockAds": False,
        "timeout": 20000,
        "zeroDataRetention": True,
        "onlyMainContent": True,
    }


async def test_refused_scrape_is_sent_once(canned):
    """It is billed, so it is not repeated."""
    canned.answers.append((402, {"error": "Payment required."}))
    with pytest.raises(PaymentRequiredError):
        await canned.backend.scrape("https://example.com")

    assert 1 == len(canned.asked)


async def test_scrape_that_failed_with_a_200_is_told_in_the_provider_s_words(canned):
    """A name that leads nowhere is answered so."""
    answer = {"success": False, "code": "SCRAPE_DNS_RESOLUTION_ERROR", "error": "No such host."}
    canned.answers.append((200, answer))
    with pytest.raises(BackendError, match="No such host") as caught:
        await canned.backend.scrape("https://example.invalid")

    assert "SCRAPE_DNS_RESOLUTION_ERROR" == caught.value.code


@pytest.mark.parametrize(
    "document", [{"success": True, "data": {}}, {"success": True, "data": {"metadata": {"scrapeId": "../x"}}}]
)
async def test_scrape_without_a_job_is_a_protocol_error(canned, document):
    """An id that is none would go into addresses."""
    canned.answers.append((200, document))
    with pytest.raises(ProtocolError, match="job"):
        await canned.backend.scrape("https://example.com")


@pytest.mark.parametrize(
    ("url", "options", "told"),
    [
        ("", {}, "url"),
        (None, {}, "url"),
        ("https://x", {"wait_for": 61}, "wait_for must be at most 60 seconds, not 61"),
        ("https://x", {"country": "germany"}, "country .* 'germany'"),
        ("https://x", {"country": 49}, "country .* 49"),
        ("https://x", {"formats": "markdown"}, "formats"),
        ("https://x", {"formats": 1}, "formats"),
        ("https://x", {"actions": "click"}, "actions"),
        ("https://x", {"actions": [1]}, "actions"),
        ("https://x", {"actions": 1}, "actions"),
        ("https://x", {"profile": ""}, "profile"),
        ("https://x", {"profile": 3}, "profile .* 3"),
        ("https://x", {"profile": Profile("p", "yes")}, "save_changes .* 'yes'"),
        ("https://x", {"block_ads": "yes"}, "block_ads .* 'yes'"),
        ("https://x", {"zero_data_retention": 1}, "zero_data_retention .* 1"),
        ("https://x", {"timeout": "1"}, "timeout .* '1'"),
        ("https://x", {"extra": 5}, "extra"),
        ("https://x", {"extra": {"url": "https://y"}}, "extra must not set url"),
    ],
    ids=str,
)
async def test_bad_scrapes_are_not_sent(canned, url, options, told):
    """Values and bounds are checked before anything is sent, in the units they were given in."""
    with pytest.raises(InvalidOptionError, match=told):
        await canned.backend.scrape(url, **options)

    assert [] == canned.asked
