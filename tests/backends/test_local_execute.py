"""`Session.execute` on the local backend: code of ours against a browser of ours."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import signal
from collections.abc import Iterator

import pytest

from firecrawl_interact import Session
from firecrawl_interact.backends.local import KEEPER, stop_server
from firecrawl_interact.errors import InteractError, LocalBrowserError, RunFailedError, UnsupportedError
from firecrawl_interact.server import binary

TITLE = "data:text/html,<title>Example</title>"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("playwright") is None, reason="Python and JavaScript need Playwright"
)


@pytest.fixture(autouse=True, scope="module")
def _server() -> Iterator[None]:
    """One server for all of these tests."""
    try:
        binary.find()
    except LocalBrowserError as error:
        pytest.skip(f"no browser here: {error}")
    yield
    stop_server()


async def test_all_languages_drive_the_same_page():
    """
    What one has opened, the next one sees.
    """
    async with asyncio.timeout(60), Session.create(backend="local", ttl=60) as session:
        node = await session.execute(f"await page.goto({TITLE!r}); return await page.title()")
        python = await session.execute("await page.title()", language="python")
        bash = await session.execute("test -n $CDP_URL && echo there", language="bash")

    assert ["Example", "Example", "there\n"] == [node.result, python.result, bash.stdout]
    assert not any(result.failed for result in (node, python, bash))


async def test_a_failure_is_returned_and_check_raises_it():
    """
    Neither an error nor the time limit costs the session.
    """
    async with asyncio.timeout(60), Session.create(backend="local", ttl=60) as session:
        failed = await session.execute("throw new Error('boom')")
        killed = await session.execute("while (true) {}", timeout=1)
        fine = await session.execute("6 * 7")

    with pytest.raises(RunFailedError, match="Error: boom"):
        failed.check()
    with pytest.raises(RunFailedError, match="time limit"):
        killed.check()
    assert "42" == fine.check().result


async def test_a_prompt_is_refused_before_anything_is_sent():
    """
    There is no agent on this machine.
    """
    async with asyncio.timeout(60), Session.create(backend="local", ttl=60) as session:
        with pytest.raises(UnsupportedError):
            await session.prompt("Find the price.")


async def test_a_server_that_dies_under_a_run_is_told_as_an_error():
    """
    The run does not hang, and the session can be left.
    """
    async with asyncio.timeout(60), Session.create(backend="local", ttl=60) as session:
        await session.execute("1")
        running = asyncio.create_task(session.execute("console.log('x'); await new Promise(() => {})"))
        server = KEEPER.running()
        assert server is not None
        await asyncio.sleep(0)  # The run's request is on its way, or not yet: both are answered.
        os.kill(server._process.pid, signal.SIGKILL)
        with pytest.raises(InteractError):
            await running
