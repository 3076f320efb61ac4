"""Batches of sessions at Anchor."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

import attrs

from firecrawl_interact.backends._arguments import flag, instant
from firecrawl_interact.backends._hosted import segment
from firecrawl_interact.backends.anchor_calls import checked
from firecrawl_interact.errors import CloseError, InvalidOptionError
from firecrawl_interact.models import SessionInfo, SessionOptions
from firecrawl_interact.transport.redact import redact
from firecrawl_interact.wire import anchor_batch as wire

if TYPE_CHECKING:
    from firecrawl_interact.backends.anchor_calls import Calls
    from firecrawl_interact.wire.anchor_start import CreateRequest, StartedItem

BatchStatus = Literal["pending", "processing", "completed", "failed", "cancelled"]

CREATE_TIMEOUT = 120.0  # Seconds; a batch answers before its browsers are there.
_STATUSES = ("pending", "processing", "completed", "failed", "cancelled")
_PAGE_SIZE = 100  # The most that is taken.
_MOST_PAGES = 1000  # Pages after which a list that never ends is left.


@attrs.frozen(kw_only=True)
class AnchorBatch:
    """
    A batch, and what has become of it.

    Attributes:
        id: Anchor's own.

        status: Its word; ``completed`` means that all was tried, not that anything has ended.

        total: Sessions asked for.

        completed: Sessions made.

        failed: Sessions that came to nothing.

        sessions: Those that are there, links included; only where one batch was asked for.

        error: Why it failed.

        created_at: As Anchor writes it.
    """

    id: str
    status: str
    total: int | None = None
    completed: int | None = None
    failed: int | None = None
    sessions: tuple[SessionInfo, ...] = ()
    error: str | None = None
    created_at: str | None = None


class AnchorBatches:
    """
    Many sessions by one request.

    Nobody owns them: whoever makes a batch owes its `delete`, and guardian and ledger know nothing
    of it. For sessions that are given back whatever happens open them one by one with `Session`.

    Raises what `AnchorBrowser` says.
    """

    def __init__(self, calls: Calls, start: Callable[[SessionOptions], CreateRequest], backend: str) -> None:
        """Not called by users; see `AnchorBackend.batches`."""
        self._calls = calls
        self._start = start
        self._backend = backend

    async def create(
        self, count: int, options: SessionOptions | None = None, *, metadata: Mapping[str, Any] | None = None
    ) -> AnchorBatch:
        """
        Ask for sessions. Sent once; give them tags of their own, to find them should the answer be lost.

        Args:
            count: 1 to 1000.

            options: What each of them is started with, *extra* excepted.

            metadata: Stored with the batch.
        """
        wanted = SessionOptions() if options is None else options
        if not isinstance(cast("object", wanted), SessionOptions):
            raise InvalidOptionError("options must be SessionOptions or None.", option="options")
        if wanted.extra:
            raise InvalidOptionError("A batch takes no extra.", option="extra")
        body = checked(
            lambda: wire.BatchRequest(
                count=count,
                configuration=self._start(wanted),
                metadata=None if metadata is None else _metadata(metadata),
            )
        )
        made = (await self._calls.change("POST", "", wire.BatchMadeReply, body, timeout=CREATE_TIMEOUT)).data
        return AnchorBatch(
            id=made.batch_id, status=made.status, total=made.total_requests, created_at=made.created_at
        )

    async def get(self, batch_id: str) -> AnchorBatch:
        """Look one up, its sessions included."""
        return self._batch((await self._calls.get(f"/{segment(batch_id)}", wire.BatchReply)).data)

    async def list(
        self,
        *,
        status: BatchStatus | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        page_size: int = _PAGE_SIZE,
    ) -> AsyncIterator[AnchorBatch]:
        """
        Go through all of them, page after page as it is needed.

        Args:
            status: Anchor's word.

            created_after: Aware instant.

            created_before: Aware instant.

            page_size: Batches to a page, 1 to 100.
        """
        if status not in (None, *_STATUSES):
            raise InvalidOptionError(f"status must be one of {', '.join(_STATUSES)}.", option="status")
        if type(page_size) is not int or not 1 <= page_size <= _PAGE_SIZE:
            raise InvalidOptionError(
                f"page_size must be 1 to {_PAGE_SIZE}, not {page_size!r}.", option="page_size"
            )
        wanted: dict[str, object] = {
            "limit": page_size,
            "status": status,
            "created_after": instant("created_after", created_after),
            "created_before": instant("created_before", created_before),
        }
        query = {name: value for name, value in wanted.items() if value is not None}
        for number in range(1, _MOST_PAGES + 1):
            page = (await self._calls.get("", wire.BatchListReply, query={"page": number, **query})).data
            for batch in page.batches:
                yield self._batch(batch)
            if number >= page.pagination.total_pages or not page.batches:
                return

    async def cancel(self, batch_id: str) -> int | None:
        """
        Stop a batch and end its sessions; `BackendError` with status 409 where it is over already.

        Returns:
            How many sessions were ended, if Anchor says so.
        """
        reply = await self._calls.change(
            "PATCH", f"/{segment(batch_id)}", wire.BatchCancelledReply, wire.BatchChange()
        )
        return reply.data.cancelled_sessions

    async def delete(self, batch_id: str) -> None:
        """
        End the sessions of a batch, and forget it.

        Raises:
            CloseError: Some of them may still run, though Anchor has answered with success.
        """
        reply = await self._calls.change(
            "DELETE", f"/{segment(batch_id)}", wire.BatchDeletedReply, repeatable=True
        )
        failed = reply.data.failed_deletions or 0
        if failed:
            raise CloseError(
                f"{failed} sessions of a batch could not be ended: end them one by one.",
                backend=self._backend,
                text=redact(reply.data.message or ""),
            )

    async def retry(self, batch_id: str, *, failed_only: bool = True, max_retries: int = 1) -> int | None:
        """
        Ask again for the sessions that came to nothing.

        Args:
            batch_id: Of the batch.

            failed_only: Or for all of them.

            max_retries: 1 to 3.

        Returns:
            How many are tried again, if Anchor says so.
        """
        only = flag("failed_only", failed_only)
        body = checked(lambda: wire.BatchRetry(retry_failed_only=only is not False, max_retries=max_retries))
        path = f"/{segment(batch_id)}/retry"
        return (await self._calls.change("POST", path, wire.BatchRetriedReply, body)).data.retried_sessions

    def _batch(self, found: wire.Batch) -> AnchorBatch:
        return AnchorBatch(
            id=found.batch_id,
            status=found.status,
            total=found.total_requests,
            completed=found.completed_requests,
            failed=found.failed_requests,
            sessions=tuple(
                self._session(each, each.session_id) for each in found.sessions or () if each.session_id
            ),
            error=found.error,
            created_at=found.created_at,
        )

    def _session(self, item: StartedItem, session_id: str) -> SessionInfo:
        return SessionInfo(
            id=session_id,
            backend=self._backend,
            cdp_url=item.cdp_url,
            interactive_live_view_url=item.live_view_url,
            status=item.status,
        )


def _metadata(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored with a batch, as it is sent."""
    try:
        plain = {**value}
        json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise InvalidOptionError("metadata must be a mapping that can be JSON.", option="metadata") from None
    return plain
