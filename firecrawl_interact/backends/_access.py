"""Access: where a provider is, and how to get in."""

from __future__ import annotations

import os
import re
import ssl as tls
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import attrs

from firecrawl_interact.errors import InvalidOptionError, MissingKeyError
from firecrawl_interact.models import LineSettings
from firecrawl_interact.transport.settings import ConnectionSettings

_VERSIONS = frozenset({"", "/", "/v0", "/v1", "/v2"})  # Paths of a base URL that mean its origin.
_BARE_HOST = re.compile(r"(localhost|[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,5})(:[0-9]{1,5})?/?", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_OURS = frozenset({"content-type", "content-length", "host", "transfer-encoding"})  # Set for every request.


@attrs.frozen(kw_only=True)
class Home:
    """
    A provider's own service.

    Attributes:
        title: Its name in prose.

        url: Its address.

        key_header: Header that carries the API key.

        key_prefix: What stands before the key in it.

        key_variable: Environment variable of the key.
    """

    title: str
    url: str
    key_header: str
    key_prefix: str = ""
    key_variable: str


@attrs.frozen(kw_only=True)
class Access:
    """
    Where a provider is, and how to get in: everything that its requests have in common.

    Attributes:
        origin: Scheme, host and port, without a trailing slash.

        key: API key, or None.

        headers: Of every request, key included.

        body_headers: Of a request with a JSON body.

        connection: How aiohttp gets there.

        line: How the standard library gets there; None if it cannot.
    """

    origin: str
    key: str | None = attrs.field(default=None, repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    body_headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    connection: ConnectionSettings = attrs.field(factory=ConnectionSettings, repr=False)
    line: LineSettings | None = attrs.field(factory=LineSettings, repr=False)


def make_access(
    home: Home,
    *,
    api_key: str | None,
    base_url: str | None,
    headers: Mapping[str, str] | None = None,
    proxy: str | None = None,
    ca_file: str | os.PathLike[str] | None = None,
    client_cert: str | os.PathLike[str] | None = None,
    trust_env: bool = True,
    ssl: tls.SSLContext | None = None,
) -> Access:
    """
    Check what a backend is configured with.

    Raises:
        InvalidOptionError: A value cannot be used; the text never repeats a key or a URL's credentials.
        MissingKeyError: The provider's own address needs a key.
    """
    origin = _origin(base_url or home.url)
    if api_key is None and origin == home.url:
        raise MissingKeyError(f"{home.title} needs an API key: pass api_key= or set {home.key_variable}.")
    _check_proxy(proxy)
    _check_type("ssl", ssl, tls.SSLContext)
    if not isinstance(cast("object", trust_env), bool):
        raise InvalidOptionError(f"trust_env must be True or False, not {trust_env!r}.", option="trust_env")
    _check_file("ca_file", ca_file)
    _check_file("client_cert", client_cert)
    common = {"Accept": "application/json", "User-Agent": "firecrawl-interact"}
    common.update(_checked_headers(headers or {}, home))
    if api_key is not None:
        common[home.key_header] = home.key_prefix + _checked_key(api_key)
    files = {
        "ca_file": None if ca_file is None else os.fspath(ca_file),
        "client_cert": None if client_cert is None else os.fspath(client_cert),
    }
    return Access(
        origin=origin,
        key=api_key,
        headers=common,
        body_headers={**common, "Content-Type": "application/json"},
        connection=ConnectionSettings(proxy=proxy, trust_env=trust_env, ssl=ssl, **files),
        # A context cannot be told to another process; without a CA file nothing else could verify.
        line=None if ssl and not ca_file else LineSettings(proxy=proxy, trust_env=trust_env, **files),
    )


def _check_proxy(proxy: object) -> None:
    _check_type("proxy", proxy, str)
    if not isinstance(proxy, str):
        return
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        usable = parts.scheme in _DEFAULT_PORTS and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:  # Not repeated: it may hold a password.
        raise InvalidOptionError("proxy must be an http or https URL with a host.", option="proxy")


def _check_file(option: str, path: object) -> None:
    if path is None:
        return
    if not isinstance(path, str | os.PathLike):
        raise InvalidOptionError(f"{option} must be a path, not {path!r}.", option=option, value=path)
    if not os.path.isfile(cast("str | os.PathLike[str]", path)):  # noqa: PTH113  # a Path would need the same import
        raise InvalidOptionError(
            f"{option} must be a PEM file; there is none at {os.fspath(path)!r}.", option=option, value=path
        )


def _origin(base_url: object) -> str:
    """Return scheme, host and port in one spelling, so that equal addresses compare equal."""

    def invalid(reason: str) -> InvalidOptionError:
        return InvalidOptionError(f"base_url {reason}.", option="base_url")

    if not isinstance(base_url, str):
        raise invalid(f"must be text, not {type(base_url).__name__}")
    if not base_url.isprintable() or " " in base_url.strip() or "\\" in base_url:
        raise invalid("must not hold spaces, backslashes or control characters")
    try:
        parts = urlsplit(base_url.strip())
        port = parts.port
    except ValueError:
        raise invalid("must be a URL") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        # Only a bare host and port is repeated: all else may be a key.
        shown = f", not {base_url!r}" if _BARE_HOST.fullmatch(base_url) else ""
        raise invalid(f"must begin with http:// or https:// and name a host{shown}")
    if "@" in parts.netloc:
        raise invalid("must not hold a user or password; pass api_key=")
    if parts.path.rstrip("/") not in _VERSIONS or parts.query or parts.fragment:
        raise invalid(
            "must be an origin such as https://host:port; of paths only a version (/v1, /v2) is taken"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    suffix = "" if port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"


def _checked_key(key: object) -> str:
    if not isinstance(key, str) or not key or not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidOptionError(
            "api_key must be text of printable ASCII characters without spaces, and not empty.",
            option="api_key",
        )
    return key


def _check_type(option: str, value: object, cls: type) -> None:
    if value is not None and not isinstance(value, cls):
        raise InvalidOptionError(
            f"{option} must be {cls.__name__} or None, not {type(value).__name__}.", option=option
        )


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _checked_headers(headers: Mapping[Any, Any], home: Home) -> dict[str, str]:
    if not _is_mapping(headers):
        raise InvalidOptionError(
            f"headers must be a mapping, not {type(headers).__name__}.", option="headers"
        )
    for name, value in headers.items():
        if not all(isinstance(part, str) and part.isascii() and part.isprintable() for part in (name, value)):
            raise InvalidOptionError("headers must be printable ASCII text.", option="headers")
        if name.lower() == home.key_header.lower():
            raise InvalidOptionError(
                f"headers must not hold {home.key_header}; pass api_key=.", option="headers"
            )
        if not name or name.lower() in _OURS or any(mark in name for mark in " :"):
            raise InvalidOptionError(f"headers must not hold {name!r}.", option="headers")
    return dict(headers)
