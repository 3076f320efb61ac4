"""What we ask of a session, and what we were told about one."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Protocol, Self

import attrs

from firecrawl_interact.errors import InvalidOptionError

DEFAULT_TTL = 600  # Seconds. Always sent: the providers' own defaults contradict each other.
DEFAULT_ACTIVITY_TTL = 300  # Seconds; never more than the ttl asked for.


EndReason = Literal["closed", "gone", "expired"]


class SessionState(enum.Enum):
    """Where in its life a session is."""

    OPENING = "opening"  # Asked for; the provider may or may not hold a browser.
    OPEN = "open"  # Answered and usable.
    CLOSING = "closing"  # A delete is under way; nothing else may start.
    CLOSED = "closed"  # Confirmed gone. Final.
    UNCONFIRMED = "unconfirmed"  # A delete was sent and not confirmed; others go on, until its ttl at most.
    DETACHED = "detached"  # Given up on purpose, or never ours; lives until its ttl. Final.


@attrs.frozen
class Profile:
    """
    Name a browser profile: cookies and storage that outlive sessions.

    Attributes:
        name: 1 to 128 characters.

        save_changes: Whether the provider saves the session's changes when it ends.
            At most one saver per profile at a time; any number may only read.
    """

    name: str
    save_changes: bool = True


class ProviderOptions(Protocol):
    """Typed options that only one provider has, such as `AnchorOptions`."""

    backend: ClassVar[str]  # Name of the one backend that takes them.


@attrs.frozen(kw_only=True)
class SessionOptions:
    """
    What we ask a provider for. Checked in type; each backend checks its own bounds.

    Attributes:
        ttl: Seconds the session may live, busy or idle.

        activity_ttl: Seconds it may sit idle.

        profile: Browser storage to load, and perhaps to save to.

        live_view: Whether somebody may watch; None leaves it to the provider.

        record: Whether the provider records a video; None leaves it to the provider.

        block_ads: Whether ads and trackers are blocked; None leaves it to the provider.

        country: ISO 3166-1 alpha-2 code of the country to browse from, upper case.

        tags: Labels the provider stores with the session.

        extra: Merged into the provider's create body unchanged.

        provider: Typed options of one provider, for its backend alone; others refuse them.
    """

    ttl: float = DEFAULT_TTL
    activity_ttl: float = DEFAULT_ACTIVITY_TTL
    profile: Profile | None = None
    live_view: bool | None = None
    record: bool | None = None
    block_ads: bool | None = None
    country: str | None = None
    tags: tuple[str, ...] = ()
    extra: Mapping[str, Any] | None = attrs.field(default=None, repr=False)
    provider: ProviderOptions | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class SessionInfo:
    """
    What a provider told us about one session.

    Attributes:
        id: The provider's id; opaque.

        backend: Name of the backend that read it.

        cdp_url: WebSocket address that drives the browser; a secret. None where the
            provider does not repeat it (Anchor's get and list).

        live_view_url: Page that shows the browser, watch only; a secret. None where the
            provider has no watch-only link.

        interactive_live_view_url: The same, accepting clicks and keys; more of a secret.

        expires_at: Aware instant at which the ttl runs out, or None where it is not known.

        expires_at_estimated: True where we computed *expires_at* from the ttl, because the
            provider does not say it.

        status: The provider's word, as given; None right after a create.

        alive: What the word means: True while the session may still run.

        created_at: Aware instant, where the provider says it.

        tags: Labels stored with the session, where the provider has such.
    """

    id: str
    backend: str
    cdp_url: str | None = attrs.field(default=None, repr=False)
    live_view_url: str | None = attrs.field(default=None, repr=False)
    interactive_live_view_url: str | None = attrs.field(default=None, repr=False)
    expires_at: datetime | None = None
    expires_at_estimated: bool = False
    status: str | None = None
    alive: bool = True
    created_at: datetime | None = None
    tags: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class CloseReceipt:
    """
    What the provider said when the session ended.

    Attributes:
        confirmed: True once the provider has confirmed that the session is gone.

        duration: How long the browser ran, by the provider's clock; None if not said.

        credits_billed: The provider's credits; None if not said. Never invented.
    """

    confirmed: bool
    duration: timedelta | None = None
    credits_billed: int | float | None = None


@attrs.frozen(kw_only=True)
class SessionEnd:
    """
    When and why a session came to its end, as far as it is known here.

    Attributes:
        why: ``"closed"`` by its owner in this process; ``"gone"``, since the provider ended it
            or somebody else did; ``"expired"``, since its ttl ran out.

        at: Aware instant; for a session that is gone, the one at which that was learnt.

        text: The reason in words.
    """

    why: EndReason
    at: datetime
    text: str = ""


@attrs.frozen(kw_only=True)
class SessionRef:
    """
    Where a session runs, without anything secret but what the provider makes of its id.

    Hand it to another process, as JSON if need be, and `Session.attach` takes it up there with
    that process's own key. At Anchor the id alone opens the browser: treat it as a secret there.

    Attributes:
        backend: Name of the backend that made it.

        session_id: The provider's id.

        base_url: Origin of the provider's API.

        expires_at: Aware instant at which its ttl runs out, or None where it is not known.

    Raises:
        InvalidOptionError: A value is of the wrong type; it is not repeated.
    """

    backend: str
    session_id: str
    base_url: str
    expires_at: datetime | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what could not be gone by later."""
        if not all(_is_text(each) for each in (self.backend, self.session_id, self.base_url)):
            raise InvalidOptionError(
                "backend, session_id and base_url of a SessionRef must be text that is not empty.",
                option="session",
            )
        if not _is_instant(self.expires_at):
            raise InvalidOptionError(
                "expires_at of a SessionRef must be a datetime with a zone, or None.", option="session"
            )

    def to_json(self) -> str:
        """Write it as one line of JSON."""
        when = None if self.expires_at is None else self.expires_at.isoformat()
        return json.dumps(
            {
                "backend": self.backend,
                "session_id": self.session_id,
                "base_url": self.base_url,
                "expires_at": when,
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """
        Read what `to_json` wrote. Keys of later releases are passed over.

        Raises:
            InvalidOptionError: It is no such thing; the text is not repeated.
        """
        try:
            found: Any = json.loads(text)
            return cls(
                backend=found["backend"],
                session_id=found["session_id"],
                base_url=found["base_url"],
                expires_at=_instant(found.get("expires_at")),
            )
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            misfit = InvalidOptionError("This is no JSON of a SessionRef.", option="session")
        raise misfit  # Outside of the handler: what went wrong there may quote the text.


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_instant(value: object) -> bool:
    return value is None or (isinstance(value, datetime) and value.tzinfo is not None)


def _instant(text: Any) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
