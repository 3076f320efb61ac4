"""Sessions that are asked for now and come later are given back as well, whenever one loses interest."""

import asyncio
import os
import signal

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from firecrawl_interact import AnchorBackend, CreateUnknownError, ServerError, Session
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.models import SessionOptions
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.fake import FakeLauncher


class Gate(FakeLauncher):
    """A launcher whose browsers come up when they are let."""

    def __init__(self):
        super().__init__()
        self.asked = asyncio.Event()
        self.open = asyncio.Event()
        self.broken = False

    async def launch(self, spec):
        self.asked.set()
        await self.open.wait()
        if self.broken:
            raise RuntimeError("no machine")
        return await super().launch(spec)


class Anchor:
    """Our own server in Anchor's words, in this loop."""

    def __init__(self):
        self.gate = Gate()
        self.browsers = Browsers(self.gate)
        self.looked = asyncio.Event()  # Somebody has asked what became of a start.
        self.searched = asyncio.Event()  # Somebody has looked for a mark.
        self.ended = asyncio.Event()
        app = build_app(browsers=self.browsers)
        app.middlewares.append(self._watch)
        self.server = TestServer(app)

    @property
    def url(self):
        return str(self.server.make_url("")).rstrip("/")

    def backend(self):
        return AnchorBackend("fc-key", self.url, async_start=True)

    def alive(self):
        return len(self.browsers.list(alive=True))

    @property
    def _watch(self):
        @web.middleware
        async def watch(request, handler):
            answer = await handler(request)
            if request.path.startswith("/v1/sessions/async/"):
                self.looked.set()
            if "tags" in request.query:
                self.searched.set()
            if request.method == "DELETE":
                self.ended.set()
            return answer

        return watch


@pytest.fixture
async def anchor():
    """A server whose browsers wait for a gate; nothing may be left running."""
    started = Anchor()
    await started.server.start_server()
    yield started
    started.gate.open.set()
    await started.server.close()


def opening(anchor, **options):
    return Session.create(backend=anchor.backend(), guardian=False, ledger=False, **options)


async def stay(anchor, entered=None, **options):
    async with opening(anchor, **options):
        if entered is not None:
            entered.set()
        await asyncio.Event().wait()


async def test_a_session_that_comes_later_is_opened_and_given_back(anchor):
    """The links are those of the last look, and the end is the usual one."""
    anchor.gate.open.set()
    async with asyncio.timeout(30), opening(anchor) as session:
        assert session.cdp_url.startswith("ws")
        assert [session.id] == [browser.id for browser in anchor.browsers.list(alive=True)]

    assert 0 == anchor.alive()
    assert session.receipt.confirmed


async def test_used_on_its_own_the_backend_waits_as_well(anchor):
    """`create` returns a session that is there."""
    anchor.gate.open.set()
    async with asyncio.timeout(30), anchor.backend() as backend:
        info = await backend.create(SessionOptions())
        await backend.delete(info.id)

    assert info.cdp_url is not None
    assert 0 == anchor.alive()


@pytest.mark.parametrize("stage", ["sending", "accepted", "starting", "looked at", "open"])
async def test_a_cancellation_leaves_nothing_at_any_stage(anchor, stage):
    """Whoever is cancelled waits for what comes, ends it, and hands the cancellation on."""
    entered = asyncio.Event()
    task = asyncio.create_task(stay(anchor, entered))
    async with asyncio.timeout(30):
        if stage == "sending":
            await asyncio.sleep(0)
        elif stage == "accepted":
            await anchor.gate.asked.wait()
        elif stage == "starting":
            await anchor.looked.wait()
        elif stage == "looked at":
            await anchor.looked.wait()
            anchor.gate.open.set()
        else:
            anchor.gate.open.set()
            await entered.wait()
        task.cancel()
        anchor.gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert 0 == anchor.alive()


async def test_a_session_that_comes_after_the_grace_is_ended_when_it_comes(anchor, monkeypatch):
    """The statement hands the cancellation on, and its task goes on looking."""
    monkeypatch.setattr(bounds, "CREATE_GRACE", 0.05)
    task = asyncio.create_task(stay(anchor))
    async with asyncio.timeout(30):
        await anchor.looked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        anchor.gate.open.set()
        await anchor.ended.wait()

    assert 0 == anchor.alive()
    assert 1 == len(anchor.browsers.list())


async def test_a_session_that_comes_too_late_is_found_by_its_mark_and_ended(anchor, lapse):
    """Looked for again and again, since it may appear after the first search."""
    task = asyncio.create_task(stay(anchor, open_timeout=10))
    async with asyncio.timeout(30):
        await anchor.looked.wait()
        lapse(10)
        await anchor.searched.wait()
        anchor.gate.open.set()
        with pytest.raises(CreateUnknownError) as caught:
            await task

    assert [browser.id for browser in anchor.browsers.list()] == [*caught.value.recovered]
    assert 0 == anchor.alive()


async def test_a_start_that_fails_says_why_and_leaves_nothing(anchor):
    """The provider's own word is the error, after a search for what may be there all the same."""
    anchor.gate.broken = True
    anchor.gate.open.set()
    async with asyncio.timeout(30):
        with pytest.raises(ServerError, match="failed"):
            await stay(anchor)

    assert anchor.searched.is_set()
    assert 0 == anchor.alive()


@pytest.mark.parametrize("relay", [False, True])
def test_a_process_that_dies_while_its_session_comes_leaves_none(provider, program, relay):
    """The guardian knows the mark, not the id, and looks until the session has appeared."""
    provider.launcher.delay = 0.5
    owner = program(
        f"""
        async def main():
            backend = AnchorBackend("fc-key", anchor().base_url, async_start=True)
            say("going")
            async with Session.create(backend=backend, relay={relay}):
                say("entered")
        asyncio.run(main())
        """
    )
    owner.expect("going")

    assert provider.launcher.asked.acquire(timeout=30)

    os.kill(owner.process.pid, signal.SIGKILL)

    assert 0 == provider.wait_for(alive=0)


def test_a_loop_that_ends_while_a_session_comes_waits_for_it(provider, program):
    """The end of the loop is held for its grace, without any helper."""
    provider.launcher.held = True
    owner = program(
        """
        async def main():
            backend = AnchorBackend("fc-key", anchor().base_url, async_start=True)
            opening = Session.create(backend=backend, guardian=False, ledger=False)
            task = asyncio.create_task(opening._open())
            await asyncio.to_thread(sys.stdin.readline)
            asyncio.get_running_loop().call_soon(say, "ending")  # In the last turn before it is cancelled.
        asyncio.run(main())
        """
    )

    assert provider.launcher.asked.acquire(timeout=30)

    owner.process.stdin.write("\n")
    owner.process.stdin.flush()
    owner.expect("ending")
    provider.launcher.held = False
    status, errors = owner.end()

    assert (0, "") == (status, errors)
    assert 0 == provider.wait_for(alive=0)
