"""Anchor's own Python SDK on the routes beyond start and end, over fakes and over a real browser."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from firecrawl_interact.server.fake import FakeBrowsers
    from tests.judges.conftest import Vendor

KEY = "fc-TEST"
PAGE = """data:text/html,<title>Here</title><style>*{margin:0}</style><body style="height:4000px">
<input id=a style="position:absolute;left:0;top:0;width:200px;height:40px" onfocus="document.title='in'">"""


def strict(base: str) -> dict[str, Any]:
    """Options with which answers that do not fit the SDK's models are errors; else it takes them."""
    return {"api_key": KEY, "base_url": base, "_strict_response_validation": True}


async def until_ready(client: Any, request_id: str) -> Any:
    while True:
        status = (await client.sessions.get_async_session_status(request_id)).data
        if status.status in ("ready", "failed"):
            return status


async def until_done(client: Any, batch_id: str) -> Any:
    while True:
        batch = (await client.batch_sessions.get_batch_session(batch_id)).data
        if batch.status in ("completed", "failed"):
            return batch


async def test_anchors_client_starts_asynchronously_and_in_batches(
    base: str, browsers: FakeBrowsers, vendor: Vendor
):
    """
    It waits for what it asked for, with its own models, and ends it.
    """
    anchorbrowser = vendor("anchorbrowser")
    async with asyncio.timeout(30), anchorbrowser.AsyncAnchorbrowser(**strict(base)) as client:
        asked = await client.sessions.create_session_async(session={"tags": ["mine"]})
        ready = await until_ready(client, asked.data.request_id)
        await client.sessions.delete_session(ready.session.session_id)
        made = await client.batch_sessions.create_batch_session(count=2)
        batch = await until_done(client, made.data.batch_id)
        with pytest.raises(anchorbrowser.ConflictError):
            await client.batch_sessions.update_batch_session(made.data.batch_id, status="cancelled")
        with pytest.raises(anchorbrowser.BadRequestError):
            await client.batch_sessions.retry_batch_session(made.data.batch_id)
        listed = await client.batch_sessions.list_batch_sessions()
        deleted = await client.batch_sessions.delete_batch_session(made.data.batch_id)

    assert "ready" == ready.status
    assert ready.session.cdp_url.startswith("ws://127.0.0.1:")
    assert (2, 2) == (batch.completed_requests, len(batch.sessions))
    assert [str(made.data.batch_id)] == [str(row.batch_id) for row in listed.data.batches]
    assert (2, 0) == (deleted.data.deleted_sessions, deleted.data.failed_deletions)
    assert () == browsers.list(alive=True)


async def test_anchors_client_keeps_profiles_and_reads_its_account(base: str, vendor: Vendor):
    """
    Profiles from a session, usage and billing fit its models.
    """
    anchorbrowser = vendor("anchorbrowser")
    async with asyncio.timeout(30), anchorbrowser.AsyncAnchorbrowser(**strict(base)) as client:
        made = await client.sessions.create_session()
        session_id = made.data.id
        await client.profiles.create_profile(name="shop", source="session", session_id=session_id)
        with pytest.raises(anchorbrowser.ConflictError):
            await client.profiles.create_profile(name="shop")
        await client.sessions.delete_session(session_id)
        listed = await client.profiles.list_profiles()
        one = await client.profiles.get_profile("shop")
        await client.profiles.delete_profile("shop")
        with pytest.raises(anchorbrowser.NotFoundError):
            await client.profiles.get_profile("shop")
        history = await client.sessions.get_sessions_history(metrics=["session_count"])
        billing = await client.billing.get_billing()
        recordings = await client.recordings.list_recordings(session_id)

    assert ["shop"] == [profile.name for profile in listed.data.items]
    assert ("ready", str(session_id)) == (one.data.status, str(one.data.session_id))
    assert 1 == history.summary.total_sessions
    assert 2 == billing.data.max_concurrent_browsers
    assert 0 == recordings.data.count


async def test_anchors_client_controls_a_real_browser(real_base: str, vendor: Vendor):
    """
    Pages, picture, mouse, keys, wheel and clipboard, each by its own method.
    """
    anchorbrowser = vendor("anchorbrowser")
    async with (
        asyncio.timeout(60),
        anchorbrowser.AsyncAnchorbrowser(**strict(real_base)) as client,
    ):
        session_id = (await client.sessions.create_session()).data.id
        sessions = client.sessions
        await sessions.goto(session_id, url=PAGE)
        await sessions.mouse_move(session_id, x=300, y=200)
        await sessions.mouse_click(session_id, selector="#a", timeout_=1000)
        pages = await sessions.get_session_pages(session_id)
        await sessions.keyboard_type(session_id, text="Typed", delay=1)
        await sessions.keyboard_shortcut(session_id, keys=["Control", "a"])
        copied = await sessions.copy(session_id)
        await sessions.set_clipboard(session_id, text="kept")
        kept = await sessions.get_clipboard(session_id)
        await sessions.paste(session_id, text="pasted")
        await sessions.mouse_double_click(session_id, x=10, y=20)
        pasted = await sessions.copy(session_id)
        await sessions.mouse_down(session_id, x=10, y=20)
        await sessions.mouse_up(session_id, x=20, y=20)
        await sessions.drag_and_drop(session_id, start_x=300, start_y=200, end_x=310, end_y=210)
        await sessions.scroll(session_id, x=300, y=200, delta_y=100, steps=2)
        picture = await sessions.get_session_screenshot(session_id)
        with pytest.raises(anchorbrowser.BadRequestError):
            await sessions.mouse_click(session_id, selector="#none", timeout_=1)
        with pytest.raises(anchorbrowser.NotFoundError):
            await sessions.get_session_screenshot("unknown")
        await sessions.delete_all_sessions()

    assert ["in"] == [page.title for page in pages.data.items]
    assert ("Typed", "kept", "pasted") == (copied.text, kept.data.text, pasted.text)
    assert b"\x89PNG" == (await picture.read())[:4]
