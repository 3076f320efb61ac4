"""Values every provider shares."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

DEFAULT_TTL = 600  # Seconds. Always sent: the providers' own defaults contradict each other.
DEFAULT_ACTIVITY_TTL = 300  # Seconds; never more than the ttl asked for.


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


@attrs.frozen
class Request:
    """
    One HTTP request as data, so that any layer can send it with what it has at hand.

    Attributes:
        method: Upper case.

        url: Absolute, already escaped. May hold an id that opens the browser, so not in repr.

        headers: Complete, key included; not in repr.

        body: JSON text, or None for no body.
    """

    method: str
    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Answer:
    """
    One HTTP answer as data.

    Attributes:
        status: HTTP status.

        headers: Names in lower case; of repeated ones the last.

        body: As received, decompressed.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    body: bytes = attrs.field(default=b"", repr=False)


@attrs.frozen
class Rows:
    """
    How to read a list of sessions without knowing its provider.

    Attributes:
        path: Keys that lead from the JSON document to the array of rows.

        id_field: Key of the id in a row.

        status_field: Key of the status word in a row.

        over: Status words, lower case, that mean "ended". Any other word counts as alive.

        tags_field: Key of the array of tags in a row, or None where rows have none.
    """

    path: tuple[str, ...]
    id_field: str
    status_field: str
    over: frozenset[str]
    tags_field: str | None = None


@attrs.frozen
class Verify:
    """
    What to ask when an end was refused with a status that may mean "gone" or "bad key".

    The list is read: refused with the same status, the key is bad and the refusal final;
    the id in a living row, the session is still owed; else it is gone.

    Attributes:
        status: The doubtful status of the end (Anchor: 401).

        request: GET of the list.

        rows: How to read it.
    """

    status: int
    request: Request
    rows: Rows


@attrs.frozen
class EndRequest:
    """
    What we owe for one session, as data: no layer that sends it knows a provider.

    Attributes:
        request: The request that ends it.

        gone: Statuses that mean "it is gone".

        again: Statuses that mean "ask again".

        final: Statuses that mean "give up"; any status in none of the sets is final too.

        verify: What to ask on a doubtful status; None where no status is doubtful.

        repeat_while_field: Send again while the JSON answer holds this key (scrape-bound stops).

        born: Wall-clock seconds at which the session was made. A 404 within 3 s of it is
            asked again twice (a lagging replica); None switches that off.
    """

    request: Request
    gone: frozenset[int] = attrs.field(repr=False)
    again: frozenset[int] = attrs.field(repr=False)
    final: frozenset[int] = attrs.field(default=frozenset(), repr=False)
    verify: Verify | None = None
    repeat_while_field: str | None = None
    born: float | None = None


@attrs.frozen
class Search:
    """
    How to find the session of a create whose answer was lost, by the mark it carries.

    Attributes:
        request: GET of the list, filtered by the mark on the provider's side.

        rows: How to read it. Rows are filtered again here, by tag and by status.

        mark: The tag, random per POST, that exactly this create carried.

        end: The end request of the session found, its URL holding ``{id}`` in place of the id.
    """

    request: Request
    rows: Rows
    mark: str
    end: EndRequest


@attrs.frozen
class CreatePlan:
    """
    One create, described: lifecycle sends it once.

    Attributes:
        request: The POST.

        mark: Random tag by which the session can be found, or None where the provider has none.

        search: How to find it by that mark; None without a mark.

        ttl: Seconds after which the provider ends the session by itself.

        end: The end of whatever it makes, its URL holding ``{id}`` in place of the id; for a
            create that another process sends. None where that is not possible.

        id_path: Keys that lead from the JSON answer to the id.
    """

    request: Request
    mark: str | None
    search: Search | None
    ttl: float
    end: EndRequest | None = None
    id_path: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class LineSettings:
    """
    How to reach a provider with the standard library alone; data that every layer can use.

    Attributes:
        proxy: Proxy URL, or None to take it from the environment if *trust_env*.

        ca_file: PEM file of certificate authorities, or None for the system's.

        client_cert: PEM file with a client certificate and its key, or None.

        trust_env: Whether HTTPS_PROXY, HTTP_PROXY and NO_PROXY count.
    """

    proxy: str | None = attrs.field(default=None, repr=False)
    ca_file: str | None = None
    client_cert: str | None = None
    trust_env: bool = True


@attrs.frozen(kw_only=True)
class RunResult:
    """
    What a run inside the browser's machine left behind.

    Attributes:
        stdout: What it printed; ``""`` if nothing.

        stderr: What it printed as errors; ``""`` if nothing.

        result: Text of the last expression; None if the provider sent none.

        exit_code: 0 is success; None if the provider sent none.

        killed: True if the time limit ended it.

        truncated: True if the output was cut.

        output: The agent's answer to a prompt; None for code.

        error: The provider's one-line summary of the failure; None after success.
    """

    stdout: str = ""
    stderr: str = ""
    result: str | None = None
    exit_code: int | None = None
    killed: bool = False
    truncated: bool = False
    output: str | None = None
    error: str | None = None
