"""How to reach a provider."""

from __future__ import annotations

import ssl as tls

import attrs


@attrs.frozen(kw_only=True)
class ConnectionSettings:
    """
    What a transport is made from. Equal settings may share a transport.

    Attributes:
        proxy: URL of an HTTP proxy, credentials included, or None to take it from the
            environment if *trust_env*.

        ca_file: PEM file of certificate authorities, instead of the system's.

        client_cert: PEM file with a client certificate and its key.

        trust_env: Whether HTTPS_PROXY, HTTP_PROXY and NO_PROXY count. Never ~/.netrc: it would
            compete with the API key.

        ssl: The caller's own context, used as it is; *ca_file* and *client_cert* then serve
            only those who cannot use it.
    """

    proxy: str | None = attrs.field(default=None, repr=False)
    ca_file: str | None = None
    client_cert: str | None = None
    trust_env: bool = True
    ssl: tls.SSLContext | None = attrs.field(default=None, repr=False)
