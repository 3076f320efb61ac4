"""What Anchor's answers say of a browser."""

from __future__ import annotations

import math

from firecrawl_interact.server.dialects.answer import instant
from firecrawl_interact.server.record import Browser, Status
from firecrawl_interact.wire import anchor as wire

CREDITS_PER_MINUTE = 0.01  # Ours; so that receipts have something to read.

_STATUS = {Status.STOPPED: "completed", Status.FAILED: "failed"}  # Any other is "running".


def status(browser: Browser) -> str:
    """Return Anchor's word for where in its life a browser is."""
    return _STATUS.get(browser.status, "running")


def credits_used(browser: Browser) -> float:
    """Return what a browser has cost; nothing before its end."""
    return 0.0 if browser.alive else round(math.ceil(browser.duration / 60) * CREDITS_PER_MINUTE, 2)


def detail(browser: Browser) -> wire.SessionDetail:
    """Describe a browser that was asked for by its id."""
    return wire.SessionDetail(
        session_id=browser.id,
        team_id=browser.wish.team,
        duration=int(browser.duration),
        status=status(browser),
        credits_used=credits_used(browser),
        configuration=browser.wish.configuration,
        proxy_bytes=0,
        tokens={},
        steps=0,
        # An array by the newest specification, an object by the SDKs' models: none at all fits both.
        tags=list(browser.tags) or None,
        created_at=instant(browser.started_at),
    )


def status_row(browser: Browser) -> wire.StatusRow:
    """Describe a browser in the status of all."""
    return wire.StatusRow(
        session_id=browser.id,
        status=status(browser),
        tags=list(browser.tags),
        created_at=instant(browser.started_at),
    )


def list_row(browser: Browser) -> wire.ListRow:
    """Describe a browser in the paged list."""
    asked = wire.DIALECT.structure(browser.wish.configuration, wire.CreateRequest)
    session, part = asked.session or wire.SessionPart(), asked.browser or wire.BrowserPart()
    return wire.ListRow(
        id=browser.id,
        status=status(browser),
        tags=list(browser.tags),
        headless=part.headless is not None and part.headless.active,
        recording=browser.wish.record,  # Only those who ask are recorded here.
        used_credits="N/A" if browser.alive else credits_used(browser),
        proxy_bytes=0,
        proxy_type=None if session.proxy is None else session.proxy.type,
        steps=0,
        duration=int(browser.duration),
        created_at=instant(browser.started_at),
        user_configuration=browser.wish.configuration,
        task_initiated=False,
        task_executions_count=0,
        api_key_name="default",
        browser_ip="127.0.0.1",
        domains=[],
    )
