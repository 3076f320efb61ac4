"""What the page that compares the SDKs says of trouble, measured against what is installed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from aiohttp import web

from firecrawl_interact import FirecrawlBackend, Session
from firecrawl_interact.server.access_log import AccessLogger
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.fake import FakeBrowsers
from firecrawl_interact.server.faults import FaultPlan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from firecrawl_interact.server.browsers import Browsers
    from tests.judges.conftest import Judge, Table, Vendor

KEY = "fc-TEST"
COLUMNS = ("firecrawl-py", "firecrawl-js", "anchorbrowser", "anchorbrowser of npm", "here")
HEADING = "When something goes wrong"
CANCELLED = "cancelled while a create is under way: sessions left"
BLOCK = "the SDK's own `async with` block ends: sessions left"
NOTHING = "-"  # The cell of a provider, or of a language, that has no such thing.
NPM = {"firecrawl-js": "@mendable/firecrawl-js", "anchorbrowser of npm": "anchorbrowser"}


@asynccontextmanager
async def provider(*rules: dict[str, Any]) -> AsyncIterator[tuple[str, FaultPlan]]:
    """Run a provider of fakes that has these faults."""
    plan = FaultPlan.from_json({"rules": list(rules)})
    app = build_app(browsers=FakeBrowsers(), key=KEY, faults=plan)
    runner = web.AppRunner(app, access_log_class=AccessLogger)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", plan
    finally:
        await runner.cleanup()


async def firecrawl_py(vendor: Vendor, base: str, call: str) -> str:
    client = vendor("firecrawl").AsyncFirecrawl(api_key=KEY, api_url=base)
    made = await client.browser(ttl=1 if call == "misfit" else 60)
    if call == "execute":
        await client.browser_execute(made.id, "1", language="node")
    if call == "delete":
        await client.delete_browser(made.id)
    return repr(made)


async def anchorbrowser(vendor: Vendor, base: str, call: str) -> str:
    async with vendor("anchorbrowser").AsyncAnchorbrowser(api_key=KEY, base_url=base) as client:
        timeout = {"max_duration": 0 if call == "misfit" else 5}
        made = await client.sessions.create_session(session={"timeout": timeout})
        if call == "execute":
            await client.tools.execute_code(code="1", session_id=made.data.id)
        if call == "delete":
            await client.sessions.delete_session(made.data.id)
        return repr(made)


async def here(vendor: Vendor, base: str, call: str) -> str:
    backend = FirecrawlBackend(api_key=KEY, base_url=base)
    ttl = 1 if call == "misfit" else 60
    async with Session.create(ttl=ttl, backend=backend, guardian=False, ledger=False) as session:
        if call == "execute":
            await session.execute("1")
    return repr(session)


PYTHON = {"firecrawl-py": firecrawl_py, "anchorbrowser": anchorbrowser, "here": here}
Calls = Callable[[str, str], Awaitable[dict[str, str]]]


@pytest.fixture(scope="module")
def table(compared: Callable[[str], Table]) -> Table:
    return compared(HEADING)


@pytest.fixture
def calls(column: str, vendor: Vendor, request: pytest.FixtureRequest) -> Calls:
    """Make a call through the SDK of a column; returns what became of it, and its answer in words."""

    async def python(base: str, call: str) -> dict[str, str]:
        try:
            return {"became": "returned", "text": await PYTHON[column](vendor, base, call)}
        except Exception:  # noqa: BLE001  # Each SDK has errors of its own, and all of them count.
            return {"became": "raised", "text": ""}

    async def javascript(base: str, call: str) -> dict[str, str]:
        judge: Judge = request.getfixturevalue("judge")
        return dict(await judge("compared.mjs", NPM[column], base=base, sdk=NPM[column], call=call))

    return python if column in PYTHON else javascript


@attrs.frozen
class Trial:
    """A call under a fault, and what of it stands in the table."""

    call: str
    looks: Callable[[FaultPlan, dict[str, str]], object]
    faults: tuple[dict[str, Any], ...] = ()


def sent(kind: str) -> Callable[[FaultPlan, dict[str, str]], object]:
    return lambda plan, told: plan.traffic.counts[f"{kind}.received"]


GATEWAY = {"do": "status", "status": 502, "times": None}
LOST = {"on": "create", "do": "drop", "when": "after", "times": None}
BROKEN = {
    "on": "create",
    "do": "status",
    "status": 500,
    "times": None,
    "headers": {"Content-Type": "application/json"},
    "body": '{"success": false, "error": "Broken."}',
}
TRIALS = {
    "the answer to a create is lost: creates sent": Trial("create", sent("create"), (LOST,)),
    "the same: sessions made, and left": Trial(
        "create",
        lambda plan, told: len(plan.traffic.live),
        (LOST,),
    ),
    "a gateway answers a create with 502: creates sent": Trial(
        "create", sent("create"), ({"on": "create", **GATEWAY},)
    ),
    "a gateway answers a run with 502: runs sent": Trial(
        "execute",
        lambda plan, told: plan.traffic.counts["execute.received"] + plan.traffic.counts["other.received"],
        ({"on": "execute", **GATEWAY}, {"on": "other", **GATEWAY}),  # Anchor's goes to its tools.
    ),
    "a delete is refused once, with 429: deletes sent": Trial(
        "delete", sent("delete"), ({"on": "delete", "do": "status", "status": 429},)
    ),
    "a create is answered with 500: the call": Trial(
        "create",
        lambda plan, told: told["became"],
        (BROKEN,),
    ),
    "a time limit out of bounds: requests sent": Trial("misfit", sent("create")),
    "the link to the browser, where the answer is printed": Trial(
        "create", lambda plan, told: "shown" if "ws://127.0.0.1" in told["text"] else "hidden"
    ),
}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", TRIALS)
async def test_what_goes_wrong_ends_as_the_page_says(row: str, column: str, calls: Calls, table: Table):
    """
    Each cell is measured: what was sent, and what became of the call.
    """
    if NOTHING == table[row][column]:
        pytest.skip("there is no such call")
    trial = TRIALS[row]
    async with asyncio.timeout(90), provider(*trial.faults) as (base, plan):
        told = await calls(base, trial.call)
        found = trial.looks(plan, told)

    assert table[row][column] == str(found)


@pytest.mark.parametrize("column", PYTHON)
async def test_cancelled_create_leaves_as_many_sessions_as_the_page_says(
    column: str, vendor: Vendor, table: Table
):
    """
    The provider has made the session, and its answer comes after the cancellation.
    """
    if column != "here":
        vendor(column.removesuffix("-py"))  # In a task, a skip would get lost.
    async with asyncio.timeout(90), provider({"on": "create", "do": "hold", "when": "after"}) as (base, plan):
        task = asyncio.create_task(PYTHON[column](vendor, base, "create"))
        # What is held is not being dealt with: the answer waits.
        assert await plan.traffic.until(lambda traffic: bool(traffic.live) and not traffic.busy, timeout=60)
        task.cancel()
        await asyncio.sleep(0)
        plan.release()
        await asyncio.wait([task])
        left = len(plan.traffic.live)

    assert table[CANCELLED][column] == str(left)


async def test_aborted_create_of_javascript_leaves_as_many_too(judge: Judge, table: Table):
    """
    Anchor's SDK takes a signal that aborts a request; Firecrawl's takes none.
    """
    sdk = NPM["anchorbrowser of npm"]
    async with asyncio.timeout(90), provider({"on": "create", "do": "hold", "when": "after"}) as (base, plan):
        told = await judge("compared.mjs", sdk, base=base, sdk=sdk, call="abort")
        plan.release()
        left = len(plan.traffic.live)

    assert "raised" == told["became"]
    assert table[CANCELLED]["anchorbrowser of npm"] == str(left)


async def test_connected_helper_of_anchor_leaves_the_session_that_it_made(
    real_base: str, real_browsers: Browsers, vendor: Vendor, table: Table
):
    """
    Its block ends the connection only; the block that ends its session is ours.
    """
    async with (
        asyncio.timeout(90),
        vendor("anchorbrowser").AsyncAnchorbrowser(api_key=KEY, base_url=real_base) as client,
        await client.browser.create(),
    ):
        pass
    async with asyncio.timeout(90), provider() as (base, plan):
        await here(vendor, base, "create")
        ours = len(plan.traffic.live)

    assert table[BLOCK]["anchorbrowser"] == str(len(real_browsers.list(alive=True)))
    assert table[BLOCK]["here"] == str(ours)


async def test_asynchronous_client_of_firecrawl_returns_every_refusal(base: str, vendor: Vendor):
    """
    A wrong key, an unknown session: each is an answer without success.
    """
    client = vendor("firecrawl").AsyncFirecrawl(api_key=KEY, api_url=base)
    stranger = vendor("firecrawl").AsyncFirecrawl(api_key="fc-wrong", api_url=base)
    answers = [
        await stranger.list_browsers(),
        await client.browser_execute("unknown", "1"),
        await client.delete_browser("unknown"),
    ]

    assert [False, False, False] == [answer.success for answer in answers]


async def test_blocking_client_of_firecrawl_raises_where_the_asynchronous_one_returns(vendor: Vendor):
    """
    It looks at the status of each answer.
    """
    errors = vendor("firecrawl.v2.utils.error_handler")
    async with asyncio.timeout(90), provider(BROKEN) as (base, _):
        client = vendor("firecrawl").Firecrawl(api_key=KEY, api_url=base)
        with pytest.raises(errors.InternalServerError):
            await asyncio.to_thread(client.browser)


async def test_clients_of_firecrawl_send_once_if_they_are_told_to(vendor: Vendor, judge: Judge):
    """
    One try is an option of both.
    """
    async with asyncio.timeout(90), provider({"on": "create", **GATEWAY}) as (base, plan):
        client = vendor("firecrawl").AsyncFirecrawl(api_key=KEY, api_url=base, max_retries=1)
        with pytest.raises(Exception):  # noqa: B017  # What it makes of a 502 is not the question.
            await client.browser()
        sdk = NPM["firecrawl-js"]
        given = {"sdk": sdk, "call": "create", "options": {"maxRetries": 1}}
        await judge("compared.mjs", sdk, base=base, **given)

    assert 2 == plan.traffic.counts["create.received"]


async def test_profile_that_firecrawl_py_was_told_not_to_save_is_saved(
    base: str, browsers: FakeBrowsers, vendor: Vendor
):
    """
    It knows one of the two spellings, and takes the default for the other.
    """
    client = vendor("firecrawl").AsyncFirecrawl(api_key=KEY, api_url=base)
    for spelling in ("save_changes", "saveChanges"):
        await client.browser(profile={"name": spelling, spelling: False})

    assert {"save_changes": False, "saveChanges": True} == {
        browser.wish.profile.name: browser.wish.profile.saves for browser in browsers.list()
    }


def test_every_row_is_measured(table: Table):
    """
    No row is there, or missing, without a test that knows it.
    """
    assert {*TRIALS, CANCELLED, BLOCK} == table.keys()
