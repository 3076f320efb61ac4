"""Many connections over one: what goes where, and what does not."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from firecrawl_interact.server.cdp import CdpError
from firecrawl_interact.server.multiplexer import envelope, switchboard, wire
from firecrawl_interact.server.multiplexer.switchboard import GONE, TOO_LONG, TOO_SLOW, Switchboard

if TYPE_CHECKING:
    from conftest import Ear, Scene, scene
else:
    from tests.server.multiplexer.conftest import Ear, scene

ASK = '{"id":1,"method":"Browser.getVersion"}'


async def test_each_gets_the_answers_to_its_own_commands_though_they_have_one_number(played: Scene):
    """
    As on connections of their own: no session is named, neither in the command nor in the answer.
    """
    ann, bob = Ear(), Ear()
    lines = [await played.board.dial(ear) for ear in (ann, bob)]
    for line in lines:
        await played.board.send(line, ASK)
    told = [await played.told(), await played.told()]
    for message in reversed(told):
        played.browser.say({"id": 1, "result": {"for": message["sessionId"]}}, message["sessionId"])
    heard = await played.heard(ann, 1) + await played.heard(bob, 1)

    assert [{**json.loads(ASK), "sessionId": root} for root in ("ROOT0", "ROOT1")] == told
    assert [{"id": 1, "result": {"for": root}} for root in ("ROOT0", "ROOT1")] == heard


async def test_what_is_said_in_a_session_goes_to_whoever_it_began_for(played: Scene):
    """
    In pages, and in the frames and workers within.
    """
    ann, bob = Ear(), Ear()
    for ear in (ann, bob):
        await played.board.dial(ear)
    played.browser.attach("PAGE", "ROOT0")
    played.browser.attach("WORKER", "PAGE")
    played.browser.say({"method": "a.b", "params": {}}, "WORKER")
    played.browser.say({"method": "c.d", "params": {}}, "ROOT1")
    heard, other = await played.heard(ann, 3), await played.heard(bob, 1)

    assert [None, "PAGE", "WORKER"] == [message.get("sessionId") for message in heard]
    assert [{"method": "c.d", "params": {}}] == other


async def test_only_who_began_a_session_can_speak_in_it(played: Scene):
    """
    Anybody else is told that there is none, and the browser hears nothing.
    """
    ann, bob = Ear(), Ear()
    mine, theirs = await played.board.dial(ann), await played.board.dial(bob)
    played.browser.attach("PAGE", "ROOT0")
    await played.heard(ann, 1)
    command = '{"id":5,"method":"Page.close","params":{},"sessionId":"%s"}'
    for session in ("PAGE", "ROOT0", "HOUSE", "NONE"):
        await played.board.send(theirs, command % session)
    await played.board.send(mine, command % "PAGE")
    told = await played.told()

    assert json.loads(command % "PAGE") == told
    assert [(5, envelope.SESSION_NOT_FOUND)] * 4 == [
        (answer["id"], answer["error"]["code"]) for answer in bob.messages
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{"id":5,"sessionId":"ROOT0","method":"a.b","sessionId":"ROOT1"}',
        '{"id":5,"method":"a.b","sessionId":"ROOT0","session\\u0049d":"ROOT1"}',
        '{"id":5,"method":"a.b","params":{"x":"\\",\\"sessionId\\":\\"ROOT0\\"}"},"sessionId":"ROOT1"}',
        '{"id":5,"method":"a.b","sessionId":""}',
    ],
)
async def test_no_way_of_writing_a_command_reaches_a_session_of_others(played: Scene, text: str):
    """
    The browser is told what we have understood, whatever it would have made of the text.
    """
    for _ in range(2):
        line = await played.board.dial(Ear())
    await played.board.send(line, text)
    told = await played.told()

    assert ("ROOT1", {"id", "method", "sessionId"}) == (told["sessionId"], set(told) - {"params"})


async def test_session_that_has_ended_is_nobodys(played: Scene):
    """
    With all that began in it, of which the browser says nothing.
    """
    ear = Ear()
    line = await played.board.dial(ear)
    played.browser.attach("PAGE", "ROOT0")
    played.browser.attach("WORKER", "PAGE")
    played.browser.detach("PAGE", "ROOT0")
    await played.heard(ear, 3)
    for session in ("PAGE", "WORKER"):
        await played.board.send(line, json.dumps({"id": 9, "method": "a.b", "sessionId": session}))
    answers = (await played.heard(ear, 5))[3:]

    assert [envelope.SESSION_NOT_FOUND] * 2 == [answer["error"]["code"] for answer in answers]


async def test_who_hangs_up_leaves_nothing_in_the_browser_and_hears_nothing(played: Scene):
    """
    Its session is ended there once; what was under way for it goes nowhere.
    """
    ann, bob = Ear(), Ear()
    line = await played.board.dial(ann)
    await played.board.dial(bob)
    played.board.hang_up(line)
    played.board.hang_up(line)
    played.browser.say({"method": "late.event", "params": {}}, "ROOT0")
    played.browser.say({"method": "a.b", "params": {}}, "ROOT1")
    await played.heard(bob, 1)
    async with asyncio.timeout(30):
        detached = await played.browser.detached.get()

    assert ("ROOT0", True, []) == (detached, played.browser.detached.empty(), ann.heard)
    with pytest.raises(ConnectionError):
        await played.board.send(line, ASK)


async def test_what_is_said_in_no_session_is_nobodys(played: Scene):
    """
    As are a browser's complaints of commands for sessions that have just ended.
    """
    ear = Ear()
    await played.board.dial(ear)
    played.browser.say({"id": 1, "error": {"code": -32001, "message": "Session with given id not found."}})
    played.browser.say({"id": 0, "result": {"sessionId": "ROOT0"}})
    played.browser.say({"method": "a.b", "params": {}}, "ROOT0")
    heard = await played.heard(ear, 1)

    assert [{"method": "a.b", "params": {}}] == heard


async def test_refusals_are_the_callers_alone(played: Scene):
    """
    What is no command goes no further, and the connection goes on.
    """
    ear = Ear()
    line = await played.board.dial(ear)
    for text in ("{bad", '{"id":3,"method":"a.b","params":5}', ASK):
        await played.board.send(line, text)
    told = await played.told()

    assert "Browser.getVersion" == told["method"]
    assert [-32700, -32600] == [answer["error"]["code"] for answer in ear.messages]


async def test_command_that_would_deafen_the_browser_is_refused(
    played: Scene, monkeypatch: pytest.MonkeyPatch
):
    """
    Of one that is too long it stops listening, and would live on without us.
    """
    monkeypatch.setattr(envelope, "LONGEST_COMMAND", 1000)
    ear = Ear()
    line = await played.board.dial(ear)
    await played.board.send(line, json.dumps({"id": 4, "method": "a.b", "params": {"x": "y" * 1000}}))
    await played.board.send(line, ASK)
    told = await played.told()

    assert ("Browser.getVersion", 4) == (told["method"], ear.messages[0]["id"])


async def test_answer_that_is_too_long_ends_the_connection_that_it_is_for(
    played: Scene, monkeypatch: pytest.MonkeyPatch
):
    """
    Others do not notice.
    """
    monkeypatch.setattr(wire, "LONGEST_ANSWER", 500_000)
    ann, bob = Ear(), Ear()
    for ear in (ann, bob):
        await played.board.dial(ear)
    played.browser.say({"id": 1, "result": {"value": "x" * 1_000_000}}, "ROOT0")
    played.browser.say({"id": 1, "result": {}}, "ROOT1")
    heard = await played.heard(bob, 1)

    assert ([{"id": 1, "result": {}}], TOO_LONG) == (heard, ann.ended.result()[0])


async def test_slow_listener_holds_the_browser_back_and_others_are_served_when_it_has_read(
    played: Scene, monkeypatch: pytest.MonkeyPatch
):
    """
    Nothing more is read meanwhile, nothing is lost.
    """
    monkeypatch.setattr(switchboard, "BACKLOG", 100)
    monkeypatch.setattr(switchboard, "PATIENCE", 3600)
    ann, bob = Ear(), Ear()
    for ear in (ann, bob):
        await played.board.dial(ear)
    ann.unread = 101
    played.browser.say({"id": 1, "result": {}}, "ROOT0")
    await played.heard(ann, 1)
    played.browser.say({"id": 1, "result": {}}, "ROOT1")
    await asyncio.sleep(0.05)
    held = (played.board.holding, len(bob.heard))
    ann.unread = 50
    await played.heard(bob, 1)

    assert (True, 0) == held
    assert not ann.ended.done()


async def test_listener_that_stays_slow_is_dropped_when_others_wait(
    played: Scene, monkeypatch: pytest.MonkeyPatch
):
    """
    It is told why; its session in the browser ends, and the others go on.
    """
    monkeypatch.setattr(switchboard, "BACKLOG", 100)
    monkeypatch.setattr(switchboard, "PATIENCE", 0.05)
    ann, bob = Ear(), Ear()
    for ear in (ann, bob):
        await played.board.dial(ear)
    ann.unread = 101
    played.browser.say({"id": 1, "result": {}}, "ROOT0")
    await played.heard(ann, 1)
    played.browser.say({"id": 1, "result": {}}, "ROOT1")
    await played.heard(bob, 1)
    async with asyncio.timeout(30):
        detached = await played.browser.detached.get()

    assert (TOO_SLOW, "ROOT0") == (ann.ended.result()[0], detached)
    assert not bob.ended.done()


async def test_listener_who_is_alone_may_be_as_slow_as_it_likes(
    played: Scene, monkeypatch: pytest.MonkeyPatch
):
    """
    Until another comes, who would wait.
    """
    monkeypatch.setattr(switchboard, "BACKLOG", 100)
    monkeypatch.setattr(switchboard, "PATIENCE", 0.02)
    ear = Ear()
    await played.board.dial(ear)
    ear.unread = 101
    played.browser.say({"id": 1, "result": {}}, "ROOT0")
    await played.heard(ear, 1)
    await asyncio.sleep(0.1)
    alone = (played.board.holding, ear.ended.done())
    async with asyncio.timeout(30):
        await played.board.dial(Ear())

    assert ((True, False), TOO_SLOW) == (alone, ear.ended.result()[0])


@pytest.mark.parametrize("early", [True, False])
async def test_nobody_slow_holds_up_a_browser_that_is_about_to_end(
    played: Scene, monkeypatch: pytest.MonkeyPatch, *, early: bool
):
    """
    It has less time to write its state than a slow listener has: whoever holds it now, or would later.
    """
    monkeypatch.setattr(switchboard, "BACKLOG", 100)
    monkeypatch.setattr(switchboard, "PATIENCE", 3600)
    ann, bob = Ear(), Ear()
    for ear in (ann, bob):
        await played.board.dial(ear)
    if early:
        played.board.hurry()
    ann.unread = 101
    played.browser.say({"id": 1, "result": {}}, "ROOT0")
    await played.heard(ann, 1)
    if not early:
        played.board.hurry()
    played.browser.say({"id": 1, "result": {}}, "ROOT1")
    await played.heard(bob, 1)

    assert (TOO_SLOW, False) == (ann.ended.result()[0], bob.ended.done())


async def test_end_of_the_browser_is_told_to_all(played: Scene):
    """
    Those who are connected, those who would be, and those who wait for an answer.
    """
    ears = [Ear(), Ear()]
    lines = [await played.board.dial(ear) for ear in ears]
    played.browser.silent = True
    dialing = asyncio.create_task(played.board.dial(Ear()))
    await asyncio.sleep(0)
    played.browser.writer.transport.abort()
    async with asyncio.timeout(30):
        ended = [await ear.ended for ear in ears]
        with pytest.raises(CdpError):
            await dialing

    assert [GONE, GONE] == [code for code, _ in ended]
    with pytest.raises(ConnectionError):
        await played.board.send(lines[0], ASK)
    with pytest.raises(CdpError):
        await played.board.dial(Ear())


async def test_browser_that_ends_with_its_answer_connects_nobody(played: Scene):
    """
    Whoever had been connected then would never hear of the end.
    """
    played.browser.silent = True
    dialing = asyncio.create_task(played.board.dial(Ear()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    # Of the commands in the house, discovery was the first.
    played.board._take(b'{"id":2,"result":{"sessionId":"LAST"},"sessionId":"HOUSE"}')
    played.board._wire.connection_lost(None)
    with pytest.raises(CdpError):
        async with asyncio.timeout(30):
            await dialing


async def test_connection_that_the_browser_ends_is_ended(played: Scene):
    """
    Not the others.
    """
    ann, bob = Ear(), Ear()
    for ear in (ann, bob):
        await played.board.dial(ear)
    played.browser.detach("ROOT0", "HOUSE")
    async with asyncio.timeout(30):
        code, _ = await ann.ended

    assert (GONE, False) == (code, bob.ended.done())


async def test_caller_who_leaves_while_it_is_connected_leaves_no_session(played: Scene):
    """
    The browser's answer comes too late, and what it began is ended.
    """
    played.browser.silent = True
    dialing = asyncio.create_task(played.board.dial(Ear()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    dialing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dialing
    # Of the commands in the house, discovery was the first.
    played.browser.say({"id": 2, "result": {"sessionId": "LATE"}}, "HOUSE")
    async with asyncio.timeout(30):
        detached = await played.browser.detached.get()

    assert "LATE" == detached


async def test_browser_that_ends_at_once_is_no_switchboard():
    """
    Nobody waits for it.
    """
    ours, theirs = socket.socketpair()
    theirs.close()
    board = Switchboard()
    with pytest.raises((CdpError, ConnectionError)):
        async with asyncio.timeout(30):
            await board.open(ours)
    await board.aclose()


async def test_switchboard_of_an_ended_browser_weighs_next_to_nothing():
    """
    The records of ten thousand ended browsers are kept, and it with them.
    """
    async with scene() as first:
        await first.board.dial(Ear())
    tracemalloc.start()
    try:
        async with scene() as played:
            await played.board.dial(Ear())
        kept = played.board
        del played
        gc.collect()
        left = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(inclusive=True, filename_pattern="*/multiplexer/[!c]*.py")]
        )
    finally:
        tracemalloc.stop()

    assert kept.lost.done()
    assert sum(trace.size for trace in left.traces) < 8192
