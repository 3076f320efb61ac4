"""
Damaged requests by the thousand: each gets a refusal, none an accident, and no secret is told or logged.

``DOORS_FUZZ=20000:7`` sends that many from each sender, of that seed; with ``-rP`` the figures are shown.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs
import pytest

from firecrawl_interact.cli.logs import JsonFormatter
from firecrawl_interact.server import listening, received
from firecrawl_interact.server.settings import ServerSettings
from tests.server.conftest import KEY
from tests.server.rawhttp import UPGRADE, Reply, exchange, head

if TYPE_CHECKING:
    from tests.server.conftest import Serve, Server

NUMBER, SEED = map(int, os.environ.get("DOORS_FUZZ", "1500:1").split(":"))
AT_ONCE = 25
ACCIDENTS = {500, 502, 504, 505}
OTHER = "fc-OTHER"

# What may stand anywhere in an address, a header or a body.
NASTY = [
    *(
        "",
        "\0",
        "\x01",
        "\x7f",
        "\t",
        "\n",
        "\r\n",
        "\r\nX: 1",
        " ",
        "%",
        "%0",
        "%zz",
        "%00",
        "%0d%0a",
        "%2e%2e%2f",
    ),
    *(
        "../",
        "..\\",
        "//",
        ";",
        "?",
        "#",
        "&",
        "=",
        "@",
        "[",
        "]",
        "{}",
        "<script>",
        "'\"",
        "$(id)",
        "`",
        "*",
    ),
    *("\udcff", "\udcc3(", "%ff", "%c0%ae", "%ED%A0%80", "%u0041", "é", "\u202e", "a" * 300, "a" * 9000),
    *("-1", "0", "99999999999999999999", "1e999", "NaN", "null", "true", "undefined", "None"),
]
METHODS = [
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "get",
    "G\udcffT",
    "",
    "M-SEARCH",
]
VERSIONS = [
    "HTTP/1.1",
    "HTTP/1.1",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/2.0",
    "HTTP/9.9",
    "http/1.1",
    "HTTP/1.1 x",
    "",
]
HEADERS: list[tuple[str, str]] = [
    *UPGRADE.items(),
    ("Upgrade", "h2c"),
    ("Origin", "null"),
    ("Origin", "http://127.0.0.1"),
    ("Origin", "https://evil.example"),
    ("Sec-Fetch-Site", "cross-site"),
    ("Content-Type", "application/json"),
    ("Content-Type", "multipart/form-data; boundary=x"),
    ("Content-Type", "application/x-www-form-urlencoded; charset=nonsense"),
    ("Content-Encoding", "gzip"),
    ("Content-Encoding", "br"),
    ("Transfer-Encoding", "chunked"),
    ("Transfer-Encoding", "identity, chunked"),
    ("Transfer-Encoding", "chunked, identity"),
    ("Transfer-Encoding", "\x0bchunked"),
    ("X-Folded", "a\r\n b"),
    ("X-Bare", "a\nContent-Length: 0"),
    ("X-Bare", "a\rContent-Length: 0"),
    ("Content-Length", "5"),
    ("Content-Length", "-1"),
    ("Content-Length", "99999999999999999999"),
    ("Expect", "100-continue"),
    ("Expect", "nothing"),
    ("Expect", "\udcff"),
    ("Cookie", 'firecrawl_interact_dashboard="\\'),
    ("Cookie", "; ;=;\udcff"),
    ("Range", "bytes=0-,1-,2-"),
    ("If-None-Match", "*"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-For", "127.0.0.1"),
    ("X-HTTP-Method-Override", "DELETE"),
    ("Authorization", "Basic \udcff"),
    ("Host", "evil.example"),
]
MEMBERS = "ttl activityTtl profile name saveChanges code language timeout prompt url browser session tags status".split()  # noqa: E501, SIM905
BODIES = [
    "key=TOKEN",
    "--x\r\n",
    "5\r\n{}",
    "2;a=b\r\n{}\r\n0\r\n\r\nGET / HTTP/1.1",
    "{",
    "[",
    '"a"',
    "\udcff",
]
LETTERS = ["", "a", "\ud800", "\0", "../x", "1e999", "a" * 5000, "é"]


@attrs.frozen
class Target:
    """A server with sessions of two teams, and everything about them that nobody may be told."""

    server: Server
    port: int
    routes: list[tuple[str, str]]
    ids: list[str]
    secrets: list[str]


@pytest.fixture
async def target(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setattr(received, "BODY_TIMEOUT", 0.1)
    monkeypatch.setattr(listening, "_LINGER", 0.05)
    server = await serve(settings=ServerSettings(keys={OTHER: "others"}), limit=500, patience=0.2)
    secrets, ids = [KEY, OTHER], []
    for key in (KEY, KEY, OTHER):
        made = await server.ask("POST", "/v1/sessions", {}, anchor_api_key=key)
        browser = server.browsers.get(made.body["data"]["id"])
        assert browser is not None
        ids.append(browser.id)
        secrets += [browser.cdp_token, browser.watch_token, browser.control_token, browser.replay_token]
    routes = {
        (route.method, route.resource.canonical)
        for route in server.runner.app.router.routes()
        if route.resource is not None
    }
    return Target(server, int(server.base.rpartition(":")[2]), sorted(routes), ids, secrets)


class Sender:
    """Makes requests, the same ones from the same seed."""

    def __init__(self, target: Target, *, knows: list[str], seed: int) -> None:
        """Know some secrets, which then stand in the requests."""
        self._target = target
        self._knows = knows
        self._random = random.Random(seed)

    def request(self) -> bytes:
        """Make the next one."""
        chance = self._random
        usual = chance.random() < 0.8
        headers = chance.sample(HEADERS, 0 if usual else chance.randint(0, 4))
        if self._knows and chance.random() < 0.8:
            headers += [("Authorization", f"Bearer {self._knows[0]}"), ("anchor-api-key", self._knows[0])]
        if chance.random() < 0.05:
            headers.append((self._spoil("X-Name"), self._spoil("value")))
        body = self._body()
        if body and (usual or chance.random() < 0.5):
            headers = [pair for pair in headers if pair[0] not in {"Transfer-Encoding", "Content-Length"}]
            headers.append(("Content-Length", str(len(body))))
        method, path = chance.choice(self._target.routes)
        if method == "*" or not usual:
            method = chance.choice(METHODS)
        version = "HTTP/1.1" if usual else chance.choice(VERSIONS)
        host = (
            "127.0.0.1"
            if chance.random() < 0.9
            else chance.choice(["", "evil.example", self._spoil("localhost")])
        )
        request = bytearray(head(f"{method} {self._address(path)} {version}", headers, host=host) + body)
        if chance.random() < 0.05:
            for _ in range(chance.randint(1, 4)):
                request[chance.randrange(len(request))] = chance.randrange(256)
        if chance.random() < 0.02:
            del request[chance.randrange(len(request)) :]
        return bytes(request)

    def _address(self, path: str) -> str:
        chance, target = self._random, self._target
        while "{" in path:
            before, _, rest = path.partition("{")
            word = chance.choice([*target.ids, "all", "0", self._nasty()])
            path = before + word + rest.partition("}")[2]
        if chance.random() < 0.1:
            path = self._spoil(path)
        query = chance.choice(
            ["", "", "?token=TOKEN", "?apiKey=TOKEN&sessionId=ID", "?status=TOKEN&page=0&limit=TOKEN"]
        )
        word = chance.choice(self._knows) if self._knows and chance.random() < 0.7 else self._nasty()
        return path + query.replace("ID", chance.choice(target.ids)).replace("TOKEN", word)

    def _body(self) -> bytes:
        chance = self._random
        if chance.random() < 0.4:
            return b""
        if chance.random() < 0.2:
            return chance.choice(BODIES).encode(errors="surrogateescape")
        return json.dumps(self._value(3)).encode()

    def _value(self, depth: int) -> Any:
        chance = self._random
        kind = chance.randrange(6 if depth else 4)
        if kind >= 4:
            members = {chance.choice(MEMBERS): self._value(depth - 1) for _ in range(chance.randrange(4))}
            return members if kind == 4 else [members, self._value(depth - 1)]
        simple = [
            chance.choice(LETTERS),
            chance.choice([-1, 0, 30, 600, 10**30, 0.5]),
            chance.choice([True, False, None]),
        ]
        return simple[kind % 3]

    def _nasty(self) -> str:
        """Choose what most often is spelt so that it gets past the parser."""
        found = self._random.choice(NASTY)
        return found if self._random.random() < 0.1 else quote(found, safe="%", errors="surrogateescape")

    def _spoil(self, text: str) -> str:
        place = self._random.randint(0, len(text))
        return text[:place] + self._nasty() + text[place:]


async def send_all(target: Target, sender: Sender, number: int) -> list[tuple[bytes, Reply]]:
    """Send so many, some at a time, and collect what comes back."""
    answered: list[tuple[bytes, Reply]] = []

    async def send_some() -> None:
        while len(sent) < number:
            request = sender.request()
            sent.append(request)
            # An upgrade that is not taken, and a head that does not end, leave the connection open.
            answered.append((request, await exchange(target.port, request + b"\r\n\r\n", within=20)))

    sent: list[bytes] = []
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(send_some())
    return answered


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Return every line that was logged, tracebacks included, as text and as JSON."""
    forms = (logging.Formatter(), JsonFormatter())
    return "\n".join(form.format(record) for record in caplog.records for form in forms)


def figures(answered: list[tuple[bytes, Reply]]) -> str:
    statuses = Counter(reply.status for _, reply in answered)
    return f"{len(answered)} requests: " + ", ".join(
        f"{count} x {status or 'closed'}" for status, count in sorted(statuses.items())
    )


@pytest.mark.parametrize("knows_key", [False, True], ids=["stranger", "customer"])
async def test_no_request_is_an_accident_or_tells_a_secret(
    target: Target, caplog: pytest.LogCaptureFixture, knows_key: bool
):
    """
    Neither from somebody who knows ids alone nor from one who knows everything about one team.
    """
    caplog.set_level(logging.DEBUG)
    before = {browser.id for browser in target.server.browsers.list(alive=True)}
    knows = [secret for secret in target.secrets if knows_key and secret != OTHER]
    answered = await send_all(target, Sender(target, knows=knows, seed=SEED), NUMBER)
    print(figures(answered))  # noqa: T201  # for -rP
    after = {browser.id for browser in target.server.browsers.list(alive=True)}
    text = logged(caplog)

    assert [] == [found for found in answered if found[1].status in ACCIDENTS]
    assert [] == [secret for secret in target.secrets if secret in text]
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert (200, "ok\n") == ((ok := await target.server.ask("GET", "/healthz")).status, ok.body)
    if not knows_key:
        assert before == after
        told = b"".join(reply.raw for _, reply in answered).decode("latin-1")
        assert [] == [secret for secret in target.secrets if secret in told]
