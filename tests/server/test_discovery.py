"""What programs ask over HTTP before they connect to a real browser."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.server.conftest import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = "data:text/html,<title>One page</title>"


async def asked(stage: Stage, path: str) -> tuple[int, Any]:
    """Ask below a session's CDP link, with its token."""
    link, _, query = stage.made["cdpUrl"].replace("ws://", "http://").partition("?")
    async with asyncio.timeout(30), stage.http.get(f"{link}{path}?{query}") as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("slash", ["", "/"])
async def test_version_leads_to_the_browser(stage: Stage, slash: str):
    """
    Its address is the session's CDP link, at which the browser answers.
    """
    status, about = await asked(stage, "/json/version" + slash)
    async with asyncio.timeout(30), stage.http.ws_connect(about["webSocketDebuggerUrl"]) as socket:
        await socket.send_json({"id": 1, "method": "Browser.getVersion"})
        told = await socket.receive_json()

    assert (200, stage.made["cdpUrl"]) == (status, about["webSocketDebuggerUrl"])
    assert "product" in told["result"]


@pytest.mark.parametrize("slash", ["", "/"])
async def test_list_has_the_pages_to_attach_to(stage: Stage, slash: str):
    """
    Newest first, each with the id that CDP has for it, and without an address of its own.
    """
    await stage.goto(PAGE)
    await stage.title_becomes("One page")
    async with asyncio.timeout(30), stage.http.ws_connect(stage.made["cdpUrl"]) as socket:
        await socket.send_json({"id": 1, "method": "Target.createTarget", "params": {"url": "about:blank"}})
        made = (await socket.receive_json())["result"]["targetId"]
        status, (newest, first) = await asked(stage, "/json/list" + slash)
        await socket.send_json(
            {"id": 2, "method": "Target.attachToTarget", "params": {"targetId": first["id"], "flatten": True}}
        )
        events = [await socket.receive_json(), await socket.receive_json()]

    assert (200, made) == (status, newest["id"])
    assert {"id": first["id"], "type": "page", "title": "One page", "url": PAGE} == first
    assert [2] == [event["id"] for event in events if "result" in event]
