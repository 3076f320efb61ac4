"""Paying a debt with blocking calls: end a session, or look for one by its mark and end it."""

from __future__ import annotations

import copy
import time

from .answers import (
    NOT_FOUND,
    NOT_FOUND_PAUSE,
    NOT_FOUND_TRIES,
    OK,
    PAUSE_LONGEST,
    Verdict,
    fill,
    judge,
    judge_list,
    live_ids,
    pause,
    retry_after,
)
from .sender import send

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading

    from firecrawl_interact.models import EndRequest, LineSettings, Search

END_ATTEMPT = 40.0  # Seconds; Firecrawl holds a DELETE for up to 30 s before it answers.
LIST_ATTEMPT = 10.0  # Seconds for one look at a list.
SEARCH_PAUSES = (0.2, 0.3, 0.5, 1.0)  # Seconds between looks for a mark; the last repeats.
SEARCH_SPAN = 10.0  # Seconds for which an unseen session may still appear in the list.


class Payment:
    """
    The end of one session, and what came of it so far.

    Attributes:
        gone: True once the provider has confirmed that the session is gone.

        over: True once another try would change nothing: gone, or refused for good.

        status: HTTP status of the last answer to the end; None if none came yet.
    """

    def __init__(self, end: EndRequest, session_id: str, line: LineSettings) -> None:
        self.gone: bool = False
        self.over: bool = False
        self.status: int | None = None
        self._end = end
        self._session_id = session_id
        self._line = line
        self._attempts = 0
        self._not_found = 0

    def step(self, *, timeout: float, longest: float) -> float:
        """
        Try once.

        Args:
            timeout: Seconds this try may take at most.

            longest: Seconds to which the pause grows.

        Returns:
            Seconds to wait before the next try; 0 once it is over.
        """
        wait = pause(self._attempts, longest=longest)
        self._attempts += 1
        try:
            status, headers, body = send(self._end.request, self._line, timeout=min(timeout, END_ATTEMPT))
            now = time.time()
            verdict = judge(self._end, status, body, now=now, not_found=self._not_found)
            if verdict is Verdict.VERIFY:
                verdict = self._verify(timeout)
        except OSError:
            return wait
        self.status = status
        self.gone = verdict is Verdict.GONE
        self.over = self.gone or verdict is Verdict.FINAL
        if self.over:
            return 0.0
        if status == NOT_FOUND:
            self._not_found += 1
            return NOT_FOUND_PAUSE if self._not_found <= NOT_FOUND_TRIES else max(NOT_FOUND_PAUSE, wait)
        asked = retry_after(headers, now=now)
        return wait if asked is None else pause(0, asked)

    def _verify(self, timeout: float) -> Verdict:
        verify = self._end.verify
        if verify is None:
            return Verdict.FINAL
        status, _, body = send(verify.request, self._line, timeout=min(timeout, LIST_ATTEMPT))
        return judge_list(verify, status, body, self._session_id)


class Hunt:
    """
    The search for the session of a create whose answer nobody has, and its end.

    Attributes:
        gone: True once a session was found and is confirmed gone.

        over: True once another look would change nothing.
    """

    def __init__(self, search: Search, line: LineSettings, *, appears_by: float) -> None:
        """
        Prepare the search.

        Args:
            search: What to look for.

            line: How to reach the provider.

            appears_by: Wall-clock seconds until which the create may still take effect; the
                last look is the first readable one after it.
        """
        self.gone: bool = False
        self.over: bool = False
        self._search = search
        self._line = line
        self._appears_by = appears_by
        self._looks = 0
        self._found: list[Payment] = []

    def step(self, *, timeout: float, longest: float) -> float:
        """Look once, or try to end what was found; see `Payment.step`."""
        if self._found:
            return self._pay(timeout, longest)
        wait = SEARCH_PAUSES[min(self._looks, len(SEARCH_PAUSES) - 1)]
        self._looks += 1
        begun = time.time()
        try:
            ids = self._look(min(timeout, LIST_ATTEMPT))
        except (OSError, ValueError):
            return wait
        if ids is None:
            self.over = True
            return 0.0
        self._found = [payment for payment in map(self._payment, ids) if payment is not None]
        if self._found:
            return self._pay(timeout, longest)
        self.over = begun >= self._appears_by
        return wait

    def _look(self, timeout: float) -> list[str] | None:
        """Return the ids that carry the mark, or None if the provider will never tell."""
        status, _, body = send(self._search.request, self._line, timeout=timeout)
        if status in {401, 403}:
            return None
        if status != OK:
            raise ValueError("The list was refused.")
        return live_ids(self._search.rows, body, self._search.mark)

    def _payment(self, session_id: str) -> Payment | None:
        end = ready(self._search.end, session_id)
        return None if end is None else Payment(end, session_id, self._line)

    def _pay(self, timeout: float, longest: float) -> float:
        waits = [
            payment.step(timeout=timeout, longest=longest) for payment in self._found if not payment.over
        ]
        self.over = all(payment.over for payment in self._found)
        self.gone = all(payment.gone for payment in self._found)
        return 0.0 if self.over else max(waits)


def ready(template: EndRequest, session_id: str) -> EndRequest | None:
    """
    Make the end of one session from an end whose URL holds ``{id}``.

    Returns:
        None if the id would not stay one path segment, or names another route.
    """
    url = fill(template.request.url, session_id)
    if url is None:
        return None
    end = copy.copy(template)
    request = copy.copy(template.request)
    # Frozen values are copied, so that this serves our attrs classes and the helper's own alike.
    object.__setattr__(request, "url", url)
    object.__setattr__(end, "request", request)
    return end


def pay(
    end: EndRequest,
    session_id: str,
    line: LineSettings,
    *,
    until: float,
    stop: threading.Event | None = None,
) -> Payment:
    """
    End a session, trying again while that may help. Blocks.

    Args:
        end: What to send.

        session_id: What to look for in a list, where the answer is doubtful.

        line: How to reach the provider.

        until: Wall-clock seconds after which no further try is made.

        stop: Set from another thread to end the pauses, and the tries.

    Returns:
        What came of it: `Payment.gone` tells whether it is confirmed.
    """
    payment = Payment(end, session_id, line)
    while not payment.over and (left := until - time.time()) > 0:
        wait = min(payment.step(timeout=left, longest=PAUSE_LONGEST), max(0.0, until - time.time()))
        if payment.over:
            break
        if stop is None:
            time.sleep(wait)
        elif stop.wait(wait):
            break
    return payment
