"""The vendors' own SDKs give instructions to the agent that a server is built with."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs
import pytest

from firecrawl_interact.server.runs import RunOutcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from firecrawl_interact.server.browsers import Browsers
    from firecrawl_interact.server.record import Browser
    from tests.judges.conftest import Judge, Vendor

KEY = "fc-TEST"
PAGE = "data:text/html,<title>Shop</title>"


@attrs.define
class Agent:
    """One that does nothing, and says that it did."""

    told: list[str] = attrs.field(factory=list)

    async def run(self, browser: Browser, prompt: str, timeout: float) -> RunOutcome:
        self.told.append(prompt)
        return RunOutcome(output=f"Done: {prompt}")


@pytest.fixture
def agent() -> Agent:
    return Agent()


def blocking(base: str, vendor: Vendor) -> list[str]:
    firecrawl = vendor("firecrawl").Firecrawl(api_key=KEY, api_url=base)
    job_id = firecrawl.scrape(PAGE).metadata.scrape_id
    interacted = firecrawl.interact(job_id, prompt="Buy it.")
    firecrawl.stop_interaction(job_id)
    with vendor("anchorbrowser").Anchorbrowser(api_key=KEY, base_url=base) as anchor:
        task = anchor.agent.task("Buy it.", task_options={"url": PAGE})
    return [interacted.output, task.data.result]


async def in_a_thread(base: str, request: pytest.FixtureRequest) -> list[str]:
    return await asyncio.to_thread(blocking, base, request.getfixturevalue("vendor"))


async def in_the_loop(base: str, request: pytest.FixtureRequest) -> list[str]:
    vendor: Vendor = request.getfixturevalue("vendor")
    firecrawl = vendor("firecrawl").AsyncFirecrawl(api_key=KEY, api_url=base)
    job_id = (await firecrawl.scrape(PAGE)).metadata.scrape_id
    interacted = await firecrawl.interact(job_id, prompt="Buy it.")
    await firecrawl.stop_interaction(job_id)
    async with vendor("anchorbrowser").AsyncAnchorbrowser(api_key=KEY, base_url=base) as anchor:
        task = await anchor.agent.task("Buy it.", task_options={"url": PAGE})
    return [interacted.output, task.data.result]


async def in_javascript(base: str, request: pytest.FixtureRequest) -> list[str]:
    judge: Judge = request.getfixturevalue("judge")  # Node.js is for this one alone.
    return list(await judge("agents.mjs", "anchorbrowser", base=base, page=PAGE))


@pytest.mark.parametrize("ask", [in_a_thread, in_the_loop, in_javascript])
async def test_firecrawls_interact_and_anchors_task_are_answered_by_the_agent(
    ask: Callable[[str, pytest.FixtureRequest], Awaitable[list[str]]],
    real_base: str,
    agent: Agent,
    real_browsers: Browsers,
    request: pytest.FixtureRequest,
):
    """
    Anchor's helper holds a session of its own over CDP meanwhile, and leaves it running.
    """
    async with asyncio.timeout(60):
        done = await ask(real_base, request)

    assert ["Buy it.", "Buy it."] == agent.told
    assert ["Done: Buy it.", "Done: Buy it."] == done
    assert 1 == len(real_browsers.list(alive=True))
