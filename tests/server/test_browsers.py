"""Which browsers run here, until when, and for whom."""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import browsers as table
from firecrawl_interact.server.browsers import (
    Browsers,
    NoSlotError,
    ShuttingDownError,
)
from firecrawl_interact.server.fake import FakeBrowsers, FakeEngine, FakeLauncher
from firecrawl_interact.server.profiles import ProfileInUseError
from firecrawl_interact.server.record import EndReason, ProfileUse, Status, Wish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from firecrawl_interact.server.engine import LaunchSpec
    from firecrawl_interact.server.record import Browser

SAVER = Wish(team="t", profile=ProfileUse(name="p", saves=True, alone=True))
READER = Wish(team="t", profile=ProfileUse(name="p", saves=False, alone=True))


class HeldLauncher(FakeLauncher):
    """A launcher whose starts wait until they are let go, and may fail."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def launch(self, spec: LaunchSpec) -> FakeEngine:
        self.asked.set()
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return await super().launch(spec)


class HeldEngine(FakeEngine):
    """An engine whose stops are counted, wait until they are let go, and may fail at first."""

    def __init__(self, launcher: FakeLauncher, failures: int = 0) -> None:
        super().__init__(launcher)
        self.stops = 0
        self.failures = failures
        self.go = asyncio.Event()

    async def stop(self) -> None:
        self.stops += 1
        await self.go.wait()
        if self.stops <= self.failures:
            raise RuntimeError("It does not stop.")
        await super().stop()


class HeldEngines(FakeLauncher):
    """A launcher of engines whose stops wait."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__()
        self.failures = failures
        self.last: HeldEngine | None = None

    async def launch(self, spec: LaunchSpec) -> HeldEngine:
        del spec
        self.last = HeldEngine(self, self.failures)
        return self.last


@pytest.fixture
async def fakes(clock) -> AsyncIterator[FakeBrowsers]:
    fakes = FakeBrowsers(clock=clock, limit=2)
    yield fakes
    await fakes.aclose()


async def gone(browser: Browser) -> None:
    """Wait for an end that began by itself."""
    async with asyncio.timeout(30):
        await asyncio.wait((browser.engine.exited,))
        await asyncio.sleep(0)  # The table hears of it in the loop's next round.
        await asyncio.wait((browser.ending,))


async def test_the_id_is_a_uuid7_dated_by_the_beginning_of_the_request(clock):
    """
    A start that takes long moves `started_at`, not the id.
    """
    launcher = HeldLauncher()
    browsers = Browsers(launcher, clock=clock)
    begun = clock.now
    creating = asyncio.create_task(browsers.create(Wish()))

    async with asyncio.timeout(30):
        await launcher.asked.wait()
        clock.now += 7
        launcher.go.set()
        browser = await creating

    assert uuid.UUID(browser.id).version == 7
    assert int(begun * 1000) == uuid.UUID(browser.id).int >> 80
    assert begun + 7 == browser.started_at
    await browsers.aclose()


async def test_a_browser_is_listed_once_it_runs(clock):
    """
    While it starts, nobody can see it; afterwards everybody of its team can.
    """
    launcher = HeldLauncher()
    browsers = Browsers(launcher, clock=clock)
    creating = asyncio.create_task(browsers.create(Wish(team="t")))
    async with asyncio.timeout(30):
        await launcher.asked.wait()
        before = browsers.list()
        launcher.go.set()
        browser = await creating

    assert () == before
    assert (browser,) == browsers.list(team="t", alive=True)
    assert () == browsers.list(team="another")
    await browsers.aclose()


async def test_a_create_nobody_waits_for_still_makes_the_browser(clock):
    """
    Whoever asked may leave; the browser comes up, is listed, and lives until its ttl.
    """
    launcher = HeldLauncher()
    browsers = Browsers(launcher, clock=clock)
    creating = asyncio.create_task(browsers.create(Wish()))
    async with asyncio.timeout(30):
        await launcher.asked.wait()
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating
        launcher.go.set()
        await asyncio.wait(browsers._starting)

    assert 1 == len(browsers.list(alive=True))
    await browsers.aclose()


async def test_the_list_has_the_newest_first_and_keeps_what_ended(fakes, clock):
    """
    Ended browsers stay in the list, in the order of their starts.
    """
    first = await fakes.create(Wish())
    clock.now += 1
    second = await fakes.create(Wish())
    await fakes.end(first)

    assert (second, first) == fakes.list()
    assert (first,) == fakes.list(alive=False)
    assert first is fakes.get(first.id)


async def test_the_oldest_history_is_forgotten(fakes, monkeypatch):
    """
    A server that runs for months does not grow with every browser it had.
    """
    monkeypatch.setattr(table, "HISTORY", 1)
    for _ in range(3):
        last = await fakes.create(Wish())
        await fakes.end(last)

    assert (last,) == fakes.list()


async def test_a_team_runs_as_many_as_the_limit_says(fakes):
    """
    One more is refused before anything starts; another team has its own slots, and an end frees one.
    """
    one = await fakes.create(Wish(team="t"))
    await fakes.create(Wish(team="t"))
    with pytest.raises(NoSlotError) as refused:
        await fakes.create(Wish(team="t"))
    await fakes.create(Wish(team="another"))
    await fakes.end(one)
    await fakes.create(Wish(team="t"))

    assert 2 == refused.value.limit
    assert 3 == len(fakes.launcher.engines)


async def test_a_failed_start_gives_slot_and_profile_back(clock):
    """
    What could not be started holds nothing afterwards.
    """
    launcher = HeldLauncher()
    launcher.error = LocalBrowserError("None here.")
    launcher.go.set()
    browsers = Browsers(launcher, limit=1, clock=clock)
    with pytest.raises(LocalBrowserError):
        await browsers.create(SAVER)
    launcher.error = None
    browser = await browsers.create(SAVER)

    assert (browser,) == browsers.list()
    await browsers.aclose()


async def test_a_second_saver_is_refused_until_the_first_has_ended(fakes):
    """
    One browser at a time saves to a profile; others may read it meanwhile.
    """
    saver = await fakes.create(SAVER)
    await fakes.create(READER)
    with pytest.raises(ProfileInUseError):
        await fakes.create(SAVER)
    await fakes.end(saver)
    again = await fakes.create(SAVER)

    assert again.id == fakes.saver("t", "p")


async def test_another_teams_profile_of_the_same_name_is_another(fakes):
    """
    Profiles belong to teams.
    """
    await fakes.create(SAVER)
    other = await fakes.create(Wish(team="u", profile=ProfileUse(name="p", saves=True, alone=True)))

    assert other.id == fakes.saver("u", "p")


async def test_savers_that_need_not_be_alone_may_race(fakes):
    """
    Anchor lets two sessions save to one profile; the first keeps the name until it ends.
    """
    wish = Wish(team="t", profile=ProfileUse(name="p", saves=True, alone=False))
    first = await fakes.create(wish)
    await fakes.create(wish)

    assert first.id == fakes.saver("t", "p")


async def test_the_ttl_ends_a_browser_that_is_in_use(fakes, clock):
    """
    No activity extends the ttl.
    """
    browser = await fakes.create(Wish(ttl=60, activity_ttl=30))
    for _ in range(3):
        clock.now += 20
        browser.touch()
    fakes.sweep()
    await gone(browser)

    assert EndReason.TTL is browser.reason
    assert Status.STOPPED is browser.status
    assert 60 == browser.duration


async def test_a_machine_that_slept_through_the_deadline_ends_the_browser_by_its_own_timer(clock):
    """
    The wall clock decides, however little time the timer's clock saw.
    """
    browsers = FakeBrowsers(clock=clock)
    browser = await browsers.create(Wish(ttl=3600, activity_ttl=None))
    clock.now += 3600
    await gone(browser)

    assert EndReason.TTL is browser.reason
    await browsers.aclose()


async def test_a_near_deadline_brings_the_next_look_forward(clock):
    """
    A browser with little time left is not looked after too late because one with much was there before.
    """
    browsers = FakeBrowsers(clock=clock)
    await browsers.create(Wish(ttl=3600))
    before = browsers._timer.when()
    await browsers.create(Wish(ttl=0.1))

    assert browsers._timer.when() < before
    await browsers.aclose()


async def test_idleness_ends_a_browser_and_touching_puts_it_off(fakes, clock):
    """
    The idle time counts from the last use.
    """
    browser = await fakes.create(Wish(ttl=600, activity_ttl=30))
    clock.now += 29
    browser.touch()
    clock.now += 29
    fakes.sweep()
    alive = browser.alive
    clock.now += 1
    fakes.sweep()
    await gone(browser)

    assert alive
    assert EndReason.IDLE is browser.reason


async def test_a_silent_connection_does_not_count_as_activity(fakes, clock):
    """
    Firecrawl's idle time looks at traffic.
    """
    browser = await fakes.create(Wish(ttl=600, activity_ttl=30))
    with browser.connected():
        clock.now += 30
        fakes.sweep()
        await gone(browser)

    assert EndReason.IDLE is browser.reason


async def test_an_open_connection_counts_where_connections_count(fakes, clock):
    """
    Anchor's idle time starts when the last of them closes.
    """
    browser = await fakes.create(Wish(ttl=None, activity_ttl=30, connections_count=True))
    with browser.connected(), browser.connected():
        clock.now += 300
        fakes.sweep()
        while_connected = browser.status
    clock.now += 29
    fakes.sweep()
    just_before = browser.status
    clock.now += 1
    fakes.sweep()
    await gone(browser)

    assert Status.RUNNING is while_connected
    assert Status.RUNNING is just_before
    assert EndReason.IDLE is browser.reason


async def test_without_limits_a_browser_lives_on(fakes, clock):
    """
    None means no limit for ttl and idle time.
    """
    browser = await fakes.create(Wish(ttl=None, activity_ttl=None))
    clock.now += 10**9
    fakes.sweep()

    assert Status.RUNNING is browser.status
    assert browser.expires_at is None


async def test_an_engine_that_dies_ends_its_record(fakes):
    """
    A crash frees the slot and shows as a failure.
    """
    browser = await fakes.create(Wish(team="t"))
    browser.engine.crash()
    await gone(browser)

    assert EndReason.EXITED is browser.reason
    assert Status.FAILED is browser.status
    assert () == fakes.list(alive=True)


async def test_a_repeated_end_shares_one_stop(clock):
    """
    However many ask, the engine is stopped once, and all of them hear of it.
    """
    launcher = HeldEngines()
    browsers = Browsers(launcher, clock=clock)
    browser = await browsers.create(Wish())
    async with asyncio.timeout(30):
        ends = [asyncio.create_task(browsers.end(browser)) for _ in range(3)]
        await asyncio.sleep(0)
        ends[0].cancel()
        launcher.last.go.set()
        results = await asyncio.gather(*ends, return_exceptions=True)
        again = await browsers.end(browser)

    assert isinstance(results[0], asyncio.CancelledError)
    assert [True, True] == results[1:]
    assert again
    assert 1 == launcher.last.stops
    await browsers.aclose()


async def test_an_engine_that_does_not_stop_is_asked_again(clock, caplog):
    """
    A failed stop is told to whoever asked, keeps the slot, and the next end tries once more.
    """
    launcher = HeldEngines(failures=1)
    browsers = Browsers(launcher, limit=1, clock=clock)
    browser = await browsers.create(Wish())
    launcher.last.go.set()
    first = await browsers.end(browser)
    with pytest.raises(NoSlotError):
        await browsers.create(Wish())
    second = await browsers.end(browser)

    assert (False, True) == (first, second)
    assert browser.id in caplog.text
    await browsers.aclose()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
async def test_eager_tasks_change_nothing(clock):
    """
    In a program with eager tasks a failed stop is tried again, and closing ends every browser.
    """
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    browsers = Browsers(HeldEngines(), clock=clock)
    browser, *_ = [await browsers.create(Wish()) for _ in range(3)]
    browser.engine.failures = 1
    for each in browsers.list():
        each.engine.go.set()
    tries = [await browsers.end(browser), await browsers.end(browser)]
    await browsers.aclose()

    assert [False, True] == tries
    assert () == browsers.list(alive=True)


async def test_an_engine_that_dies_after_a_failed_stop_gives_its_slot_back(clock):
    """
    Nobody has to ask again for what has gone by itself.
    """
    launcher = HeldEngines(failures=1)
    browsers = Browsers(launcher, limit=1, clock=clock)
    browser = await browsers.create(Wish())
    launcher.last.go.set()
    await browsers.end(browser)
    browser.engine.crash()
    await gone(browser)

    assert EndReason.ASKED is browser.reason
    assert () == browsers.list(alive=True)
    await browsers.aclose()


async def test_closing_ends_all_and_takes_no_more(clock):
    """
    A closed table has no browsers, and a start that was under way is given up.
    """
    launcher = HeldLauncher()
    launcher.go.set()
    browsers = Browsers(launcher, clock=clock)
    browser = await browsers.create(Wish())
    launcher.go.clear()
    launcher.asked.clear()
    creating = asyncio.create_task(browsers.create(Wish()))
    async with asyncio.timeout(30):
        await launcher.asked.wait()
        await browsers.aclose()
        await browsers.aclose()
        with pytest.raises(ShuttingDownError):
            await creating
        with pytest.raises(ShuttingDownError):
            await browsers.create(Wish())

    assert EndReason.SHUTDOWN is browser.reason
    assert set() == launcher.engines


async def test_no_representation_shows_a_token(fakes):
    """
    A record in a log opens nothing.
    """
    browser = await fakes.create(Wish(configuration={"session": {"proxy": {"password": "hush"}}}))

    shown = repr(browser) + repr(browser.wish)
    secrets = (browser.cdp_token, browser.watch_token, browser.control_token, "hush")
    assert not [secret for secret in secrets if secret in shown]
    assert 3 == len({browser.cdp_token, browser.watch_token, browser.control_token})


class Witness:
    """An attendant that counts the ends it is told of."""

    def __init__(self) -> None:
        self.ends = 0

    async def started(self, browser: Browser) -> None:
        """Do nothing."""

    async def ending(self, browser: Browser) -> None:
        self.ends += 1


class Refuser(Witness):
    """An attendant that no browser suits."""

    async def started(self, browser: Browser) -> None:
        raise RuntimeError("Not this one.")


async def test_end_that_is_tried_again_is_told_to_attendants_once(clock):
    """
    An engine that fails to stop is stopped again; whoever tidied up before does not do so twice.
    """
    launcher = HeldEngines(failures=1)
    witness = Witness()
    browsers = Browsers(launcher, clock=clock, attendants=[witness])
    browser = await browsers.create(Wish())
    launcher.last.go.set()

    async with asyncio.timeout(30):
        assert [False, True] == [await browsers.end(browser), await browsers.end(browser)]
    assert (1, 2) == (witness.ends, launcher.last.stops)
    await browsers.aclose()


async def test_start_that_fails_gives_its_place_back_though_the_engine_does_not_stop(clock):
    """
    Who prepares a browser may fail, and the browser may then not end: the next is let in all the same.
    """
    launcher = HeldEngines(failures=1)
    browsers = Browsers(launcher, clock=clock, limit=1, attendants=[Refuser()])
    for _ in range(2):
        creating = asyncio.create_task(browsers.create(SAVER))
        async with asyncio.timeout(30):
            while launcher.last is None:  # noqa: ASYNC110  # it sets no event
                await asyncio.sleep(0)
            launcher.last.go.set()
            with pytest.raises(RuntimeError):
                await creating
        launcher.last = None

    assert browsers.saver("t", "p") is None
    await browsers.aclose()


async def test_profile_is_saved_however_its_browser_ends_but_by_a_crash(clock):
    """
    A delete, both limits and the server's end save; a crash leaves what was there.
    """
    browsers = FakeBrowsers(clock=clock)
    names = ["asked", "ttl", "idle", "crash", "shutdown"]
    limits = {"ttl": (30, None), "idle": (None, 30)}
    alive = {}
    for name in names:
        ttl, idle = limits.get(name, (None, None))
        use = ProfileUse(name=name, saves=True, alone=True)
        alive[name] = await browsers.create(Wish(team="t", profile=use, ttl=ttl, activity_ttl=idle))
    await browsers.end(alive["asked"])
    alive["crash"].engine.crash()
    clock.now += 31
    browsers.sweep()
    for name in ("ttl", "idle", "crash"):
        await gone(alive[name])
    await browsers.aclose()

    assert sorted({*names} - {"crash"}) == [one.name for one in await browsers.profiles.list("t")]
    assert [None] * 5 == [browsers.saver("t", name) for name in names]


async def test_browser_that_saves_to_two_profiles_lets_go_of_both(fakes):
    """
    A copy of its state under another name comes beside its own profile, not in its place.
    """
    browser = await fakes.create(SAVER)
    fakes.save_to(browser, "copy")
    busy = [fakes.saver("t", name) for name in ("p", "copy")]
    await fakes.end(browser)

    assert [browser.id] * 2 == busy
    assert ["copy", "p"] == [one.name for one in await fakes.profiles.list("t")]
    assert [None] * 2 == [fakes.saver("t", name) for name in ("p", "copy")]


async def test_loan_ends_with_its_block_whatever_happens():
    """
    Its slot is free again, and nothing of it runs.
    """
    launcher = FakeLauncher()
    browsers = Browsers(launcher, limit=1)

    async def fail() -> None:
        async with browsers.lend(Wish()):
            assert 1 == len(launcher.engines)
            with pytest.raises(NoSlotError):
                await browsers.create(Wish())
            raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        await fail()

    assert set() == launcher.engines
    async with browsers.lend(Wish(profile=ProfileUse(name="shop", saves=False, alone=True))):
        assert () == browsers.list()
    await browsers.aclose()
    with pytest.raises(ShuttingDownError):
        await browsers.lend(Wish()).__aenter__()
