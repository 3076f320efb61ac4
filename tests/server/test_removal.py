"""Trees of files are removed, whatever programs made of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from firecrawl_interact.server.removal import remove_tree


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of a user's who is not root; the test has that user's rights."""
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top) / "folder"
        folder.mkdir()
        if os.geteuid() != 0:
            yield folder
            return
        for path in (Path(top), folder):
            os.chown(path, 65534, 65534)
        os.seteuid(65534)
        try:
            yield folder
        finally:
            os.seteuid(0)


def test_tree_is_removed_however_deep_it_is(tmp_path: Path):
    """
    Deeper than Python calls functions, and than a path can be long.
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    where = os.open(folder, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("below", dir_fd=where)
        below = os.open("below", os.O_RDONLY, dir_fd=where)
        os.close(where)
        where = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=where))
    os.close(where)
    remove_tree(folder)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("mode", [0o500, 0o400, 0o300, 0])
def test_tree_is_removed_though_it_keeps_its_owner_out(folder: Path, mode: int):
    """
    As do the modules that Go's tools keep, which nobody may write to.
    """
    below = folder / "kept" / "below"
    below.mkdir(parents=True)
    (below / "file").touch(0o400)
    for path in (below, below.parent, folder):
        path.chmod(mode)
    remove_tree(folder)

    assert not folder.exists()


def test_links_are_removed_and_not_what_they_lead_to(tmp_path: Path):
    """
    Neither those to files nor those to folders, at any depth.
    """
    kept, folder = tmp_path / "kept", tmp_path / "folder"
    for place in (kept, folder / "a" / "b"):
        place.mkdir(parents=True)
        (place / "file").touch()
    for place in (folder, folder / "a", folder / "a" / "b"):
        (place / "to-folder").symlink_to(kept)
        (place / "to-file").symlink_to(kept / "file")
        os.mkfifo(place / "fifo")
    remove_tree(folder)

    assert [kept, kept / "file"] == sorted(tmp_path.rglob("*"))


def test_tree_that_goes_on_growing_is_left_with_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """
    Whoever builds faster than we remove keeps nobody busy for ever.
    """
    monkeypatch.setattr("firecrawl_interact.server.removal._MOST_LEVELS", 2)
    (tmp_path / "folder" / "a" / "b" / "c").mkdir(parents=True)
    with pytest.raises(OSError, match="not empty"):
        remove_tree(tmp_path / "folder")

    assert ["folder"] == [path.name for path in tmp_path.iterdir()]
