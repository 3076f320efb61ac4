"""What Firecrawl is told to run in a session, and what it says came of it."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import and_, optional

from firecrawl_interact.wire._bounds import Between, Length, OneOf, Utf8Length

LONGEST_CODE = 100_000  # Bytes.
LONGEST_PROMPT = 10_000  # Characters.

LANGUAGE = OneOf(("python", "node", "bash"))
CODE = and_(Length(1, None, label="code"), Utf8Length(LONGEST_CODE, label="code"))
TIMEOUT = Between(1, 300, "seconds")
ANY_TIMEOUT = Between(1, 300, "seconds", fractions=True)


@attrs.frozen(kw_only=True)
class ExecuteRequest:
    """
    Body of ``POST /v2/interact/{id}/execute``.

    Attributes:
        code: Program text, 1 to 100 000 bytes of UTF-8.

        language: python, node or bash. The server's default is node, the official SDKs' is bash.

        timeout: Seconds, 1 to 300, whole.

        origin: Name of the SDK that asks.

    Raises:
        OutOfBoundsError: A value is outside its bounds.

    Source: the controller ``apps/api/src/controllers/v2/browser.ts`` of firecrawl/firecrawl, read
    2026. The documentation counts the code in characters.
    """

    code: str = attrs.field(repr=False, validator=CODE)
    language: str = attrs.field(default="node", validator=LANGUAGE)
    timeout: int = attrs.field(default=30, validator=TIMEOUT)
    origin: str | None = None


@attrs.frozen(kw_only=True)
class InteractRequest:
    """
    Body of ``POST /v2/scrape/{job_id}/interact``; *code* or *prompt* is required, code wins.

    Attributes:
        code: As for `ExecuteRequest`.

        prompt: Instruction for the provider's agent, 1 to 10 000 characters.

        language: As for `ExecuteRequest`.

        timeout: Seconds, 1 to 300; for a prompt they bound each step.

        existing_session_id: Session to go on in, instead of a new one.

        url: Page to open where the scrape's own was not retained.

        zero_data_retention: Keep nothing; needs an entitlement.

        origin: Name of the SDK that asks.

    Raises:
        OutOfBoundsError: A value is outside its bounds.

    Source: docs.firecrawl.dev, "Execute Interact", and ``controllers/v2/scrape-browser.ts``.
    """

    code: str | None = attrs.field(default=None, repr=False, validator=optional(CODE))
    prompt: str | None = attrs.field(
        default=None, repr=False, validator=optional(Length(1, LONGEST_PROMPT, label="prompt"))
    )
    language: str = attrs.field(default="node", validator=LANGUAGE)
    timeout: float = attrs.field(default=30, validator=ANY_TIMEOUT)
    existing_session_id: str | None = None
    url: str | None = attrs.field(default=None, repr=False)
    zero_data_retention: bool | None = None
    origin: str | None = None


@attrs.frozen(kw_only=True)
class RunReply:
    """
    Answer to a run, of either kind; all but *success* may be missing or null.

    Attributes:
        success: For a standalone session true even if the code failed, for a scrape-bound one not.

        session_id: Of the session that a scrape-bound run went to; servers before 2026 send none.

        cdp_url: As in the answer to a create; scrape-bound only, as the two that follow.

        stdout: What it printed.

        result: Text of the last expression's value; any JSON is taken, since a run is not sent again.

        stderr: What it printed as errors.

        exit_code: 0 is success.

        killed: Whether the time limit ended it.

        truncated: Whether output was cut.

        output: The agent's answer to a prompt; the same.

        error: *stderr*, or "Execution failed", if it failed.

    Source: the two controllers named above.
    """

    success: bool
    session_id: str | None = None
    cdp_url: str | None = attrs.field(default=None, repr=False)
    live_view_url: str | None = attrs.field(default=None, repr=False)
    interactive_live_view_url: str | None = attrs.field(default=None, repr=False)
    output: Any = None
    stdout: str | None = None
    result: Any = None
    stderr: str | None = None
    exit_code: int | None = None
    killed: bool | None = None
    truncated: bool | None = None
    error: str | None = None
