"""The suite that every backend passes, over all of ours, and over some that are broken."""

import asyncio
import subprocess
import sys

import attrs
import pytest
from aiohttp import web

from firecrawl_interact import (
    AnchorBackend,
    Backend,
    FirecrawlBackend,
    LocalBackend,
    LocalBrowserError,
    MemoryBackend,
    TransportError,
)
from firecrawl_interact.lifecycle import bounds
from firecrawl_interact.models import Capabilities, CloseReceipt, SessionOptions
from firecrawl_interact.server.app import build_app
from firecrawl_interact.server.fake import FakeBrowsers
from firecrawl_interact.server.runs import RunOutcome
from firecrawl_interact.testing import ConformanceError, check_backend


class Printer:
    """Runs every program to the same end."""

    async def run(self, browser, language, code, timeout):
        return RunOutcome(stdout="kept\n")


@pytest.fixture
async def address():
    """A provider on loopback that speaks both dialects, and runs code of a kind."""
    runner = web.AppRunner(build_app(browsers=FakeBrowsers(), runs=Printer()), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("backend", [FirecrawlBackend, AnchorBackend])
async def test_hosted_backends_keep_their_duties(address, backend):
    """Firecrawl and Anchor pass, over a real line, each duty with a backend of its own."""
    report = await check_backend(lambda: backend(api_key="fc-key", base_url=address))

    assert [] == [each.name for each in report.findings if each.verdict != "kept"]


async def test_memory_keeps_its_duties():
    """The provider in memory passes as well, one object for all duties."""
    backend = MemoryBackend()
    report = await check_backend(backend)

    assert [] == [each.name for each in report.findings if each.verdict != "kept"]
    assert set() == backend.alive


async def test_local_browsers_keep_their_duties():
    """So does this machine, with real browsers."""
    backend = LocalBackend()
    try:
        await backend.ready()
    except LocalBrowserError as missing:
        pytest.skip(str(missing))
    report = await check_backend(backend, skip=["runs"])

    assert () == report.broken


class Forgetful(MemoryBackend):
    """A backend that never confirms."""

    def read_ended(self, answer):
        return CloseReceipt(confirmed=False)


class Boastful(MemoryBackend):
    """A backend that takes what it does not say that it can."""

    capabilities = attrs.evolve(MemoryBackend.capabilities, options=frozenset())

    def check(self, options):
        del options

    def prepare(self, options):
        return super().prepare(SessionOptions())


class Careless(MemoryBackend):
    """A backend that lets any id into its URLs."""

    def end_request(self, session_id, *, born=None):
        made = super().end_request("s1", born=born)
        url = made.request.url.replace("s1", session_id)
        return attrs.evolve(made, request=attrs.evolve(made.request, url=url))


class Hopeful(MemoryBackend):
    """A backend that takes every answer for a proof that nothing was made."""

    def refused(self, answer):
        return True


class Stubborn(MemoryBackend):
    """A backend whose ended sessions go on for ever."""

    async def get(self, session_id):
        return attrs.evolve(await super().get(session_id), alive=True)


class Hollow(MemoryBackend):
    """A backend that says it runs code, and does not."""

    def run_request(self, session_id, run):
        return Backend.run_request(self, session_id, run)


class Mute(MemoryBackend):
    """A backend that runs no code, and says so."""

    capabilities = Capabilities(options=MemoryBackend.capabilities.options)


@pytest.mark.parametrize(
    ("backend", "duty", "told"),
    [
        (Forgetful, "owned_session", "must be confirmed"),
        (Boastful, "options", "profile is not among the capabilities"),
        (Careless, "impossible_ids", "end_request must refuse ''"),
        (Hopeful, "refusals", "a 500 of a gateway proves nothing"),
        (Stubborn, "used_on_its_own", "must not be alive"),
        (Hollow, "runs", "UnsupportedError"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
async def test_broken_backend_is_told_which_duty_it_breaks(backend, duty, told):
    """Each broken duty stands in the report with what is wrong, and the text shows it."""
    with pytest.raises(ConformanceError) as caught:
        await check_backend(backend)
    (found,) = [each for each in caught.value.report.broken if each.name == duty]

    assert told in found.detail
    assert told in str(caught.value)
    assert isinstance(caught.value, AssertionError)


class Frozen(MemoryBackend):
    """A backend that is a value, as a frozen class of attrs: nothing of it can be set."""

    _made = False

    def __init__(self):
        super().__init__()
        self._made = True

    def __setattr__(self, name, value):
        if self._made:
            raise attrs.exceptions.FrozenInstanceError
        super().__setattr__(name, value)

    def __delattr__(self, name):
        raise attrs.exceptions.FrozenInstanceError


async def test_frozen_backend_keeps_its_duties():
    """What the suite puts between backend and provider asks nothing of the class."""
    backend = Frozen()
    report = await check_backend(backend)

    assert () == report.broken
    assert not {"new_transport", "connection_key"} & set(vars(backend))


async def test_duty_that_a_backend_does_not_have_is_skipped():
    """A backend that runs no code is not blamed for it."""
    report = await check_backend(Mute)

    assert [("runs", "runs no code")] == [
        (each.name, each.detail) for each in report.findings if each.verdict == "skipped"
    ]


class Offline(MemoryBackend):
    """A backend whose requests never leave."""

    def new_transport(self):
        return self

    async def send(self, request, *, timeout, fresh=False):
        raise TransportError("never", sent=False)

    async def aclose(self):
        """Nothing is open."""


async def test_every_duty_is_looked_at_whatever_the_others_say(monkeypatch):
    """One broken duty hides no other one, and a backend that fails outright is reported too."""
    monkeypatch.setattr(bounds, "NOT_SENT_PAUSES", ())
    with pytest.raises(ConformanceError) as caught:
        await check_backend(Offline)
    verdicts = {each.name: each.verdict for each in caught.value.report.findings}

    assert "kept" == verdicts["identity"]
    assert {"broken"} == {verdicts[name] for name in ("owned_session", "lost_answer", "cancelled_create")}


async def test_unknown_duty_cannot_be_left_out():
    """A duty that was misspelt is not silently looked at."""
    with pytest.raises(ValueError, match=r"no duty run;.*runs"):
        await check_backend(MemoryBackend, skip=["run"])


async def test_suite_ends_what_it_lost():
    """The session of a create whose answer was lost on purpose is ended by the suite itself."""
    made = []

    def make():
        made.append(MemoryBackend())
        return made[-1]

    await check_backend(make)

    assert [] == [session_id for each in made for session_id in each.alive]
    assert len(made) > 5


def test_suite_needs_no_test_runner():
    """A program without pytest can check its backend."""
    program = (
        "import asyncio, sys\n"
        "from firecrawl_interact import MemoryBackend\n"
        "from firecrawl_interact.testing import check_backend\n"
        "print(asyncio.run(check_backend(MemoryBackend)))\n"
        "assert 'pytest' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )

    assert ("", 0) == (done.stderr, done.returncode)
    assert "memory: 0 of 11 duties are broken" in done.stdout


def test_loop_is_left_clean():
    """The suite leaves no task behind."""

    async def main():
        await check_backend(MemoryBackend)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert set() == asyncio.run(main())
