"""The language between an owner and its helper process: JSON arrays, one a line."""

from __future__ import annotations

import json
from types import SimpleNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from firecrawl_interact.models import EndRequest, LineSettings, Request, Search, Verify

# From the owner. A style holds what the sessions of one configuration share: it is told once.
STYLE = "style"  # number, style
FORGET = "forget"  # number of a style
PLAN = "plan"  # debt, number, url, mark, until, appears_by
OPENED = "opened"  # debt, number, session id, url, born, until
SETTLED = "settled"  # debt
TAKE = "take"  # debt
RELAY = "relay"  # debt, number, template, request, timeout, path of the id, until, plan or null

# From the helper process.
READY = "ready"
ANSWER = "answer"  # debt, status, headers, body as Latin-1
FAILED = "failed"  # debt, text, whether it may have arrived, whether time was up
OVER = "over"  # debt, whether it is confirmed gone

_encode = json.JSONEncoder(separators=(",", ":")).encode


def pack(*message: Any) -> bytes:
    """Write one message as a line."""
    return _encode(message).encode() + b"\n"


def end_style(end: EndRequest, line: LineSettings) -> dict[str, Any]:
    """Describe all of an end but its URL and its birth, and how to reach its provider."""
    return {
        "method": end.request.method,
        "headers": dict(end.request.headers),
        "gone": sorted(end.gone),
        "again": sorted(end.again),
        "final": sorted(end.final),
        "verify": None if end.verify is None else _verify_style(end.verify),
        "repeat_while_field": end.repeat_while_field,
        "line": {
            "proxy": line.proxy,
            "ca_file": line.ca_file,
            "client_cert": line.client_cert,
            "trust_env": line.trust_env,
        },
    }


def search_style(search: Search, line: LineSettings) -> dict[str, Any]:
    """Describe all of a search but its URL and its mark."""
    return end_style(search.end, line) | {
        "template": search.end.request.url,
        "search": {
            "method": search.request.method,
            "headers": dict(search.request.headers),
            "rows": _rows_style(search.rows),
        },
    }


class Style:
    """One style as the helper process reads it; makes values with the attributes of `models`."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._told = told
        self.line: Any = SimpleNamespace(**told["line"])

    def end(self, url: str, born: float | None) -> Any:
        """Make the `EndRequest` for a URL, which may be a template."""
        told = self._told
        verify = told["verify"]
        return SimpleNamespace(
            request=request(told["method"], url, told["headers"]),
            gone=frozenset(told["gone"]),
            again=frozenset(told["again"]),
            final=frozenset(told["final"]),
            verify=None if verify is None else _verify(verify),
            repeat_while_field=told["repeat_while_field"],
            born=born,
        )

    def search(self, url: str, mark: str) -> Any:
        """Make the `Search` for a mark."""
        told = self._told["search"]
        return SimpleNamespace(
            request=request(told["method"], url, told["headers"]),
            rows=_rows(told["rows"]),
            mark=mark,
            end=self.end(self._told["template"], None),
        )


def request(method: str, url: str, headers: dict[str, str], body: str | None = None) -> Any:
    """Make a `Request`."""
    return SimpleNamespace(
        method=method, url=url, headers=headers, body=None if body is None else body.encode("latin-1")
    )


def pack_request(request: Request) -> list[Any]:
    """Write a request as the arguments of `request`."""
    body = None if request.body is None else request.body.decode("latin-1")
    return [request.method, request.url, dict(request.headers), body]


class Lines:
    """What has arrived of a stream of messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[list[Any]]:
        """Take bytes in and hand out the messages that are complete."""
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        for text in whole:
            yield json.loads(text)


def _verify_style(verify: Verify) -> dict[str, Any]:
    asked = verify.request
    return {
        "status": verify.status,
        "request": [asked.method, asked.url, dict(asked.headers)],
        "rows": _rows_style(verify.rows),
    }


def _verify(told: dict[str, Any]) -> Any:
    return SimpleNamespace(status=told["status"], request=request(*told["request"]), rows=_rows(told["rows"]))


def _rows_style(rows: Any) -> list[Any]:
    return [list(rows.path), rows.id_field, rows.status_field, sorted(rows.over), rows.tags_field]


def _rows(told: list[Any]) -> Any:
    path, id_field, status_field, over, tags_field = told
    return SimpleNamespace(
        path=path,
        id_field=id_field,
        status_field=status_field,
        over=frozenset(over),
        tags_field=tags_field,
    )
