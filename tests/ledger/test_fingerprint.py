"""The salt and what is made with it."""

from __future__ import annotations

import os
import stat

import pytest

from firecrawl_interact.ledger import _fingerprint
from firecrawl_interact.ledger.base import LedgerError
from firecrawl_interact.ledger.sqlite import SqliteLedger


@pytest.fixture(autouse=True)
def _forget_salts():
    _fingerprint.salt_of.cache_clear()


def test_two_processes_agree_on_the_salt(folder, run):
    """
    Whoever starts first makes the salt; the other reads it.
    """
    both = [run("say(ledger.fingerprint('fc-key'))") for _ in range(2)]
    (first,), (second,) = (program.finish() for program in both)

    assert first == second
    assert first == SqliteLedger(folder).fingerprint("fc-key")


def test_the_salt_is_for_us_alone(folder):
    """
    Folder and salt can be read by nobody else, whatever the umask.
    """
    old = os.umask(0)
    try:
        SqliteLedger(folder).fingerprint("fc-key")
    finally:
        os.umask(old)

    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert 0o600 == stat.S_IMODE((folder / "salt").stat().st_mode)
    assert ["salt"] == [path.name for path in folder.iterdir()]


def test_another_folder_has_another_salt(folder, tmp_path):
    """
    A fingerprint tells nothing to whoever holds another ledger.
    """
    here, there = SqliteLedger(folder), SqliteLedger(tmp_path / "other")

    assert here.fingerprint("fc-key") != there.fingerprint("fc-key")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_salt_is_moved_aside_and_made_anew(folder, content):
    """
    A salt of the wrong length is refused once; the next use has a new one.
    """
    folder.mkdir(0o700)
    (folder / "salt").write_bytes(content)

    with pytest.raises(LedgerError, match=r"salt is damaged; moved to salt\.broken-"):
        SqliteLedger(folder).fingerprint("fc-key")
    assert SqliteLedger(folder).fingerprint("fc-key")


def test_no_key_needs_no_folder(folder):
    """
    Nothing is made for a backend without a key.
    """
    assert "" == SqliteLedger(folder).fingerprint(None)
    assert not folder.exists()
