"""Who is measured: each opens and ends one session per cycle, in its library's ordinary way."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable

Cycle = Callable[[], Awaitable[None]]
Contestant = Callable[[str], contextlib.AbstractAsyncContextManager[Cycle]]

KEY = "fc-00000000000000000000000000000000"
TTL = 120  # Seconds.


def aiohttp_kept(url: str) -> contextlib.AbstractAsyncContextManager[Cycle]:
    """Bare aiohttp, both requests on kept connections."""
    return _bare_aiohttp(url, fresh_posts=False)


def aiohttp_fresh(url: str) -> contextlib.AbstractAsyncContextManager[Cycle]:
    """Bare aiohttp, each POST on a connection of its own: the SDK's policy."""
    return _bare_aiohttp(url, fresh_posts=True)


@contextlib.asynccontextmanager
async def _bare_aiohttp(url: str, *, fresh_posts: bool) -> AsyncIterator[Cycle]:
    import aiohttp

    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    body = json.dumps({"ttl": TTL, "activityTtl": TTL}).encode()
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as kept,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as fresh,
    ):
        poster = fresh if fresh_posts else kept

        async def cycle() -> None:
            async with poster.post(f"{url}/v2/interact", data=body, headers=headers) as answer:
                session_id = (await answer.json())["id"]
            async with kept.delete(f"{url}/v2/interact/{session_id}", headers=headers) as answer:
                await answer.json()

        yield cycle


@contextlib.asynccontextmanager
async def firecrawl_py(url: str) -> AsyncIterator[Cycle]:
    """Firecrawl's own asynchronous SDK."""
    from firecrawl import AsyncFirecrawl

    client = AsyncFirecrawl(api_key=KEY, api_url=url)

    async def cycle() -> None:
        created = await client.browser(ttl=TTL, activity_ttl=TTL)
        await client.delete_browser(created.id)

    yield cycle  # The client has no public close.


@contextlib.asynccontextmanager
async def anchorbrowser(url: str) -> AsyncIterator[Cycle]:
    """Anchor's own asynchronous SDK."""
    from anchorbrowser import AsyncAnchorbrowser

    async with AsyncAnchorbrowser(api_key=KEY, base_url=url) as client:

        async def cycle() -> None:
            created = await client.sessions.create_session(session={"timeout": {"max_duration": 2}})
            assert created.data is not None
            assert created.data.id is not None
            await client.sessions.delete_session(created.data.id)

        yield cycle


def interact_bare(url: str) -> contextlib.AbstractAsyncContextManager[Cycle]:
    """This SDK, layers 1 and 2: owned tasks and the hub."""
    return _interact(url, layers=False)


def interact_full(url: str) -> contextlib.AbstractAsyncContextManager[Cycle]:
    """This SDK, every layer: guardian process and durable ledger too."""
    return _interact(url, layers=True)


@contextlib.asynccontextmanager
async def _interact(url: str, *, layers: bool) -> AsyncIterator[Cycle]:
    from firecrawl_interact import FirecrawlBackend, Session

    backend = FirecrawlBackend(api_key=KEY, base_url=url)

    async def cycle() -> None:
        async with Session.create(ttl=TTL, backend=backend, guardian=layers, ledger=layers):
            pass

    yield cycle


IMPORTS = {
    "aiohttp": "import aiohttp",
    "firecrawl-py": "import firecrawl; firecrawl.AsyncFirecrawl",
    "anchorbrowser": "import anchorbrowser; anchorbrowser.AsyncAnchorbrowser",
    "firecrawl_interact": "import firecrawl_interact; firecrawl_interact.Session",
    # What the first session of a hosted provider would import besides.
    "firecrawl_interact, with a backend": "from firecrawl_interact import FirecrawlBackend, Session",
}

CONTESTANTS: dict[str, Contestant] = {
    "aiohttp, kept connections": aiohttp_kept,
    "aiohttp, each POST on a fresh one": aiohttp_fresh,
    "firecrawl-py": firecrawl_py,
    "anchorbrowser": anchorbrowser,
    "firecrawl_interact, layers 1-2": interact_bare,
    "firecrawl_interact, all layers": interact_full,
}
