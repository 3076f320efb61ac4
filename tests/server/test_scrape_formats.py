"""What a scrape may ask for, on servers without pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.server.conftest import Serve


@pytest.mark.parametrize(
    ("formats", "named"),
    [
        (["html", "json"], "json"),
        ([{"type": "summary"}], "summary"),
        ([{"type": "screenshot", "quality": 50}], "fullPage"),
    ],
    ids=["json", "summary", "quality"],
)
async def test_what_is_not_made_here_is_refused_before_anything_starts(
    serve: Serve, formats: list[Any], named: str
):
    """
    It would else be missing without a word.
    """
    server = await serve()
    answer = await server.ask("POST", "/v2/scrape", {"url": "https://example.com", "formats": formats})

    assert 501 == answer.status
    assert named in answer.body["error"]


@pytest.mark.parametrize("formats", [[5], [{"fullPage": True}], [None]], ids=str)
async def test_formats_that_are_none_are_a_bad_request(serve: Serve, formats: list[Any]):
    """
    The complaint says which.
    """
    server = await serve()
    answer = await server.ask("POST", "/v2/scrape", {"url": "https://example.com", "formats": formats})

    assert (400, ["formats", 0]) == (answer.status, answer.body["details"][0]["path"])


@pytest.mark.parametrize("formats", [{}, {"formats": []}, {"formats": ["markdown"]}], ids=str)
async def test_markdown_is_missed_with_a_warning(serve: Serve, formats: dict[str, Any]):
    """
    It is the default: who wants no more than a job's id asks for it, knowingly or not.
    """
    server = await serve()
    answer = await server.ask("POST", "/v2/scrape", {"url": "https://example.com", **formats})

    assert 200 == answer.status
    assert answer.body["data"]["warning"].startswith("This server makes no markdown of pages.")


async def test_scrape_takes_a_slot_for_as_long_as_it_reads(serve: Serve):
    """
    Firecrawl counts scrapes and sessions in one pool.
    """
    server = await serve(limit=1)
    free = await server.ask("POST", "/v2/scrape", {"url": "https://example.com"})
    made = await server.ask("POST", "/v2/interact")
    full = await server.ask("POST", "/v2/scrape", {"url": "https://example.com"})

    assert [200, 200, 429] == [free.status, made.status, full.status]
    assert full.body["error"].startswith("You have reached the maximum number of concurrent jobs (1).")
