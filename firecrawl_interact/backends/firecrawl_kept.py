"""What sessions leave behind at a server that speaks Firecrawl's wire: recordings, profiles."""

from __future__ import annotations

from firecrawl_interact.backends._hosted import fine, segment
from firecrawl_interact.backends.firecrawl_extras import check_page_id, profile_path, read_replay
from firecrawl_interact.backends.firecrawl_values import ReplayPage
from firecrawl_interact.backends.firecrawl_wire import FirecrawlWire
from firecrawl_interact.models import Answer, Request


class FirecrawlKept(FirecrawlWire):
    """A backend whose sessions can be watched again, and whose profiles can be deleted."""

    async def replay(self, session_id: str) -> tuple[ReplayPage, ...]:
        """
        List the recorded pages of a session, also of one that has ended.

        Raises:
            SessionNotFoundError: Nothing was recorded, or it is not ready yet.
            BackendError: The provider refused.
        """
        answer = await self._read_only(f"{segment(session_id)}/replay", session_id)
        return read_replay(answer)

    async def replay_playlist(self, session_id: str, page_id: str) -> str:
        """
        Fetch the playlist (HLS) of one recorded page; its links are secrets that live for hours.

        Raises:
            SessionNotFoundError: There is no such page.
            BackendError: The provider refused.
        """
        path = f"{segment(session_id)}/replay/{check_page_id(page_id)}"
        return (await self._read_only(path, session_id)).body.decode(errors="replace")

    async def delete_profile(self, name: str) -> None:
        """
        Delete a saved profile; one that was never saved counts as deleted.

        Raises:
            InvalidOptionError: The name cannot be one.
            ProfileBusyError: A session is saving to it; end that first.
            BackendError: The provider refused.
        """
        path = profile_path(name)
        await self.ready()
        request = Request("DELETE", self._access.origin + path, self._access.headers)
        answer = await self.exchange(request, repeatable=True)
        if not fine(answer):
            raise self.error(answer)

    async def _read_only(self, path: str, session_id: str) -> Answer:
        await self.ready()  # Before that a backend may not know its address.
        request = Request("GET", f"{self._url}/{path}", self._access.headers)
        answer = await self.exchange(request, repeatable=True)
        if not fine(answer):
            raise self.error(answer, session_id=session_id)
        return answer
