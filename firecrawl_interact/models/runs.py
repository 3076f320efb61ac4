"""What is run in a session, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import attrs

from firecrawl_interact.errors import RunFailedError
from firecrawl_interact.redaction import redact

Language = Literal["node", "python", "bash"]

_TOLD = 2000  # Characters of each end of what a failed run said that its error repeats.


@attrs.frozen(kw_only=True)
class Run:
    """
    One thing to run in a session. Either *code* or *prompt* is given.

    Attributes:
        code: Program text; may hold passwords, so not in repr.

        prompt: Instruction in plain language, for the provider's agent; not in repr either.

        language: What *code* is written in.

        timeout: Seconds; for a prompt they bound each step of the agent, not the whole.
    """

    code: str | None = attrs.field(default=None, repr=False)
    prompt: str | None = attrs.field(default=None, repr=False)
    language: Language = "node"
    timeout: float = 30


@attrs.frozen(kw_only=True)
class RunResult:
    """
    What a run inside the browser's machine left behind.

    A run that failed is returned like any other; `check` raises.

    Attributes:
        stdout: What it printed; ``""`` if nothing.

        stderr: What it printed as errors; ``""`` if nothing.

        result: Text of the last expression, JSON where it is no text; None if the provider sent none.

        exit_code: 0 is success; None if the provider sent none.

        killed: True if the time limit ended it.

        truncated: True if the output was cut.

        output: The agent's answer to a prompt; None for code.

        error: The provider's one-line summary of the failure; None after success.
    """

    stdout: str = ""
    stderr: str = ""
    result: str | None = None
    exit_code: int | None = None
    killed: bool = False
    truncated: bool = False
    output: str | None = None
    error: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it ended badly, by its exit code, by the time limit, or by the provider's word."""
        return self.killed or self.exit_code not in (0, None) or self.error is not None

    def check(self) -> Self:
        """
        Return the result itself, if the run ended well.

        Raises:
            RunFailedError: It did not; the text says why, without keys and links.
        """
        if not self.failed:
            return self
        if self.killed:
            how = "was ended by its time limit"
        elif self.exit_code not in (0, None):
            how = f"ended with exit code {self.exit_code}"
        else:
            how = "failed"
        said = _shortened(redact(self.error or self.stderr).strip())
        raise RunFailedError(f"The run {how}" + (f": {said}" if said else "."), result=self)


@attrs.frozen(kw_only=True)
class Scrape:
    """
    A page that a provider has scraped, in which code and prompts can be run afterwards.

    Attributes:
        job_id: What `Session.from_scrape` takes.

        metadata: What the provider says of the page, such as ``title`` and ``statusCode``.

        data: The formats that were asked for, such as ``markdown``; not in repr, for its size.
    """

    job_id: str
    metadata: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    data: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False)


def _shortened(text: str) -> str:
    return text if len(text) <= 2 * _TOLD else f"{text[:_TOLD]} ... {text[-_TOLD:]}"
