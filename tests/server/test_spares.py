"""Browsers that run ahead: handed out well, replaced, never too many, none left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import careful
from firecrawl_interact.server import spares as spares_module
from firecrawl_interact.server.capacity import LimitedLauncher
from firecrawl_interact.server.careful import CarefulLauncher
from firecrawl_interact.server.chromium import ChromiumLauncher
from firecrawl_interact.server.engine import LaunchSpec
from firecrawl_interact.server.fake import FakeEngine, FakeLauncher
from firecrawl_interact.server.spares import SpareLauncher

PLAIN = LaunchSpec()


class Launcher(FakeLauncher):
    """Fakes whose starts can be counted, held up, and made to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.starts = 0
        self.held: asyncio.Event | None = None
        self.failures = 0

    async def launch(self, spec: LaunchSpec) -> FakeEngine:
        self.starts += 1
        if self.held is not None:
            await self.held.wait()
        if self.failures:
            self.failures -= 1
            raise LocalBrowserError("no browser today")
        return await super().launch(spec)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spares_module, "REFILL_DELAY", 1e-6)


@pytest.fixture
async def launcher_of_fakes() -> Launcher:
    return Launcher()


@pytest.fixture
async def make(launcher_of_fakes: Launcher) -> AsyncIterator[Callable[..., SpareLauncher]]:
    """Make launchers with spares that stand ready."""
    made = []

    def start(count: int = 1, most: int | None = None) -> SpareLauncher:
        made.append(SpareLauncher(launcher_of_fakes, count, most=most))
        made[-1].fill()
        return made[-1]

    yield start
    for each in made:
        await each.aclose()

    assert set() == launcher_of_fakes.engines


async def until(what: Callable[[], bool]) -> None:
    """Give the loop turns until something holds."""
    async with asyncio.timeout(30):
        while not what():  # noqa: ASYNC110  # a refill sets no event
            await asyncio.sleep(0)


async def test_a_spare_is_handed_out_and_replaced(make, launcher_of_fakes: Launcher):
    """
    Who asks gets the one that runs already; another one takes its place.
    """
    spares = make()
    await until(lambda: spares.ready == 1)
    (ahead,) = launcher_of_fakes.engines
    got = await spares.launch(PLAIN)

    assert ahead is got
    await until(lambda: spares.ready == 1)
    assert 2 == launcher_of_fakes.starts


async def test_another_size_is_started_as_it_is_asked_for(make, launcher_of_fakes: Launcher):
    """
    No spare can be what it was not started as.
    """
    spares = make()
    await until(lambda: spares.ready == 1)
    await spares.launch(LaunchSpec(width=800, height=600))

    assert (1, 2) == (spares.ready, launcher_of_fakes.starts)


async def test_a_spare_under_way_is_waited_for(make, launcher_of_fakes: Launcher):
    """
    It is ahead of any browser that would be started now.
    """
    launcher_of_fakes.held = asyncio.Event()
    spares = make()
    asking = asyncio.create_task(spares.launch(PLAIN))
    await until(lambda: launcher_of_fakes.starts > 0)
    launcher_of_fakes.held.set()
    async with asyncio.timeout(30):
        engine = await asking

    assert engine in launcher_of_fakes.engines


async def test_a_spare_that_died_is_replaced(make, launcher_of_fakes: Launcher):
    """
    Nobody is handed a dead browser.
    """
    spares = make()
    await until(lambda: spares.ready == 1)
    (dead,) = launcher_of_fakes.engines
    dead.crash()
    await until(lambda: launcher_of_fakes.starts == 2 and spares.ready == 1)
    got = await spares.launch(PLAIN)

    assert got is not dead
    assert not got.exited.done()


async def test_a_spare_that_does_not_answer_is_passed_over(
    make, launcher_of_fakes: Launcher, monkeypatch: pytest.MonkeyPatch
):
    """
    One that hangs is stopped, and the next one is taken.
    """
    spares = make(2)
    await until(lambda: spares.ready == 2)
    hanging: list[FakeEngine] = []

    async def beats(engine: FakeEngine, within: float) -> bool:
        del within
        hanging.append(engine)
        return len(hanging) > 1

    monkeypatch.setattr(spares_module, "beats", beats)
    got = await spares.launch(PLAIN)

    assert got is hanging[1]
    await until(hanging[0].exited.done)


async def test_spares_make_room_within_the_limit(make, launcher_of_fakes: Launcher):
    """
    With those handed out there are never more browsers than may run.
    """
    spares = make(1, most=2)
    await until(lambda: spares.ready == 1)
    other = LaunchSpec(width=800, height=600)
    first = await spares.launch(other)
    await spares.launch(other)
    await until(lambda: len(launcher_of_fakes.engines) == 2)

    assert 0 == spares.ready
    await first.stop()
    await until(lambda: spares.ready == 1)


async def test_a_spare_is_handed_out_where_there_is_room_for_no_other(
    launcher_of_fakes: Launcher, monkeypatch: pytest.MonkeyPatch
):
    """
    It runs already, so its room is not asked for again.
    """
    monkeypatch.setattr(
        careful, "shortage", lambda starting: "full" if starting or launcher_of_fakes.engines else None
    )
    spares = SpareLauncher(CarefulLauncher(launcher_of_fakes), 1)
    spares.fill()
    await until(lambda: spares.ready == 1)
    got = await LimitedLauncher(spares).launch(PLAIN)

    assert {got} == launcher_of_fakes.engines
    await spares.aclose()


async def test_spares_that_do_not_start_are_tried_again(make, launcher_of_fakes: Launcher, caplog):
    """
    One line says so, however often it is tried.
    """
    launcher_of_fakes.failures = 3
    spares = make()
    await until(lambda: spares.ready == 1)

    assert 4 == launcher_of_fakes.starts
    assert 1 == len(caplog.records)


async def test_cancelled_asking_leaves_no_browser(make, launcher_of_fakes: Launcher):
    """
    A spare that was taken for somebody who has gone is stopped.
    """
    launcher_of_fakes.held = asyncio.Event()
    spares = make()
    asking = asyncio.create_task(spares.launch(PLAIN))
    await until(lambda: launcher_of_fakes.starts > 0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    launcher_of_fakes.held.set()
    await spares.aclose()

    assert set() == launcher_of_fakes.engines


async def test_real_spares_end_with_the_launcher(launcher: ChromiumLauncher):
    """
    A real spare answers, and none is left at the end.
    """
    spares = SpareLauncher(launcher, 1)
    spares.fill()
    async with asyncio.timeout(60):
        got = await spares.launch(PLAIN)
        assert got.endpoint is not None
        await got.stop()
        await spares.aclose()
