"""The links of the pages that no documentation builder looks at."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "changelog.d/README.md")
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_what_is_there(page):
    """
    Each relative link names a file or folder of the project.
    """
    path = ROOT / page
    links = [link for link in LINK.findall(path.read_text(encoding="utf-8")) if "://" not in link]

    assert [] == [link for link in links if not (path.parent / link).exists()]


def test_links_are_found_in_the_readme():
    """
    The search for links finds them, or the test above would prove nothing.
    """
    assert "docs/tutorial.md" in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
