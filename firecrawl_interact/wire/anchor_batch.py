"""Anchor's batches of sessions, as attrs classes."""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import in_, optional

from firecrawl_interact.wire._bounds import Between, filled
from firecrawl_interact.wire.anchor_start import CreateRequest, Progress, StartedItem

# The prose of the documentation says 5000; schema and error text say this.
BATCH_SIZE = Between(1, 1000, "sessions")
BATCH_PAGE = Between(1, 100, "batches")
BATCH_RETRIES = Between(1, 3, "retries")


@attrs.frozen(kw_only=True)
class BatchRequest:
    """
    Body of ``POST /v1/batch-sessions``.

    Attributes:
        configuration: What each session is started with.

        metadata: Stored with the batch.

    Source: the OpenAPI file of github.com/anchorbrowser/AnchorBrowser-SDK-Python, read 2026.
    """

    count: int = attrs.field(validator=BATCH_SIZE)
    configuration: CreateRequest | None = None
    metadata: Any = None


@attrs.frozen(kw_only=True)
class BatchMade:
    """What a batch says at once."""

    batch_id: str = attrs.field(validator=filled)
    status: str
    total_requests: int | None = None
    created_at: str | None = None


@attrs.frozen(kw_only=True)
class BatchMadeReply:
    """Answer to ``POST /v1/batch-sessions``."""

    data: BatchMade


@attrs.frozen(kw_only=True)
class Batch:
    """
    A batch, read by its id or in a list.

    Attributes:
        status: ``pending``, ``processing``, ``completed``, ``failed`` or ``cancelled``.

        sessions: Absent in a list.
    """

    batch_id: str = attrs.field(validator=filled)
    status: str
    total_requests: int | None = None
    completed_requests: int | None = None
    failed_requests: int | None = None
    processing_requests: int | None = None
    pending_requests: int | None = None
    created_at: str | None = None
    actual_completion_time: str | None = None
    error: str | None = None
    sessions: list[StartedItem] | None = None
    progress: Progress | None = None


@attrs.frozen(kw_only=True)
class BatchReply:
    """Answer to ``GET /v1/batch-sessions/{id}``."""

    data: Batch


@attrs.frozen(kw_only=True)
class Pagination:
    """Where in a list a page stands."""

    current_page: int
    total_pages: int
    total_records: int | None = None
    has_next: bool | None = None
    has_prev: bool | None = None


@attrs.frozen(kw_only=True)
class BatchPage:
    """One page of batches."""

    batches: list[Batch]
    pagination: Pagination


@attrs.frozen(kw_only=True)
class BatchListReply:
    """Answer to ``GET /v1/batch-sessions``."""

    data: BatchPage


@attrs.frozen(kw_only=True)
class BatchChange:
    """Body of ``PATCH /v1/batch-sessions/{id}``; there is no other change."""

    status: str = attrs.field(default="cancelled", validator=in_(("cancelled",)))


@attrs.frozen(kw_only=True)
class BatchCancelled:
    """What a cancelled batch says; its running sessions are ended."""

    batch_id: str | None = None
    status: str | None = None
    cancelled_sessions: int | None = None
    message: str | None = None


@attrs.frozen(kw_only=True)
class BatchCancelledReply:
    """Answer to ``PATCH /v1/batch-sessions/{id}``."""

    data: BatchCancelled


@attrs.frozen(kw_only=True)
class FailedDeletion:
    """A session of a deleted batch that could not be ended."""

    session_id: str | None = None
    error: str | None = None


@attrs.frozen(kw_only=True)
class BatchDeleted:
    """
    What a deleted batch says.

    Attributes:
        failed_deletions: Sessions that may still run, though the answer was 200.
    """

    batch_id: str | None = None
    deleted_sessions: int | None = None
    failed_deletions: int | None = None
    errors: list[FailedDeletion] | None = None
    message: str | None = None


@attrs.frozen(kw_only=True)
class BatchDeletedReply:
    """Answer to ``DELETE /v1/batch-sessions/{id}``."""

    data: BatchDeleted


@attrs.frozen(kw_only=True)
class BatchRetry:
    """
    Body of ``POST /v1/batch-sessions/{id}/retry``.

    Attributes:
        retry_failed_only: Absent means true.

        max_retries: Absent means 1.
    """

    retry_failed_only: bool | None = None
    max_retries: int | None = attrs.field(default=None, validator=optional(BATCH_RETRIES))


@attrs.frozen(kw_only=True)
class BatchRetried:
    """What a retried batch says."""

    batch_id: str | None = None
    status: str | None = None
    retried_sessions: int | None = None
    message: str | None = None


@attrs.frozen(kw_only=True)
class BatchRetriedReply:
    """Answer to ``POST /v1/batch-sessions/{id}/retry``."""

    data: BatchRetried
