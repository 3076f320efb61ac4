"""Every recorded exchange with Anchor, sent by the backend and read by it."""

import asyncio
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from firecrawl_interact.backends.anchor import AnchorBackend
from firecrawl_interact.backends.anchor_account import AnchorFilters
from firecrawl_interact.backends.anchor_options import AnchorOptions, AnchorProxy, OwnProxy, Viewport
from firecrawl_interact.errors import (
    BackendError,
    CloseError,
    CreateUnknownError,
    InvalidOptionError,
    ServerError,
)
from firecrawl_interact.models import Profile, SessionOptions

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "anchor.vectors.json").read_text())
ID = "5f1c9a52-6f0e-4f3b-9d3a-0d3f6f0f6c11"
NO_ID = "c2e6a7f0-1d2b-4e3c-9f80-7a6b5c4d3e2f"
BATCH = "7c4a1e90-2f6b-4b3d-8e57-a1c0d9f2b364"

HEADLESS = AnchorOptions(headless=True)
FULL = SessionOptions(
    ttl=120,
    activity_ttl=60,
    profile=Profile("shop-login"),
    record=False,
    block_ads=True,
    tags=("lib:demo", "attempt:1f0a"),
    provider=AnchorOptions(
        initial_url="https://example.com/",
        live_view_read_only=True,
        live_view_one_time=False,
        proxy=AnchorProxy(country="US"),
        headless=False,
        popup_blocker=True,
        captcha_solver=True,
        viewport=Viewport(width=1280, height=720),
    ),
)
PROXIED = AnchorOptions(proxy=OwnProxy(server="https://proxy.example.com:443", username="u", password="p"))


def create(options=None):
    return lambda backend: backend.create(options or SessionOptions())


def own(**options):
    return create(SessionOptions(provider=AnchorOptions(**options)))


async def everything(backend, **asked):
    return [past async for past in backend.history(**asked)]


async def all_batches(backend):
    return [batch async for batch in backend.batches.list(status="completed", page_size=20)]


# What a user calls for each of them. The longest name that a vector's own begins with decides.
CALLS = {
    "start": create(),
    "start.full": create(FULL),
    "start.unlimited_duration": own(no_ttl=True),
    "start.custom_proxy": own(proxy=PROXIED.proxy),
    "start.scoped_access": own(scoped_access=True),
    # Refused here already: Anchor need not be asked, nor can it be asked in wrong types.
    "start.400.captcha_needs_proxy": own(captcha_solver=True),
    "start.400.bad_timeout_type": lambda backend: backend.create(SessionOptions(ttl="10m")),
    "get": lambda backend: backend.get(ID),
    "get.404": lambda backend: backend.get(NO_ID),
    "list.default": everything,
    "list.filtered_page2": lambda backend: everything(
        backend,
        filters=AnchorFilters(tags=("lib:demo", "production"), proxy=True),
        status="running",
        page_size=10,
    ),
    "list.400.limit": lambda backend: everything(backend, page_size=25),
    "status_all": lambda backend: backend.running(),
    "status_all.by_tag": lambda backend: backend.running(AnchorFilters(tags=("attempt:1f0a",))),
    "history.analytics": lambda backend: backend.account.usage(metrics=("session_count", "credits_used")),
    "end": lambda backend: backend.delete(ID),
    "end.unknown_id": lambda backend: backend.delete(NO_ID),
    "end_all.ok": lambda backend: backend.delete("all"),
    "end.empty_id": lambda backend: backend.delete(""),
    "async.create": create(SessionOptions(ttl=300, tags=("attempt:1f0a",))),
    "async.status": create(),
    "batch.create": lambda backend: backend.batches.create(
        2, SessionOptions(ttl=300, activity_ttl=60, provider=HEADLESS), metadata={"project": "demo"}
    ),
    "batch.create.400.count": lambda backend: backend.batches.create(0),
    "batch.get": lambda backend: backend.batches.get(BATCH),
    "batch.get.404": lambda backend: backend.batches.get(NO_ID),
    "batch.list": all_batches,
    "batch.cancel": lambda backend: backend.batches.cancel(BATCH),
    "batch.delete": lambda backend: backend.batches.delete(BATCH),
    "batch.retry": lambda backend: backend.batches.retry(BATCH),
    "tokens.create": lambda backend: backend.browser(ID).mint_links(
        "interactive_live_view", "live_view", "cdp"
    ),
    "tokens.create.headless": lambda backend: backend.browser(ID).mint_links(),
    "tokens.revoke": lambda backend: backend.browser(ID).revoke("tok-live"),
    "tags.get": lambda backend: backend.browser(ID).tags.get(),
    "tags.put": lambda backend: backend.browser(ID).tags.set(["a", "b"]),
    "tags.delete": lambda backend: backend.browser(ID).tags.clear(),
    "pages": lambda backend: backend.browser(ID).pages(),
    "profiles.create.from_session": lambda backend: backend.profiles.create("shop-login", from_session=ID),
    "profiles.create.409": lambda backend: backend.profiles.create("shop-login", from_session=ID),
    "profiles.create.404": lambda backend: backend.profiles.create("x", from_session=NO_ID),
    "profiles.create.sticky_ip": lambda backend: backend.profiles.create("sticky", dedicated_sticky_ip=True),
    "profiles.list": lambda backend: backend.profiles.list(),
    "profiles.get": lambda backend: backend.profiles.get("shop-login"),
    "profiles.get.404": lambda backend: backend.profiles.get("nope"),
    "profiles.delete": lambda backend: backend.profiles.delete("shop-login"),
    "profiles.delete.404": lambda backend: backend.profiles.delete("nope"),
    "billing": lambda backend: backend.account.credits(),
    "goto": lambda backend: backend.browser(ID).goto("https://example.com/"),
    "goto.404": lambda backend: backend.browser(NO_ID).goto("https://example.com/"),
    "screenshot.404": lambda backend: backend.browser(NO_ID).screenshot(),
    "error.flat_message": lambda backend: backend.browser(NO_ID).mouse.click(1, 1),
}
# What never leaves this machine: a bad value, or an end of everybody's sessions.
REFUSED_HERE = {
    "start.400.captcha_needs_proxy",
    "start.400.bad_timeout_type",
    "list.400.limit",
    "end_all.ok",
    "end.empty_id",
    "batch.create.400.count",
}
OUTCOMES = {
    "start.500": CreateUnknownError,
    "start.502.gateway_html": CreateUnknownError,
    "async.status.failed": ServerError,
    "async.status.404": CreateUnknownError,
    "batch.delete": CloseError,
    # Read as gone, since the list has no such id; a bad key is another test's.
    "end.again.documented_reading": None,
    "end.again.alt_404": None,
    "end.unknown_id": None,
    "end.401.bad_key": None,
}
RETRIED = {"get.500", "end.500"}  # Asked again until they pass.


def call_for(vector):
    return CALLS[max((name for name in CALLS if vector["name"].startswith(name)), key=len)]


def script(provider, vector):
    """Let the provider answer as recorded."""
    status, body = vector["status"], vector["response_body"]
    path = urlsplit(vector["path"]).path
    headers = {k: v for k, v in vector["response_headers"].items() if k.lower() != "content-type"}
    name = vector["name"]
    if name.startswith("async.status"):
        wanted = "3d9f7b1a-5c2e-4a86-b0d4-92e1f7c6a853"
        accepted = next(v for v in VECTORS if v["name"] == "async.create")["response_body"]
        provider.answers("POST", "/v1/sessions/async", 200, accepted)
        path = f"/v1/sessions/async/{wanted}/status"
    provider.answers(vector["method"], path, status, body, headers)
    if name == "async.create" or name in {"async.status.pending", "async.status.processing"}:
        ready = next(v for v in VECTORS if v["name"] == "async.status.ready")
        provider.answers("GET", ready["path"], 200, ready["response_body"])
    if name in RETRIED:
        good = next(
            v for v in VECTORS if v["name"] == name.replace("500", "running" if "get" in name else "ok")
        )
        provider.answers(vector["method"], path, good["status"], good["response_body"])
    if vector["method"] == "DELETE":
        empty = next(v for v in VECTORS if v["name"] == "status_all.empty")
        provider.answers("GET", empty["path"], 200, empty["response_body"])


def missing(recorded, sent, path=""):
    """Name what is recorded and was not sent, or otherwise. Empty arrays say nothing."""
    if isinstance(recorded, dict) and isinstance(sent, dict):
        return [
            found
            for key, value in recorded.items()
            for found in missing(value, sent.get(key), f"{path}.{key}")
        ]
    if recorded == [] and sent is None:
        return []
    if path.endswith(".tags"):  # Ours has the mark besides.
        return [tag for tag in recorded if tag not in sent]
    if path.endswith(".scopes"):
        return sorted(set(recorded) ^ set(sent))
    return [] if recorded == sent else [(path, recorded, sent)]


@pytest.mark.parametrize("vector", [pytest.param(v, id=v["name"]) for v in VECTORS])
async def test_a_recorded_exchange_is_sent_and_read(provider, vector):
    """Method, path, query, key and every recorded member are sent; the answer becomes what it means."""
    name, status = vector["name"], vector["status"]
    script(provider, vector)
    backend = AnchorBackend("test-key", provider.url, async_start=name.startswith("async"))
    outcome = OUTCOMES.get(name, BackendError if status >= 400 else None)
    if name in REFUSED_HERE:
        outcome = InvalidOptionError
    if name in RETRIED:
        outcome = None

    async with asyncio.timeout(30), backend:
        try:
            await call_for(vector)(backend)
            caught = None
        except Exception as error:  # noqa: BLE001  # compared below
            caught = error

    if outcome is None:
        assert caught is None
    else:
        assert isinstance(caught, outcome), repr(caught)
    if name in REFUSED_HERE:
        assert [] == provider.asked
        return
    first = provider.asked[-1 if name.startswith("async.status") else 0]
    recorded = urlsplit(vector["path"])
    sent = urlsplit(first.path)
    if name != "async.status.404":  # Recorded of another request's id.
        assert (vector["method"], recorded.path) == (first.method, sent.path)
    query = {**parse_qs(recorded.query), **({"page": ["1"]} if "page" in recorded.query else {})}
    assert query.items() <= parse_qs(sent.query).items()
    assert "test-key" == first.headers["anchor-api-key"]
    assert [] == missing(vector["request_body"] or {}, first.body or {})
    assert vector["method"] != "DELETE" or first.body is None


def test_every_recorded_exchange_has_a_call():
    """One that nobody handles would otherwise pass by unseen."""
    handled = [v["name"] for v in VECTORS if any(v["name"].startswith(name) for name in CALLS)]

    assert [v["name"] for v in VECTORS] == handled
