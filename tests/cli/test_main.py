"""Tests of the command line's frame."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from firecrawl_interact import __version__
from firecrawl_interact.cli.main import COMMANDS, load, main
from firecrawl_interact.errors import LocalBrowserError, UnsupportedError


class Failing:
    """A command that ends with an error."""

    HELP = "fail"

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def configure(self, parser):
        pass

    def run(self, args):
        raise self.error


@pytest.fixture
def failing(monkeypatch):
    """
    Put a failing command in the place of ``demo``, and return the exit code.
    """

    def run_it(error):
        monkeypatch.setattr("firecrawl_interact.cli.main.load", lambda _: Failing(error))
        return main(["demo"])

    return run_it


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_loaded_and_says_what_the_list_says(name):
    """
    The help lines in the table, which save the imports, are those of the commands.
    """
    assert COMMANDS[name][0] == load(name).HELP


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_its_help(name, capsys):
    """
    A command's help is shown, and counts as success.
    """
    with pytest.raises(SystemExit) as exit_:
        main([name, "--help"])

    assert 0 == exit_.value.code
    assert f"firecrawl-interact {name}" in capsys.readouterr().out


def test_the_list_of_commands_imports_none_of_them():
    """
    Showing the list of commands costs no command's imports.
    """
    program = (
        "import sys\n"
        "from firecrawl_interact.cli.main import COMMANDS, main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "loaded = [m for _, m in COMMANDS.values() if f'firecrawl_interact.cli.{m}' in sys.modules]\n"
        "sys.exit(repr(loaded) if loaded else 0)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)
    assert all(name in done.stdout for name in COMMANDS)


def test_version_is_shown(run):
    """
    ``--version`` prints the package's version.
    """
    done = run("--version")

    assert (0, f"firecrawl-interact {__version__}\n") == (done.returncode, done.stdout)


def test_no_command_is_a_misuse(capsys):
    """
    Without a command the list of commands goes to stderr.
    """
    code = main([])

    assert 2 == code
    assert "demo" in capsys.readouterr().err


def test_usage_errors_are_one_line_and_exit_2(failing, capsys):
    """
    A call that cannot work prints its reason, and no traceback.
    """
    code = failing(UnsupportedError("Not here."))

    assert (2, "firecrawl-interact: Not here.\n") == (code, capsys.readouterr().err)


def test_other_errors_of_ours_are_one_line_and_exit_1(failing, capsys):
    """
    An error that is nobody's misuse prints its reason, and no traceback.
    """
    code = failing(LocalBrowserError("No browser."))

    assert (1, "firecrawl-interact: No browser.\n") == (code, capsys.readouterr().err)


def test_errors_that_are_not_ours_keep_their_traceback(failing):
    """
    A defect is not dressed up as a message.
    """
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError())


def test_ctrl_c_exits_130_without_a_traceback(failing, capsys):
    """
    An interrupted command ends as a shell expects it to.
    """
    code = failing(KeyboardInterrupt())

    assert (130, "") == (code, capsys.readouterr().err)


def test_options_cannot_be_abbreviated(capsys):
    """
    An abbreviation would turn into another option when one is added.
    """
    with pytest.raises(SystemExit) as exit_:
        main(["serve", "--por", "0"])

    assert 2 == exit_.value.code
    assert "--por" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="has another shell")
def test_a_closed_stdout_is_no_traceback(command):
    """
    A command that was started without a stdout does its work silently.
    """
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *command, "ledger"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=30,
    )

    assert (0, "") == (done.returncode, done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["--version"], ["leak-lab", "--list"]])
def test_a_full_disk_is_one_line_and_exits_1(command, words):
    """
    Output that cannot be written is a failure, and says so, however much of it there is.
    """
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*command, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=30
        )

    reason = f"firecrawl-interact: The output cannot be written: {os.strerror(errno.ENOSPC)}.\n"
    assert (1, reason) == (done.returncode, done.stderr)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGPIPE")
def test_a_closed_pipe_exits_141_without_a_traceback(command):
    """
    Output into a pipe that nobody reads any more ends the command silently.
    """
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [*command, "--version"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False, timeout=30
    )
    os.close(writer)

    assert (128 + signal.SIGPIPE, "") == (done.returncode, done.stderr)
