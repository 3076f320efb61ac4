"""Firecrawl's Interact API."""

from __future__ import annotations

import os
import ssl as tls
from collections.abc import Mapping
from typing import Any

from firecrawl_interact.backends._access import make_access
from firecrawl_interact.backends.firecrawl_kept import FirecrawlKept
from firecrawl_interact.backends.firecrawl_values import FirecrawlOptions, ReplayPage
from firecrawl_interact.backends.firecrawl_wire import HOME, FirecrawlWire
from firecrawl_interact.config import Settings, naming_variables
from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.transport.base import Transport
from firecrawl_interact.transport.http import HttpTransport

__all__ = ["HOME", "FirecrawlBackend", "FirecrawlOptions", "FirecrawlWire", "ReplayPage"]


class FirecrawlBackend(FirecrawlKept):
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

    options_type: type | None = FirecrawlOptions

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
        typed: Any = options
        if typed is not None and not isinstance(typed, FirecrawlOptions):
            raise InvalidOptionError(
                f"options must be FirecrawlOptions, not {type(options).__name__}.", option="options"
            )
        settings = Settings() if api_key is not None and base_url is not None else Settings.from_env()
        with naming_variables("firecrawl", api_key=api_key, base_url=base_url):
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
        if options is not None:
            self._defaults = options

    def new_transport(self) -> Transport:
        """Make a transport for the running event loop."""
        return HttpTransport(self._access.connection)
