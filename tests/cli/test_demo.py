"""Tests of the demo, with a real browser where it matters."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from firecrawl_interact.cli.cdp import Page
from firecrawl_interact.cli.processes import browsers_below, can_be_seen, still_running
from firecrawl_interact.errors import ProtocolError, TransportError

needs_proc = pytest.mark.skipif(not can_be_seen(), reason="needs /proc")


@pytest.fixture
def pretender():
    """
    A process with a browser's arguments, which waits for its end.
    """
    program = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, "--user-data-dir=/nowhere"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield process


@pytest.fixture
async def cdp_server():
    """
    A server that speaks just enough CDP to attach to a page, and then follows its script.
    """
    script = {}

    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            assert WSMsgType.TEXT is message.type
            call = message.json()
            answer = script.get(call["method"], {"result": {}})
            if answer is None:
                await socket.close()
            else:
                await socket.send_json({"id": call["id"]} | answer)
        return socket

    script["Target.getTargets"] = {"result": {"targetInfos": []}}
    script["Target.createTarget"] = {"result": {"targetId": "t1"}}
    script["Target.attachToTarget"] = {"result": {"sessionId": "c1"}}
    app = web.Application()
    app.router.add_get("/cdp", handle)
    async with TestServer(app) as server:
        yield f"ws://127.0.0.1:{server.port}/cdp?token=secret", script


def test_demo_opens_drives_closes_and_proves_it(run, tmp_path):
    """
    The demo drives a real browser, leaves a screenshot and no process, and says so in plain lines.
    """
    picture = tmp_path / "demo.png"

    done = run("demo", "--screenshot", str(picture))

    assert 0 == done.returncode, done.stderr
    said = re.sub(r"^ *\d+\.\d\d s  ", "", done.stdout, flags=re.MULTILINE)
    assert "its title is 'Waiting for a click'" in said
    assert "the title is now 'Clicked by the SDK'" in said
    assert "Closed and confirmed" in said
    assert re.search(r"Gone: of the [1-9]\d* processes of the browser none is left", said)
    assert "\x1b" not in done.stdout
    assert (1280, 720) == struct.unpack(">II", picture.read_bytes()[16:24])


def test_demo_of_the_memory_backend_is_a_misuse(run):
    """
    A backend without browsers has nothing to show.
    """
    done = run("demo", "--backend", "memory")

    assert (2, "") == (done.returncode, done.stdout)
    assert "has no browser" in done.stderr


@pytest.mark.parametrize(("path", "reason"), [(".", "is a folder"), ("absent/demo.png", "does not")])
def test_screenshot_that_cannot_be_written_is_told_before_a_browser_is_opened(run, tmp_path, path, reason):
    """
    A mistake in the path costs no session, and is one line.
    """
    done = run("demo", "--screenshot", str(tmp_path / path))

    assert (2, "", 1) == (done.returncode, done.stdout, done.stderr.count("\n"))
    assert reason in done.stderr


@pytest.mark.parametrize("seconds", ["-1", "111", "inf", "nan", "long"])
def test_demo_stays_open_no_longer_than_its_session_lives(run, seconds):
    """
    The bounds are named.
    """
    done = run("demo", f"--keep-open={seconds}")

    assert (2, "") == (done.returncode, done.stdout)
    assert f"must be 0 to 110 seconds, not {seconds!r}" in done.stderr


@needs_proc
def test_browsers_are_told_by_their_arguments_and_ancestry(pretender):
    """
    A child with a browser's arguments counts for its parent, and not for itself.
    """
    found = browsers_below(os.getpid())

    assert pretender.pid in {process.pid for process in found}
    assert set() == browsers_below(pretender.pid)


@needs_proc
def test_a_process_that_has_ended_runs_no_longer_even_as_a_zombie(pretender):
    """
    An ended child that nobody has waited for counts as ended.
    """
    found = {p for p in browsers_below(os.getpid()) if p.pid == pretender.pid}
    assert found == still_running(found)

    pretender.stdin.close()
    os.waitid(os.P_PID, pretender.pid, os.WEXITED | os.WNOWAIT)  # Waits, and leaves it a zombie.

    assert set() == still_running(found)


async def test_page_makes_a_page_where_the_browser_has_none(cdp_server):
    """
    A browser without pages gets one.
    """
    url, script = cdp_server
    script["Runtime.evaluate"] = {"result": {"result": {"value": 3}}}

    async with Page(url) as page:
        value = await page.evaluate("1 + 2")

    assert 3 == value


async def test_page_refused_by_the_browser_is_a_protocol_error(cdp_server):
    """
    What the browser answers as an error is raised with its words.
    """
    url, script = cdp_server
    script["Page.captureScreenshot"] = {"error": {"message": "no surface"}}

    async with Page(url) as page:
        with pytest.raises(ProtocolError, match="no surface"):
            await page.screenshot()


async def test_page_that_throws_is_a_protocol_error(cdp_server):
    """
    JavaScript that throws is raised.
    """
    url, script = cdp_server
    script["Runtime.evaluate"] = {"result": {"exceptionDetails": {"text": "Uncaught"}}}

    async with Page(url) as page:
        with pytest.raises(ProtocolError, match="Uncaught"):
            await page.evaluate("nothing.at.all")


async def test_page_whose_browser_ends_is_a_transport_error(cdp_server):
    """
    A browser that ends in the middle of a call is a broken line.
    """
    url, script = cdp_server
    script["Page.captureScreenshot"] = None

    async with Page(url) as page:
        with pytest.raises(TransportError, match="closed"):
            await page.screenshot()


async def test_page_refused_at_the_door_does_not_show_the_link(cdp_server):
    """
    The error of a refused connection holds nothing of the link.
    """
    url, _ = cdp_server

    with pytest.raises(TransportError) as caught:
        async with Page(url.replace("/cdp", "/elsewhere")):
            pass

    assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert caught.value.__suppress_context__
