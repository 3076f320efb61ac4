"""Requests and what is owed, as data: no layer that sends them knows a provider."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

LONGEST_ANSWER = 8 * 1024 * 1024  # Bytes: a longer one is none of a provider's.


@attrs.frozen
class Request:
    """
    One HTTP request as data, so that any layer can send it with what it has at hand.

    Attributes:
        method: Upper case.

        url: Absolute, already escaped. May hold an id that opens the browser, so not in repr.

        headers: Complete, key included; not in repr.

        body: JSON text, or None for no body.

        longest_answer: Bytes, unpacked; more of an answer is not read. Only files are longer.
    """

    method: str
    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)
    longest_answer: int = attrs.field(default=LONGEST_ANSWER, repr=False)


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
