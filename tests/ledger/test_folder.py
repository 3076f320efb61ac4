"""Folders that are not ours alone are not used."""

from __future__ import annotations

import os

import pytest

from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.sqlite import SqliteLedger

FILE = "ledger.sqlite3"


async def test_a_folder_others_may_write_to_is_refused(folder, ledger, entry):
    """
    A folder that is writable for group or world is not used.
    """
    folder.mkdir()
    folder.chmod(0o770)
    with pytest.raises(LedgerError, match="Others may write"):
        await ledger.plan(entry())
    with pytest.raises(LedgerError, match="Others may write"):
        ledger.fingerprint("fc-key")

    assert [] == list(folder.iterdir())


async def test_a_linked_folder_is_refused(folder, tmp_path, entry):
    """
    A link in the place of the folder is not followed.
    """
    (tmp_path / "real").mkdir(0o700)
    folder.symlink_to(tmp_path / "real")
    with pytest.raises(LedgerError, match="is not a folder"):
        await SqliteLedger(folder).plan(entry())

    assert [] == list((tmp_path / "real").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
async def test_a_folder_of_another_user_is_refused(folder, ledger, entry):
    """
    A folder that belongs to somebody else is not used.
    """
    folder.mkdir(0o700)
    os.chown(folder, 12345, 12345)
    with pytest.raises(LedgerError, match="another user"):
        await ledger.plan(entry())


async def test_a_file_in_place_of_the_folder_is_refused(folder, ledger, entry):
    """
    A file where the folder should be, or above it, is an error and stays.
    """
    folder.write_text("mine")
    with pytest.raises(LedgerError, match="is not a folder"):
        await ledger.plan(entry())
    with pytest.raises(LedgerError, match="cannot be made"):
        await SqliteLedger(folder / "below").plan(entry())

    assert "mine" == folder.read_text()


@pytest.mark.parametrize(
    "make", [lambda path: path.mkdir(), lambda path: path.symlink_to("/dev/null")], ids=["folder", "link"]
)
async def test_something_else_in_place_of_the_file_is_refused(folder, ledger, entry, make):
    """
    A folder or a link in the place of the file is not used.
    """
    folder.mkdir(0o700)
    make(folder / FILE)
    with pytest.raises(LedgerError, match="is not a file of this user"):
        await ledger.plan(entry())


def test_a_user_without_a_home_has_no_ledger(monkeypatch):
    """
    Where the platform gives no absolute folder, nothing is written into the working directory.
    """
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)

    with pytest.raises(LedgerError, match="no home"):
        assert SqliteLedger().folder
