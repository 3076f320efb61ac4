"""What the page that compares the SDKs says there is and is not, looked up in what is installed."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import firecrawl_interact
from firecrawl_interact import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.judges.conftest import Node, Table, Vendor

KEY = "fc-TEST"
HEADING = "What there is"
NOTHING = "-"  # The cell of a provider that has no such thing.
COLUMNS = ("firecrawl-py", "firecrawl-js", "anchorbrowser", "anchorbrowser of npm")
NPM = {"firecrawl-js": "@mendable/firecrawl-js", "anchorbrowser of npm": "anchorbrowser"}


@pytest.fixture(scope="module")
def table(compared: Callable[[str], Table]) -> Table:
    return compared(HEADING)


def python_source(vendor: Vendor, package: str, *patterns: str) -> str:
    folder = Path(inspect.getfile(vendor(package))).parent
    return "\n".join(path.read_text() for pattern in patterns for path in sorted(folder.glob(pattern)))


def node_source(node: Node, package: str, *patterns: str) -> str:
    folder = node.modules / package
    if not folder.is_dir():
        pytest.skip(f"{package} is not installed")
    return "\n".join(path.read_text() for pattern in patterns for path in sorted(folder.glob(pattern)))


@pytest.fixture
def source(column: str, request: pytest.FixtureRequest) -> str:
    """The part of an SDK that deals with sessions."""
    if column in NPM:
        node = request.getfixturevalue("node")
        if column == "firecrawl-js":
            return node_source(node, NPM[column], "src/v2/methods/browser.ts", "src/v2/methods/scrape.ts")
        return node_source(node, NPM[column], "src/resources/**/*.ts")
    vendor = request.getfixturevalue("vendor")
    if column == "firecrawl-py":
        wanted = ("v2/methods/browser.py", "v2/methods/scrape.py", "v2/methods/aio/browser.py")
        return python_source(vendor, "firecrawl", *wanted)
    return python_source(vendor, "anchorbrowser", "resources/*.py", "types/*.py")


@attrs.frozen
class Feature:
    """
    Where a feature shows.

    Attributes:
        here: The name or the argument that it has here.

        firecrawl: What the source of Firecrawl's SDKs holds if they have it; None if it is no
            matter of Firecrawl's.

        anchor: The same for Anchor's.
    """

    here: str
    firecrawl: str | None
    anchor: str | None


BACKEND = "firecrawl_interact.FirecrawlBackend"
ANCHOR = "firecrawl_interact.AnchorBackend"
SESSION = "firecrawl_interact.Session"
BLOCK = r"__aexit__|asyncDispose"
FOUND = {
    "a block that ends its session": Feature(f"{SESSION}.__aexit__", BLOCK, BLOCK),
    "read one session": Feature(
        f"{BACKEND}.get",
        r"get(?:<\w+>)?\(\s*f?[\"'`]/v2/(?:browser|interact)/",
        r"def get_session\(|retrieve\(sessionID",
    ),
    "list sessions by status": Feature(
        f"{BACKEND}.list",
        r'"status": status|[?&]status=|"status"\]',
        r"def list_sessions\(|SessionListParams",
    ),
    "run code": Feature(f"{SESSION}.execute", r"/execute", r"/execute-code"),
    "instructions in plain language": Feature(f"{SESSION}.prompt", r"prompt", r"perform-web-task"),
    "scraped pages: run, stop": Feature(f"{SESSION}.from_scrape", r"/interact", None),
    "switch recording off": Feature(f"{SESSION}.create(record)", r"record_?[sS]ession", r"\brecording\b"),
    "watch again": Feature(f"{BACKEND}.replay", r"/replay", r"/recordings"),
    "delete a profile": Feature(f"{BACKEND}.delete_profile", r"/profiles/", r"/profiles/[{$]"),
    "zero data retention": Feature(
        "firecrawl_interact.FirecrawlOptions(zero_data_retention)", r"zero_?[dD]ata_?[rR]etention", None
    ),
    "block ads, choose a country": Feature(f"{SESSION}.create(block_ads)", r"block_?[aA]ds", r"\badblock\b"),
    "tags": Feature(f"{SESSION}.create(tags)", None, r"\btags\b"),
    "links for one scope": Feature(
        "firecrawl_interact.backends.anchor_browser.AnchorBrowser.mint_links",
        None,
        r"scoped_access|sessions/\S+/tokens",
    ),
    "start without waiting": Feature(f"{ANCHOR}.pending", None, r"sessions/async"),
    "batches of sessions": Feature(f"{ANCHOR}.batches", None, r"/batch-sessions"),
    "mouse, keyboard, clipboard": Feature(f"{ANCHOR}.browser", None, r"mouse/click"),
    "another provider when one refuses": Feature(
        f"{SESSION}.create(hedge)", r"failover|hedg", r"failover|hedg"
    ),
    "hand a session over": Feature(f"{SESSION}.detach", r"def detach|detach\(", r"def detach|detach\("),
    "be told before it expires": Feature(
        f"{SESSION}.before_expiry", r"before_?[eE]xpir|on_?[eE]xpir", r"before_?[eE]xpir|on_?[eE]xpir"
    ),
}


def exists(name: str) -> bool:
    """Tell whether a dotted name, with an argument in brackets, leads somewhere."""
    path, _, argument = name.rstrip(")").partition("(")
    owner: Any = firecrawl_interact
    for part in path.split(".")[1:]:
        if not hasattr(owner, part):
            importlib.import_module(f"{owner.__name__}.{part}")
        owner = getattr(owner, part)
    return not argument or argument in inspect.signature(owner).parameters


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", FOUND)
def test_vendors_sdk_has_and_lacks_what_the_page_says(row: str, column: str, source: str, table: Table):
    """
    Each yes and each no is found, or not, in the SDK's own source.
    """
    pattern = FOUND[row].firecrawl if column.startswith("firecrawl") else FOUND[row].anchor
    expected = NOTHING if pattern is None else "yes" if re.search(pattern, source) else "no"

    assert expected == table[row][column].partition(",")[0]


@pytest.mark.parametrize("row", FOUND)
def test_what_the_page_promises_is_here(row: str, table: Table):
    """
    Each yes of ours has a name.
    """
    assert "yes" == table[row]["here"].partition(",")[0]
    assert exists(FOUND[row].here)


def test_every_row_is_looked_up(table: Table):
    """
    No row is there, or missing, without a test that knows it.
    """
    assert FOUND.keys() == table.keys()


INVENTORY = {
    "firecrawl-py": (
        r"^async def ([a-z]\w*)\(",
        "browser browser_execute delete_browser list_browsers",
        "v2/methods/aio/browser.py",
    ),
    "anchorbrowser": (
        r"^    async def ([a-z]\w*)\(",
        (
            "copy create_session create_session_async delete_all_sessions delete_session drag_and_drop"
            " get_all_sessions_status get_async_session_status get_clipboard get_session"
            " get_session_downloads get_session_pages get_session_screenshot get_sessions_history goto"
            " keyboard_shortcut keyboard_type list_sessions mouse_click mouse_double_click mouse_down"
            " mouse_move mouse_up paste scroll set_clipboard upload_file"
        ),
        "resources/sessions.py",
    ),
}


@pytest.mark.parametrize("column", INVENTORY)
def test_vendors_sdk_has_no_further_calls_for_sessions(column: str, vendor: Vendor):
    """
    A call that is new there is a reason to read the page again.
    """
    pattern, known, file = INVENTORY[column]
    found = re.findall(pattern, python_source(vendor, column.removesuffix("-py"), file), re.MULTILINE)

    assert known.split() == sorted(found)


THEIRS = {
    "firecrawl": "crawl map search extract batch_scrape agent watcher get_credit_usage create_monitor",
    "anchorbrowser": "agent identities applications tasks webhooks events extensions certificates",
}


@pytest.mark.parametrize("package", THEIRS)
def test_vendors_sdk_can_what_the_page_says_that_ours_cannot(package: str, vendor: Vendor):
    """
    Theirs have it, blocking clients included, and nothing public here is called so.
    """
    module = vendor(package)
    client = module.Firecrawl(api_key=KEY) if package == "firecrawl" else module.Anchorbrowser(api_key=KEY)

    assert [] == [name for name in THEIRS[package].split() if not hasattr(client, name)]
    for face in (firecrawl_interact, Session):
        assert [] == [name for name in THEIRS[package].split() if hasattr(face, name)]
