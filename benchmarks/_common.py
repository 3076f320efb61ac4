"""What the benchmarks share: child processes, the provider stand-in, tables and goals."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import attrs

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAGE = ROOT / "docs" / "benchmarks-sessions.md"
CHILD_GRACE = 10.0  # Seconds a child has to end once its standard input is closed.

HEAD = "# Measured\n"
SECTION = re.compile(r"<!-- ([a-z]+) -->\n(.*?)\n<!-- end of \1 -->", re.DOTALL)

# After what is installed: a wheel under test comes first, a checkout will do.
sys.path.append(str(ROOT))


def arguments(purpose: str) -> argparse.Namespace:
    """Read the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=purpose)
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds: shows that it works, proves nothing"
    )
    parser.add_argument("--page", type=Path, default=PAGE, help="Markdown page to put the table in")
    return parser.parse_args()


# --- processes ------------------------------------------------------------------------------


class Child:
    """
    A Python process that takes orders and gives reports, a line of JSON each.

    It ends when its standard input does, so it never outlives whoever started it.
    """

    def __init__(self, script: str, *args: str, env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / script), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(CHILD_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        if self._process.returncode and exc_type is None:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.returncode}.")

    def forget(self) -> None:
        """Bury a child that was killed on purpose."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.wait(CHILD_GRACE)
        self._process.stdin.close()
        self._process.stdout.close()

    def report(self) -> Any:
        """Read the next report."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended without a report.")
        return json.loads(line)

    def tell(self, **order: Any) -> None:
        """Give an order."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def order(self, **order: Any) -> Any:
        """Give an order, and wait for the report."""
        self.tell(**order)
        return self.report()


def orders() -> Iterator[dict[str, Any]]:
    """In a child: yield order after order."""
    for line in sys.stdin:
        yield json.loads(line)


def report(value: Any) -> None:
    """In a child: give a report."""
    print(json.dumps(value), flush=True)


class Provider:
    """The stand-in for a provider, running."""

    def __init__(self, url: str) -> None:
        self.url = url

    def account(self) -> dict[str, int]:
        """Ask which sessions live, and how many there ever were."""
        with urllib.request.urlopen(f"{self.url}/account", timeout=10) as answer:
            account: dict[str, int] = json.load(answer)
        return account


@contextlib.contextmanager
def provider() -> Iterator[Provider]:
    """Run the stand-in; complain about sessions that are left at the end."""
    with Child("loopback.py") as child:
        running = Provider(f"http://127.0.0.1:{child.report()}")
        yield running
        left = running.account()["live"]
        if left:
            raise RuntimeError(f"{left} sessions were left.")


@contextlib.contextmanager
def private_state() -> Iterator[dict[str, str]]:
    """Yield variables that keep the ledger out of the user's own state folder, and no key in sight."""
    with tempfile.TemporaryDirectory(prefix="firecrawl-interact-bench-") as folder:
        yield {"XDG_STATE_HOME": folder, "FIRECRAWL_API_KEY": "", "ANCHORBROWSER_API_KEY": ""}


def resident_megabytes(pid: int | str = "self") -> float:
    """Tell how much memory a process holds now; 0 where the system does not say."""
    with contextlib.suppress(OSError):
        match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        if match:
            return int(match[1]) / 1024
    return 0.0


def helpers_cpu_seconds() -> float:
    """Tell the processor time of this process's own children that live; 0 where the system does not say."""
    ticks = 0
    with contextlib.suppress(OSError):
        for task in Path("/proc/self/task").iterdir():
            for pid in (task / "children").read_text().split():
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


# --- what is shown --------------------------------------------------------------------------


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


@attrs.frozen
class Goal:
    """
    A bound that was stated, and what was measured.

    Attributes:
        text: What is compared with what.

        value: The ratio measured.

        bound: The ratio stated.

        at_least: Whether more is better.
    """

    text: str
    value: float
    bound: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        side = "at least" if self.at_least else "at most"
        verdict = "met" if self.met else "**missed**"
        return f"- {self.text}: {self.value:.2f} ({side} {self.bound:g}): {verdict}"


def goals(stated: Sequence[Goal]) -> str:
    """List goals and whether they were met."""
    return "\n".join(str(goal) for goal in stated)


def publish(page: Path, name: str, title: str, text: str) -> None:
    """Print a section, and put it into the page in place of the one of an earlier run."""
    print(f"\n## {title}\n\n{text}\n", flush=True)
    sections = dict(SECTION.findall(page.read_text())) if page.exists() else {}
    sections[name] = f"\n## {title}\n\n{text}\n"
    parts = [f"<!-- {key} -->\n{section}\n<!-- end of {key} -->\n" for key, section in sections.items()]
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join([HEAD, _preface(), *parts]))


def _preface() -> str:
    return (
        "Written by `nox -s bench`.\n"
        "Everything runs on one machine over loopback, so only the ratios within one table mean something "
        "elsewhere: a real provider adds the network and the start of a browser.\n"
        f"The last run: CPython {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores.\n"
    )
