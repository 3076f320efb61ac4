"""Runs: whoever runs programs and prompts against the browsers here."""

from __future__ import annotations

from typing import Protocol

import attrs

from firecrawl_interact.server.record import Browser


class CannotRunError(Exception):
    """This machine lacks what the run needs; the text says what. Nothing was run."""


class BrowserEndedError(Exception):
    """The browser ended under the run, and the run with it."""


@attrs.frozen(kw_only=True)
class RunOutcome:
    """
    What a run left behind.

    Attributes:
        stdout: What it printed.

        stderr: What it printed as errors, or the error that ended it.

        result: Text of the last expression's value; ``""`` if there is none.

        exit_code: 0 is success.

        killed: Whether the time limit ended it.

        truncated: Whether output was cut.

        output: The answer to a prompt; None for code.
    """

    stdout: str = ""
    stderr: str = ""
    result: str = ""
    exit_code: int = 0
    killed: bool = False
    truncated: bool = False
    output: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it ended badly."""
        return self.killed or self.exit_code != 0


class Runs(Protocol):
    """Whoever runs programs."""

    async def run(self, browser: Browser, language: str, code: str, timeout: float) -> RunOutcome:
        """
        Run a program against a browser and wait for its end.

        Runs of one browser and language come one after the other; what one leaves behind, such as
        variables, the next one finds.

        Args:
            browser: It is alive.

            language: ``python``, ``node`` or ``bash``.

            code: The program's text.

            timeout: Seconds it may take; then it is killed, which is an outcome.

        Raises:
            CannotRunError: See there.
            BrowserEndedError: See there.
        """
        ...


class Prompts(Protocol):
    """Whoever follows instructions in plain language; there is none unless one is configured."""

    async def run(self, browser: Browser, text: str, timeout: float) -> RunOutcome:
        """
        Follow an instruction in a browser and wait for the answer.

        Args:
            browser: It is alive.

            text: The instruction.

            timeout: Seconds each step may take.

        Raises:
            CannotRunError: See there.
            BrowserEndedError: See there.
        """
        ...


@attrs.frozen(kw_only=True)
class Runners:
    """
    Who runs things on this server.

    Attributes:
        code: None if programs are refused.

        prompts: None if instructions are.
    """

    code: Runs | None = None
    prompts: Prompts | None = None
