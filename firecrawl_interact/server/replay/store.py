"""Recordings of sessions: pictures and the times at which they were seen, on disk for a while."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import attrs

from firecrawl_interact.server.scratch import Scratch
from firecrawl_interact.server.stage import Scene

SESSION_BYTES = 128 * 1024 * 1024  # Of one recording; then it goes on no further.
ALL_BYTES = 1024 * 1024 * 1024  # Of all together; the oldest that have ended make room.
SCENES = 10_000  # Of one recording, which are in memory; a page can change its title all day.
KEPT = 24 * 3600.0  # Seconds that one is kept after its session.


@attrs.frozen
class Shot:
    """
    One picture, in the file of its recording.

    Attributes:
        at: Milliseconds from the session's start.

        offset: Bytes before it.

        size: Its own.
    """

    at: int
    offset: int
    size: int


@attrs.define(eq=False)
class Replay:
    """
    What one session showed.

    Attributes:
        path: JPEGs, one after the other.

        shots: Where each is, and when it was seen.

        scenes: What stood around them from when on, in milliseconds from the session's start.

        length: Milliseconds from the session's start to the last thing recorded.

        size: Bytes.

        cut: Whether it became too large, and stops before its session did.

        paused: Whether nothing is to be added for now.

        ended_at: Wall-clock seconds at which it was over; None while it is made.
    """

    path: Path
    shots: list[Shot] = attrs.field(factory=list[Shot])
    scenes: list[tuple[int, Scene]] = attrs.field(factory=list[tuple[int, Scene]])
    length: int = 0
    size: int = 0
    cut: bool = False
    paused: bool = False
    ended_at: float | None = None

    def note(self, scene: Scene, at: int) -> None:
        """Add what stands around the pictures from now on; beyond `SCENES` nothing is."""
        if len(self.scenes) < SCENES:
            self.scenes.append((at, scene))

    async def picture(self, number: int) -> bytes | None:
        """Read a picture; None if there is none of this number, or none any more."""
        if not 0 <= number < len(self.shots):
            return None
        shot = self.shots[number]
        with contextlib.suppress(FileNotFoundError):
            return await asyncio.to_thread(_read, self.path, shot)
        return None


class Replays:
    """
    The recordings of one server; they end with it.

    The oldest that have ended go first, when there are too many or too long ago.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        """
        Have none, and touch no disk.

        Args:
            clock: Wall-clock seconds.
        """
        self._clock = clock
        self._folder: Scratch | None = None
        self._replays: dict[str, Replay] = {}  # By session id, the oldest first.
        self._size = 0  # Bytes of all together.

    def get(self, session_id: str) -> Replay | None:
        """Find one."""
        self._forget_old()
        return self._replays.get(session_id)

    def begin(self, session_id: str) -> Replay:
        """
        Begin one.

        Raises:
            OSError: There is no room for it.
        """
        self._forget_old()
        if self._folder is not None and not self._folder.data.is_dir():
            self._folder.remove()  # Whoever tidies the disk may remove what nobody touched for days.
            self._folder = None
        if self._folder is None:
            self._folder = Scratch.make()
        replay = Replay(self._folder.data / session_id)
        replay.path.touch(mode=0o600, exist_ok=False)
        self._replays[session_id] = replay
        return replay

    async def add(self, replay: Replay, picture: bytes, at: int) -> bool:
        """
        Add a picture.

        Returns:
            Whether there is room for more.

        Raises:
            OSError: The disk is full, or fails.
        """
        if replay.size + len(picture) > SESSION_BYTES or not self._make_room(len(picture)):
            replay.cut = True
            return False
        shot = Shot(at, replay.size, len(picture))
        # Its place is taken first: whoever is cancelled meanwhile does not stop the writing.
        replay.size += len(picture)
        self._size += len(picture)
        await asyncio.to_thread(_write, replay.path, shot, picture)
        replay.shots.append(shot)
        replay.length = max(replay.length, at)
        return True

    def delete(self, session_id: str) -> bool:
        """Remove one that has ended, and tell whether there was one; one that is made stays."""
        replay = self.get(session_id)
        if replay is None or replay.ended_at is None:
            return False
        self._drop(session_id)
        return True

    def close(self) -> None:
        """Remove them all. A second call does nothing."""
        self._replays.clear()
        self._size = 0
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    def _forget_old(self) -> None:
        now = self._clock()
        for session_id, replay in tuple(self._replays.items()):
            if replay.ended_at is not None and replay.ended_at + KEPT <= now:
                self._drop(session_id)

    def _make_room(self, size: int) -> bool:
        """Drop ended ones until there is room; tell whether there is."""
        while self._size + size > ALL_BYTES:
            ended = (key for key, replay in self._replays.items() if replay.ended_at is not None)
            oldest = next(ended, None)
            if oldest is None:
                return False
            self._drop(oldest)
        return True

    def _drop(self, session_id: str) -> None:
        replay = self._replays.pop(session_id)
        self._size -= replay.size
        replay.path.unlink(missing_ok=True)


def _write(path: Path, shot: Shot, picture: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(shot.offset)
        file.write(picture)


def _read(path: Path, shot: Shot) -> bytes:
    with path.open("rb") as file:
        file.seek(shot.offset)
        return file.read(shot.size)
