"""Session: one remote browser, and the ways to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from firecrawl_interact.backends._registry import resolve
from firecrawl_interact.config import Settings
from firecrawl_interact.lifecycle import layers
from firecrawl_interact.lifecycle.closing import OnUnconfirmed, close_terms
from firecrawl_interact.lifecycle.hub import Hub
from firecrawl_interact.lifecycle.opening import open_session
from firecrawl_interact.lifecycle.terms import Candidate, OpenTerms, candidates, check_hedge
from firecrawl_interact.models import Profile, ProviderOptions, Scrape, SessionOptions, SessionRef
from firecrawl_interact.opened import OpenedSession
from firecrawl_interact.options import (
    Seconds,
    ledger_choice,
    provider_options,
    seconds,
    session_options,
    switch,
)
from firecrawl_interact.pending import PendingSession

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.ledger.base import Ledger
    from firecrawl_interact.scrape_session import ScrapeSession


class Session(OpenedSession):
    """
    One remote browser, from the accepted create to the confirmed delete.

    Get one from `Session.create` or `Session.attach`. Leaving its ``async with`` block, or
    `aclose`, ends the browser and waits for the provider's confirmation, whatever happens
    meanwhile: exceptions, cancellations, timeouts, the end of the loop.
    """

    @staticmethod
    def create(
        *,
        ttl: Seconds | None = None,
        activity_ttl: Seconds | None = None,
        profile: Profile | str | None = None,
        live_view: bool | None = None,
        record: bool | None = None,
        block_ads: bool | None = None,
        country: str | None = None,
        tags: Iterable[str] = (),
        extra: Mapping[str, Any] | None = None,
        options: ProviderOptions | Iterable[ProviderOptions] | None = None,
        backend: str | Backend | Sequence[str | Backend] | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        hedge: Seconds | None = None,
        open_timeout: Seconds | None = None,
        close_timeout: Seconds | None = None,
        on_unconfirmed: OnUnconfirmed | None = None,
        guardian: bool | None = None,
        ledger: bool | Ledger | None = None,
        relay: bool | None = None,
        exclusive_key: bool | None = None,
    ) -> PendingSession[Session]:
        """
        Describe a session to open; enter or await what comes back. Nothing is sent before.

        Args:
            ttl: Seconds (or a timedelta) it may live, busy or idle; 600 by default. The bounds
                are the provider's: 30 to 3600 at Firecrawl, 30 and more at Anchor, which counts
                in whole minutes, rounded up.

            activity_ttl: Seconds it may sit idle; 300 by default, never more than *ttl* then.
                10 to 3600 at Firecrawl. Anchor counts the time without any connection.

            profile: Browser storage to load, by `Profile` or name; a name alone also saves.

            live_view: False for a session that nobody may watch.

            record: Whether the provider records a video.

            block_ads: Whether ads and trackers are blocked.

            country: Country to browse from, two letters.

            tags: Labels for the session, where the provider has such.

            extra: Merged into the provider's create body unchanged.

            options: Typed options that only one provider has, such as `AnchorOptions`, or
                several of them for a list of backends: each gets its own.

            backend: A name, a configured backend, or several of them, asked in that order; the
                next only where it is proved that nothing was made, see *hedge*. None:
                ``FIRECRAWL_INTERACT_BACKEND``, else by the keys that are set, else ``"local"``
                with a WARNING.

            api_key: Key for a backend given by name; else the environment's.

            base_url: Origin of a backend given by name; else the environment's.

            hedge: Seconds after which the next backend of a list is asked too, if the one
                before has not answered. The first session is kept, every other one is ended.

            open_timeout: Seconds for the create, for each backend of a list. Firecrawl 450,
                Anchor 120, local 30.

            close_timeout: Seconds that leaving waits for the confirmation; 45.

            on_unconfirmed: ``"raise"`` a `CloseError` when the block ended well and no
                confirmation came (the default), or ``"log"`` a WARNING.

            guardian: Whether a helper process ends the session should this one die. None: for
                hosted backends, unless ``FIRECRAWL_INTERACT_GUARDIAN=0``.

            ledger: Whether it is written down on disk, or a ledger of your own. None: for
                hosted backends, unless ``FIRECRAWL_INTERACT_LEDGER=0``.

            relay: Let the guardian send the create, so that a kill during it leaves nothing.

            exclusive_key: Your word that nobody else creates sessions with this key, or that
                all who do share this ledger; lets a lost create at Firecrawl be undone.

        Raises:
            InvalidOptionError: A value is of the wrong type or outside its bounds.
            UnsupportedError: The backend cannot honour an option.
            MissingKeyError: No key at a provider's own address.
            BackendNotFoundError: No backend of that name.
            BackendNotInstalledError: It needs a package that is not installed.
            UsageError: Options that exclude each other.

        On entering or awaiting it raises `BackendError`, `TransportError`, `LocalBrowserError`,
        `ProtocolError` or `CreateUnknownError`; `FailoverError` where several backends said no.
        """
        settings = Settings.switches_from_env()
        asked = session_options(
            ttl=ttl,
            activity_ttl=activity_ttl,
            profile=profile,
            live_view=live_view,
            record=record,
            block_ads=block_ads,
            country=country,
            tags=tags,
            extra=extra,
        )
        typed = provider_options(options)
        close = close_terms(close_timeout, on_unconfirmed)
        relay = bool(switch("relay", relay))
        guardian = switch("guardian", guardian)
        ledger = ledger_choice(ledger)
        patience = None if hedge is None else seconds("hedge", hedge)
        backends = resolve(backend, api_key=api_key, base_url=base_url)
        check_hedge(patience, backends)
        terms = OpenTerms(
            candidates=candidates(
                backends, asked, typed, guardian=guardian, ledger=ledger, relay=relay, settings=settings
            ),
            open_timeout=None if open_timeout is None else seconds("open_timeout", open_timeout),
            hedge=patience,
            exclusive_key=bool(switch("exclusive_key", exclusive_key)),
            relay=relay,
        )

        async def opened() -> Session:
            debt = await open_session(Hub.running(), terms)
            return Session(debt.info, debt, close, debt.backend)

        return PendingSession(opened, "/".join(each.name for each in backends))

    @staticmethod
    def attach(
        session_id: str | SessionRef,
        *,
        backend: str | Backend | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        owned: bool = False,
        close_timeout: Seconds | None = None,
        on_unconfirmed: OnUnconfirmed | None = None,
        guardian: bool | None = None,
        ledger: bool | Ledger | None = None,
    ) -> PendingSession[Session]:
        """
        Take up a session that runs already; enter or await what comes back.

        Args:
            session_id: The provider's id; or the `ref` of a session, which knows its backend
                and address too.

            backend: A name or a configured backend, as in `create`; the reference's if None.

            api_key: Key for a backend given by name; else the environment's, which is sent to no
                other address than the environment's own, or one given here.

            base_url: Origin of a backend given by name; else the reference's or environment's.

            owned: True takes on the promise: leaving ends the session. It must have no owner
                any more, see `detach`. False only looks on.

            close_timeout: As in `create`.

            on_unconfirmed: As in `create`.

            guardian: As in `create`, for an *owned* session.

            ledger: As in `create`, for an *owned* session; it is what knows other owners.

        Raises:
            InvalidOptionError: The id cannot be one.
            UnsupportedError: The session belongs to another process's local server.
            SessionNotFoundError: On entering: the provider knows no such session.
            SessionGoneError: On entering: it has ended.
            UsageError: The reference is of another backend or address; or, on entering, the
                session that is to be *owned* has an owner that lives on this machine.
        """
        from firecrawl_interact.lifecycle.attaching import attach_session, locate  # rarely used

        settings = Settings.switches_from_env()
        close = close_terms(close_timeout, on_unconfirmed)
        chosen, ref = locate(session_id, backend=backend, api_key=api_key, base_url=base_url)
        owns = bool(switch("owned", owned))
        candidate = Candidate(
            backend=chosen,
            layers=layers.choose(
                chosen,
                guardian=switch("guardian", guardian),
                ledger=ledger_choice(ledger),
                relay=False,
                settings=settings,
            ),
            options=SessionOptions(),
        )

        async def opened() -> Session:
            info, debt = await attach_session(Hub.running(), candidate, ref, owned=owns)
            return Session(info, debt, close, chosen)

        return PendingSession(opened, chosen.name)

    @staticmethod
    def from_scrape(
        job_id: str | Scrape,
        *,
        backend: str | Backend | None = None,
        api_key: str | None = None,
        base_url: str | None = None,
        adopt: Session | SessionRef | str | None = None,
        zero_data_retention: bool | None = None,
        close_timeout: Seconds | None = None,
        on_unconfirmed: OnUnconfirmed | None = None,
        guardian: bool | None = None,
        ledger: bool | Ledger | None = None,
    ) -> PendingSession[ScrapeSession]:
        """
        Go on in a page that was scraped; enter or await what comes back.

        Nothing is sent on entering either: the first `execute` or `prompt` starts the browser.

        Args:
            job_id: What `FirecrawlBackend.scrape` returned, or the id of a scrape made elsewhere.

            backend: A name or a configured backend, as in `create`.

            api_key: Key for a backend given by name; else the environment's.

            base_url: Origin of a backend given by name; else the environment's.

            adopt: A running session, its `ref` or its id, to go on in instead of a new browser.
                It stays its owner's; but leaving here stops it too, since the provider binds it
                to the scrape.

            zero_data_retention: Whether the provider keeps nothing.

            close_timeout: As in `create`.

            on_unconfirmed: As in `create`.

            guardian: As in `create`.

            ledger: As in `create`.

        Raises:
            InvalidOptionError: The job id is no UUID, or another value cannot be used.
            UnsupportedError: The backend has no such sessions.
            UsageError: Several backends are named, or *adopt* runs at another one, or no more.
        """
        from firecrawl_interact.scrape_session import pending_scrape  # not every program scrapes

        return pending_scrape(
            job_id,
            backends=resolve(backend, api_key=api_key, base_url=base_url),
            adopt=adopt,
            zero_data_retention=switch("zero_data_retention", zero_data_retention),
            close=close_terms(close_timeout, on_unconfirmed),
            guardian=switch("guardian", guardian),
            ledger=ledger_choice(ledger),
        )
