"""Who waits for the answers to creates that the helper process sends."""

from __future__ import annotations

import asyncio
from typing import Any

import attrs

from firecrawl_interact.errors import TransportError, TransportTimeoutError
from firecrawl_interact.guardian import messages
from firecrawl_interact.models import Answer


class Relays:
    """The creates under way. Answers may come from any thread, to any event loop."""

    def __init__(self) -> None:
        """Begin with none."""
        self._waiting: dict[str, _Waiter] = {}

    def expect(self, debt: str) -> asyncio.Future[Answer]:
        """Return what will hold the answer; to be awaited in the running loop."""
        loop = asyncio.get_running_loop()
        waiter = self._waiting[debt] = _Waiter(loop, loop.create_future())
        return waiter.answer

    def settle(self, debt: str, kind: str, told: list[Any]) -> None:
        """Hand on what the helper process says of one; nothing happens if nobody waits for it."""
        waiter = self._waiting.pop(debt, None)
        if waiter is None:
            return
        if kind == messages.ANSWER:
            status, headers, body = told
            waiter.settle(Answer(status, headers, body.encode("latin-1")))
        else:
            text, sent, timed_out = told
            kind_of_error = TransportTimeoutError if timed_out else TransportError
            waiter.settle(kind_of_error(text, sent=sent))

    def fail(self, error: TransportError) -> None:
        """Let all of them fail: there will be no answers."""
        for waiter in self._waiting.values():
            waiter.settle(error)
        self._waiting.clear()


@attrs.define(eq=False)
class _Waiter:
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Answer]

    def settle(self, outcome: Answer | TransportError) -> None:
        try:
            self.loop.call_soon_threadsafe(self._settle, outcome)
        except RuntimeError:
            pass  # The loop is closed: nobody waits any more.

    def _settle(self, outcome: Answer | TransportError) -> None:
        if self.answer.done():
            return
        if isinstance(outcome, Answer):
            self.answer.set_result(outcome)
        else:
            self.answer.set_exception(outcome)
