"""Files of Anchor's sessions (recordings, downloads), as attrs classes."""

from __future__ import annotations

from datetime import datetime

import attrs


@attrs.frozen(kw_only=True)
class RecordingItem:
    """
    One recording.

    Attributes:
        file_link: Needs the API key.

        duration: Text; its form is documented nowhere.

        size: Bytes.
    """

    id: str
    is_primary: bool | None = None
    file_link: str | None = attrs.field(default=None, repr=False)
    suggested_file_name: str | None = None
    duration: str | None = None
    size: float | None = None
    created_at: datetime | None = None


@attrs.frozen(kw_only=True)
class RecordingItems:
    """Every recording of a session."""

    count: int | None = None
    items: list[RecordingItem]


@attrs.frozen(kw_only=True)
class RecordingsReply:
    """Answer to ``GET /v1/sessions/{id}/recordings``."""

    data: RecordingItems


@attrs.frozen(kw_only=True)
class DownloadItem:
    """
    One file that the browser has downloaded.

    Attributes:
        file_link: Needs the API key.

        duration: Milliseconds that it took.

        size: Bytes.
    """

    id: str | None = None
    file_link: str | None = attrs.field(default=None, repr=False)
    original_download_url: str | None = attrs.field(default=None, repr=False)
    origin_url: str | None = attrs.field(default=None, repr=False)
    suggested_file_name: str | None = None
    original_file_name: str | None = None
    duration: float | None = None
    size: float | None = None
    created_at: datetime | None = None


@attrs.frozen(kw_only=True)
class DownloadItems:
    """Every file that the browser has downloaded."""

    count: int | None = None
    items: list[DownloadItem]


@attrs.frozen(kw_only=True)
class DownloadsReply:
    """Answer to ``GET /v1/sessions/{id}/downloads``."""

    data: DownloadItems


@attrs.frozen(kw_only=True)
class StatusText:
    """
    What a change of a recording says.

    Attributes:
        status: Free text.
    """

    status: str | None = None


@attrs.frozen(kw_only=True)
class StatusTextReply:
    """Answer to ``POST .../recordings/pause`` and ``resume``, and to ``DELETE .../recordings/{id}``."""

    data: StatusText | None = None
