"""What Anchor's create body asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from firecrawl_interact.server.engine import LaunchSpec
from firecrawl_interact.server.record import ProfileUse, Wish

MAX_DURATION = 20  # Minutes, when absent.
IDLE_TIMEOUT = 5  # Minutes, when absent.
NO_LIMIT = -1

_SESSION_SWITCHES = ("recording", "scoped_access")
_BROWSER_SWITCHES = ("headless", "adblock", "popup_blocker", "captcha_solver", "extra_stealth", "tracing")
_LARGEST_SIDE = 10_000  # Pixels of a viewport; ours, no bound is documented.


class BadBodyError(Exception):
    """The body does not fit; the text is the answer's."""


def read_wish(body: Any, *, team: str, minute: float) -> Wish:
    """
    Read the body. Members we do not model are kept with the session and change nothing.

    Args:
        body: The parsed JSON.

        team: Whose session it will be.

        minute: Seconds in a minute.

    Raises:
        BadBodyError: A member is of the wrong type or out of bounds.
    """
    session, browser = _object(_object_of(body), "session"), _object(_object_of(body), "browser")
    timeout, view = _object(session, "timeout"), _object(session, "live_view")
    for parent, names in ((session, _SESSION_SWITCHES), (browser, _BROWSER_SWITCHES)):
        for name in names:
            _boolean(_object(parent, name), "active", default=False)
    proxied = _boolean(_object(session, "proxy"), "active", default=False)
    if _boolean(_object(browser, "captcha_solver"), "active", default=False) and not proxied:
        raise BadBodyError("CAPTCHA solver requires proxy to be active.")
    return Wish(
        team=team,
        ttl=_limit(timeout, "max_duration", MAX_DURATION, minute),
        activity_ttl=_limit(timeout, "idle_timeout", IDLE_TIMEOUT, minute),
        connections_count=True,
        tags=read_tags(session),
        profile=_profile(browser),
        read_only=_boolean(view, "read_only", default=False),
        spec=_spec(browser),
        configuration=_object_of(body),
    )


def read_tags(parent: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Read a list of tags; none is an empty one.

    Raises:
        BadBodyError: It is not a list of texts.
    """
    tags = parent.get("tags")
    if tags is None:
        return ()
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise _misfit()
    return tuple(tags)


def _misfit() -> BadBodyError:
    return BadBodyError("Invalid request parameters.")


def _object_of(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise _misfit()
    return body


def _object(parent: Mapping[str, Any], name: str) -> dict[str, Any]:
    return _object_of(parent.get(name, {}))


def _boolean(parent: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = parent.get(name, default)
    if not isinstance(value, bool):
        raise _misfit()
    return value


def _limit(timeout: Mapping[str, Any], name: str, default: int, minute: float) -> float | None:
    value = timeout.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or (value < 1 and value != NO_LIMIT):
        raise _misfit()
    return None if value == NO_LIMIT else value * minute


def _profile(browser: Mapping[str, Any]) -> ProfileUse | None:
    if "profile" not in browser:
        return None
    profile = _object(browser, "profile")
    name = profile.get("name")
    if not isinstance(name, str) or not name:
        raise _misfit()
    # Two savers race at Anchor; no lock is documented.
    return ProfileUse(name=name, saves=_boolean(profile, "persist", default=False), alone=False)


def _spec(browser: Mapping[str, Any]) -> LaunchSpec:
    viewport = _object(browser, "viewport")
    sides = {}
    for name in ("width", "height"):
        if name not in viewport:
            continue
        side = viewport[name]
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= _LARGEST_SIDE:
            raise _misfit()
        sides[name] = side
    return LaunchSpec(**sides)
