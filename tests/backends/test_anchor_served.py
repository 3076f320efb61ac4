"""The backend and our own server understand each other in Anchor's words, end to end."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp.test_utils import TestServer

from firecrawl_interact import AnchorBackend, AnchorOptions, Session
from firecrawl_interact.backends.anchor_account import AnchorFilters
from firecrawl_interact.errors import (
    BackendError,
    ProfileBusyError,
    SessionClosedError,
    SessionNotFoundError,
)
from firecrawl_interact.models import SessionOptions
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.fake import FakeLauncher
from firecrawl_interact.server.settings import ServerSettings

NO_ID = "c2e6a7f0-1d2b-4e3c-9f80-7a6b5c4d3e2f"


@pytest.fixture
def browsers():
    """A table of browsers that are none."""
    return Browsers(FakeLauncher())


@pytest.fixture
async def serve(browsers, tmp_path):
    """A maker of servers over that table."""
    started = []

    async def make(**settings):
        app = build_app(browsers=browsers, settings=ServerSettings(profile_dir=tmp_path / "p", **settings))
        started.append(TestServer(app))
        await started[-1].start_server()
        return str(started[-1].make_url("")).rstrip("/")

    yield make
    for each in started:
        await each.close()


def opening(backend, **options):
    return Session.create(backend=backend, guardian=False, ledger=False, **options)


async def test_a_receipt_tells_what_the_server_says(serve, browsers):
    """The end says nothing, the look after it says all."""
    backend = AnchorBackend("k", await serve())
    async with asyncio.timeout(30), opening(backend) as session:
        pass

    assert session.receipt.confirmed
    assert session.receipt.duration is not None
    assert session.receipt.credits_billed is not None


async def test_where_nobody_wants_numbers_the_receipt_confirms_alone(serve):
    """No further request is sent."""
    backend = AnchorBackend("k", await serve(), receipts=False)
    async with asyncio.timeout(30), opening(backend) as session:
        pass

    assert (True, None, None) == (
        session.receipt.confirmed,
        session.receipt.duration,
        session.receipt.credits_billed,
    )


async def test_id_that_opens_the_browser_is_in_no_text(serve):
    """At Anchor an id is as good as a link, so neither a repr nor an error shows more than a part of it."""
    async with asyncio.timeout(30), opening(AnchorBackend("k", await serve())) as session:
        shown = [repr(session)]
    with pytest.raises(SessionClosedError) as caught:
        await session.execute("1")
    shown.append(str(caught.value))

    assert all(session.id[:8] in text and session.id not in text for text in shown)


async def test_scoped_access_gives_links_with_tokens(serve):
    """One to watch beside one to control, each with a token."""
    backend = AnchorBackend("k", await serve())
    async with asyncio.timeout(30), opening(backend, options=AnchorOptions(scoped_access=True)) as session:
        links = [session.live_view_url, session.interactive_live_view_url, session.cdp_url]
        taken_up = await backend_get(backend, session.id)

    assert 3 == len(set(links))
    assert all("token" in parse_qs(urlsplit(link).query) for link in links)
    assert taken_up.cdp_url is None


async def test_minted_links_differ_and_can_be_revoked(serve):
    """Each call mints new ones."""
    backend = AnchorBackend("k", await serve())
    async with asyncio.timeout(30), opening(backend) as session:
        browser = backend.browser(session.id)
        first, second = [await browser.mint_links("live_view", "cdp") for _ in range(2)]
        await browser.revoke(first.cdp_url)
        with pytest.raises(BackendError):
            await browser.revoke(first.cdp_url)

    assert first.live_view_url != second.live_view_url
    assert first.interactive_live_view_url is None
    assert parse_qs(urlsplit(second.cdp_url).query).keys() == {"token"}


async def test_tags_are_read_replaced_and_cleared(serve):
    """And find the session among all that run."""
    backend = AnchorBackend("k", await serve())
    async with asyncio.timeout(30), opening(backend, tags=("mine",)) as session:
        tags = backend.browser(session.id).tags
        before = await tags.get()
        await tags.set(["a", "b"])
        found = await backend.running(AnchorFilters(tags=("b",)))
        after = await tags.get()
        await tags.clear()
        cleared = await tags.get()

    assert "mine" in before
    assert (("a", "b"), ()) == (after, cleared)
    assert [session.id] == [info.id for info in found]


async def test_the_history_has_what_ran(serve):
    """With duration and credits, newest first."""
    backend = AnchorBackend("k", await serve())
    ids = []
    for _ in range(2):
        async with asyncio.timeout(30), opening(backend) as session:
            ids.append(session.id)
    async with asyncio.timeout(30):
        past = [each async for each in backend.history(page_size=10)]

    assert sorted(ids) == sorted(each.info.id for each in past)
    assert all(not each.info.alive and each.duration is not None for each in past)


async def test_profiles_are_made_listed_and_deleted(serve):
    """From a running session, whose end saves them."""
    backend = AnchorBackend("k", await serve())
    async with asyncio.timeout(30), opening(backend) as session:
        await backend.profiles.create("shop login", from_session=session.id)
        with pytest.raises(ProfileBusyError):
            await backend.profiles.create("shop login", from_session=session.id)
    async with asyncio.timeout(30):
        (listed,) = await backend.profiles.list()
        found = await backend.profiles.get("shop login")
        await backend.profiles.delete("shop login")
        with pytest.raises(SessionNotFoundError):
            await backend.profiles.get("shop login")

    assert "shop login" == listed.name == found.name


async def test_a_batch_is_made_looked_at_and_ended(serve, browsers):
    """Whoever makes one ends it."""
    backend = AnchorBackend("k", await serve())
    async with asyncio.timeout(30):
        made = await backend.batches.create(3, SessionOptions(tags=("batch",)))
        while len((batch := await backend.batches.get(made.id)).sessions) < 3:  # noqa: ASYNC110  # as users do
            await asyncio.sleep(0.01)
        listed = [each.id async for each in backend.batches.list()]
        running = len(browsers.list(alive=True))
        await backend.batches.delete(made.id)

    assert [made.id] == listed
    assert 3 == running == batch.total
    assert all(session.cdp_url is not None for session in batch.sessions)
    assert () == browsers.list(alive=True)


async def test_the_account_says_what_is_left_and_was_used(serve):
    """In numbers, a row to each day."""
    backend = AnchorBackend("k", await serve())
    async with asyncio.timeout(30), opening(backend):
        left = await backend.account.credits()
        rows = await backend.account.usage(metrics=("session_count",))

    assert left.credits > 0
    assert left.most_browsers is None
    assert [1] == [row["session_count"] for row in rows]


@pytest.mark.parametrize("second", [401, 404, 200])
async def test_a_second_delete_is_confirmed_however_it_is_answered(serve, second):
    """Nobody says what Anchor answers; 401 is the letter of its documentation."""
    backend = AnchorBackend("k", await serve(anchor_second_end=second))
    async with asyncio.timeout(30), backend:
        info = await backend.create(SessionOptions())
        receipts = [await backend.delete(info.id) for _ in range(2)]

    assert all(receipt.confirmed for receipt in receipts)


@pytest.mark.parametrize("second", [401, 404, 200])
async def test_a_session_that_somebody_else_ended_is_closed_in_peace(serve, second):
    """The close reads the list where the status alone does not tell."""
    backend = AnchorBackend("k", await serve(anchor_second_end=second))
    async with asyncio.timeout(30), opening(backend) as session, backend:
        await backend.delete(session.id)

    assert session.receipt.confirmed


async def test_an_unknown_session_is_told_apart(serve):
    """By controls and by looks."""
    backend = AnchorBackend("k", await serve())
    async with asyncio.timeout(30):
        with pytest.raises(SessionNotFoundError):
            await backend.browser(NO_ID).pages()
        with pytest.raises(SessionNotFoundError):
            await backend_get(backend, NO_ID)


async def backend_get(backend, session_id):
    async with backend:
        return await backend.get(session_id)
