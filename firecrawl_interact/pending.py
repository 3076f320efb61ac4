"""PendingSession: what Session.create() returns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from firecrawl_interact.errors import UsageError

if TYPE_CHECKING:
    from firecrawl_interact.session import Session

S = TypeVar("S", bound="Session")


class PendingSession(Generic[S]):
    """
    What `Session.create` returns: enter it, or await it, once.

    Entering guarantees the delete; whoever awaits owes an ``aclose()``. Nothing is sent before.
    """

    def __init__(self, opened: Callable[[], Awaitable[S]], backend: str) -> None:
        """Hold what opens the session; not called by users."""
        self._opened = opened
        self._backend = backend
        self._used = False
        self._session: S | None = None

    def __await__(self) -> Generator[Any, None, S]:
        """Open the session."""
        return self._open().__await__()

    async def __aenter__(self) -> S:
        """Open the session."""
        self._session = await self._open()
        return self._session

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the session; the block's exception goes through unchanged."""
        if self._session is not None:
            await self._session.__aexit__(exc_type, exc, traceback)

    def __repr__(self) -> str:
        """Show backend and whether it was used."""
        return f"<PendingSession backend={self._backend} {'used' if self._used else 'not opened yet'}>"

    if not TYPE_CHECKING:  # Type checkers tell by themselves.

        def __getattr__(self, name: str) -> Any:
            """Tell whoever takes this for the session what is missing."""
            raise AttributeError(
                f"A PendingSession has no attribute {name!r}: nothing is open yet. "
                "Enter it with `async with`, or await it, to get the session.",
                name=name,
                obj=self,
            )

    async def _open(self) -> S:
        if self._used:
            raise UsageError(
                "This PendingSession was entered or awaited before; each stands for one session. "
                "Call Session.create() again for another."
            )
        self._used = True
        return await self._opened()
