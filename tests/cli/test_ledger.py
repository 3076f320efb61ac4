"""What `firecrawl-interact ledger` shows."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from firecrawl_interact.cli.main import main
from firecrawl_interact.ledger import owner
from firecrawl_interact.ledger.entry import Entry
from firecrawl_interact.ledger.sqlite import SqliteLedger

SESSION = "01987654-aaaa-bbbb-cccc-ddddeeeeffff"


@pytest.fixture
def plan():
    """
    Write an entry of this process into the user's ledger.
    """

    def write(entry_id, **values):
        async def go():
            ledger = SqliteLedger()
            known = {
                "backend": "anchor",
                "base_url": "https://api.example",
                "key_print": "f1a9e7" * 5,
                "mark": None,
                "session_id": SESSION,
                "planned_at": 1_700_000_000.0,
                "expires_at": time.time() + 600,
            }
            await ledger.plan(Entry(id=entry_id, **known | values))
            await ledger.aclose()

        asyncio.run(go())

    yield write
    owner.disown(SqliteLedger().folder)


def test_without_a_ledger_nothing_is_owed_and_nothing_made(capsys):
    """
    Looking at a ledger that was never used makes no folder.
    """
    assert 0 == main(["ledger"])
    assert "Nothing is owed.\n" == capsys.readouterr().out
    assert [] == list(Path(os.environ["XDG_STATE_HOME"]).iterdir())


def test_an_entry_is_shown_without_the_rest_of_its_id(capsys, plan):
    """
    Of an id, which alone opens an Anchor browser, only the beginning is shown, and of a key nothing.
    """
    plan("a")
    assert 0 == main(["ledger"])
    out = capsys.readouterr().out
    header, _, row = out.splitlines()

    assert ["BACKEND", "BASE", "URL", "SESSION", "SINCE", "UNTIL", "OWNER"] == header.split()
    assert ["anchor", "https://api.example", "01987654...", "2023-11-14T22:13:20+00:00"] == row.split()[:4]
    assert "alive" == row.split()[-1]
    assert "aaaa" not in out
    assert "f1a9e7" not in out


def test_json_has_one_object_a_line(capsys, plan):
    """
    Programs get every entry with what may be known of it, and no secret.
    """
    plan("a", expires_at=4_000_000_000.0)
    plan("b", session_id=None, base_url="https://user:word@api.example")
    main(["ledger", "--json"])
    first, second = map(json.loads, capsys.readouterr().out.splitlines())

    expected = {
        "entry": "a",
        "backend": "anchor",
        "base_url": "https://api.example",
        "session_id_begins": "01987654",
        "since": "2023-11-14T22:13:20+00:00",
        "until": "2096-10-02T07:06:40+00:00",
        "owner_alive": True,
    }
    assert expected == first
    assert (None, "https://***@api.example") == (second["session_id_begins"], second["base_url"])


def test_a_short_id_is_not_shown_whole(capsys, plan):
    """
    At most half of an id is shown.
    """
    plan("a", session_id="abcd")
    main(["ledger", "--json"])

    assert "ab" == json.loads(capsys.readouterr().out)["session_id_begins"]


def test_a_dead_owner_is_told_from_a_living_one(capsys, plan):
    """
    An entry whose owner gave its lease up is a dead one's.
    """
    plan("a")
    owner.disown(SqliteLedger().folder)
    main(["ledger", "--json"])

    assert json.loads(capsys.readouterr().out)["owner_alive"] is False


def test_a_ledger_that_cannot_be_read_is_an_error_in_one_line(capsys, plan):
    """
    A folder that is not ours alone ends in exit code 1 and a line on stderr.
    """
    plan("a")
    SqliteLedger().folder.chmod(0o777)
    code = main(["ledger"])
    said = capsys.readouterr()

    assert (1, "") == (code, said.out)
    assert said.err.startswith("firecrawl-interact: Others may write")
