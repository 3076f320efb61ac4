"""The links of the pages, as they are read without a documentation builder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = [
    str(page.relative_to(ROOT))
    for page in sorted((ROOT / "docs").rglob("*.md"))
    if "_build" not in page.parts
]
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "changelog.d/README.md", *DOCS]
LISTS = ["docs/how-to", "docs/reference", "docs/explanation/decisions"]
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


@pytest.mark.parametrize("folder", LISTS)
def test_list_of_a_folder_links_each_page_in_it(folder):
    """
    A page that its list leaves out is found by readers of the built pages only.
    """
    pages = {page.name for page in (ROOT / folder).glob("*.md")} - {"index.md"}

    assert pages == set(LINK.findall((ROOT / folder / "index.md").read_text(encoding="utf-8")))
