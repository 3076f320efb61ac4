"""Debt: one session that somebody has to end, and the list of all of them in this process."""

from __future__ import annotations

import enum
import os
import time
from typing import TYPE_CHECKING

import attrs

from firecrawl_interact.errors import BackendError, CloseError
from firecrawl_interact.redaction import short_id
from firecrawl_interact.transport.redact import redact

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.lifecycle.hub import Hub
    from firecrawl_interact.lifecycle.owned import Owned
    from firecrawl_interact.lifecycle.record import Record
    from firecrawl_interact.models import Answer, CloseReceipt, EndRequest, SessionInfo

_HEIRS = {
    "process": "this process goes on trying while it lives",
    "guardian": "the guardian has it",
    "ledger": "the ledger has it",
}


class DebtState(enum.Enum):
    """What has become of a debt."""

    OWED = "owed"  # Nobody is ending the session right now.
    PAYING = "paying"  # A delete is under way.
    PAID = "paid"  # Confirmed gone. Final.
    EXPIRED = "expired"  # Never confirmed, but past the instant at which the provider ends it. Final.
    RELEASED = "released"  # Given up on purpose. Final.


_FINAL = frozenset({DebtState.PAID, DebtState.EXPIRED, DebtState.RELEASED})


@attrs.define(eq=False)
class Debt:
    """
    The end of one session, owed from the moment the provider answered its create.

    The hub holds it, not the `Session`: a session may be forgotten, a debt may not.

    Attributes:
        backend: Who knows how to read the answers.

        info: What the provider told at the create.

        end: What to send.

        record: What guardian and ledger were told.

        until: Wall-clock seconds after which the provider has surely ended it by itself.

        pid: The process that owes it; a forked child owes nothing of its parent's.

        hub: Where it is paid; changes when another loop takes over from one that has ended.

        payment: The delete under way. There is at most one.

        receipt: The confirmation, once there is one.

        told: Answers that confirmed a part of the end, where it is sent more than once.

        failure: Why the last payment was not confirmed.

        later_tries: How many later tries the living process has made.
    """

    backend: Backend
    info: SessionInfo
    end: EndRequest
    record: Record
    until: float
    hub: Hub
    pid: int = attrs.field(factory=os.getpid)
    state: DebtState = DebtState.OWED
    payment: Owned[None] | None = None
    receipt: CloseReceipt | None = None
    told: list[Answer] = attrs.field(factory=list["Answer"])
    failure: CloseError | None = None
    later_tries: int = 0

    @property
    def title(self) -> str:
        """The session as texts name it: in part, since at Anchor an id alone opens the browser."""
        return f"{self.backend.name} session {short_id(self.info.id.rpartition('/')[2])}"

    @property
    def settled(self) -> bool:
        """True once nothing is owed any more."""
        return self.state in _FINAL

    def unconfirmed(self, answer: Answer | None = None, problem: BaseException | None = None) -> CloseError:
        """Build the error for an end that was sent and not confirmed."""
        said = problem
        if answer is not None:
            try:
                said = self.backend.error(answer, session_id=self.info.id)
            except Exception as trouble:  # noqa: BLE001  # boundary: a third party's backend
                said = trouble
        if isinstance(said, BackendError):
            text = said.text or str(said)
            reason = f"HTTP {said.status}: {said.text}" if said.text else str(said)
        else:
            # What somebody else's code raises may quote a link.
            text = redact(str(said or "no answer in time"), self.backend.key, self.info.id)
            reason = f"no answer: {text}"
        handed_to = self.record.handed_to
        expires_at = self.info.expires_at
        error = CloseError(
            f"The end of {self.title} was not confirmed ({reason}); "
            + ", ".join(_HEIRS[name] for name in handed_to)
            + (
                f". The provider ends it by {expires_at.isoformat(timespec='seconds')}."
                if expires_at
                else "."
            ),
            backend=self.backend.name,
            status=None if answer is None else answer.status,
            text=text,
            expires_at=expires_at,
            handed_to=handed_to,
            session_id=self.info.id,
        )
        error.__cause__ = said
        return error


# Every debt of this process, of all its loops and threads: what the exit sweep goes through.
outstanding: set[Debt] = set()

# Sessions of this process that live on by its own wish, and until when at most, in wall-clock seconds.
given_up: dict[str, float] = {}


def give_up(debt: Debt) -> None:
    """Remember that a session lives on by our own wish; forget those that the provider has ended by now."""
    now = time.time()
    for session_id, until in tuple(given_up.items()):
        if until < now:
            given_up.pop(session_id, None)
    given_up[debt.info.id] = debt.until
