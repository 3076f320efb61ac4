"""Running code or a prompt in a session: one request, sent once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firecrawl_interact.backends._capable import refuse_run
from firecrawl_interact.errors import BackendError, InteractError, SessionGoneError, SessionNotFoundError
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.lifecycle.hub import Hub

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.models import Run, RunResult
    from firecrawl_interact.transport.base import Transport

# Refusals with a meaning of their own: authentication, payment, permission, size, form, rate.
_TELLING = frozenset({400, 401, 402, 403, 413, 422, 425, 429})


async def run_in(backend: Backend, session_id: str, run: Run) -> RunResult:
    """
    Run something in a session and wait for what it leaves behind.

    Raises:
        InteractError: As `Session.execute` says.
    """
    refuse_run(backend, run)
    request = backend.run_request(session_id, run)
    transport = Hub.running().transport(backend)
    answer = await transport.send(request, timeout=patience(run), fresh=True)
    try:
        return backend.read_run(answer, run, session_id=session_id)
    except SessionGoneError:
        raise
    except SessionNotFoundError as error:
        raise _gone(backend, session_id, error) from error
    except BackendError as error:
        if await _has_ended(backend, session_id, error, transport):
            raise _gone(backend, session_id, error) from error
        raise


def patience(run: Run) -> float:
    """Return how many seconds to wait for the answer to a run."""
    steps = 1 if run.prompt is None else bounds.PROMPT_STEPS
    return steps * run.timeout + bounds.RUN_ANSWER


async def _has_ended(backend: Backend, session_id: str, error: BackendError, transport: Transport) -> bool:
    """Ask the list, where a refusal may have come because the session's ttl has run out just now."""
    if error.status is None or not 400 <= error.status < 500 or error.status in _TELLING:  # noqa: PLR2004  # HTTP's own
        return False
    try:
        listed = await transport.send(backend.list_request(), timeout=bounds.SEARCH_ATTEMPT)
        return all(info.id != session_id or not info.alive for info in backend.read_list(listed))
    except InteractError:
        return False  # Not known: the refusal itself is what can be told.


def _gone(backend: Backend, session_id: str, error: BackendError) -> SessionGoneError:
    return SessionGoneError(
        f"The session has ended: {error}",
        backend=backend.name,
        status=error.status,
        code=error.code,
        text=error.text,
        request_id=error.request_id,
        session_id=session_id,
    )
