"""AnchorOptions: what only Anchor's sessions can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast
from urllib.parse import urlsplit

import attrs

from firecrawl_interact.backends._validators import (
    are_texts,
    choice,
    flag,
    one_of,
    optional_text,
    optional_texts,
    pixels,
    text,
    texts,
    tuple_of,
    wrong,
)
from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.options import country_code

_PROXY_SCHEMES = frozenset({"http", "https", "socks5"})


def _selectors_by_host(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not _are_selectors_by_host(value):
        raise wrong(attribute, "a mapping of hosts to tuples of texts", value)


def _are_selectors_by_host(value: object) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(host, str) and are_texts(selectors)
        for host, selectors in cast("Mapping[object, object]", value).items()
    )


def _country(_: object, _attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None:
        country_code(value)


@attrs.frozen(kw_only=True)
class AnchorProxy:
    """
    Anchor's own proxy.

    Attributes:
        country: ISO 3166-1 alpha-2 code; Anchor takes the United States if None.

        region: Within the country.

        city: Needs a region.
    """

    country: str | None = attrs.field(default=None, validator=_country)
    region: str | None = attrs.field(default=None, validator=optional_text)
    city: str | None = attrs.field(default=None, validator=optional_text)

    def __attrs_post_init__(self) -> None:
        """Refuse what Anchor would."""
        if self.city is not None and self.region is None:
            raise InvalidOptionError("city needs a region.", option="city", value=self.city)


@attrs.frozen(kw_only=True)
class OwnProxy:
    """
    A proxy of one's own.

    Attributes:
        server: ``http``, ``https`` or ``socks5``, host and port, as in
            ``https://proxy.example.com:443``. Credentials do not belong in it.

        username: May be empty.

        password: May be empty; never shown.
    """

    server: str
    username: str = attrs.field(default="", repr=False)
    password: str = attrs.field(default="", repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse an address that Anchor could not use. It is not repeated: it may hold a password."""
        for name, value in (("username", self.username), ("password", self.password)):
            if not isinstance(cast("object", value), str):
                raise InvalidOptionError(f"{name} must be text.", option=name)
        usable = False
        if isinstance(cast("object", self.server), str):
            try:
                parts = urlsplit(self.server)
                usable = (
                    parts.scheme in _PROXY_SCHEMES
                    and bool(parts.hostname)
                    and parts.port is not None
                    and "@" not in parts.netloc
                )
            except ValueError:
                usable = False
        if not usable:
            raise InvalidOptionError(
                "server must be http, https or socks5 with host and port, and without credentials.",
                option="server",
            )


@attrs.frozen(kw_only=True)
class Viewport:
    """Size of the page in pixels."""

    width: int = attrs.field(validator=pixels)
    height: int = attrs.field(validator=pixels)


@attrs.frozen(kw_only=True)
class Tracing:
    """
    What Anchor traces of the browser's work; it traces all sessions unless told otherwise.

    Attributes:
        active: Whether it does.

        snapshots: Whether pages are kept, too.

        sources: Whether sources are.
    """

    active: bool = attrs.field(default=True, validator=flag)
    snapshots: bool = attrs.field(default=False, validator=flag)
    sources: bool = attrs.field(default=True, validator=flag)


@attrs.frozen(kw_only=True)
class MaskPattern:
    """
    A text that recordings must not show.

    Attributes:
        regex: What to look for.

        mask: What is shown instead; Anchor takes four stars if None.
    """

    regex: str = attrs.field(validator=text)
    mask: str | None = attrs.field(default=None, validator=optional_text)


@attrs.frozen(kw_only=True)
class DataMask:
    """
    What recordings must not show.

    Attributes:
        selectors: CSS selectors, on every site.

        site_selectors: CSS selectors, by host.

        patterns: Texts.
    """

    selectors: tuple[str, ...] = attrs.field(default=(), validator=texts)
    site_selectors: Mapping[str, tuple[str, ...]] = attrs.field(
        factory=dict[str, tuple[str, ...]], validator=_selectors_by_host
    )
    patterns: tuple[MaskPattern, ...] = attrs.field(default=(), validator=tuple_of(MaskPattern))


@attrs.frozen(kw_only=True)
class OnePassword:
    """
    A 1Password vault that was connected to the account.

    Attributes:
        id: Anchor's id of the connection.

        secrets: Which of its secrets the browser gets; None for all.
    """

    id: str = attrs.field(validator=text)
    secrets: tuple[str, ...] | None = attrs.field(default=None, repr=False, validator=optional_texts)


@attrs.frozen(kw_only=True)
class AnchorOptions:
    """
    What only Anchor's sessions can be asked for; None leaves it to Anchor.

    Handed to `Session.create` as *options*, or to `AnchorBackend` for all of its sessions. What
    every provider has (ttl, profile, recording, ad blocker, country, tags) stays with `Session.create`.

    Attributes:
        initial_url: Page that the browser begins with.

        no_ttl: The session lives until it is ended: if that fails, it is never given back.

        no_activity_ttl: It stays although nothing is connected to it.

        live_view_read_only: The live view takes no input, and is the watch-only link.

        live_view_one_time: The live view's link dies after its first viewer. Not with *headless*.

        scoped_access: Links carry tokens, one for watching among them; the session's id alone
            opens nothing.

        proxy: Where the browser's traffic leaves. Not together with *country*.

        captcha_solver: Solve captchas; needs a proxy.

        extra_stealth: Hide better that it is a remote browser; needs Anchor's own proxy.

        popup_blocker: On by default; needs the ad blocker.

        headless: Without a screen.

        fullscreen: The window fills the screen.

        viewport: Size of the page; Anchor takes 1440 by 900.

        extensions: Ids of browser extensions that were uploaded.

        identities: Ids of identities that the browser is signed in as.

        integrations: Vaults whose secrets the browser gets.

        mask: What recordings must not show.

        tracing: What is traced.

        pdf_viewer: Show PDF files instead of downloading them; on by default.

        disable_dialogs: Let pages open no dialogs.

        force_popups_as_tabs: Open new windows as tabs.

        p2p_download: Download between the browser and its driver directly.

        disable_web_security: Switch the browser's same-origin policy off.

        web_bot_auth: Sign requests as those of a known bot.

        x402: Pay for resources that answer 402.

    Raises:
        InvalidOptionError: A value is of the wrong type, or two contradict each other.
    """

    backend: ClassVar[str] = "anchor"

    initial_url: str | None = attrs.field(default=None, validator=optional_text, repr=False)
    no_ttl: bool = attrs.field(default=False, validator=flag)
    no_activity_ttl: bool = attrs.field(default=False, validator=flag)
    live_view_read_only: bool | None = attrs.field(default=None, validator=choice)
    live_view_one_time: bool | None = attrs.field(default=None, validator=choice)
    scoped_access: bool | None = attrs.field(default=None, validator=choice)
    proxy: AnchorProxy | OwnProxy | None = attrs.field(default=None, validator=one_of(AnchorProxy, OwnProxy))
    captcha_solver: bool | None = attrs.field(default=None, validator=choice)
    extra_stealth: bool | None = attrs.field(default=None, validator=choice)
    popup_blocker: bool | None = attrs.field(default=None, validator=choice)
    headless: bool | None = attrs.field(default=None, validator=choice)
    fullscreen: bool | None = attrs.field(default=None, validator=choice)
    viewport: Viewport | None = attrs.field(default=None, validator=one_of(Viewport))
    extensions: tuple[str, ...] = attrs.field(default=(), validator=texts)
    identities: tuple[str, ...] = attrs.field(default=(), validator=texts)
    integrations: tuple[OnePassword, ...] = attrs.field(default=(), validator=tuple_of(OnePassword))
    mask: DataMask | None = attrs.field(default=None, validator=one_of(DataMask))
    tracing: Tracing | None = attrs.field(default=None, validator=one_of(Tracing))
    pdf_viewer: bool | None = attrs.field(default=None, validator=choice)
    disable_dialogs: bool | None = attrs.field(default=None, validator=choice)
    force_popups_as_tabs: bool | None = attrs.field(default=None, validator=choice)
    p2p_download: bool | None = attrs.field(default=None, validator=choice)
    disable_web_security: bool | None = attrs.field(default=None, validator=choice)
    web_bot_auth: bool | None = attrs.field(default=None, validator=choice)
    x402: bool | None = attrs.field(default=None, validator=choice)

    def __attrs_post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.headless and self.live_view_one_time:
            raise InvalidOptionError(
                "live_view_one_time needs a screen: not with headless.", option="live_view_one_time"
            )
        if self.extra_stealth and isinstance(self.proxy, OwnProxy):
            raise InvalidOptionError(
                "extra_stealth works with Anchor's own proxy only, not with an OwnProxy.",
                option="extra_stealth",
            )
