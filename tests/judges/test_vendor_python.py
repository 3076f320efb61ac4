"""The vendors' own Python SDKs, as clients of our server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from firecrawl_interact.server.settings import Generation

if TYPE_CHECKING:
    from firecrawl_interact.server.fake import FakeBrowsers
    from tests.judges.conftest import Vendor

KEY = "fc-TEST"

every_generation = pytest.mark.parametrize("generation", list(Generation))


@every_generation
async def test_firecrawls_blocking_client_creates_lists_and_deletes(
    base: str, browsers: FakeBrowsers, vendor: Vendor
):
    """
    Its models take every answer, in all three generations of the server.
    """
    firecrawl = vendor("firecrawl")

    def drive() -> tuple[Any, ...]:
        client = firecrawl.Firecrawl(api_key=KEY, api_url=base)
        made = client.browser(ttl=60, activity_ttl=30, stream_web_view=True, profile={"name": "p"})
        listed = client.list_browsers(status="active")
        ended = client.delete_browser(made.id)
        again = client.delete_browser(made.id)
        return made, listed, ended, again

    async with asyncio.timeout(30):
        made, listed, ended, again = await asyncio.to_thread(drive)

    assert made.cdp_url.startswith("ws://127.0.0.1:")
    assert [(made.id, "active")] == [(row.id, row.status) for row in listed.sessions]
    assert (True, True) == (ended.success, again.success)
    assert () == browsers.list(alive=True)


@every_generation
async def test_firecrawls_async_client_creates_lists_and_deletes(
    base: str, browsers: FakeBrowsers, vendor: Vendor
):
    """
    So do the async client's.
    """
    firecrawl = vendor("firecrawl")
    client = firecrawl.AsyncFirecrawl(api_key=KEY, api_url=base)

    async with asyncio.timeout(30):
        made = await client.browser(ttl=60)
        listed = await client.list_browsers()
        ended = await client.delete_browser(made.id)

    assert [made.id] == [row.id for row in listed.sessions]
    assert ended.success
    assert () == browsers.list(alive=True)


async def test_firecrawls_client_raises_what_it_raises_for_the_provider(base: str, vendor: Vendor):
    """
    Bounds, limit and key: every refusal is one that it knows.
    """
    firecrawl = vendor("firecrawl")
    errors = vendor("firecrawl.v2.utils.error_handler")

    def drive() -> list[type[Exception]]:
        client = firecrawl.Firecrawl(api_key=KEY, api_url=base)
        stranger = firecrawl.Firecrawl(api_key="fc-wrong", api_url=base)
        raised = []
        for call in (
            lambda: client.browser(ttl=1),
            stranger.list_browsers,
            lambda: [client.browser() for _ in range(3)],
            lambda: client.delete_browser("unknown"),
        ):
            with pytest.raises(errors.FirecrawlError) as caught:
                call()
            raised.append(caught.type)
        return raised

    async with asyncio.timeout(30):
        raised = await asyncio.to_thread(drive)

    expected = [
        errors.BadRequestError,
        errors.UnauthorizedError,
        errors.RateLimitError,
        errors.FirecrawlError,
    ]
    assert expected == raised


async def test_anchors_async_client_starts_reads_and_ends(base: str, browsers: FakeBrowsers, vendor: Vendor):
    """
    With and without a body, by id, by list and by tag.
    """
    anchorbrowser = vendor("anchorbrowser")
    async with asyncio.timeout(30), anchorbrowser.AsyncAnchorbrowser(api_key=KEY, base_url=base) as client:
        made = await client.sessions.create_session(
            session={"tags": ["mine"], "timeout": {"max_duration": 5}}
        )
        bare = await client.sessions.create_session()
        got = await client.sessions.get_session(made.data.id)
        listed = await client.sessions.list_sessions()
        statuses = await client.sessions.get_all_sessions_status(tags=["mine"])
        ended = await client.sessions.delete_session(made.data.id)
        with pytest.raises(anchorbrowser.AuthenticationError):
            await client.sessions.delete_session(made.data.id)

    assert "running" == got.data.status
    assert [made.data.id, bare.data.id] == [row.id for row in listed.data.sessions]
    assert [made.data.id] == [row.session_id for row in statuses.data.items]
    assert "success" == ended.data.status
    assert [bare.data.id] == [browser.id for browser in browsers.list(alive=True)]


async def test_anchors_blocking_client_ends_all(base: str, browsers: FakeBrowsers, vendor: Vendor):
    """
    The end of all ends all; an empty id is refused and ends nothing.
    """
    anchorbrowser = vendor("anchorbrowser")

    def drive() -> int:
        with anchorbrowser.Anchorbrowser(api_key=KEY, base_url=base) as client:
            for _ in range(2):
                client.sessions.create_session()
            with pytest.raises((ValueError, anchorbrowser.AnchorbrowserError)):
                client.sessions.delete_session("")
            before = len(browsers.list(alive=True))
            client.sessions.delete_all_sessions()
            return before

    async with asyncio.timeout(30):
        before = await asyncio.to_thread(drive)

    assert 2 == before
    assert () == browsers.list(alive=True)
