"""The examples for web services, with clients that hang up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from firecrawl_interact import MemoryBackend, Session, register_backend

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "web-service.md"


def fences() -> list[str]:
    """
    The page's Python, fence by fence, without what it skips.
    """
    found: list[str] = []
    parsers = [CodeBlockParser("python", lambda example: found.append(example.parsed)), SkipParser()]
    for example in Sybil(parsers=parsers).parse(PAGE).examples():
        example.evaluate()
    return found


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryBackend]:
    """
    The provider that an example without a backend opens its session at.
    """
    monkeypatch.setenv("FIRECRAWL_INTERACT_BACKEND", "memory")
    provider = MemoryBackend()
    register_backend("memory", lambda: provider)
    yield provider
    register_backend("memory", "firecrawl_interact.backends.memory:MemoryBackend")


async def test_a_client_that_hangs_up_ends_the_session_under_aiohttp(monkeypatch, backend):
    """
    The page's program, run with the page's own arguments, ends a session that nobody waits for.
    """
    started: dict[str, Any] = {}
    monkeypatch.setattr(web, "run_app", lambda app, **options: started.update(app=app, options=options))
    program: dict[str, Any] = {"__name__": "__main__"}
    exec(fences()[0], program)
    driving = asyncio.Event()

    async def visit(session: Session) -> str:
        driving.set()
        await asyncio.Event().wait()
        return session.id

    program["visit"] = visit
    runner = web.AppRunner(started["app"], shutdown_timeout=0.1, **started["options"])
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with asyncio.timeout(30), aiohttp.ClientSession() as client:
        asking = asyncio.ensure_future(client.post(f"http://127.0.0.1:{runner.addresses[0][1]}/browse"))
        await driving.wait()
        asking.cancel()  # Closes its connection.
        await backend.delete_received.wait()
        await runner.cleanup()

    assert (["s1"], set()) == (backend.created, backend.alive)


async def race(backend: MemoryBackend, gone: asyncio.Event, work: asyncio.Event) -> str | None:
    """
    Run the page's recipe around a session that is used until *work* is set.
    """
    recipe: dict[str, Any] = {}
    exec(fences()[1], recipe)

    async def is_disconnected() -> bool:
        await gone.wait()
        return True

    async def open_and_visit() -> str:
        async with Session.create(ttl=120, backend=backend):
            await work.wait()
        return "a title"

    answer: str | None = await recipe["unless_gone"](is_disconnected, open_and_visit())
    return answer


async def test_recipe_ends_the_session_of_a_client_that_has_gone(backend):
    """
    The work is cancelled, its session ended, and the endpoint hears that nobody waits.
    """
    gone = asyncio.Event()
    async with asyncio.timeout(30):
        racing = asyncio.create_task(race(backend, gone, asyncio.Event()))
        await backend.create_received.wait()
        gone.set()

        assert await racing is None
    assert (["s1"], set()) == (backend.created, backend.alive)


async def test_recipe_returns_what_the_work_returns(backend):
    """
    A client that waits gets its answer.
    """
    work = asyncio.Event()
    work.set()
    async with asyncio.timeout(30):
        answer = await race(backend, asyncio.Event(), work)

    assert "a title" == answer


async def test_recipe_passes_on_the_cancellation_of_a_server_that_stops(backend):
    """
    The session is ended first, and the cancellation is not taken for the client's.
    """
    async with asyncio.timeout(30):
        racing = asyncio.create_task(race(backend, asyncio.Event(), asyncio.Event()))
        await backend.create_received.wait()
        racing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await racing

    assert (["s1"], set()) == (backend.created, backend.alive)
