"""The vendors' own JavaScript SDKs, as clients of our server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from firecrawl_interact.server.settings import Generation

if TYPE_CHECKING:
    from firecrawl_interact.server.fake import FakeBrowsers
    from tests.judges.conftest import Judge

FIRECRAWL = "@mendable/firecrawl-js"
ANCHOR = "anchorbrowser"


@pytest.mark.parametrize("generation", list(Generation))
async def test_firecrawls_client_creates_lists_and_deletes(judge: Judge, base: str, browsers: FakeBrowsers):
    """
    It reads every answer, in all three generations of the server.
    """
    seen = await judge("firecrawl.mjs", FIRECRAWL, base=base)

    made = seen["made"]
    assert made["cdpUrl"].startswith("ws://127.0.0.1:")
    assert [(made["id"], "active")] == [(row["id"], row["status"]) for row in seen["listed"]["sessions"]]
    assert (True, True) == (seen["ended"]["success"], seen["again"]["success"])
    assert [] == seen["left"]["sessions"]
    assert [made["id"]] == [browser.id for browser in browsers.list()]
    assert () == browsers.list(alive=True)


async def test_firecrawls_client_raises_what_it_raises_for_the_provider(judge: Judge, base: str):
    """
    Bounds, key, id and limit: every refusal comes with its status, its text and its code.
    """
    seen = await judge("firecrawl_refusals.mjs", FIRECRAWL, base=base)

    assert {
        "bound": {"status": 400, "message": "Bad Request", "code": "BAD_REQUEST"},
        "wrongKey": {
            "status": 401,
            "message": "Unauthorized: Invalid token",
            "code": "ERR_BAD_REQUEST",  # axios's own: the answer has none.
        },
        "unknown": {"status": 404, "message": "Browser session not found.", "code": "ERR_BAD_REQUEST"},
        "full": {
            "status": 429,
            "message": "You have reached the maximum number of concurrent jobs (2).",
            "code": "ERR_BAD_REQUEST",
        },
    } == seen


async def test_anchors_client_starts_reads_and_ends(judge: Judge, base: str, browsers: FakeBrowsers):
    """
    With and without a body, by id and by list; a second end is refused, the end of all ends all.
    """
    seen = await judge("anchor.mjs", ANCHOR, base=base)

    made, bare = seen["made"]["data"]["id"], seen["bare"]["data"]["id"]
    assert (made, "running") == (seen["got"]["data"]["session_id"], seen["got"]["data"]["status"])
    assert "success" == seen["ended"]["data"]["status"]
    assert "AuthenticationError" == seen["second"]
    assert "success" == seen["all"]["data"]["status"]
    assert (sorted([made, bare]), [bare], []) == (seen["both"], seen["one"], seen["none"])
    assert () == browsers.list(alive=True)


async def test_anchors_client_controls_a_real_browser_and_keeps_its_profile(judge: Judge, real_base: str):
    """
    Mouse, keys, wheel, clipboard, picture and profiles are what it expects, and so are refusals.
    """
    body = "<body style='height:4000px'><input style='width:200px;height:40px'>"
    page = f"data:text/html,<style>*{{margin:0}}</style>{body}"
    seen = await judge("anchor_controls.mjs", ANCHOR, base=real_base, page=page)

    assert {
        "texts": ["Typed", "kept", "pasted"],
        "scrolled": "success",
        "png": "PNG",
        "nowhere": 400,
        "taken": 409,
        "listed": ["shop"],
        "kept": "ready",
        "gone": 404,
    } == seen
