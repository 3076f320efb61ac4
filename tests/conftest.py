"""What every test gets: the same surroundings everywhere, a state folder, a loop that is listened to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import aiohttp
import hypothesis
import pytest
from aioresponses import aioresponses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Processes that multiprocessing spawns import test modules by their names. At the end of the
# path, so that an installed wheel goes before the clone.
sys.path.append(str(Path(__file__).resolve().parent.parent))

# Whoever runs the suite may have keys set; a test must neither use nor spend them.
OURS = ("FIRECRAWL_", "ANCHORBROWSER_", "ANCHOR_")
KEPT = ("FIRECRAWL_INTERACT_BROWSER",)  # Which browser to test with.
PROXIES = ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "all_proxy", "no_proxy")  # In either case.

# The same examples in every run: what was not found today must not stop somebody else tomorrow. How fast
# they are made says how busy the machine is.
hypothesis.settings.register_profile(
    "same",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("same")

# A suite that runs in the background, or under nohup, is started with these ignored, and so would be
# every program that it starts. What has a handler is not inherited as one.
for each in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(each) is signal.SIG_IGN:
        signal.signal(each, signal.default_int_handler if each is signal.SIGINT else lambda *_: None)


class CannedResponse(aiohttp.ClientResponse):
    """The answer that aioresponses 0.7.9 cannot build itself under aiohttp 3.14."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=Mock(output_size=0), **kwargs)


class CannedAnswers(aioresponses):
    """Answer aiohttp's requests without a network; bodies stay under 128 KiB."""

    def add(self, url: Any, *args: Any, **kwargs: Any) -> None:
        super().add(url, *args, response_class=CannedResponse, **kwargs)


@pytest.fixture
def canned() -> Iterator[CannedAnswers]:
    """
    Answers given in place of the network, for tests of one exchange.
    """
    with CannedAnswers() as answers:
        yield answers


@pytest.fixture
def lapse(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """
    Let seconds pass in the running loop at once: a limit strikes where the test is, however slow the machine.
    """

    def jump(seconds: float) -> None:
        loop = asyncio.get_running_loop()
        time = loop.time
        monkeypatch.setattr(loop, "time", lambda: time() + seconds)

    return jump


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in os.environ:
        if (name.startswith(OURS) and name not in KEPT) or name.lower() in PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(autouse=True)
def _loop_reports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """
    Fail a test in which an event loop reports an exception that nobody handled.
    """
    reports: list[dict[str, Any]] = []
    monkeypatch.setattr(
        asyncio.BaseEventLoop, "default_exception_handler", lambda _, context: reports.append(context)
    )
    yield

    assert [] == reports
