"""What `firecrawl-interact reap` ends, and what it leaves alone."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from aiohttp import web

from firecrawl_interact.cli.main import main
from firecrawl_interact.ledger import owner
from firecrawl_interact.ledger.entry import Entry
from firecrawl_interact.ledger.sqlite import SqliteLedger

KEY = "fc-0123456789abcdef"


class Provider:
    """A provider that keeps the last path segment of every DELETE."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.deleted: list[str] = []

    async def delete(self, request: web.Request) -> web.Response:
        self.deleted.append(request.path.rpartition("/")[2])
        return web.json_response({"success": self.status == 200}, status=self.status)


@pytest.fixture
async def provider(monkeypatch):
    """
    A provider on this machine, with a key for it in the environment.
    """
    provider = Provider()
    app = web.Application()
    app.router.add_delete("/{path:.*}", provider.delete)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    monkeypatch.setenv("FIRECRAWL_API_URL", provider.url)
    monkeypatch.setenv("FIRECRAWL_API_KEY", KEY)
    yield provider
    await runner.cleanup()


@pytest.fixture
async def owe(provider):
    """
    Write entries into the user's ledger; their owner is dead unless it is to live.
    """

    async def write(*session_ids, dead=True, **values):
        ledger = SqliteLedger()
        for number, session_id in enumerate(session_ids):
            known = {
                "backend": "firecrawl",
                "base_url": provider.url,
                "key_print": ledger.fingerprint(KEY),
                "mark": None,
                "planned_at": time.time() - 60 + number,
                "expires_at": time.time() + 600,
            }
            await ledger.plan(Entry(id=f"e-{session_id}", session_id=session_id, **known | values))
        await ledger.aclose()
        if dead:
            owner.disown(ledger.folder)

    yield write
    owner.disown(SqliteLedger().folder)


async def reap(*words):
    """Run the command as a program of its own would."""
    return await asyncio.to_thread(main, ["reap", *words])


def outcomes(capsys):
    return [json.loads(line)["outcome"] for line in capsys.readouterr().out.splitlines()]


async def test_sessions_of_the_dead_are_ended_and_struck_out(owe, provider, capsys):
    """
    Each session of a dead owner gets one DELETE, and then nothing is owed.
    """
    await owe("s1", "s2")

    assert 0 == await reap("--json")
    assert ["ended", "ended"] == outcomes(capsys)
    assert ["s1", "s2"] == sorted(provider.deleted)
    assert 0 == await reap()
    assert ("Nothing to reap.\n", "") == capsys.readouterr()


async def test_sessions_of_the_living_are_left_alone(owe, provider, capsys):
    """
    An owner that lives ends its sessions itself.
    """
    await owe("s1", dead=False)

    assert 0 == await reap()
    assert "Nothing to reap.\n" == capsys.readouterr().out
    assert [] == provider.deleted


async def test_a_dry_run_sends_nothing_and_says_what_is_owed(owe, provider, capsys):
    """
    Told only to look, it looks, and exit code 1 says that something is owed.
    """
    await owe("session-1")

    assert 1 == await reap("--dry-run")
    row = capsys.readouterr().out.splitlines()[2].split()
    assert ("sess...", "owed") == (row[2], row[-1])
    assert [] == provider.deleted
    assert 0 == await reap()


async def test_an_end_that_is_refused_stays_owed(owe, provider, capsys):
    """
    What the provider refuses for good is still owed afterwards.
    """
    provider.status = 403
    await owe("s1")

    assert 1 == await reap("--json")
    assert ["owed"] == outcomes(capsys)
    assert ["e-s1"] == [entry.id for entry in await _owed()]


async def test_entries_of_another_key_are_not_ours_to_end(owe, provider, capsys):
    """
    A session made with another key is shown and not touched, and a hint says what it needs.
    """
    await owe("s1", key_print="0" * 32)

    assert 1 == await reap()
    said = capsys.readouterr()
    assert said.out.endswith("  not ours\n")
    assert "need the key and the address" in said.err
    assert [] == provider.deleted


async def test_without_a_key_nothing_is_ours(owe, provider, capsys, monkeypatch):
    """
    Entries whose backend has no key here are shown as not ours.
    """
    await owe("s1", base_url="https://api.firecrawl.dev")
    monkeypatch.delenv("FIRECRAWL_API_URL")
    monkeypatch.delenv("FIRECRAWL_API_KEY")

    assert 1 == await reap("--json")
    assert ["not ours"] == outcomes(capsys)
    assert [] == provider.deleted


async def test_a_named_backend_hides_the_others(owe, provider, capsys):
    """
    Told to reap one backend, it neither ends nor shows another's sessions.
    """
    await owe("s1")
    await owe("s2", backend="anchor")

    assert 0 == await reap("--backend", "firecrawl", "--json")
    assert ["ended"] == outcomes(capsys)
    assert ["e-s2"] == [entry.id for entry in await _owed()]


@pytest.mark.parametrize("name", ["local", "nobody", "anchor"])
async def test_a_backend_that_cannot_be_reaped_is_misuse(owe, name):
    """
    A backend of this machine, an unknown one, or one without a key is exit code 2.
    """
    await owe("s1")

    assert 2 == await reap("--backend", name)


async def _owed():
    ledger = SqliteLedger()
    owed = await ledger.owed()
    await ledger.aclose()
    return owed
