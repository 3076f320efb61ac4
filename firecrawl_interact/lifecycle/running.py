"""Running code or a prompt in a session: one request, sent once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firecrawl_interact.backends._capable import refuse_run
from firecrawl_interact.lifecycle.hub import Hub

if TYPE_CHECKING:
    from firecrawl_interact.backends.base import Backend
    from firecrawl_interact.models import Run, RunResult

PATIENCE = 30.0  # Seconds that an answer may come after the run's own time limit.


async def run_in(backend: Backend, session_id: str, run: Run) -> RunResult:
    """
    Run something in a session and wait for what it leaves behind.

    Raises:
        InteractError: As `Session.execute` says.
    """
    refuse_run(backend, run)
    request = backend.run_request(session_id, run)
    transport = Hub.running().transport(backend)
    answer = await transport.send(request, timeout=run.timeout + PATIENCE, fresh=True)
    return backend.read_run(answer, run, session_id=session_id)
