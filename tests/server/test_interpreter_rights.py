"""Programs on a server that is root's: they run as its browsers do, and own nothing but their session."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

from firecrawl_interact.server.browsers import Browsers
from firecrawl_interact.server.interpreters import tools
from firecrawl_interact.server.interpreters.desk import Desk
from firecrawl_interact.server.interpreters.runs import ProcessRuns
from firecrawl_interact.server.profile_store import ProfileFolder
from firecrawl_interact.server.record import Browser, ProfileUse, Wish
from firecrawl_interact.server.replay.recorder import Recorder
from firecrawl_interact.server.replay.store import Replays
from firecrawl_interact.server.runs import CannotRunError, RunOutcome
from firecrawl_interact.server.screencast import Screencasts
from firecrawl_interact.server.unprivileged import Nobody, open_to_all, user_of_browsers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from conftest import Leftovers

    from firecrawl_interact.server.chromium import ChromiumLauncher
    from firecrawl_interact.server.scratch import Scratch

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user"
)

WHO = {
    "python": "import os\n[*os.getresuid(), *os.getgroups()]",
    "node": "[process.getuid(), process.geteuid(), ...process.getgroups().slice(1)]",
    "bash": "echo $(awk '/^Uid:/ { print $2, $3, $4 }' /proc/self/status)",
}
NOBODY = {"python": "[65534, 65534, 65534]", "node": "[ 65534, 65534 ]", "bash": "65534 65534 65534"}


@attrs.frozen
class House:
    """A server's table of browsers, with all that a real one keeps on this machine."""

    browsers: Browsers
    runs: ProcessRuns
    folder: Path  # Where all of it is.

    async def session(self, wish: Wish | None = None) -> Browser:
        """Start a session; skip where not even its browser runs as nobody."""
        browser = await self.browsers.create(wish or Wish())
        if browser.engine.user is None:
            pytest.skip("this system lets no browser run as nobody")
        return browser

    async def run(self, browser: Browser, language: str, code: str, timeout: float = 20) -> RunOutcome:
        """Run a program, and skip where there is nothing that nobody can run it with."""
        try:
            closed = [path for path in tools.find(language).files if not open_to_all(path)]
            if closed:
                pytest.skip(f"nobody cannot use {closed[0]}")
            async with asyncio.timeout(60):
                return await self.runs.run(browser, language, code, timeout)
        except CannotRunError as error:
            pytest.skip(str(error))


@pytest.fixture
async def house(launcher: ChromiumLauncher, leftovers: Leftovers) -> AsyncIterator[House]:
    runs, screencasts, replays = ProcessRuns(), Screencasts(), Replays()
    profiles = ProfileFolder(leftovers.folder / "profiles")
    browsers = Browsers(
        launcher, profiles=profiles, attendants=[screencasts, Recorder(screencasts, replays), runs]
    )
    yield House(browsers, runs, leftovers.folder)
    await browsers.aclose()
    replays.close()
    shutil.rmtree(leftovers.folder / "profiles", ignore_errors=True)


def quoted(paths: Iterable[Path]) -> str:
    return " ".join(f"'{path}'" for path in paths)


@pytest.mark.parametrize("language", WHO)
async def test_programs_run_as_nobody_where_browsers_do(house: House, language: str):
    """
    In none of its user ids, nor by a group, is a program root.
    """
    outcome = await house.run(await house.session(), language, WHO[language])

    assert NOBODY[language] == (outcome.result or outcome.stdout.strip())


async def test_a_program_is_nobody_in_name_too(house: House):
    """
    What asks for the user's name or home gets one that fits.
    """
    code = 'whoami; echo $USER $LOGNAME; touch "$HOME/mine"'
    outcome = await house.run(await house.session(), "bash", code)

    assert RunOutcome(stdout="nobody\nnobody nobody\n") == outcome


async def test_a_program_can_use_nothing_of_the_server_or_of_other_sessions(
    house: House, leftovers: Leftovers
):
    """
    Neither profiles nor recordings nor the folders of other browsers and programs, read or written.
    """
    wish = Wish(record=True, profile=ProfileUse(name="shop", saves=True, alone=False))
    await house.browsers.end(await house.session(wish))  # Its profile is saved.
    mine, other = await house.session(), await house.session(wish)
    await house.run(other, "bash", "echo precious > file")
    home = Path((await house.run(mine, "bash", 'echo "$HOME"')).stdout.strip())
    own = {path for path in house.folder.iterdir() if path.stat().st_gid == home.stat().st_gid}
    tops = [top for top in house.folder.iterdir() if top not in own]
    foreign = [path for top in tops for path in (top, *leftovers.files(below=top))]
    lines = [
        f'for path in "$HOME" {quoted(foreign)}',
        'do for how in r w; do [ -$how "$path" ] && echo "$how $path"; done; done; true',
    ]
    outcome = await house.run(mine, "bash", "\n".join(lines))

    assert f"r {home}\nw {home}\n" == outcome.stdout
    assert 2 == len(own)
    assert {"profiles", "precious"} <= {path.name for path in foreign} | {
        path.read_text().strip() for path in foreign if path.name == "file"
    }
    assert 3 <= len({path.parent for path in foreign if path.name == "lock"})  # Two, and the recordings.


async def test_a_program_can_look_into_no_process_of_the_server_or_of_other_sessions(
    house: House, leftovers: Leftovers
):
    """
    All of nobody's processes have one user, and a group by session: /proc keeps them from each other.
    """
    mine, other = await house.session(), await house.session()
    # Without `exec`: for a moment a process that becomes another program has no environment to be known by.
    stays = asyncio.create_task(house.run(other, "bash", "touch started; sleep 60; true", timeout=60))
    async with asyncio.timeout(30):
        while not list(house.folder.glob("*/data/started")):  # noqa: ASYNC110  # it sets no event
            await asyncio.sleep(0.01)
    assert other.engine.user is not None
    theirs = [pid for pid in leftovers.processes() if f"Gid:\t{other.engine.user.gid}" in status(pid)]
    look = (
        "for pid in {}; do head -c 1 /proc/$pid/environ | wc -c; ls /proc/$pid/cwd/. /proc/$pid/root/.; "
        "readlink /proc/$pid/fd/*; : < /proc/$pid/mem && echo memory; done 2>/dev/null"
    )
    pids = [os.getpid(), *theirs]
    outcome = await house.run(mine, "bash", look.format(" ".join(map(str, pids))))
    own = await house.run(mine, "bash", "touch mine; " + look.format("self"))
    await house.browsers.end(other)
    await asyncio.wait((stays,))

    assert stays.exception() is not None
    assert len(theirs) > 2
    assert "0\n" * len(pids) == outcome.stdout
    assert {"1", "mine", "memory"} <= set(own.stdout.split())


def status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""


async def test_a_link_laid_by_a_program_leads_the_server_nowhere(house: House):
    """
    The next program is written where the one before it could lay no link.
    """
    target = house.folder / "target"
    browser = await house.session()
    laying = "\n".join(f"ln -s '{target}' {place}/run-{n}.sh" for n in range(9) for place in (".", ".."))
    laid = await house.run(browser, "bash", f"{laying} 2>/dev/null; ls")
    after = await house.run(browser, "bash", "echo after")

    assert "run-2.sh" in laid.stdout
    assert "after\n" == after.stdout
    assert not target.exists()


async def test_a_program_cannot_kill_its_warden(house: House):
    """
    What ends a program with all that it started is root's.
    """
    browser = await house.session()
    outcome = await house.run(browser, "bash", "sleep 60 & kill -9 $PPID")

    assert outcome.exit_code != 0
    assert "Operation not permitted" in outcome.stderr


async def test_a_program_may_open_its_output_by_name(house: House):
    """
    /dev/stdout and /dev/stderr lead to pipes, which belong to whoever runs the program.
    """
    outcome = await house.run(await house.session(), "bash", "echo out > /dev/stdout; echo err > /dev/stderr")

    assert RunOutcome(stdout="out\n", stderr="err\n") == outcome


async def test_nothing_that_a_program_starts_has_more_rights(house: House):
    """
    Not even by a file that lets everybody be root.
    """
    with_rights = house.folder / "cat"
    shutil.copy("/bin/cat", with_rights)
    with_rights.chmod(0o4755)
    outcome = await house.run(await house.session(), "bash", f"{with_rights} /proc/self/status | grep ^Uid")
    with_rights.unlink()

    assert ["65534"] * 4 == outcome.stdout.split()[1:]


async def test_what_a_browser_downloads_its_program_can_read(house: House):
    """
    Both have one user and one group, though their folders are two.
    """
    code = (
        'await page.set_content(\'<a download="f" href="data:text/plain,kept">x</a>\')\n'
        "async with page.expect_download(timeout=10_000) as coming: await page.click('a')\n"
        "open(await (await coming.value).path()).read()"
    )
    outcome = await house.run(await house.session(), "python", code)

    assert RunOutcome(result="kept") == outcome


async def test_a_tool_that_nobody_can_read_runs_as_root_with_one_warning(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """
    As where Python is below /root: the warning names the file, and what to do.
    """
    hidden = tmp_path / "hidden"
    hidden.touch(mode=0o600)
    bash = tools.find("bash")
    monkeypatch.setattr(tools, "find", lambda _: attrs.evolve(bash, files=(hidden, *bash.files)))
    async with asyncio.timeout(30):
        outcomes = [await house.runs.run(await house.session(), "bash", "id -u", 20) for _ in range(2)]
    warnings = [record.getMessage() for record in caplog.records if "run as root" in record.getMessage()]

    assert [RunOutcome(stdout="0\n")] * 2 == outcomes
    assert [f"Programs in bash run as root, since nobody, as whom browsers run, cannot use {hidden}."] == [
        warning.partition(" Install it where")[0] for warning in warnings
    ]


def test_a_folder_that_cannot_be_given_away_is_not_left_behind(
    leftovers: Leftovers, monkeypatch: pytest.MonkeyPatch
):
    """
    As where the system has no such group.
    """

    def refuse(self: Nobody, folder: Scratch) -> None:
        del self, folder
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(Nobody, "give", refuse)
    with pytest.raises(OSError, match="Invalid argument"):
        Desk.open("ws://nowhere", Nobody(setpriv="", uid=65534, gid=61184), lambda _: None)

    assert [] == leftovers.folders()


async def test_groups_of_sessions_differ(house: House):
    """
    Those that run at a time are all told apart, the browsers too; the user is the one whose limits are read.
    """
    sessions = await asyncio.gather(*(house.session() for _ in range(4)))
    users = [browser.engine.user for browser in sessions if browser.engine.user is not None]
    groups = {user.gid for user in users}

    assert 4 == len(groups)
    assert 65534 not in groups
    assert [user_of_browsers()] * 4 == [user.uid for user in users]
