"""
Adapters: how the lab opens a session with one client or another.

To run the lab on a wrapper of your own, write a module with one function and name it with
``--adapter module:function``:

```python
from contextlib import asynccontextmanager

import my_wrapper


@asynccontextmanager
async def open(url, key, dialect, **options):
    async with my_wrapper.Client(base_url=url, api_key=key) as client:
        async with client.session(ttl=120) as session:
            yield session
```

*dialect* is ``"firecrawl"`` or ``"anchor"``, *options* may be ignored: a scenario asks there for
short time limits where it would take long otherwise, and ``--option`` hands on what you like.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firecrawl_interact import FirecrawlBackend, Session

TTL = 120  # Seconds.

BUILT_IN = {
    name: f"{__name__}:{name}" for name in ("sdk", "naive", "firecrawl_py", "anchorbrowser")
}  # Short names for `--adapter`.

# Those of the vendors' own SDKs: the one dialect that each speaks, and the module that it needs.
VENDORS = {"firecrawl_py": ("firecrawl", "firecrawl"), "anchorbrowser": ("anchor", "anchorbrowser")}


def sdk(
    url: str, key: str, dialect: str, *, way: str = "create", **options: Any
) -> AbstractAsyncContextManager[Session]:
    """
    Open a session with this package, every layer on.

    Args:
        url: Origin of the provider.

        key: API key.

        dialect: Whose wire to speak.

        way: ``create``; ``async`` (a start that is asked after), ``hedge`` (the other dialect is
            asked, too), ``scrape`` (a scraped page) or ``attach`` (by *ref*).

        options: For the method of `Session`.
    """
    from firecrawl_interact import AnchorBackend, FirecrawlBackend, Session, SessionRef

    firecrawl = FirecrawlBackend(api_key=key, base_url=url)
    anchor = AnchorBackend(api_key=key, base_url=url, async_start=way == "async")
    asked = [firecrawl, anchor] if dialect == "firecrawl" else [anchor, firecrawl]
    match way:
        case "scrape":
            return _scraped(firecrawl, **options)
        case "attach":
            ref = SessionRef.from_json(options.pop("ref"))
            return Session.attach(ref, backend=asked[0], owned=True, **options)
        case "hedge":
            return Session.create(ttl=TTL, backend=asked, **options)
        case _:
            return Session.create(ttl=TTL, backend=asked[0], **options)


sdk.exact_errors = True  # type: ignore[attr-defined]  # Scenarios name our classes of errors.


@asynccontextmanager
async def _scraped(backend: FirecrawlBackend, **options: Any) -> AsyncGenerator[Session]:
    from firecrawl_interact import Session

    scrape = await backend.scrape("https://example.com")
    async with Session.from_scrape(scrape, backend=backend, **options) as session:
        yield session


@asynccontextmanager
async def naive(url: str, key: str, dialect: str, **_options: Any) -> AsyncGenerator[str]:
    """Open a session with bare aiohttp and try/finally, as most programs do."""
    import aiohttp

    body: dict[str, Any]
    if dialect == "anchor":
        path, headers, body = (
            "/v1/sessions",
            {"anchor-api-key": key},
            {"session": {"timeout": {"max_duration": 2}}},
        )
    else:
        path, headers, body = "/v2/interact", {"Authorization": f"Bearer {key}"}, {"ttl": TTL}
    async with aiohttp.ClientSession(url, headers=headers, raise_for_status=True) as client:
        async with client.post(path, json=body) as answer:
            document = await answer.json()
        session_id = document.get("data", document)["id"]
        try:
            yield session_id
        finally:
            async with client.delete(f"{path}/{session_id}"):
                pass


@asynccontextmanager
async def firecrawl_py(url: str, key: str, _dialect: str, **_options: Any) -> AsyncGenerator[Any]:
    """Open a session with Firecrawl's own SDK and try/finally."""
    vendor: Any = importlib.import_module("firecrawl")  # An adapter may need what we do not.
    client = vendor.AsyncFirecrawl(api_key=key, api_url=url)
    session = await client.browser(ttl=TTL)
    try:
        yield session
    finally:
        await client.delete_browser(session.id)


@asynccontextmanager
async def anchorbrowser(url: str, key: str, _dialect: str, **_options: Any) -> AsyncGenerator[Any]:
    """Open a session with Anchor's own SDK and try/finally."""
    vendor: Any = importlib.import_module("anchorbrowser")
    async with vendor.AsyncAnchorbrowser(api_key=key, base_url=url) as client:
        session = await client.sessions.create_session()
        try:
            yield session
        finally:
            await client.sessions.delete_session(session.data.id)
