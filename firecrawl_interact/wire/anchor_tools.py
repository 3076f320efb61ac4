"""Anchor's tools that run code or an agent in a session, as attrs classes."""

from __future__ import annotations

from typing import Any

import attrs

from firecrawl_interact.wire._bounds import Between, filled

WORKFLOW_FAILED = "FAILED"

STEPS = Between(1, None, "steps")


@attrs.frozen(kw_only=True)
class ExecuteRequest:
    """
    Body of ``POST /v1/tools/execute-code?sessionId=``.

    Attributes:
        code: Body of an asynchronous TypeScript function that is given ``page``, ``browser``,
            ``context``, ``sessionId`` and ``anchorClient``.

    Source: the Python SDK anchorbrowser 1.0.1, read 2026.
    """

    code: str = attrs.field(repr=False, validator=filled)


@attrs.frozen(kw_only=True)
class ExecuteReply:
    """
    Answer to ``POST /v1/tools/execute-code``, without the usual ``data``.

    Attributes:
        output: What the function returned, as JSON text.
    """

    success: bool
    message: str | None = None
    output: str | None = attrs.field(default=None, repr=False)
    error: str | None = None


@attrs.frozen(kw_only=True)
class TaskRequest:
    """
    Body of ``POST /v1/tools/perform-web-task?sessionId=``.

    Attributes:
        url: Where to begin; absent means the page that is open.

        agent: ``browser-use``, ``openai-cua``, ``gemini-computer-use``, ``anthropic-cua`` or
            ``yutori``; absent means the first.

        max_steps: Absent means 200.

        output_schema: JSON Schema of the outcome.

        async_: Answer at once, with a workflow to ask for.

    Source: the Python SDK anchorbrowser 1.0.1, read 2026.
    """

    prompt: str = attrs.field(repr=False, validator=filled)
    url: str | None = None
    agent: str | None = None
    provider: str | None = None
    model: str | None = None
    detect_elements: bool | None = None
    human_intervention: bool | None = None
    max_steps: int | None = attrs.field(default=None, validator=attrs.validators.optional(STEPS))
    secret_values: dict[str, str] | None = attrs.field(default=None, repr=False)
    highlight_elements: bool | None = None
    output_schema: Any = None
    async_: bool | None = None


@attrs.frozen(kw_only=True)
class TaskResult:
    """
    The outcome of a task, or the workflow that goes on with it.

    Attributes:
        result: An object by the specification; of any shape in practice.

        status: Of a workflow: ``running`` at first, then ``RUNNING``, ``COMPLETED`` or ``FAILED``.
    """

    result: Any = attrs.field(default=None, repr=False)
    status: str | None = None
    workflow_id: str | None = None
    error: str | None = None


@attrs.frozen(kw_only=True)
class TaskReply:
    """Answer to ``POST /v1/tools/perform-web-task`` and ``GET .../{workflowId}/status``."""

    data: TaskResult
