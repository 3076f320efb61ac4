"""The suite that every backend passes, ours and third parties'. Needs no test runner."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Literal

import attrs

from firecrawl_interact.backends.base import Backend
from firecrawl_interact.testing._duties import DUTIES, Duty, Skip

DUTY_LIMIT = 120.0  # Seconds that one duty may take.


@attrs.frozen(kw_only=True)
class Finding:
    """
    What was found about one duty.

    Attributes:
        name: Of the duty.

        duty: What it demands, in a sentence.

        verdict: Whether it is kept, or does not apply.

        detail: What is wrong, or why it does not apply.

        seconds: How long the look took.
    """

    name: str
    duty: str
    verdict: Literal["kept", "broken", "skipped"]
    detail: str = ""
    seconds: float = 0.0


@attrs.frozen(kw_only=True)
class ConformanceReport:
    """
    What was found about a backend; as text, one line for each duty.

    Attributes:
        backend: Its name.

        findings: In the order in which they were made.
    """

    backend: str
    findings: tuple[Finding, ...]

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The duties that are not kept."""
        return tuple(each for each in self.findings if each.verdict == "broken")

    def __str__(self) -> str:
        """Show each duty, what is wrong behind it."""
        lines = [f"{self.backend}: {len(self.broken)} of {len(self.findings)} duties are broken"]
        for each in self.findings:
            lines.append(f"  {each.verdict:<8} {each.name}: {each.duty}")
            if each.detail:
                lines.append(f"           {each.detail}")
        return "\n".join(lines)


class ConformanceError(AssertionError):
    """
    A backend does not keep its duties; the text is the report.

    Attributes:
        report: What was found.
    """

    def __init__(self, report: ConformanceReport) -> None:
        super().__init__(str(report))
        self.report = report


async def check_backend(
    factory: Callable[[], Backend] | Backend, *, skip: Collection[str] = ()
) -> ConformanceReport:
    """
    Check that a backend keeps its duties, by opening and ending some real sessions with it.

    Every duty is looked at, and every session that is opened is ended, whatever is found.

    Args:
        factory: Makes a configured backend for each duty; or one that serves for all of them.
            Its provider needs room for two sessions at a time.

        skip: Names of duties to leave out, such as ``"runs"`` where code must not be run.

    Returns:
        What was found; nothing is broken in it.

    Raises:
        ConformanceError: A duty is broken. It is an `AssertionError`, and its text says all.
        ValueError: *skip* names no duty.
    """
    unknown = set(skip) - {duty.__name__ for duty in DUTIES}
    if unknown:
        known = ", ".join(duty.__name__ for duty in DUTIES)
        raise ValueError(f"There is no duty {', '.join(sorted(unknown))}; there are {known}.")
    findings: list[Finding] = []
    name = ""
    for duty in DUTIES:
        if duty.__name__ in skip:
            findings.append(_finding(duty, "skipped", "left out"))
            continue
        backend = factory if isinstance(factory, Backend) else factory()
        name = backend.name
        findings.append(await _look(duty, backend))
    report = ConformanceReport(backend=name, findings=tuple(findings))
    if report.broken:
        raise ConformanceError(report)
    return report


async def _look(duty: Duty, backend: Backend) -> Finding:
    since = time.monotonic()
    try:
        async with asyncio.timeout(DUTY_LIMIT):
            await duty(backend)
    except Skip as reason:
        return _finding(duty, "skipped", str(reason), since)
    except AssertionError as wrong:
        return _finding(duty, "broken", str(wrong), since)
    except Exception as error:  # noqa: BLE001  # boundary: whatever a backend that is wrong raises
        return _finding(duty, "broken", f"{type(error).__name__}: {error}", since)
    return _finding(duty, "kept", since=since)


def _finding(
    duty: Duty,
    verdict: Literal["kept", "broken", "skipped"],
    detail: str = "",
    since: float | None = None,
) -> Finding:
    return Finding(
        name=duty.__name__,
        duty=(duty.__doc__ or "").strip(),
        verdict=verdict,
        detail=detail,
        seconds=0.0 if since is None else time.monotonic() - since,
    )
