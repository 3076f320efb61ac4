"""The vendors' own SDKs, unmodified, through a session's whole life on our server."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import attrs
import pytest

if TYPE_CHECKING:
    from tests.judges.conftest import Judge

PAGE = "data:text/html,<title>Shop</title><button onclick=\"document.title='Clicked'\">Click</button>"

# What each capability comes to, whichever SDK it is used through.
OUTCOMES = {
    "opens": "ws",  # The scheme of the link to the browser.
    "lists": True,
    "reads": "running",
    "executes": "Clicked",  # Code clicked the button of a page.
    "acts": ["Clicked"],  # The vendor's own calls did; the tabs say so.
    "connects": "Clicked",  # The SDK's own helper finds the page as it was left.
    "interacts": "Clicked",  # Code did so in a page that was scraped.
    "stops": True,
    "ends": True,  # It was confirmed, and the list no longer has it.
}


@attrs.frozen
class Sdk:
    """A program that uses one SDK, the package that it imports, and what that SDK can do."""

    program: str
    package: str
    can: str


FIRECRAWL = "opens lists executes interacts stops ends"
ANCHOR = "opens lists reads acts executes connects ends"
SDKS = {
    "firecrawl-py": Sdk("sdk_firecrawl.py", "firecrawl", FIRECRAWL),
    "firecrawl-py, async": Sdk("sdk_firecrawl_async.py", "firecrawl", FIRECRAWL),
    "@mendable/firecrawl-js": Sdk("sdk_firecrawl.mjs", "@mendable/firecrawl-js", FIRECRAWL),
    "anchorbrowser": Sdk("sdk_anchorbrowser.py", "anchorbrowser", ANCHOR),
    "anchorbrowser, async": Sdk("sdk_anchorbrowser_async.py", "anchorbrowser", ANCHOR),
    "anchorbrowser of npm": Sdk(
        "sdk_anchorbrowser.mjs", "anchorbrowser", "opens lists reads acts connects ends"
    ),
}


@pytest.fixture(scope="module")
def lives() -> dict[str, dict[str, Any]]:
    """What each SDK's program told; each runs once."""
    return {}


@pytest.mark.parametrize(
    ("sdk", "capability"),
    [pytest.param(name, can, id=f"{name}-{can}") for name, sdk in SDKS.items() for can in sdk.can.split()],
)
async def test_sdk_works_with_its_base_url_changed_only(
    sdk: str, capability: str, program: Judge, served: str, lives: dict[str, dict[str, Any]]
):
    """
    Each of them does against this server what it does against its vendor's.
    """
    if "executes" in SDKS[sdk].can.split() and importlib.util.find_spec("playwright") is None:
        pytest.skip("the server runs JavaScript with Playwright, which is not installed")
    if sdk not in lives:
        lives[sdk] = await program(SDKS[sdk].program, SDKS[sdk].package, base=served, page=PAGE)

    assert OUTCOMES[capability] == lives[sdk][capability]
