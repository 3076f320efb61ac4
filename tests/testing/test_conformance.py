"""The suite that every backend passes, over all of ours."""

import pytest
from aiohttp import web

from firecrawl_interact import AnchorBackend, FirecrawlBackend, MemoryBackend
from firecrawl_interact.models import CloseReceipt
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.fake import FakeBrowsers
from firecrawl_interact.testing import check_backend


@pytest.fixture
async def address():
    """A provider on loopback that speaks both dialects."""
    runner = web.AppRunner(build_app(browsers=FakeBrowsers()), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("backend", [FirecrawlBackend, AnchorBackend])
async def test_hosted_backends_keep_their_duties(address, backend):
    """Firecrawl and Anchor pass, over a real line."""
    await check_backend(backend(api_key="fc-key", base_url=address))


async def test_memory_keeps_its_duties():
    """The provider in memory passes as well."""
    await check_backend(MemoryBackend())


class Forgetful(MemoryBackend):
    """A backend that never confirms."""

    def read_ended(self, answer):
        return CloseReceipt(confirmed=False)


async def test_broken_backend_is_told_which_duty_it_misses():
    """A backend that does not confirm an end fails the suite."""
    with pytest.raises(AssertionError, match="must be confirmed"):
        await check_backend(Forgetful())
