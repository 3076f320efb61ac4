"""Record what a browser shows, if its session asked for that."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server.cdp import CdpError
from firecrawl_interact.server.record import Browser
from firecrawl_interact.server.replay.store import Replay, Replays
from firecrawl_interact.server.screencast import Feed, Frame, Screencasts
from firecrawl_interact.server.stage import Scene

INTERVAL = 0.2  # Seconds between two pictures, at the least; what does not change is not taken again.
RETRY = 1.0  # Seconds until a picture that was lost is looked for again.
LAST_LOOK = 1.0  # Seconds for the picture of a session that is over before its first one came.

_log = logging.getLogger(__name__)


class Recorder:
    """An attendant: records each browser that is to be recorded, from its start to its end."""

    def __init__(self, screencasts: Screencasts, replays: Replays) -> None:
        """
        Record none.

        Args:
            screencasts: Where the pictures come from.

            replays: Where they are kept.
        """
        self._screencasts = screencasts
        self._replays = replays
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def started(self, browser: Browser) -> None:
        """
        Begin, without waiting for the first picture.

        Raises:
            LocalBrowserError: There is no room for a recording.
        """
        if browser.wish.record and browser.engine.endpoint is not None:
            try:
                replay = self._replays.begin(browser.id)
            except OSError as error:
                raise LocalBrowserError(f"There is no room to record: {error.strerror or error}.") from error
            self._tasks[browser.id] = asyncio.create_task(self._record(browser, replay))

    async def ending(self, browser: Browser) -> None:
        """Stop, the last picture included."""
        task = self._tasks.pop(browser.id, None)
        if task is None:
            return
        task.cancel()
        await asyncio.wait((task,))
        replay = self._replays.get(browser.id)
        if replay is not None and not replay.shots and not replay.paused:
            with contextlib.suppress(CdpError, OSError):  # A `TimeoutError` is one.
                async with asyncio.timeout(LAST_LOOK):
                    picture = await self._screencasts.picture(browser)
                await self._replays.add(replay, picture, _now(browser))

    async def _record(self, browser: Browser, replay: Replay) -> None:
        try:
            while not replay.cut and browser.reason is None:
                async with self._screencasts.watch(browser) as feed:
                    await self._follow(feed, browser, replay)
                await asyncio.sleep(RETRY)
        except Exception:  # noqa: BLE001  # boundary: the session goes on without its recording
            replay.cut = True
            _log.exception("The recording of browser %s stops.", browser.id)
        finally:
            replay.length = max(replay.length, _now(browser))
            replay.ended_at = browser.clock()

    async def _follow(self, feed: Feed, browser: Browser, replay: Replay) -> None:
        last: Frame | None = None
        try:
            async for shown in feed:
                if replay.paused:
                    continue
                if isinstance(shown, Scene):
                    replay.note(shown, _now(browser))
                    continue
                if last is None or shown.data != last.data:
                    if not await self._replays.add(replay, shown.data, _now(browser)):
                        return
                    last = shown
                await asyncio.sleep(INTERVAL)
        except asyncio.CancelledError:
            scene, newest = feed.cast.scene, feed.cast.frame
            noted = replay.scenes[-1][1] if replay.scenes else None
            if feed.cast.stage.known and not replay.paused and scene != noted:
                replay.note(scene, _now(browser))
            if newest is not None and not replay.paused and (last is None or newest.data != last.data):
                with contextlib.suppress(OSError):
                    await self._replays.add(replay, newest.data, _now(browser))
            raise


def _now(browser: Browser) -> int:
    """Return milliseconds from the session's start."""
    return round(browser.duration * 1000)
