"""What Firecrawl offers and this server does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.server.conftest import Serve

JOB = "019a1f01-1111-7222-8333-444455550000"
SELF_HOSTED = (
    "Scrape interact requires stored scrape context"
    " and is not available when database authentication is disabled."
)


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("POST", "/v2/interact/{id}/execute", 501, "This server does not run code."),
        ("POST", "/v2/browser/no/execute", 404, "Browser session not found."),
        ("GET", "/v2/interact/{id}/replay", 404, "Replay not found."),
        ("GET", "/v2/interact/{id}/replay/0", 404, "Replay not found."),
        ("DELETE", f"/v2/scrape/{JOB}/interact", 404, "Browser session not found."),
        ("DELETE", "/v2/scrape/no/interact", 400, "Invalid job ID format. Job ID must be a valid UUID."),
        (
            "POST",
            f"/v2/scrape/{JOB}/interact",
            501,
            SELF_HOSTED,
        ),
    ],
)
async def test_it_is_refused_in_the_providers_words(
    serve: Serve, method: str, path: str, status: int, error: str
):
    """
    A client learns that it is the server, not the session, that lacks something.
    """
    server = await serve()
    made = await server.ask("POST", "/v2/interact", {})
    answer = await server.ask(method, path.replace("{id}", made.body["id"]), {} if method == "POST" else None)

    assert (status, {"success": False, "error": error}) == (answer.status, answer.body)


async def test_code_in_an_ended_session_is_410(serve: Serve):
    """
    An ended session is that first of all.
    """
    server = await serve()
    made = await server.ask("POST", "/v2/interact", {})
    path = f"/v2/interact/{made.body['id']}"
    await server.ask("DELETE", path)
    answer = await server.ask("POST", f"{path}/execute", {"code": "1"})

    assert 410 == answer.status
