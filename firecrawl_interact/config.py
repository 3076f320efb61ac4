"""Settings from the environment; nobody else reads it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Mapping

import attrs

from firecrawl_interact.errors import InvalidOptionError

# Where a backend's key and address come from if nobody gives them.
_ACCESS: Mapping[tuple[str, str | None], str] = {
    ("firecrawl", "api_key"): "FIRECRAWL_API_KEY",
    ("firecrawl", "base_url"): "FIRECRAWL_API_URL",
    ("anchor", "api_key"): "ANCHORBROWSER_API_KEY or ANCHOR_API_KEY",
    ("anchor", "base_url"): "ANCHORBROWSER_BASE_URL",
}
_OFF = frozenset({"0", "false", "no", "off"})
_ON = frozenset({"1", "true", "yes", "on"})

# What a child process may know of our environment: nobody's keys or tokens.
_CHILDREN_MAY_SEE = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "TZ", "LANG", "LANGUAGE"),
        *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "FONTCONFIG_FILE", "FONTCONFIG_PATH"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"),
        *("SSL_CERT_DIR", "SSL_CERT_FILE", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"),
    }
)
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy", "no_proxy"})  # In either case.


@attrs.frozen(kw_only=True)
class Settings:
    """
    What the environment says, read at the moment of opening.

    An empty variable counts as not set.

    Attributes:
        backend: ``FIRECRAWL_INTERACT_BACKEND``, a name or comma-separated names.

        firecrawl_api_key: ``FIRECRAWL_API_KEY``.

        firecrawl_api_url: ``FIRECRAWL_API_URL``.

        anchor_api_key: ``ANCHORBROWSER_API_KEY``, else ``ANCHOR_API_KEY``.

        anchor_base_url: ``ANCHORBROWSER_BASE_URL``.

        browser: ``FIRECRAWL_INTERACT_BROWSER``, path or name of a local browser.

        cdp: ``FIRECRAWL_INTERACT_CDP``, how local browsers take commands: ``port`` or ``pipe``.

        guardian: ``FIRECRAWL_INTERACT_GUARDIAN``; ``0`` switches the helper process off.

        ledger: ``FIRECRAWL_INTERACT_LEDGER``; ``0`` switches the ledger off.

        serve_key: ``FIRECRAWL_INTERACT_SERVE_KEY``, the key of ``firecrawl-interact serve``.
    """

    backend: str | None = None
    firecrawl_api_key: str | None = attrs.field(default=None, repr=False)
    firecrawl_api_url: str | None = None
    anchor_api_key: str | None = attrs.field(default=None, repr=False)
    anchor_base_url: str | None = None
    browser: str | None = None
    cdp: str | None = None
    guardian: bool = True
    ledger: bool = True
    serve_key: str | None = attrs.field(default=None, repr=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """
        Read the environment.

        Raises:
            InvalidOptionError: A switch is neither on nor off, or a choice is none of those there are.
        """
        env = os.environ if environ is None else environ
        return cls(
            backend=_text(env, "FIRECRAWL_INTERACT_BACKEND"),
            firecrawl_api_key=_text(env, "FIRECRAWL_API_KEY"),
            firecrawl_api_url=_text(env, "FIRECRAWL_API_URL"),
            anchor_api_key=_text(env, "ANCHORBROWSER_API_KEY") or _text(env, "ANCHOR_API_KEY"),
            anchor_base_url=_text(env, "ANCHORBROWSER_BASE_URL"),
            browser=_text(env, "FIRECRAWL_INTERACT_BROWSER"),
            cdp=_choice(env, "FIRECRAWL_INTERACT_CDP", ("port", "pipe")),
            guardian=_switch(env, "FIRECRAWL_INTERACT_GUARDIAN"),
            ledger=_switch(env, "FIRECRAWL_INTERACT_LEDGER"),
            serve_key=_text(env, "FIRECRAWL_INTERACT_SERVE_KEY"),
        )

    @classmethod
    def switches_from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """
        Read the switches alone: all that a create with a configured backend needs.

        Raises:
            InvalidOptionError: A switch is neither on nor off.
        """
        env = os.environ if environ is None else environ
        return cls(
            guardian=_switch(env, "FIRECRAWL_INTERACT_GUARDIAN"),
            ledger=_switch(env, "FIRECRAWL_INTERACT_LEDGER"),
        )


@contextlib.contextmanager
def naming_variables(backend: str, *, api_key: str | None, base_url: str | None) -> Generator[None]:
    """
    Name the variable in the refusal of a key or address that the caller did not give.

    Args:
        backend: Whose key and address are read.

        api_key: What the caller gave; None for the environment's.

        base_url: The same.
    """
    try:
        yield
    except InvalidOptionError as error:
        given = {"api_key": api_key, "base_url": base_url}
        variable = _ACCESS.get((backend, error.option))
        if variable is not None and given[str(error.option)] is None:
            error.args = (f"{error} It was read from {variable}.",)
        raise


def child_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a child process needs of the environment: no keys, no tokens, no proxy's password."""
    env = os.environ if environ is None else environ
    return {name: value for name, value in env.items() if _harmless(name, value)}


def _harmless(name: str, value: str) -> bool:
    if name.lower() in _PROXIES:
        return "@" not in value
    return name in _CHILDREN_MAY_SEE or name.startswith("LC_")


def _text(env: Mapping[str, str], name: str) -> str | None:
    return env.get(name, "").strip() or None


def _choice(env: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    text = env.get(name, "").strip().lower()
    if text and text not in choices:
        raise InvalidOptionError(
            f"{name} must be {' or '.join(choices)}, not {text!r}.", option=name, value=text
        )
    return text or None


def _switch(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "").strip().lower()
    if not text or text in _ON:
        return True
    if text in _OFF:
        return False
    raise InvalidOptionError(
        f"{name} must be 1 or 0 (or true, false, yes, no, on, off), not {text!r}.",
        option=name,
        value=text,
    )
