"""Which browser is found on a machine."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from firecrawl_interact.errors import LocalBrowserError
from firecrawl_interact.server import binary


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing installed: PATH is its folder ``bin``, the home its folder ``home``."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("sys.platform", "linux")
    return tmp_path


def install(path: Path) -> Path:
    """
    Put a program there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    path.chmod(0o755)
    return path


def found(machine: Path, wanted: str | None = None) -> Path:
    """
    Look for a browser on that machine.
    """
    return binary.find(wanted, home=machine / "home")


def test_headless_shell_comes_first(machine: Path):
    """
    Of several browsers on PATH the leanest is taken.
    """
    for name in reversed(binary.NAMES):
        leaner = install(machine / "bin" / name)

        assert leaner == found(machine)
    assert binary.is_headless_shell(found(machine))


def test_wanted_browser_is_taken_by_name_or_path(machine: Path):
    """
    What the setting names is taken, whatever else there is.
    """
    install(machine / "bin" / "chromium")
    mine = install(machine / "bin" / "my-browser")
    elsewhere = install(machine / "elsewhere" / "browser")

    assert mine == found(machine, "my-browser")
    assert elsewhere == found(machine, str(elsewhere))


def test_wanted_browser_that_is_missing_is_an_error(machine: Path):
    """
    No other is started in its place.
    """
    install(machine / "bin" / "chromium")
    with pytest.raises(LocalBrowserError, match="FIRECRAWL_INTERACT_BROWSER names 'absent'"):
        found(machine, "absent")


def test_playwrights_newest_headless_shell_is_taken_last(machine: Path):
    """
    Without one on PATH, Playwright's folder is looked into: headless shells first, the newest first.
    """
    folder = machine / "home" / ".cache" / "ms-playwright"
    full = install(folder / "chromium-1200" / "chrome-linux64" / "chrome")
    assert full == found(machine)
    install(folder / "chromium_headless_shell-999" / "chrome-linux" / "headless_shell")
    newest = install(folder / "chromium_headless_shell-1187" / "chrome-linux" / "headless_shell")
    assert newest == found(machine)

    assert install(machine / "bin" / "chrome") == found(machine)


@pytest.mark.parametrize(
    ("release", "advice"),
    [
        ({"ID": "debian"}, "apt-get install chromium-headless-shell"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "playwright install"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "dnf install chromium-headless"),
        ({"ID": "unheard-of"}, "playwright install"),
    ],
)
def test_missing_browser_says_how_to_install_one_here(
    machine: Path, monkeypatch: pytest.MonkeyPatch, release: dict[str, str], advice: str
):
    """
    The advice fits the system, and the setting is named.
    """
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    with pytest.raises(LocalBrowserError, match=advice) as caught:
        found(machine)

    assert "FIRECRAWL_INTERACT_BROWSER" in str(caught.value)
    assert len(str(caught.value)) < 300  # More is cut off on the way to the client.


def test_system_without_a_name_gets_advice_too(machine: Path, monkeypatch: pytest.MonkeyPatch):
    """
    Where os-release is missing, what works anywhere is said.
    """

    def missing() -> dict[str, str]:
        raise FileNotFoundError

    monkeypatch.setattr(platform, "freedesktop_os_release", missing)
    with pytest.raises(LocalBrowserError, match="pip install playwright"):
        found(machine)
