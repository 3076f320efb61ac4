"""The browser that is started before anybody asks: handed out once, given up where it does not fit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import careful
from firecrawl_interact.server import lead as lead_module
from firecrawl_interact.server.capacity import LimitedLauncher
from firecrawl_interact.server.careful import CarefulLauncher
from firecrawl_interact.server.engine import LaunchSpec
from firecrawl_interact.server.fake import FakeEngine, FakeLauncher
from firecrawl_interact.server.lead import LeadLauncher

PLAIN = LaunchSpec()
WIDE = LaunchSpec(width=1920)


class Launcher(FakeLauncher):
    """Fakes whose starts are counted, held up until they are free, and made to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.starts: list[LaunchSpec] = []
        self.free = asyncio.Event()
        self.fails = False

    async def launch(self, spec: LaunchSpec) -> FakeEngine:
        self.starts.append(spec)
        await self.free.wait()
        if self.fails:
            raise LocalBrowserError("no browser today")
        return await super().launch(spec)


@pytest.fixture
async def fakes() -> Launcher:
    return Launcher()


@pytest.fixture
async def leading(fakes: Launcher) -> AsyncIterator[LeadLauncher]:
    """A launcher whose first browser is on its way; none may be left in the end."""
    launcher = LeadLauncher(fakes)
    launcher.lead()
    async with asyncio.timeout(30):
        yield launcher
        await launcher.aclose()

    assert set() == fakes.engines


async def until(what: Callable[[], object]) -> None:
    """Give the loop turns until something holds."""
    while not what():  # noqa: ASYNC110  # no event tells of it
        await asyncio.sleep(0)


async def started(fakes: Launcher) -> FakeEngine:
    """Let the first one start, and return it."""
    fakes.free.set()
    await until(lambda: fakes.engines)
    (engine,) = fakes.engines
    return engine


async def test_the_first_gets_what_runs_already_and_the_second_another(leading, fakes: Launcher):
    """
    One browser is ahead, once.
    """
    ahead = await started(fakes)
    first = await leading.launch(PLAIN)
    second = await leading.launch(PLAIN)

    assert ahead is first
    assert second not in {first, None}
    assert [PLAIN, PLAIN] == fakes.starts


async def test_one_under_way_is_waited_for(leading, fakes: Launcher):
    """
    It is ahead of any that would be started now.
    """
    asking = asyncio.create_task(leading.launch(PLAIN))
    await until(lambda: fakes.starts)
    fakes.free.set()
    await asking

    assert [PLAIN] == fakes.starts


async def test_only_the_first_of_many_gets_it(leading, fakes: Launcher):
    """
    Nobody shares a browser.
    """
    asking = [asyncio.create_task(leading.launch(PLAIN)) for _ in range(3)]
    await until(lambda: len(fakes.starts) == 3)
    fakes.free.set()

    assert 3 == len(set(await asyncio.gather(*asking)))


async def test_one_that_does_not_fit_is_given_up(leading, fakes: Launcher):
    """
    Where the first wants another kind of browser, the one that leads does not run beside it.
    """
    ahead = await started(fakes)
    got = await leading.launch(WIDE)
    await until(ahead.exited.done)

    assert {got} == fakes.engines
    assert [PLAIN, WIDE] == fakes.starts


@pytest.mark.parametrize("spec", [PLAIN, WIDE], ids=["fits", "does not fit"])
async def test_where_there_is_room_for_one_the_first_has_it(
    fakes: Launcher, monkeypatch: pytest.MonkeyPatch, spec: LaunchSpec
):
    """
    The one that leads takes nobody's place.
    """
    monkeypatch.setattr(careful, "shortage", lambda starting: "full" if starting or fakes.engines else None)
    launcher = LimitedLauncher(LeadLauncher(CarefulLauncher(fakes)), 1)
    launcher._launcher.lead()
    async with asyncio.timeout(30):
        await started(fakes)
        got = await launcher.launch(spec)

    assert {got} == fakes.engines
    await launcher.aclose()


async def test_one_that_nobody_asks_for_is_given_up(fakes: Launcher, monkeypatch: pytest.MonkeyPatch):
    """
    It does not run for ever for somebody who never comes.
    """
    monkeypatch.setattr(lead_module, "PATIENCE", 1e-6)
    launcher = LeadLauncher(fakes)
    launcher.lead()
    async with asyncio.timeout(30):
        gone = await started(fakes)
        await until(gone.exited.done)
        got = await launcher.launch(PLAIN)

    assert {got} == fakes.engines
    await launcher.aclose()


async def test_its_failure_is_told_to_whoever_waits_for_it(leading, fakes: Launcher):
    """
    They do not wait for another start, which would come to the same in twice the time.
    """
    fakes.fails = True
    asking = asyncio.create_task(leading.launch(PLAIN))
    await until(lambda: fakes.starts)
    fakes.free.set()
    with pytest.raises(LocalBrowserError, match="no browser today"):
        await asking

    assert [PLAIN] == fakes.starts


async def test_its_failure_before_anybody_asked_is_told_to_nobody(leading, fakes: Launcher, caplog):
    """
    Whoever comes later has a start of their own.
    """
    fakes.fails = True
    fakes.free.set()
    await until(leading._leading.done)
    fakes.fails = False
    await leading.launch(PLAIN)

    assert [PLAIN, PLAIN] == fakes.starts
    assert [] == caplog.records


async def test_a_dead_one_is_handed_to_nobody(leading, fakes: Launcher):
    """
    One that crashed before anybody asked is replaced.
    """
    dead = await started(fakes)
    await until(leading._leading.done)
    dead.crash()
    got = await leading.launch(PLAIN)

    assert got is not dead
    assert not got.exited.done()


async def test_cancelled_asking_leaves_no_browser(leading, fakes: Launcher):
    """
    One that was waited for by somebody who has gone is stopped.
    """
    asking = asyncio.create_task(leading.launch(PLAIN))
    await until(lambda: fakes.starts)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    fakes.free.set()
    await leading.aclose()

    assert set() == fakes.engines


async def test_one_under_way_ends_with_the_launcher(leading, fakes: Launcher):
    """
    A server that ends as it starts leaves nothing, either.
    """
    await until(lambda: fakes.starts)
    await leading.aclose()
    fakes.free.set()

    assert set() == fakes.engines
