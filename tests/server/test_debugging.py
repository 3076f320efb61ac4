"""Real browsers at a port and behind a pipe: the same to whoever drives them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import aiohttp
import attrs
import pytest
from aiohttp import web

from firecrawl_interact.server import cdp, chromium
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.chromium import Chromium, ChromiumLauncher
from firecrawl_interact.server.engine import Debugging
from firecrawl_interact.server.interpreters.runs import ProcessRuns
from firecrawl_interact.server.multiplexer import switchboard
from firecrawl_interact.server.record import Browser, EndReason, Wish
from firecrawl_interact.server.runs import CannotRunError
from tests.server.sockets import listening

pytestmark = pytest.mark.parametrize("debugging", list(Debugging), ids=lambda debugging: debugging.value)

BIG = 12 * 1024 * 1024  # Bytes; more than any buffer on the way.


@attrs.define(eq=False)
class Client:
    """A caller's own connection, that speaks as drivers do."""

    socket: aiohttp.ClientWebSocketResponse
    events: list[dict[str, Any]] = attrs.field(factory=list)
    last: int = 0

    async def answer(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for what is said to it."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        await self.socket.send_json(message | ({"sessionId": session} if session else {}))
        while True:
            told = await self.socket.receive_json()
            if told.get("id") == self.last:
                return told
            self.events.append(told)

    async def do(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its result."""
        return (await self.answer(method, session, **params))["result"]

    async def page(self, **params: Any) -> str:
        """Open a page and return a session with it."""
        target = await self.do("Target.createTarget", url="about:blank", **params)
        return (await self.do("Target.attachToTarget", targetId=target["targetId"], flatten=True))[
            "sessionId"
        ]


@attrs.frozen
class House:
    """A server with one real browser."""

    browsers: Browsers
    browser: Browser
    http: aiohttp.ClientSession
    base: str
    runs: ProcessRuns

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """Connect through the gateway."""
        url = f"{self.base}/cdp/{self.browser.id}?token={self.browser.cdp_token}"
        async with self.http.ws_connect(url, max_msg_size=0) as socket:
            yield Client(socket)


@pytest.fixture
async def house(launcher: ChromiumLauncher) -> AsyncIterator[House]:
    runs = ProcessRuns()
    browsers = Browsers(launcher, attendants=[runs])
    runner = web.AppRunner(build_app(browsers=browsers, runs=runs), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    runs.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with asyncio.timeout(40), aiohttp.ClientSession() as http:
        yield House(browsers, await browsers.create(Wish()), http, runs.base_url, runs)
    await runner.cleanup()


async def test_clients_have_numbers_sessions_and_events_of_their_own(house: House):
    """
    They send the same commands with the same numbers at the same time.
    """
    async with house.client() as ann, house.client() as bob:
        pages = await asyncio.gather(*(client.page() for client in (ann, bob)))
        values = []
        for _ in range(20):
            answers = await asyncio.gather(
                *(
                    client.do("Runtime.evaluate", page, expression=f"'{page}'")
                    for client, page in zip((ann, bob), pages, strict=True)
                )
            )
            values.append([answer["result"]["value"] for answer in answers])
        foreign = await bob.answer("Runtime.evaluate", pages[0], expression="1")
        began = [
            [event["params"]["sessionId"] for event in client.events if "Target.attached" in event["method"]]
            for client in (ann, bob)
        ]

    assert [pages] * 20 == values
    assert [[page] for page in pages] == began
    assert -32001 == foreign["error"]["code"]


async def test_commands_that_other_programs_write_oddly_are_understood(house: House):
    """
    Whole numbers with a point, parameters that are null, text with its control characters as they are.
    """
    texts = [
        '{"id":1.0,"method":"Browser.getVersion"}',
        '{"id":1,"method":"Browser.getVersion","params":null}',
        '{"id":1,"method":"Browser.getVersion","params":[]}',
        '{"id":1,"method":"Browser.getVersion","params":{"x":"\t\n\0"}}',
        '{"id":1,"method":"Browser.getVersion","params":{"x":%s}}' % ("[" * 299 + "]" * 299),
    ]
    answers = []
    async with house.client() as client:
        for text in texts:
            await client.socket.send_str(text)
            answers.append(await client.socket.receive_json())

    assert [(1, True)] * len(texts) == [(answer["id"], "result" in answer) for answer in answers]


async def test_commands_that_the_browser_cannot_read_are_answered(house: House):
    """
    None is left to wait; by its own port it says as much.
    """
    texts = [
        '{"id":1,"method":""}',
        '{"id":1,"method":"Browser.\u00e9"}',
        '{"id":1,"method":"Browser.getVersion","params":{"x":%s}}' % ("[" * 300 + "]" * 300),
        '{"id":1,"method":"Browser.getVersion","params":{"x":%s}}' % ("9" * 400),
        '{"id":1,"method":"Browser.getVersion"}\0{"id":2,"method":"Browser.close"}',
    ]
    answers = []
    async with house.client() as client:
        for text in texts:
            await client.socket.send_str(text)
            answers.append(await client.socket.receive_json())

    assert [-32600] * 2 + [-32700] * 3 == [answer["error"]["code"] for answer in answers]


async def test_answers_and_commands_of_megabytes_pass(house: House):
    """
    In both directions.
    """
    async with house.client() as client:
        page = await client.page()
        got = await client.do("Runtime.evaluate", page, expression=f"'x'.repeat({BIG})", returnByValue=True)
        put = await client.do("Runtime.evaluate", page, expression=f"'{'y' * BIG}'.length")

    assert (BIG, BIG) == (len(got["result"]["value"]), put["result"]["value"])


async def test_who_leaves_takes_its_sessions_and_contexts_along(house: House):
    """
    Pages it opened in the default context stay; the next client finds nothing else of it.
    """
    async with house.client() as client:
        context = await client.do("Target.createBrowserContext", disposeOnDetach=True)
        await client.page(browserContextId=context["browserContextId"])
        await client.page()
        await client.do("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True)
    assert house.browser.engine.endpoint is not None
    async with cdp.connect(house.browser.engine.endpoint) as hand, asyncio.timeout(30):
        while (await hand.call("Target.getBrowserContexts"))["browserContextIds"]:
            pass
        targets = (await hand.call("Target.getTargets"))["targetInfos"]

    assert [False, False] == [target["attached"] for target in targets if target["type"] == "page"]


async def test_pages_are_told_the_one_opened_last_first(house: House):
    """
    The server works in the first of them.
    """
    assert house.browser.engine.endpoint is not None
    async with cdp.connect(house.browser.engine.endpoint) as hand:
        opened = await hand.pages()
        for _ in range(4):
            target = (await hand.call("Target.createTarget", {"url": "about:blank"}))["targetId"]
            opened.insert(0, target)
        pages = await hand.pages()
        await hand.call("Target.closeTarget", {"targetId": opened.pop(1)})
        async with asyncio.timeout(30):
            while len(left := await hand.pages()) > len(opened):
                pass

    assert (5, opened) == (len(pages), left)


async def test_browser_ends_in_good_order_though_a_client_does_not_read(
    house: House, debugging: Debugging, monkeypatch: pytest.MonkeyPatch
):
    """
    Or one that fell asleep would take its profile along.
    """
    monkeypatch.setattr(switchboard, "BACKLOG", BIG)
    # What is shown is that it waits for nobody, not how fast this machine is.
    monkeypatch.setattr(switchboard, "PATIENCE", 3600)
    monkeypatch.setattr(chromium, "FINISH_GRACE", 30)
    engine = cast("Chromium", house.browser.engine)
    async with house.client() as deaf:
        page = await deaf.page()
        big = {"expression": f"'x'.repeat({BIG})", "returnByValue": True}
        for number in range(4):
            await deaf.socket.send_json(
                {"id": number, "method": "Runtime.evaluate", "params": big, "sessionId": page}
            )
        async with asyncio.timeout(30):
            while debugging is Debugging.PIPE and not (engine._board and engine._board.holding):  # noqa: ASYNC110  # No event tells.
                await asyncio.sleep(0.01)
        left = await engine.finish()

    assert left is not None


async def test_client_that_closes_the_browser_is_answered_and_ends_the_session(house: House):
    """
    It was not the server's doing, so the session has failed.
    """
    async with house.client() as client:
        answer = await client.answer("Browser.close")
        async with asyncio.timeout(30):
            while (await client.socket.receive()).type not in {
                aiohttp.WSMsgType.CLOSE,
                aiohttp.WSMsgType.CLOSED,
                aiohttp.WSMsgType.ERROR,
            }:
                pass
    await house.browser.engine.exited
    await house.browsers.end(house.browser)

    assert ({}, EndReason.EXITED) == (answer["result"], house.browser.reason)


async def test_browser_that_is_killed_is_the_end_of_its_clients(house: House):
    """
    They are not left to wait.
    """
    async with house.client() as client:
        await client.do("Browser.getVersion")
        os.killpg(house.browser.engine._child.pid, signal.SIGKILL)
        async with asyncio.timeout(30):
            last = await client.socket.receive()

    assert last.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}


@pytest.mark.parametrize("language", ["python", "node"])
async def test_programs_drive_the_browser_of_their_session(house: House, language: str):
    """
    At its port, or through the server with a link of their own.
    """
    code = {
        "python": "await page.goto('data:text/html,<title>Driven</title>')\nawait page.title()",
        "node": "await page.goto('data:text/html,<title>Driven</title>'); await page.title()",
    }[language]
    try:
        outcome = await house.runs.run(house.browser, language, code, 20)
    except CannotRunError as error:
        pytest.skip(str(error))

    assert "Driven" == outcome.result
    assert house.browser.connections == 0  # Or the session would never be idle.


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads /proc")
async def test_browser_listens_where_it_was_told_to(house: House, debugging: Debugging):
    """
    At one port of loopback, or nowhere.
    """
    async with house.client() as client:
        await client.page()
        found = listening(house.browser)

    assert {Debugging.PORT: 1, Debugging.PIPE: 0}[debugging] == len(found)
    assert all(address.startswith("0100007F:") for address in found)
