"""What a start at Anchor asks for, made from our options."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

from firecrawl_interact.backends._options import check_types
from firecrawl_interact.backends.anchor_options import AnchorOptions, AnchorProxy, OwnProxy
from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.models import DEFAULT_ACTIVITY_TTL, DEFAULT_TTL, Profile, SessionOptions
from firecrawl_interact.options import PROFILE_NAME_LENGTH
from firecrawl_interact.wire import anchor_start as wire

# Anchor documents no such bounds; Firecrawl's are kept, so that options fit both.
SHORTEST_TTL = 30  # Seconds.
SHORTEST_ACTIVITY_TTL = 10  # Seconds.
MINUTE = 60  # Seconds.
ENDLESS = 315_360_000  # Seconds, ten years: for what must be owed until it is paid.

# What most sessions are opened with: recognised, since creates are counted in microseconds.
UNSPECIFIED = AnchorOptions()


def create_request(options: SessionOptions, own: AnchorOptions, *, mark: str) -> wire.CreateRequest:
    """
    Put what is asked for into Anchor's words.

    Raises:
        InvalidOptionError: A value is outside its bounds, or two options contradict each other.
    """
    check_types(options)
    session = wire.SessionPart(
        initial_url=own.initial_url,
        tags=[*options.tags, mark],
        recording=_toggle(options.record),
        timeout=_timeout(options, own),
        live_view=_live_view(own),
        proxy=_proxy(options, own),
        x402=own.x402,
        scoped_access=_toggle(own.scoped_access),
    )
    if own is UNSPECIFIED and options.profile is None and options.block_ads is None:
        return wire.CreateRequest(session=session)
    _check_proxy_needs(options, own, session.proxy)
    return wire.CreateRequest(
        session=session,
        browser=_browser(options, own),
        identities=[wire.Identity(id=each) for each in own.identities] or None,
        integrations=[
            wire.Integration(
                id=vault.id,
                type="1PASSWORD",
                configuration=wire.SecretsToLoad(load_mode="all")
                if vault.secrets is None
                else wire.SecretsToLoad(load_mode="specific", secrets=list(vault.secrets)),
            )
            for vault in own.integrations
        ]
        or None,
    )


def lifetime(options: SessionOptions, own: AnchorOptions) -> int:
    """Say how many seconds Anchor lets the session live: whole minutes, rounded up."""
    return ENDLESS if own.no_ttl else _minutes(options.ttl) * MINUTE


def asks_read_only(options: SessionOptions, own: AnchorOptions) -> bool:
    """Tell whether the one live view takes no input, by *own* or by *extra*."""
    if own.live_view_read_only is not None:
        return own.live_view_read_only
    return _in_extra(options, "session", "live_view", "read_only") is True


def _timeout(options: SessionOptions, own: AnchorOptions) -> wire.Timeout:
    ttl = _bounded_minutes("ttl", options.ttl, SHORTEST_TTL)
    idle = _bounded_minutes("activity_ttl", options.activity_ttl, SHORTEST_ACTIVITY_TTL)
    if own.no_ttl:
        _check_default("ttl", "no_ttl", options.ttl, DEFAULT_TTL)
        ttl = wire.NO_LIMIT
    if own.no_activity_ttl:
        _check_default("activity_ttl", "no_activity_ttl", options.activity_ttl, DEFAULT_ACTIVITY_TTL)
        idle = wire.NO_LIMIT
    return wire.Timeout(max_duration=ttl, idle_timeout=idle)


def _check_default(option: str, without: str, value: float, default: float) -> None:
    if value != default:
        raise InvalidOptionError(f"{option} and {without} contradict each other.", option=option, value=value)


def _live_view(own: AnchorOptions) -> wire.LiveView | None:
    if own.live_view_read_only is None and own.live_view_one_time is None:
        return None
    return wire.LiveView(read_only=own.live_view_read_only, one_time_url=own.live_view_one_time)


def _browser(options: SessionOptions, own: AnchorOptions) -> wire.BrowserPart | None:
    popup_blocker = own.popup_blocker
    if options.block_ads is False:
        if popup_blocker:
            raise InvalidOptionError(
                "popup_blocker needs the ad blocker: not with block_ads=False.", option="popup_blocker"
            )
        popup_blocker = False  # On by default, and refused without the ad blocker.
    browser = wire.BrowserPart(
        profile=None if options.profile is None else _profile(options.profile),
        headless=_toggle(own.headless),
        viewport=None
        if own.viewport is None
        else wire.Viewport(width=own.viewport.width, height=own.viewport.height),
        adblock=_toggle(options.block_ads),
        popup_blocker=_toggle(popup_blocker),
        captcha_solver=_toggle(own.captcha_solver),
        extra_stealth=_toggle(own.extra_stealth),
        fullscreen=_toggle(own.fullscreen),
        pdf_viewer=_toggle(own.pdf_viewer),
        p2p_download=_toggle(own.p2p_download),
        disable_web_security=_toggle(own.disable_web_security),
        force_popups_as_tabs=_toggle(own.force_popups_as_tabs),
        web_bot_auth=_toggle(own.web_bot_auth),
        disable_dialogs=_toggle(own.disable_dialogs),
        tracing=None
        if own.tracing is None
        else wire.Tracing(
            active=own.tracing.active, snapshots=own.tracing.snapshots, sources=own.tracing.sources
        ),
        sensitive_data_mask=_mask(own),
        extensions=list(own.extensions) or None,
    )
    return None if browser == wire.BrowserPart() else browser


def _mask(own: AnchorOptions) -> wire.DataMask | None:
    if own.mask is None:
        return None
    return wire.DataMask(
        active=True,
        custom_selectors=list(own.mask.selectors) or None,
        site_selectors={host: list(each) for host, each in own.mask.site_selectors.items()} or None,
        custom_patterns=[wire.MaskPattern(regex=each.regex, mask=each.mask) for each in own.mask.patterns]
        or None,
    )


def _proxy(options: SessionOptions, own: AnchorOptions) -> wire.Proxy | None:
    chosen = own.proxy
    if options.country is not None:
        if chosen is not None:
            raise InvalidOptionError(
                "country and proxy contradict each other: say the country in the AnchorProxy.",
                option="country",
                value=options.country,
            )
        chosen = AnchorProxy(country=options.country)
    if chosen is None:
        return None
    if isinstance(chosen, OwnProxy):
        return wire.Proxy(
            active=True,
            type=wire.OWN_PROXY,
            server=chosen.server,
            username=chosen.username,
            password=chosen.password,
        )
    country = None if chosen.country is None else chosen.country.lower()
    return wire.Proxy(
        active=True, type=wire.VENDOR_PROXY, country_code=country, region=chosen.region, city=chosen.city
    )


def _check_proxy_needs(options: SessionOptions, own: AnchorOptions, proxy: wire.Proxy | None) -> None:
    """Refuse here what Anchor would refuse, or silently leave out."""
    given = _in_extra(options, "session", "proxy")
    if own.captcha_solver and proxy is None and given is None:
        raise InvalidOptionError("captcha_solver needs a proxy.", option="captcha_solver")
    if own.extra_stealth and given is None and (proxy is None or proxy.type != wire.VENDOR_PROXY):
        raise InvalidOptionError(
            "extra_stealth needs Anchor's own proxy: pass country, or an AnchorProxy.", option="extra_stealth"
        )


def _bounded_minutes(option: str, seconds: float, shortest: int) -> int:
    """Check seconds against our floor, and return them as whole minutes, rounded up."""
    if type(seconds) not in {int, float} or not math.isfinite(seconds):
        problem = f"a finite number of seconds, at least {shortest}, not {seconds!r}"
    elif seconds < shortest:
        problem = f"at least {shortest} seconds, not {seconds:g}"
    else:
        return _minutes(seconds)
    raise InvalidOptionError(f"{option} must be {problem}.", option=option, value=seconds)


def _minutes(seconds: float) -> int:
    return math.ceil(seconds / MINUTE)


def _toggle(value: bool | None) -> wire.Toggle | None:
    return None if value is None else wire.Toggle(active=value)


def _profile(profile: Profile) -> wire.Profile:
    if not 1 <= len(profile.name) <= PROFILE_NAME_LENGTH:
        raise InvalidOptionError(
            f"profile name must be 1 to {PROFILE_NAME_LENGTH} characters, not {len(profile.name)}.",
            option="profile",
            value=profile.name,
        )
    # Always explicit: not to save is Anchor's default, and to save is ours.
    return wire.Profile(name=profile.name, persist=profile.save_changes)


def _in_extra(options: SessionOptions, *path: str) -> object:
    """Return what *extra* says at *path*, or None."""
    found: object = options.extra
    for key in path:
        found = cast("Mapping[str, object]", found).get(key) if isinstance(found, Mapping) else None
    return found
