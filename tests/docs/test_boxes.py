"""The backend that the documentation shows, against a provider made for it."""

from __future__ import annotations

import asyncio
import itertools
import runpy
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from firecrawl_interact import Session
from firecrawl_interact.testing import check_backend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "boxes.py"


class Boxes:
    """
    boxes.example, as the example takes it to be.
    """

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.running: dict[str, dict[str, str]] = {}

    async def make(self, request: web.Request) -> web.Response:
        asked = await request.json()
        assert {"seconds", "idle"} == set(asked)
        box = f"box-{next(self.numbers)}"
        self.running[box] = {"id": box, "cdp": f"wss://boxes.example/{box}"}
        return web.json_response(self.running[box])

    async def show(self, request: web.Request) -> web.Response:
        box = self.running.get(request.match_info["box"])
        return web.Response(status=404) if box is None else web.json_response(box)

    async def show_all(self, _: web.Request) -> web.Response:
        return web.json_response(list(self.running.values()))

    async def end(self, request: web.Request) -> web.Response:
        return web.Response(status=404 if self.running.pop(request.match_info["box"], None) is None else 204)


@pytest.fixture
async def boxes() -> AsyncIterator[tuple[Boxes, str]]:
    """
    A provider on this machine, and its address.
    """
    provider = Boxes()
    app = web.Application()
    app.router.add_post("/boxes", provider.make)
    app.router.add_get("/boxes", provider.show_all)
    app.router.add_get("/boxes/{box}", provider.show)
    app.router.add_delete("/boxes/{box}", provider.end)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield provider, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_example_of_a_backend_keeps_every_duty(boxes, monkeypatch, tmp_path):
    """
    What the page shows passes the suite that it names, and leaves no box behind.
    """
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    provider, url = boxes
    make = runpy.run_path(str(EXAMPLE))["BoxesBackend"]
    async with asyncio.timeout(30):
        report = await check_backend(lambda: make(api_key="key-0123456789", base_url=url))
        lost = set(provider.running)  # Of the create whose answer the suite lost: it ended that itself.
        async with Session.create(ttl=60, backend=make(api_key="k", base_url=url)) as session:
            open_boxes = set(provider.running)

    assert () == report.broken
    assert (set(), {session.id}) == (lost, open_boxes)
    assert {} == provider.running
