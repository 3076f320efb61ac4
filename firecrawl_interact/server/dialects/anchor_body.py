"""What Anchor's create body asks for."""

from __future__ import annotations

from typing import Any

from firecrawl_interact.server.engine import LaunchSpec
from firecrawl_interact.server.record import ProfileUse, Wish
from firecrawl_interact.wire import anchor as wire

MAX_DURATION = 20  # Minutes, when absent.
IDLE_TIMEOUT = 5  # Minutes, when absent.
LARGEST_SIDE = 10_000  # Pixels of a viewport; ours, no bound is documented.


class BadBodyError(Exception):
    """The body asks for what cannot be; the text is the answer's."""


def read_wish(body: Any, *, team: str, minute: float) -> Wish:
    """
    Read the body. Members we do not model are kept with the session and change nothing.

    Args:
        body: The parsed JSON.

        team: Whose session it will be.

        minute: Seconds in a minute.

    Raises:
        MisfitError: A member is of the wrong type or out of bounds.
        BadBodyError: Two members do not go together, or the viewport is none.
    """
    asked = wire.DIALECT.structure(body, wire.CreateRequest)
    session, browser = asked.session or wire.SessionPart(), asked.browser or wire.BrowserPart()
    timeout = session.timeout or wire.Timeout()
    if (
        browser.captcha_solver
        and browser.captcha_solver.active
        and not (session.proxy and session.proxy.active)
    ):
        raise BadBodyError("CAPTCHA solver requires proxy to be active.")
    profile = browser.profile
    return Wish(
        team=team,
        ttl=_limit(timeout.max_duration, MAX_DURATION, minute),
        activity_ttl=_limit(timeout.idle_timeout, IDLE_TIMEOUT, minute),
        connections_count=True,
        tags=tuple(session.tags or ()),
        # Two savers race at Anchor: no lock is documented.
        profile=None
        if profile is None
        else ProfileUse(name=profile.name, saves=profile.persist, alone=False),
        one_time=session.live_view is not None and session.live_view.one_time_url is True,
        record=session.recording is not None and session.recording.active is True,
        read_only=session.live_view is not None and session.live_view.read_only is True,
        scoped=session.scoped_access is not None and session.scoped_access.active,
        initial_url=session.initial_url,
        spec=_spec(browser.viewport),
        configuration=body,
    )


def _limit(minutes: int | None, default: int, minute: float) -> float | None:
    minutes = default if minutes is None else minutes
    return None if minutes == wire.NO_LIMIT else minutes * minute


def _spec(viewport: wire.Viewport | None) -> LaunchSpec:
    if viewport is None:
        return LaunchSpec()
    if not (0 < viewport.width <= LARGEST_SIDE and 0 < viewport.height <= LARGEST_SIDE):
        raise BadBodyError("Invalid request parameters.")
    return LaunchSpec(width=viewport.width, height=viewport.height)
