"""Every example in the README and the documentation, run."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import inspect
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from firecrawl_interact import register_backend

if TYPE_CHECKING:
    from sybil import Example
    from sybil.document import Document

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PAGES = [page for page in PAGES if "_build" not in page.parts]


def run_python(example: Example) -> None:
    """
    Run one fence in its page's namespace, `await` at the top included, and keep what it prints.
    """
    # Lines are counted as in the page, so that a traceback leads there.
    source = "\n" * (example.line + example.parsed.line_offset) + example.parsed
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(source, example.path, "exec", flags, dont_inherit=True)
    namespace = example.namespace
    namespace.setdefault("__name__", "__example__")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        result = eval(code, namespace)  # our own pages
        if inspect.iscoroutine(result):
            asyncio.run(result)
    namespace["printed"] = printed.getvalue()


def compare_output(example: Example) -> str | None:
    """
    Compare an `output` fence with what the fence above it printed.
    """
    printed = example.namespace.pop("printed")
    return None if printed == example.parsed else f"printed {printed!r}, and not {example.parsed!r}"


SYBIL = Sybil(
    parsers=[CodeBlockParser("python", run_python), CodeBlockParser("output", compare_output), SkipParser()]
)


def parsed(page: Path) -> Document:
    return SYBIL.parse(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_run_and_print_what_the_page_says(page, monkeypatch, tmp_path):
    """
    Each Python fence runs as it stands, and prints what the fence below it shows.
    """
    monkeypatch.setenv("FIRECRAWL_INTERACT_BACKEND", "memory")
    monkeypatch.chdir(tmp_path)
    # Registered again it begins anew, so that each page's first session is s1.
    register_backend("memory", "firecrawl_interact.backends.memory:MemoryBackend")

    for example in parsed(page).examples():
        example.evaluate()


def test_the_tutorial_has_examples():
    """
    The search for examples finds some, or the tests above would prove nothing.
    """
    assert len(list(parsed(ROOT / "docs" / "tutorial.md").examples())) >= 5
    assert len(list(parsed(ROOT / "README.md").examples())) == 2
