"""The vendors' own SDKs run code: in sessions and in scraped pages of our server."""

from __future__ import annotations

import asyncio
import importlib.util
from typing import TYPE_CHECKING, Any

import pytest

from firecrawl_interact.server.interpreters.runs import ProcessRuns

if TYPE_CHECKING:
    from tests.judges.conftest import Judge, Vendor

KEY = "fc-TEST"
PAGE = "data:text/html,<title>Shop</title><button onclick=\"document.title='Clicked'\">Click</button>"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("playwright") is None, reason="Python and JavaScript need Playwright"
)


@pytest.fixture
def runs() -> ProcessRuns:
    return ProcessRuns()


async def test_firecrawls_blocking_client_runs_code_in_all_languages(real_base: str, vendor: Vendor):
    """
    Values, output, exit codes and kills are what its models expect; bash is its default.
    """

    def drive() -> list[Any]:
        client = vendor("firecrawl").Firecrawl(api_key=KEY, api_url=real_base)
        session_id = client.browser(ttl=60).id
        open_page = f"await page.goto({PAGE!r}); await page.title()"
        ran = [
            client.browser_execute(session_id, open_page, language="node"),
            client.browser_execute(
                session_id, "await page.click('button')\nprint(await page.title())", language="python"
            ),
            client.browser_execute(session_id, "echo no >&2; exit 3"),
            client.browser_execute(session_id, "while (true) {}", language="node", timeout=1),
        ]
        client.delete_browser(session_id)
        return ran

    async with asyncio.timeout(60):
        node, python, bash, killed = await asyncio.to_thread(drive)

    assert ("Shop", "Clicked\n") == (node.result, python.stdout)
    assert (True, 3, "no\n", "no\n") == (bash.success, bash.exit_code, bash.stderr, bash.error)
    assert (True, True, "Execution failed") == (killed.success, killed.killed, killed.error)


async def test_firecrawls_async_client_works_on_in_a_scraped_page(real_base: str, vendor: Vendor):
    """
    It finds the job's id in the scrape's answer, the page as it was left, and takes the stop's receipt.
    """
    client = vendor("firecrawl").AsyncFirecrawl(api_key=KEY, api_url=real_base)
    errors = vendor("firecrawl.v2.utils.error_handler")

    async with asyncio.timeout(60):
        scrape = await client.scrape(PAGE, actions=[{"type": "click", "selector": "button"}])
        job_id = scrape.metadata.scrape_id
        ran = await client.interact(job_id, "await page.title()")
        with pytest.raises(errors.FirecrawlError):
            await client.interact(job_id, "throw new Error('boom')")
        stopped = await client.stop_interaction(job_id)
        with pytest.raises(errors.FirecrawlError) as gone:
            await client.interact(job_id, "1")

    assert "Clicked" == ran.result
    assert ran.cdp_url.startswith("ws://127.0.0.1:")
    assert (True, 2) == (stopped.success, stopped.credits_billed)
    assert 410 == gone.value.status_code


async def test_firecrawls_javascript_client_runs_code_in_both_kinds_of_session(judge: Judge, real_base: str):
    """
    Failures are returned, the time limit too, and what is gone is raised.
    """
    seen = await judge("firecrawl_runs.mjs", "@mendable/firecrawl-js", base=real_base, page=PAGE)

    assert {
        "executed": {"result": "Shop", "exitCode": 0},
        "failed": {"success": True, "exitCode": 1},
        "killed": True,
        "interacted": {"success": True, "result": "Shop"},
        "boom": {"success": False, "exitCode": 1},
        "stopped": True,
        "gone": 410,
    } == seen
