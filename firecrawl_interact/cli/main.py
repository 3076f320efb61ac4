"""The command line: which commands there are, and their exit codes."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from firecrawl_interact import __version__
from firecrawl_interact.errors import InteractError, UsageError

PROGRAM = "firecrawl-interact"

# Exit codes beside a command's own. The last two are what a shell reports for a program that
# the signal ended.
FAILED = 1
MISUSED = 2
INTERRUPTED = 130
PIPE_CLOSED = 141

# The help lines stand here too, because a list of commands must not import them all.
COMMANDS = {
    "demo": ("open a browser, drive it, close it, and prove that it is gone", "demo"),
    "serve": ("run local browsers behind the providers' own API", "serve"),
    "ledger": ("show which sessions may still have to be ended", "ledger"),
    "reap": ("end the sessions whose owners are dead", "reap"),
    "guardian": ("show the helper processes that end what their owners leave", "guardian"),
    "leak-lab": ("count the sessions that a client leaves behind when things go wrong", "leak_lab"),
}


class Command(Protocol):
    """
    What every command module holds.

    Attributes:
        HELP: One line, the same as in `COMMANDS`.
    """

    HELP: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's options."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it, and return the exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; neither Ctrl-C nor lost output prints a traceback."""
    words = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:  # pyright: ignore[reportUnnecessaryComparison] - started with it closed
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - until we end
    try:
        try:
            return _run(words)
        finally:
            # What is still buffered meets a closed pipe or a full disk here, where it is caught.
            sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _discard_the_rest()
        return PIPE_CLOSED
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _discard_the_rest()
        print(f"{PROGRAM}: The output cannot be written: {error.strerror}.", file=sys.stderr)
        return FAILED


def load(name: str) -> Command:
    """Import the module of a command."""
    return cast("Command", importlib.import_module(f"firecrawl_interact.cli.{COMMANDS[name][1]}"))


def _discard_the_rest() -> None:
    """Spare the interpreter, which flushes stdout once more when it ends, the same error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Remote browser sessions that always get closed.", allow_abbrev=False
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    # No option in front of the command takes a value, so the first plain word names it.
    chosen = next((word for word in words if not word.startswith("-")), None)
    command = None
    for name, (line, _) in COMMANDS.items():
        sentence = f"{line[0].upper()}{line[1:]}."
        command_parser = commands.add_parser(name, help=line, description=sentence, allow_abbrev=False)
        if name == chosen:
            command = load(name)
            command.configure(command_parser)
    args = parser.parse_args(words)
    if args.version:
        print(PROGRAM, __version__)
        return 0
    if command is None:
        parser.print_help(sys.stderr)
        return MISUSED
    try:
        return command.run(args)
    except InteractError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return MISUSED if isinstance(error, UsageError) else FAILED
