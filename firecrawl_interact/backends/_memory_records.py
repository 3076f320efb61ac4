"""What the provider in memory remembers."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import attrs

from firecrawl_interact.models import RunResult
from firecrawl_interact.wire import firecrawl as wire
from firecrawl_interact.wire.firecrawl_runs import RunReply

CREDITS = 2  # Billed per session, whatever its length: Firecrawl's minimum.


@attrs.define(eq=False, kw_only=True)
class MemorySession:
    """
    One session.

    Attributes:
        id: ``s1``, ``s2`` and so on.

        watched: Whether it has live views.

        alive: Whether it still runs.

        created_at: When it was made.

        started: The same, by a clock that nobody sets.
    """

    id: str
    watched: bool = True
    alive: bool = True
    created_at: datetime = attrs.field(factory=lambda: datetime.now(UTC))
    started: float = attrs.field(factory=time.monotonic)

    @property
    def cdp_url(self) -> str:
        """Address that nothing answers at."""
        return f"memory://cdp/{self.id}"

    @property
    def live_view_url(self) -> str:
        """Page that is none."""
        return f"memory://live/{self.id}" if self.watched else ""

    @property
    def interactive_live_view_url(self) -> str:
        """Page that is none either."""
        return f"memory://live/{self.id}?interactive=true" if self.watched else ""

    def row(self) -> wire.SessionRow:
        """Tell of it in a list."""
        return wire.SessionRow(
            id=self.id,
            status="active" if self.alive else "destroyed",
            cdp_url=self.cdp_url,
            live_view_url=self.live_view_url,
            interactive_live_view_url=self.interactive_live_view_url,
            stream_web_view=self.watched,
            created_at=self.created_at,
            last_activity=self.created_at,
        )

    def detail(self) -> wire.GetReply:
        """Tell of it alone."""
        return wire.GetReply(
            success=True,
            id=self.id,
            status="running" if self.alive else "stopped",
            cdp_url=self.cdp_url,
            live_view_url=self.live_view_url,
            interactive_live_view_url=self.interactive_live_view_url,
        )

    def end(self) -> wire.DeleteReply:
        """End it, if it runs, and tell how long it did; a second time that is not told."""
        milliseconds = int((time.monotonic() - self.started) * 1000) if self.alive else None
        self.alive = False
        return wire.DeleteReply(
            success=True, status="stopped", session_duration_ms=milliseconds, credits_billed=CREDITS
        )

    def bound_reply(self, result: RunResult) -> RunReply:
        """Tell what came of a run in a scraped page, and of the browser."""
        return attrs.evolve(
            run_reply(result),
            success=not result.failed,
            session_id=self.id,
            cdp_url=self.cdp_url,
            live_view_url=self.live_view_url,
            interactive_live_view_url=self.interactive_live_view_url,
        )


@attrs.define(eq=False, kw_only=True)
class MemoryScrape:
    """
    One scraped page.

    Attributes:
        id: A UUID.

        session: The browser in it; None before the first run.
    """

    id: str
    session: MemorySession | None = None


def run_reply(result: RunResult) -> RunReply:
    """Tell what came of a run."""
    return RunReply(
        success=True,
        stdout=result.stdout,
        stderr=result.stderr,
        result=result.result or "",
        exit_code=result.exit_code or 0,
        killed=result.killed,
        truncated=result.truncated,
        output=result.output,
        error=result.error or (result.stderr or "Execution failed" if result.failed else None),
    )
