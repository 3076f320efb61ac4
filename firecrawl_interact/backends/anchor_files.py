"""Recordings, downloads and uploads of a browser at Anchor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import attrs

from firecrawl_interact.backends._hosted import segment
from firecrawl_interact.backends.anchor_reading import duration
from firecrawl_interact.backends.anchor_values import AnchorDownload, AnchorRecording
from firecrawl_interact.errors import InvalidOptionError
from firecrawl_interact.wire import anchor_files as wire

if TYPE_CHECKING:
    from firecrawl_interact.backends.anchor_calls import Calls

PRIMARY = "primary"
TRANSFER_TIMEOUT = 300.0  # Seconds for a video or a file.
LONGEST_VIDEO = 2 * 1024**3  # Bytes; it is held in memory.


@attrs.frozen
class AnchorRecordings:
    """The videos of a session; raises what `AnchorBrowser` says."""

    _calls: Calls

    async def list(self) -> list[AnchorRecording]:
        """Name every video; one that is still made may be missing."""
        reply = await self._calls.get("/recordings", wire.RecordingsReply)
        return [
            AnchorRecording(
                id=item.id,
                primary=item.is_primary is True,
                name=item.suggested_file_name,
                size=item.size,
                created_at=item.created_at,
            )
            for item in reply.data.items
        ]

    async def pause(self) -> None:
        """Record no more until `resume`."""
        await self._calls.change("POST", "/recordings/pause", wire.StatusTextReply)

    async def resume(self) -> None:
        """Record again."""
        await self._calls.change("POST", "/recordings/resume", wire.StatusTextReply)

    async def fetch(self) -> bytes:
        """Return the primary video as MP4, whole and in memory."""
        headers = {"Accept": "video/mp4"}
        answer = await self._calls.ask(
            "GET",
            f"/recordings/{PRIMARY}/fetch",
            headers=headers,
            timeout=TRANSFER_TIMEOUT,
            longest_answer=LONGEST_VIDEO,
        )
        return answer.body

    async def delete(self, recording_id: str = PRIMARY) -> None:
        """Delete a video for good."""
        await self._calls.change("DELETE", f"/recordings/{segment(recording_id)}", wire.StatusTextReply)


@attrs.frozen
class AnchorFiles:
    """What a browser has downloaded, and what pages can be given; raises what `AnchorBrowser` says."""

    _calls: Calls

    async def downloads(self) -> list[AnchorDownload]:
        """Name every file that the browser has downloaded."""
        reply = await self._calls.get("/downloads", wire.DownloadsReply)
        return [
            AnchorDownload(
                id=item.id,
                name=item.suggested_file_name or item.original_file_name,
                size=item.size,
                duration=duration(None if item.duration is None else item.duration / 1000),
                url=item.file_link,
                created_at=item.created_at,
            )
            for item in reply.data.items
        ]

    async def upload(self, name: str, content: bytes) -> None:
        """
        Put a file where the browser's file dialogs find it.

        Args:
            name: Of the file; no path.

            content: All of it.
        """
        if not isinstance(content, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidOptionError("content must be bytes.", option="content")
        boundary = f"firecrawl-interact-{os.urandom(16).hex()}"
        head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{_file_name(name)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        await self._calls.ask("POST", "/uploads", body=body, headers=headers, timeout=TRANSFER_TIMEOUT)


def _file_name(name: object) -> str:
    if isinstance(name, str) and name and name.isprintable() and not any(mark in name for mark in '/\\"'):
        return name
    raise InvalidOptionError(
        "name must be the name of a file: printable text, no path and no quotes.", option="name"
    )
