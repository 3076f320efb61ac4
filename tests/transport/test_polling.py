"""Polling asks until there is an outcome, through lags and failures, and never beyond its time."""

import asyncio
from collections import deque

import pytest

from firecrawl_interact.errors import TransportError, TransportTimeoutError
from firecrawl_interact.models import Answer, Request
from firecrawl_interact.transport import polling

LOOK = Request("GET", "http://provider/look")
COMING = Answer(200, {}, b"coming")
THERE = Answer(200, {}, b"there")
DOWN = TransportError("down")


class Script:
    """A transport that answers from a list; the last entry stays."""

    def __init__(self, *answers):
        self.answers = deque(answers)
        self.sent = 0

    async def send(self, request, *, timeout, fresh=False):
        self.sent += 1
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self):
        """Nothing to close."""


def following(answer):
    return LOOK if answer == COMING else None


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(polling, "PAUSES", (0.0,))
    monkeypatch.setattr(polling, "pause", lambda _failed, _after: 0.0)


async def test_an_answer_that_is_final_is_returned_unasked():
    """Most creates are answered when the session is there."""
    transport = Script(DOWN)

    assert THERE == await polling.poll(transport, THERE, following, within=5)
    assert 0 == transport.sent


@pytest.mark.parametrize(
    ("answers", "outcome", "sent"),
    [
        ((COMING, COMING, THERE), THERE, 3),
        ((DOWN, THERE), THERE, 2),
        ((Answer(500), Answer(429), THERE), THERE, 3),
        ((Answer(404), Answer(404), THERE), THERE, 3),
        ((Answer(404),), Answer(404), polling.NOT_FOUND_TRIES + 1),
        ((Answer(401),), Answer(401), 1),
    ],
    ids=["coming", "line down", "server errors", "lagging replica", "unknown", "bad key"],
)
async def test_asking_ends_with_an_outcome_or_a_refusal(answers, outcome, sent):
    """What may differ next time is asked again; what will not is the caller's."""
    transport = Script(*answers)
    async with asyncio.timeout(30):
        answer = await polling.poll(transport, COMING, following, within=4)

    assert outcome == answer
    assert sent == transport.sent


@pytest.mark.parametrize("last", [COMING, DOWN, Answer(500)], ids=["coming", "line down", "server errors"])
async def test_no_outcome_in_time_is_a_timeout(last):
    """It may still come to be."""
    async with asyncio.timeout(30):
        with pytest.raises(TransportTimeoutError) as caught:
            await polling.poll(Script(last), COMING, following, within=0.05)

    assert caught.value.sent
