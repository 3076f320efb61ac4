"""Firecrawl's Interact API."""

from __future__ import annotations

import os
import ssl as tls
from collections.abc import Mapping, Sequence
from typing import Any

from firecrawl_interact.backends._access import Home, make_access
from firecrawl_interact.backends._hosted import fine, segment
from firecrawl_interact.backends.firecrawl_extras import (
    check_page_id,
    profile_path,
    read_replay,
    read_scrape,
    scrape_body,
)
from firecrawl_interact.backends.firecrawl_values import FirecrawlOptions, ReplayPage
from firecrawl_interact.backends.firecrawl_wire import FirecrawlWire
from firecrawl_interact.config import Settings
from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.models import Answer, Profile, Request, Scrape
from firecrawl_interact.options import Seconds, seconds

__all__ = ["HOME", "FirecrawlBackend", "FirecrawlOptions", "FirecrawlWire", "ReplayPage"]

HOME = Home(
    title="Firecrawl",
    url="https://api.firecrawl.dev",
    key_header="Authorization",
    key_prefix="Bearer ",
    key_variable="FIRECRAWL_API_KEY",
)

SCRAPE_TIMEOUT = 60.0  # Seconds; always sent, so that our own wait can be longer than the provider's.
_PATIENCE = 30.0  # Seconds that an answer may come after the provider's own limit.


class FirecrawlBackend(FirecrawlWire):
    """
    Firecrawl, or a server of one's own that speaks its API.

    Args:
        api_key: ``FIRECRAWL_API_KEY`` if None. A server of one's own may need none.

        base_url: Origin of the API; ``FIRECRAWL_API_URL`` if None, else the service's.

        proxy: URL of an HTTP proxy; the environment's if None and *trust_env*.

        ca_file: PEM file of certificate authorities, instead of the system's.

        client_cert: PEM file with a client certificate and its key.

        headers: Sent with every request.

        trust_env: Whether HTTPS_PROXY, HTTP_PROXY and NO_PROXY count.

        ssl: A context of one's own. Without *ca_file* no other process can reach the provider,
            so guardian and exit sweep are off.

        options: For creates that say nothing of them.

    Raises:
        InvalidOptionError: A value cannot be used.
        MissingKeyError: No key, at the service's own address.
    """

    options_type = FirecrawlOptions

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        proxy: str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        client_cert: str | os.PathLike[str] | None = None,
        headers: Mapping[str, str] | None = None,
        trust_env: bool = True,
        ssl: tls.SSLContext | None = None,
        options: FirecrawlOptions | None = None,
    ) -> None:
        if not isinstance(options, FirecrawlOptions | None):
            raise InvalidOptionError(
                f"options must be FirecrawlOptions, not {type(options).__name__}.", option="options"
            )
        settings = Settings() if api_key is not None and base_url is not None else Settings.from_env()
        access = make_access(
            HOME,
            api_key=settings.firecrawl_api_key if api_key is None else api_key,
            base_url=settings.firecrawl_api_url if base_url is None else base_url,
            proxy=proxy,
            ca_file=ca_file,
            client_cert=client_cert,
            headers=headers,
            trust_env=trust_env,
            ssl=ssl,
        )
        super().__init__(access)
        self._defaults = options

    # --- scrapes ------------------------------------------------------------------------

    async def scrape(
        self,
        url: str,
        *,
        formats: Sequence[str | Mapping[str, Any]] = (),
        wait_for: Seconds | None = None,
        actions: Sequence[Mapping[str, Any]] = (),
        profile: Profile | str | None = None,
        country: str | None = None,
        block_ads: bool | None = None,
        timeout: Seconds | None = None,
        zero_data_retention: bool | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Scrape:
        """
        Scrape a page, to go on in it with `Session.from_scrape`. Sent once; billed apart.

        Such a session inherits *profile*, *country* and *block_ads*, and begins with *wait_for*
        and *actions*.

        Args:
            url: The page.

            formats: What to return, such as ``"markdown"``, which is the provider's default.

            wait_for: Seconds (or a timedelta) to wait once the page is open.

            actions: What to do in it then, in the provider's own words.

            profile: Browser storage to load, by `Profile` or name; a name alone also saves.

            country: Country to browse from, two letters.

            block_ads: Whether ads and trackers are blocked.

            timeout: Seconds (or a timedelta) that the provider may take; 60 where none is given.

            zero_data_retention: Whether the provider keeps nothing. Then it may not be able to go
                on in the page either.

            extra: Merged into the request's body unchanged.

        Raises:
            InvalidOptionError: A value is of the wrong type or outside its bounds.
            BackendError: The provider refused.
            ProtocolError: The answer does not fit, or names no job.
            TransportError: The line failed.
        """
        limit = SCRAPE_TIMEOUT if timeout is None else seconds("timeout", timeout)
        body = scrape_body(
            url,
            formats=formats,
            wait_for=None if wait_for is None else seconds("wait_for", wait_for),
            actions=actions,
            profile=Profile(profile) if isinstance(profile, str) else profile,
            country=country,
            block_ads=block_ads,
            timeout=limit,
            zero_data_retention=zero_data_retention,
            extra=extra,
        )
        request = Request("POST", self._scrapes, self._access.body_headers, body)
        answer = await self.exchange(request, timeout=limit + _PATIENCE)
        if not fine(answer):
            raise self.error(answer)
        return read_scrape(answer)

    # --- what sessions leave behind -----------------------------------------------------

    async def replay(self, session_id: str) -> tuple[ReplayPage, ...]:
        """
        List the recorded pages of a session, also of one that has ended.

        Raises:
            SessionNotFoundError: Nothing was recorded, or it is not ready yet.
            BackendError: The provider refused.
        """
        answer = await self._read_only(f"{self._url}/{segment(session_id)}/replay", session_id)
        return read_replay(answer)

    async def replay_playlist(self, session_id: str, page_id: str) -> str:
        """
        Fetch the playlist (HLS) of one recorded page; its links are secrets that live for hours.

        Raises:
            SessionNotFoundError: There is no such page.
            BackendError: The provider refused.
        """
        url = f"{self._url}/{segment(session_id)}/replay/{check_page_id(page_id)}"
        return (await self._read_only(url, session_id)).body.decode(errors="replace")

    async def delete_profile(self, name: str) -> None:
        """
        Delete a saved profile; one that was never saved counts as deleted.

        Raises:
            InvalidOptionError: The name cannot be one.
            ProfileBusyError: A session is saving to it; end that first.
            BackendError: The provider refused.
        """
        request = Request("DELETE", self._access.origin + profile_path(name), self._access.headers)
        answer = await self.exchange(request, repeatable=True)
        if not fine(answer):
            raise self.error(answer)

    async def _read_only(self, url: str, session_id: str) -> Answer:
        answer = await self.exchange(Request("GET", url, self._access.headers), repeatable=True)
        if not fine(answer):
            raise self.error(answer, session_id=session_id)
        return answer
