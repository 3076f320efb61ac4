"""`firecrawl-interact guardian`."""

import json
import os
import time

import pytest

from firecrawl_interact.cli.main import main
from firecrawl_interact.guardian.client import Guardian
from firecrawl_interact.models import EndRequest, LineSettings, Request

KEY = "fc-0123456789abcdef"


@pytest.fixture
def guardian():
    """
    A guardian of this process that has one debt.
    """
    guardian = Guardian()
    end = EndRequest(
        Request("DELETE", "http://127.0.0.1:9/s1", {"Authorization": KEY}), frozenset(), frozenset()
    )
    guardian.opened("d1", end, line=LineSettings(), session_id="s1", until=0)
    limit = time.monotonic() + 30
    while not guardian._helper.ready:
        assert time.monotonic() < limit
        time.sleep(0.001)
    yield guardian
    guardian.settled("d1")
    guardian.close()


def test_guardian_of_an_owner_is_shown(guardian, capsys):
    """
    A running helper process is shown with its owner, and without what it was told.
    """
    status = main(["guardian", str(os.getpid())])
    shown = capsys.readouterr().out

    assert 0 == status
    assert [str(guardian.pid), str(os.getpid())] in [line.split()[:2] for line in shown.splitlines()]
    assert "watching" in shown
    assert KEY not in shown


def test_guardian_is_shown_as_json(guardian, capsys):
    """
    Programs get one object a line.
    """
    status = main(["guardian", "--json", str(os.getpid())])
    rows = {row["pid"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}

    assert 0 == status
    assert os.getpid() == rows[guardian.pid]["owner"]
    assert rows[guardian.pid]["owner_lives"]
    assert rows[guardian.pid]["memory"] > 0


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_owner_without_a_guardian_is_said_so(capsys, form):
    """
    An owner that was asked for and has none is a failure, whose reason is no output.
    """
    code = main(["guardian", "1", *form])

    assert (1, ("", "No guardian runs for process 1.\n")) == (code, capsys.readouterr())


def test_no_owner_named_is_never_a_failure(capsys):
    """
    To look at all of them succeeds, whatever there is.
    """
    assert 0 == main(["guardian"])


def test_system_without_proc_is_said_so(monkeypatch, tmp_path, capsys):
    """
    Where processes cannot be looked at the command says why.
    """
    monkeypatch.setattr("firecrawl_interact.cli.guardian.PROC", tmp_path)

    assert 2 == main(["guardian"])
    assert "without /proc" in capsys.readouterr().err
