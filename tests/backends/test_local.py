"""The local backend: one private server per process, real browsers behind it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from firecrawl_interact import Profile, Session
from firecrawl_interact.backends import _private_server as private
from firecrawl_interact.backends.local import KEEPER, LocalBackend, LocalTransport, stop_server
from firecrawl_interact.errors import (
    LocalBrowserError,
    ProfileBusyError,
    SessionNotFoundError,
    TransportError,
    UnsupportedError,
)
from firecrawl_interact.models import Request, SessionOptions
from firecrawl_interact.server import binary, scratch

OPTIONS = SessionOptions(ttl=60, activity_ttl=60)


@pytest.fixture(autouse=True)
def _server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that only this test uses, with a folder for temporary files that is empty in the end."""
    try:
        binary.find()
    except LocalBrowserError as error:
        pytest.skip(f"no browser here: {error}")
    stop_server()
    monkeypatch.setattr(private, "STOP_TIMEOUT", 30)  # One that is killed, as it is then, leaves folders.
    with tempfile.TemporaryDirectory(prefix="local-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)  # Browsers may run as another user.
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield
        stop_server()

        assert [] == list(Path(folder).iterdir())


@pytest.fixture
async def backend() -> AsyncIterator[LocalBackend]:
    async with asyncio.timeout(60), LocalBackend() as backend:
        yield backend


async def die(server: private.PrivateServer) -> None:
    """
    Kill a server, and wait until its death can be seen and its browsers' folders can be removed.
    """
    os.kill(server._process.pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        while server.alive() or os.listdir(tempfile.gettempdir()):  # noqa: PTH208
            scratch.sweep()
            await asyncio.sleep(0.01)


async def test_session_drives_a_real_browser_and_gives_it_back():
    """
    A `Session` on the local backend has a browser that answers, and none after its block.
    """
    async with asyncio.timeout(60):
        async with (
            Session.create(ttl=60, backend="local") as session,
            aiohttp.ClientSession() as http,
            http.ws_connect(session.cdp_url) as socket,
        ):
            await socket.send_json({"id": 1, "method": "Browser.getVersion"})
            answer = await socket.receive_json()
        async with LocalBackend() as backend:
            alive = await backend.list(alive=True)

    assert "HeadlessChrome" in answer["result"]["product"]
    assert session.receipt.confirmed
    assert [] == alive


async def cookies(session: Session, method: str, **params: object) -> list[str]:
    """Tell the browser something over CDP, and ask for the names of its cookies."""
    async with aiohttp.ClientSession() as http, http.ws_connect(session.cdp_url) as socket:
        await socket.send_json({"id": 1, "method": method, "params": params})
        await socket.send_json({"id": 2, "method": "Storage.getCookies"})
        while (answer := await socket.receive_json())["id"] != 2:
            pass
        return [cookie["name"] for cookie in answer["result"]["cookies"]]


async def test_profile_brings_a_login_into_the_next_session():
    """
    What one session saved is there in the next, though the server was another one in between.
    """
    cookie = {"name": "login", "value": "1", "url": "http://shop.test/"}
    async with asyncio.timeout(60):
        async with Session.create(backend="local", profile="shop") as first:
            await cookies(first, "Storage.setCookies", cookies=[cookie])
        await asyncio.to_thread(stop_server)
        async with Session.create(backend="local", profile="shop") as second:
            found = await cookies(second, "Browser.getVersion")
        async with Session.create(backend="local") as blank:
            nothing = await cookies(blank, "Browser.getVersion")

    assert (["login"], []) == (found, nothing)


async def test_session_with_a_profile_has_one_browser(backend: LocalBackend):
    """
    The one that the server started ahead has no profile, and is gone before this one is there.
    """
    async with asyncio.timeout(60), Session.create(backend=backend, profile="shop"):
        folders = os.listdir(tempfile.gettempdir())  # noqa: PTH208

    assert 1 == len(folders)


async def test_programs_find_the_certificates_that_their_owner_finds(monkeypatch: pytest.MonkeyPatch):
    """
    What spares the server reading them, as it starts, is not passed on to what it runs.
    """
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/own.pem")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    code = 'echo "$SSL_CERT_FILE ${SSL_CERT_DIR-none}"'
    async with asyncio.timeout(60), Session.create(backend="local") as session:
        result = await session.execute(code, language="bash")

    assert "/etc/own.pem none" == result.check().stdout.strip()


async def test_recorded_session_can_be_watched_after_its_end():
    """
    Its link opens a page of the server that still runs; a session that was not recorded has none.
    """
    async with asyncio.timeout(60), LocalBackend() as backend, aiohttp.ClientSession() as http:
        async with Session.create(backend=backend, record=True) as session:
            await cookies(session, "Page.enable")
            while True:  # Until the first picture has come.
                with contextlib.suppress(SessionNotFoundError):
                    link = await backend.replay_link(session.id)
                    break
                await asyncio.sleep(0.01)
        async with http.get(link) as page:
            text = await page.text()
        pages = await backend.replay(session.id)
        async with Session.create(backend=backend) as unrecorded:
            pass
        with pytest.raises(SessionNotFoundError):
            await backend.replay_link(unrecorded.id)

    assert "<title>Replay</title>" in text
    assert ["0"] == [page.id for page in pages]


async def test_deleted_profile_is_blank():
    """
    A profile can be deleted by name, but not while a session is saving to it.
    """
    cookie = {"name": "login", "value": "1", "url": "http://shop.test/"}
    async with asyncio.timeout(60), LocalBackend() as backend:
        async with Session.create(backend=backend, profile="shop") as first:
            await cookies(first, "Storage.setCookies", cookies=[cookie])
            with pytest.raises(ProfileBusyError):
                await backend.delete_profile("shop")
        await backend.delete_profile("shop")
        async with Session.create(backend=backend, profile="shop") as second:
            found = await cookies(second, "Browser.getVersion")

    assert [] == found


async def test_second_saver_of_a_profile_is_refused_and_a_reader_is_not():
    """
    One session at a time saves to a profile; any number may read it beside.
    """
    async with asyncio.timeout(60), Session.create(backend="local", profile="shop"):
        with pytest.raises(ProfileBusyError):
            await Session.create(backend="local", profile="shop")
        async with Session.create(backend="local", profile=Profile("shop", save_changes=False)) as reader:
            assert "local" == reader.backend


async def test_all_loops_and_threads_share_one_server():
    """
    However many begin at once, one server is started.
    """
    servers = set()

    async def use() -> None:
        async with LocalBackend(), LocalBackend():
            servers.add(KEEPER.running())

    threads = [threading.Thread(target=lambda: asyncio.run(use())) for _ in range(3)]
    for thread in threads:
        thread.start()
    await asyncio.gather(use(), use())
    for thread in threads:
        await asyncio.to_thread(thread.join)

    assert 1 == len(servers)


async def test_dead_server_is_replaced(backend: LocalBackend):
    """
    After the death of its server the next create gets another.
    """
    first = KEEPER.running()
    await die(first)
    async with LocalBackend() as again:
        info = await again.create(OPTIONS)
        await again.delete(info.id)

    assert first is not KEEPER.running()


async def test_server_that_is_stopped_twice_closes_its_own_descriptors_alone(backend: LocalBackend):
    """
    Their numbers may be somebody else's by the second time.
    """
    server = KEEPER.running()
    await asyncio.to_thread(server.stop)
    with open(os.devnull) as others:  # noqa: ASYNC230, PTH123  # reads nothing
        numbers = [os.dup2(others.fileno(), number) for number in (server._lifeline, server._ready)]
    await asyncio.to_thread(server.stop)

    for number in numbers:
        os.close(number)  # Fails for what is closed already.


async def test_sessions_of_a_dead_server_count_as_ended(backend: LocalBackend):
    """
    Their browsers died with it: an end is confirmed, with or without a server to ask.
    """
    one, two = await backend.create(OPTIONS), await backend.create(OPTIONS)
    await die(KEEPER.running())
    without = await backend.delete(one.id)
    async with LocalBackend():
        with_another = await backend.delete(two.id)

    assert (True, True) == (without.confirmed, with_another.confirmed)


async def test_block_whose_server_dies_still_ends_well():
    """
    A session whose server was killed meanwhile ends without an error.
    """
    async with asyncio.timeout(60), Session.create(ttl=60, backend="local") as session:
        await die(KEEPER.running())

    assert session.receipt.confirmed


async def test_create_at_a_dead_server_was_not_sent(backend: LocalBackend):
    """
    Nothing can have been made there, and the error says so.
    """
    await die(KEEPER.running())
    with pytest.raises(TransportError) as caught:
        await backend.create(OPTIONS)

    assert caught.value.sent is False


async def test_request_under_way_when_the_server_dies_was_not_sent(monkeypatch: pytest.MonkeyPatch):
    """
    A browser that may have been made has died too, so the create can be repeated.
    """
    received = asyncio.Event()
    release = asyncio.Event()

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        received.set()
        await release.wait()
        writer.close()

    class Dying:
        base_url = ""

    listening = await asyncio.start_server(cut, "127.0.0.1", 0)
    dying = Dying()
    dying.base_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    monkeypatch.setattr(KEEPER, "running", lambda: None if release.is_set() else dying)
    transport = LocalTransport()
    sending = asyncio.create_task(
        transport.send(Request("POST", f"{dying.base_url}/v2/interact"), timeout=30, fresh=True)
    )
    async with asyncio.timeout(30):
        await received.wait()
        release.set()
        with pytest.raises(TransportError) as caught:
            await sending
    await transport.aclose()
    listening.close()

    assert caught.value.sent is False


async def test_browser_that_cannot_be_started_is_a_local_error(monkeypatch: pytest.MonkeyPatch):
    """
    The error of the server arrives as what it is, with the browser's last words.
    """
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        program = Path(folder) / "browser"
        program.write_text("#!/bin/sh\necho out of luck >&2; exit 7\n")
        program.chmod(0o755)
        monkeypatch.setenv("FIRECRAWL_INTERACT_BROWSER", str(program))
        async with asyncio.timeout(60), LocalBackend() as backend:
            with pytest.raises(LocalBrowserError, match="exited with status 7: out of luck"):
                await backend.create(OPTIONS)


async def test_last_words_of_a_browser_open_nothing(monkeypatch: pytest.MonkeyPatch):
    """
    Chromium tells its debugging address on stderr; whoever has that drives the browser.
    """
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        program = Path(folder) / "browser"
        program.write_text("#!/bin/sh\necho at ws://127.0.0.1:1/devtools/browser/hush, bye >&2; exit 7\n")
        program.chmod(0o755)
        monkeypatch.setenv("FIRECRAWL_INTERACT_BROWSER", str(program))
        async with asyncio.timeout(60), LocalBackend() as backend:
            with pytest.raises(LocalBrowserError, match="bye") as caught:
                await backend.create(OPTIONS)

    assert "hush" not in str(caught.value)


async def test_missing_browser_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch):
    """
    A browser that is set and not there is named.
    """
    monkeypatch.setenv("FIRECRAWL_INTERACT_BROWSER", "/no/such/browser")
    async with asyncio.timeout(60):
        with pytest.raises(LocalBrowserError, match="/no/such/browser"):
            async with Session.create(ttl=60, backend="local"):
                pass


async def test_server_that_cannot_start_is_a_local_error(monkeypatch: pytest.MonkeyPatch):
    """
    A module that is missing ends the server as it starts; whoever waits hears of it at once.
    """
    monkeypatch.setattr(private, "_MODULE", "firecrawl_interact.no_such_module")
    async with asyncio.timeout(30):
        with pytest.raises(LocalBrowserError, match="ended as it started"):
            await LocalBackend().ready()


@pytest.mark.skipif(sys.platform != "linux", reason="pidfds are Linux's")
async def test_no_room_for_a_server_is_a_local_error_and_leaves_no_descriptor(
    monkeypatch: pytest.MonkeyPatch,
):
    """
    Where descriptors run out half-way, those that were opened before are closed again.
    """

    def full(pid: int) -> int:
        raise OSError(errno.EMFILE, f"Too many open files for {pid}")

    monkeypatch.setattr(os, "pidfd_open", full)
    before = [*Path("/dev/fd").iterdir()]
    async with asyncio.timeout(30):
        with pytest.raises(LocalBrowserError, match="Too many open files"):
            await LocalBackend().ready()

    assert len(before) == len([*Path("/dev/fd").iterdir()])


async def test_silent_server_is_a_local_error(monkeypatch: pytest.MonkeyPatch):
    """
    A server that never gets ready is killed.
    """
    monkeypatch.setattr(private, "START_TIMEOUT", 0.1)
    monkeypatch.setattr(private, "_command", lambda _: ["/bin/sleep", "60"])
    async with asyncio.timeout(30):
        with pytest.raises(LocalBrowserError, match=r"not ready in 0\.1 s"):
            await LocalBackend().ready()


async def test_no_python_is_a_local_error(monkeypatch: pytest.MonkeyPatch):
    """
    An embedded interpreter has no program to run a server with.
    """
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(LocalBrowserError, match="Python interpreter"):
        await LocalBackend().ready()


async def test_waiting_can_be_cancelled_and_the_server_is_there_for_the_next():
    """
    Whoever stops waiting for the server takes it away from nobody.
    """
    waiting = asyncio.create_task(LocalBackend().ready())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(60):
        await LocalBackend().ready()

    assert KEEPER.running() is not None


async def test_key_is_in_no_command_line_environment_or_repr(backend: LocalBackend):
    """
    The private key travels over a pipe, and is shown nowhere.
    """
    server = KEEPER.running()

    assert backend.key
    assert backend.key.encode() not in what_is_shown(server)
    assert backend.key not in repr(backend) + repr(server)


async def test_server_gets_nobodys_keys(monkeypatch: pytest.MonkeyPatch):
    """
    What the user's environment holds of keys stays there.
    """
    monkeypatch.setenv("FIRECRAWL_API_KEY", "fc-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    async with asyncio.timeout(60):
        await LocalBackend().ready()

    assert b"secret" not in what_is_shown(KEEPER.running())


def what_is_shown(server: private.PrivateServer) -> bytes:
    """
    Return command line and environment of a server, as its user's other programs can read them.
    """
    process = Path("/proc", str(server._process.pid))
    return (process / "cmdline").read_bytes() + (process / "environ").read_bytes()


async def test_nobody_without_the_key_gets_in(backend: LocalBackend):
    """
    Other users of this machine cannot use the private server.
    """
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{backend.base_url}/v2/interact", json={}) as answer,
    ):
        assert 401 == answer.status


async def test_hundred_sessions_leave_nothing(backend: LocalBackend):
    """
    A hundred browsers, five at a time, leave no process, no folder and no open port.
    """
    gate = asyncio.Semaphore(5)

    async def one() -> None:
        async with gate:
            info = await backend.create(OPTIONS)
            await backend.delete(info.id)

    async with asyncio.timeout(300):
        await asyncio.gather(*(one() for _ in range(100)))

        # What was killed may still be going when the machine is busy.
        while children_and_ports(KEEPER.running())[0]:  # noqa: ASYNC110  # the kernel tells nobody
            await asyncio.sleep(0.05)

    assert ("", 1) == children_and_ports(KEEPER.running())
    assert [] == os.listdir(tempfile.gettempdir())  # noqa: PTH208


def children_and_ports(server: private.PrivateServer) -> tuple[str, int]:
    """
    Look up which children a server has, and on how many ports it listens.
    """
    process = Path("/proc", str(server._process.pid))
    children = (process / "task" / process.name / "children").read_text()
    open_files = set()
    for entry in (process / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # Closed since it was listed.
            open_files.add(str(entry.readlink()))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return children, len([row for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in open_files])


@pytest.mark.parametrize("options", [{"country": "DE"}, {"block_ads": True}], ids=str)
def test_what_a_local_browser_cannot_do_is_refused(options):
    """An option of persistence or identity is refused, never silently dropped."""
    with pytest.raises(UnsupportedError, match=next(iter(options))):
        Session.create(backend="local", **options)


async def test_scraped_page_is_gone_on_in_and_stopped(backend: LocalBackend) -> None:
    """
    A scrape's page opens in a real browser, runs come to it, and leaving ends it.
    """
    scrape = await backend.scrape("data:text/html,<title>Hello</title>")
    async with asyncio.timeout(60), Session.from_scrape(scrape, backend=backend) as session:
        result = await session.execute("echo $CDP_URL", language="bash")

        assert result.check().stdout.startswith("ws://")
        assert [session.id] == [info.id for info in await backend.list(alive=True)]

    assert session.receipt is not None
    assert session.receipt.confirmed
    assert [] == await backend.list(alive=True)


async def test_call_without_a_server_starts_one():
    """
    A backend that nobody entered works by itself, also after the death of the server it knew.
    """
    backend = LocalBackend()
    async with asyncio.timeout(60):
        scrape = await backend.scrape("data:text/html,<title>Hello</title>")
        stop_server()
        await backend.delete_profile("shop")
        stop_server()
        with pytest.raises(SessionNotFoundError):
            await backend.replay(scrape.job_id)
