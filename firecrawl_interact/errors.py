"""
The errors, branches by whose fault it is.

```text
InteractError
├── UsageError                     the caller's; nothing was sent
│   ├── InvalidOptionError         a wrong value or type (a ValueError)
│   ├── UnsupportedError           this backend cannot do it
│   ├── MissingKeyError            no API key at a provider's own address
│   ├── BackendNotFoundError       no backend of that name
│   ├── BackendNotInstalledError   known, but a package is missing
│   └── SessionClosedError         used after its end
├── BackendError                   the provider said no
│   ├── AuthenticationError        401
│   ├── PaymentRequiredError       402
│   ├── PermissionDeniedError      403
│   ├── SessionNotFoundError       404
│   ├── SessionGoneError           410
│   ├── ProfileBusyError           409
│   ├── RateLimitError             429, too many requests
│   ├── ConcurrencyLimitError      429, too many sessions
│   └── ServerError                5xx
├── ProtocolError                  the provider answered in a shape we do not know
├── TransportError                 the line between us
│   └── TransportTimeoutError      no answer in time (a TimeoutError)
├── CreateUnknownError             a create was sent and its outcome is not known
├── RunFailedError                 code that was run ended badly; raised by `RunResult.check` only
├── CloseError                     an end was sent and not confirmed
├── FailoverError                  several backends were asked and each said no (an ExceptionGroup)
└── LocalBrowserError              no browser could be started on this machine
```

Every error can be pickled, and none holds a key or a link.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self


class InteractError(Exception):
    """
    Be the parent of every error of this package.

    Attributes:
        session_id: The session it is about, where there is one.
    """

    def __init__(self, message: str = "", *, session_id: str | None = None) -> None:
        super().__init__(message)
        self.session_id = session_id


class UsageError(InteractError):
    """The call cannot work as written. Nothing was sent."""


class InvalidOptionError(UsageError, ValueError):
    """
    A value is of the wrong type or outside its bounds. Nothing was sent.

    Attributes:
        option: Name of the argument.

        value: What was given.
    """

    def __init__(
        self,
        message: str = "",
        *,
        option: str | None = None,
        value: Any = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(message, session_id=session_id)
        self.option = option
        self.value = value


class UnsupportedError(UsageError):
    """The backend has no such ability, so the option cannot be honoured. Nothing was sent."""


class MissingKeyError(UsageError):
    """The provider's own address needs an API key and none is set. Nothing was sent."""


class BackendNotFoundError(UsageError):
    """No backend has that name."""


class BackendNotInstalledError(UsageError):
    """The backend is known, but a package that it needs is not installed."""


class SessionClosedError(UsageError):
    """The session was used after its end; the text says when and why it ended."""


class BackendError(InteractError):
    """
    The provider refused.

    Attributes:
        backend: Name of the backend.

        status: HTTP status.

        code: The provider's own code, where it sends one.

        text: The provider's own words, redacted.

        request_id: The provider's id of the request, where it sends one; quote it to support.

        retry_after: Seconds the provider asks to wait, or None.

        limits: What the provider tells of its limits: headers such as ``ratelimit`` and
            ``ratelimit-policy``, as they came.
    """

    def __init__(
        self,
        message: str = "",
        *,
        backend: str | None = None,
        status: int | None = None,
        code: str | None = None,
        text: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
        limits: Mapping[str, str] | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(message, session_id=session_id)
        self.backend = backend
        self.status = status
        self.code = code
        self.text = text
        self.request_id = request_id
        self.retry_after = retry_after
        self.limits: dict[str, str] = dict(limits or {})


class AuthenticationError(BackendError):
    """401: the key is missing, unknown or revoked."""


class PaymentRequiredError(BackendError):
    """402: not enough credits for the ttl asked for."""


class PermissionDeniedError(BackendError):
    """403: the account may not do this, or the session is another team's."""


class SessionNotFoundError(BackendError):
    """404: the provider knows no such session."""


class SessionGoneError(BackendError):
    """410: the session has ended."""


class ProfileBusyError(BackendError):
    """409: another session is saving to this profile; open it with ``save_changes=False``, or later."""


class RateLimitError(BackendError):
    """429: too many requests in a span of time; *retry_after* says how long to wait."""


class ConcurrencyLimitError(BackendError):
    """429: too many sessions at once; end one first."""


class ServerError(BackendError):
    """5xx: the provider failed."""


class ProtocolError(InteractError):
    """
    The provider's answer does not fit its contract.

    Attributes:
        field: Path of the first misfit in the answer, such as ``sessions[0].id``.

        status: HTTP status of the answer.
    """

    def __init__(
        self,
        message: str = "",
        *,
        field: str | None = None,
        status: int | None = None,
        session_id: str | None = None,
    ) -> None:
        super().__init__(message, session_id=session_id)
        self.field = field
        self.status = status


class TransportError(InteractError):
    """
    The line failed: name resolution, connection, TLS, or a broken answer.

    Attributes:
        sent: False if the request surely never reached the provider; True if it may have.
    """

    def __init__(self, message: str = "", *, sent: bool = True, session_id: str | None = None) -> None:
        super().__init__(message, session_id=session_id)
        self.sent = sent


class TransportTimeoutError(TransportError, TimeoutError):
    """No complete answer came in time."""


class CreateUnknownError(InteractError):
    """
    A create was sent and its outcome is not known: a session may exist.

    It was not sent again, since that could open a second one. ``__cause__`` has what went wrong.

    Attributes:
        backend: Name of the backend.

        started_at: Aware instant just before the request was sent.

        ended_at: Aware instant at which we gave up on the answer.

        may_live_until: Aware instant by which the provider ends the session by itself, if there is one.

        mark: The tag that the session would carry, where the provider has tags.

        recovered: Ids of the sessions that were found to be ours and ended.

        session_id: An id in the answer by which nothing can be ended, such as a reserved one; else None.
    """

    def __init__(
        self,
        message: str = "",
        *,
        backend: str | None = None,
        started_at: datetime | None = None,
        ended_at: datetime | None = None,
        may_live_until: datetime | None = None,
        mark: str | None = None,
        recovered: tuple[str, ...] = (),
        session_id: str | None = None,
    ) -> None:
        super().__init__(message, session_id=session_id)
        self.backend = backend
        self.started_at = started_at
        self.ended_at = ended_at
        self.may_live_until = may_live_until
        self.mark = mark
        self.recovered = recovered


class RunFailedError(InteractError):
    """
    Code or a prompt that was run ended badly. Only `RunResult.check` raises it.

    Attributes:
        result: The `RunResult`.
    """

    def __init__(self, message: str = "", *, result: Any = None, session_id: str | None = None) -> None:
        super().__init__(message, session_id=session_id)
        self.result = result


class CloseError(InteractError):
    """
    The end of a session was sent and not confirmed. The debt stays with guardian and ledger.

    Attributes:
        backend: Name of the backend.

        status: HTTP status of the last answer, or None if none came.

        text: The provider's words in it, redacted.

        expires_at: Aware instant by which the provider ends the session by itself, if known.

        handed_to: Who goes on: any of ``"process"``, ``"guardian"``, ``"ledger"``.
    """

    def __init__(
        self,
        message: str = "",
        *,
        backend: str | None = None,
        status: int | None = None,
        text: str = "",
        expires_at: datetime | None = None,
        handed_to: tuple[str, ...] = (),
        session_id: str | None = None,
    ) -> None:
        super().__init__(message, session_id=session_id)
        self.backend = backend
        self.status = status
        self.text = text
        self.expires_at = expires_at
        self.handed_to = handed_to


class LocalBrowserError(InteractError):
    """No browser could be started on this machine; the text says what to install or what it said."""


class FailoverError(InteractError, ExceptionGroup[Exception]):
    """
    Several backends were asked for a session, and each said no; nothing was made.

    An `ExceptionGroup` too: ``exceptions`` has what each of them said, in the order in which
    they were asked, with a note that names the backend, and ``except*`` takes it apart.
    """

    def __new__(cls, message: str, exceptions: Sequence[Exception]) -> Self:
        """Make the group."""
        return ExceptionGroup.__new__(cls, message, exceptions)

    def __init__(self, message: str, exceptions: Sequence[Exception]) -> None:
        super().__init__(message)
        self.args: tuple[Any, ...] = (message, list(exceptions))  # What a pickle gives to the class again.

    def derive(self, excs: Sequence[Exception], /) -> FailoverError:  # type: ignore[override]
        """Make a part of it, for ``except*``."""
        return FailoverError(self.message, excs)
