"""AnchorOptions say in our words what Anchor is told in its own, and refuse what cannot hold."""

import json

import attrs
import pytest

from firecrawl_interact import AnchorOptions, MemoryBackend, Session
from firecrawl_interact.backends.anchor import AnchorBackend
from firecrawl_interact.backends.anchor_options import (
    AnchorProxy,
    DataMask,
    MaskPattern,
    OnePassword,
    OwnProxy,
    Tracing,
    Viewport,
)
from firecrawl_interact.errors import InvalidOptionError, UnsupportedError
from firecrawl_interact.models import Answer, Profile, SessionOptions

ID = "5f1c9a52-6f0e-4f3b-9d3a-0d3f6f0f6c11"
ON, OFF = {"active": True}, {"active": False}
TOGGLES = (
    "headless",
    "fullscreen",
    "captcha_solver",
    "extra_stealth",
    "popup_blocker",
    "pdf_viewer",
    "p2p_download",
    "disable_web_security",
    "force_popups_as_tabs",
    "web_bot_auth",
    "disable_dialogs",
)


@pytest.fixture
def backend():
    """A backend at the service's own address."""
    return AnchorBackend("test-key")


def sent(backend, **options):
    """What a create says, our mark apart."""
    plan = backend.prepare(SessionOptions(**options))
    body = json.loads(plan.request.body)
    body["session"]["tags"].remove(plan.mark)
    return body


# --- the mapping of the contract, row by row ------------------------------------------------

ROWS = [
    ("ttl, rounded up", {"ttl": 61}, ("session", "timeout", "max_duration"), 2),
    ("ttl, exact", {"ttl": 120}, ("session", "timeout", "max_duration"), 2),
    ("ttl, always sent", {}, ("session", "timeout", "max_duration"), 10),
    ("activity ttl, rounded up", {"activity_ttl": 61}, ("session", "timeout", "idle_timeout"), 2),
    ("activity ttl, always sent", {}, ("session", "timeout", "idle_timeout"), 5),
    (
        "no limit, on wish",
        {"provider": AnchorOptions(no_ttl=True)},
        ("session", "timeout", "max_duration"),
        -1,
    ),
    (
        "no idle limit, on wish",
        {"provider": AnchorOptions(no_activity_ttl=True)},
        ("session", "timeout", "idle_timeout"),
        -1,
    ),
    ("profile's name", {"profile": Profile("p")}, ("browser", "profile", "name"), "p"),
    ("profile is saved", {"profile": Profile("p")}, ("browser", "profile", "persist"), True),
    (
        "profile is not saved",
        {"profile": Profile("p", save_changes=False)},
        ("browser", "profile", "persist"),
        False,
    ),
    ("live view, asked for", {"live_view": True}, ("session", "live_view"), None),
    ("tags", {"tags": ("a", "b")}, ("session", "tags"), ["a", "b"]),
    ("recording on", {"record": True}, ("session", "recording"), ON),
    ("recording off", {"record": False}, ("session", "recording"), OFF),
    (
        "country",
        {"country": "NO"},
        ("session", "proxy"),
        {"active": True, "type": "anchor_proxy", "country_code": "no"},
    ),
    ("ads blocked", {"block_ads": True}, ("browser", "adblock"), ON),
    ("ads let through", {"block_ads": False}, ("browser", "adblock"), OFF),
    ("pop-ups with them", {"block_ads": False}, ("browser", "popup_blocker"), OFF),
    ("no identity unasked", {}, ("identities",), None),
    ("no integration unasked", {}, ("integrations",), None),
    ("no browser option unasked", {}, ("browser",), None),
]


@pytest.mark.parametrize(("options", "path", "expected"), [pytest.param(*r[1:], id=r[0]) for r in ROWS])
def test_an_option_of_every_provider_is_said_in_anchors_words(backend, options, path, expected):
    """Each row of the contract's mapping."""
    found = sent(backend, **options)
    for key in path:
        found = None if found is None else found.get(key)

    assert expected == found


def test_what_anchor_cannot_do_without_is_refused(backend):
    """A view that is always there cannot be hidden."""
    with pytest.raises(UnsupportedError, match="live_view=False"):
        backend.check(SessionOptions(live_view=False))


@pytest.mark.parametrize(("ttl", "seconds"), [(61, 120), (120, 120)])
def test_the_plan_tells_the_seconds_that_hold(backend, ttl, seconds):
    """Guardian and ledger reckon with whole minutes, as Anchor does."""
    assert seconds == backend.prepare(SessionOptions(ttl=ttl)).ttl


# --- Anchor's own options -------------------------------------------------------------------


@pytest.mark.parametrize("name", TOGGLES)
@pytest.mark.parametrize("value", [True, False])
def test_a_switch_is_an_object_with_active(backend, name, value):
    """Anchor spells switches of the browser that way."""
    own = AnchorOptions(**{name: value}, proxy=AnchorProxy())

    assert {"active": value} == sent(backend, provider=own)["browser"][name]


def test_every_option_has_its_place_in_the_body(backend):
    """All that is no switch, once."""
    own = AnchorOptions(
        initial_url="https://example.com/",
        live_view_read_only=True,
        live_view_one_time=True,
        scoped_access=True,
        proxy=AnchorProxy(country="us", region="ca", city="sf"),
        viewport=Viewport(width=10, height=20),
        extensions=("e1",),
        identities=("i1", "i2"),
        integrations=(OnePassword(id="v1"), OnePassword(id="v2", secrets=("a",))),
        mask=DataMask(
            selectors=("#a",),
            site_selectors={"example.com": ("#b",)},
            patterns=(MaskPattern(regex="x+"), MaskPattern(regex="y", mask="-")),
        ),
        tracing=Tracing(snapshots=True),
        x402=True,
    )
    one_password = {"type": "1PASSWORD"}
    session = {
        "initial_url": "https://example.com/",
        "tags": [],
        "timeout": {"max_duration": 10, "idle_timeout": 5},
        "live_view": {"read_only": True, "one_time_url": True},
        "proxy": {
            "active": True,
            "type": "anchor_proxy",
            "country_code": "us",
            "region": "ca",
            "city": "sf",
        },
        "x402": True,
        "scoped_access": ON,
    }
    browser = {
        "viewport": {"width": 10, "height": 20},
        "tracing": {"active": True, "snapshots": True, "sources": True},
        "sensitive_data_mask": {
            "active": True,
            "custom_selectors": ["#a"],
            "site_selectors": {"example.com": ["#b"]},
            "custom_patterns": [{"regex": "x+"}, {"regex": "y", "mask": "-"}],
        },
        "extensions": ["e1"],
    }
    integrations = [
        {"id": "v1", **one_password, "configuration": {"load_mode": "all"}},
        {"id": "v2", **one_password, "configuration": {"load_mode": "specific", "secrets": ["a"]}},
    ]

    assert {
        "session": session,
        "browser": browser,
        "identities": [{"id": "i1"}, {"id": "i2"}],
        "integrations": integrations,
    } == sent(backend, provider=own)


def test_no_option_is_forgotten(backend):
    """A new attribute needs a place in the body, and a test."""
    others = {
        "initial_url",
        "no_ttl",
        "no_activity_ttl",
        "live_view_read_only",
        "live_view_one_time",
        "scoped_access",
        "proxy",
        "viewport",
        "extensions",
        "identities",
        "integrations",
        "mask",
        "tracing",
        "x402",
    }

    assert {*TOGGLES, *others} == set(attrs.fields_dict(AnchorOptions))


def test_a_proxy_of_ones_own_says_all_that_anchor_asks_for(backend):
    """All five members are required there, even where they are empty."""
    own = AnchorOptions(proxy=OwnProxy(server="socks5://p.example.com:1080"))
    expected = {
        "active": True,
        "type": "custom",
        "server": "socks5://p.example.com:1080",
        "username": "",
        "password": "",
    }

    assert expected == sent(backend, provider=own)["session"]["proxy"]


def test_a_backends_options_serve_sessions_without_any():
    """A session's own take their place, and are not mixed with them."""
    backend = AnchorBackend("test-key", options=AnchorOptions(headless=True, x402=True))
    mine = AnchorOptions(headless=False)

    assert ON == sent(backend)["browser"]["headless"]
    assert OFF == sent(backend, provider=mine)["browser"]["headless"]
    assert "x402" not in sent(backend, provider=mine)["session"]


@pytest.mark.parametrize("name", ["live_view_read_only", "scoped_access"])
def test_a_backend_whose_sessions_can_be_watched_says_so(backend, name):
    """By default there is no link that only shows."""
    assert not backend.capabilities.watch_only_link
    assert AnchorBackend("k", options=AnchorOptions(**{name: True})).capabilities.watch_only_link


def test_a_session_without_end_is_owed_for_ever(backend):
    """Nothing but our delete ends it, so no layer forgets it within ten years."""
    options = SessionOptions(provider=AnchorOptions(no_ttl=True))
    body = {"data": {"id": ID, "cdp_url": "wss://x"}}
    info = backend.read_created(Answer(200, {}, json.dumps(body).encode()), options)

    assert (None, False) == (info.expires_at, info.expires_at_estimated)
    assert 10 * 365 * 86_400 == backend.prepare(options).ttl


@pytest.mark.parametrize(
    ("own", "watch", "control"),
    [
        (AnchorOptions(), None, "live"),
        (AnchorOptions(live_view_read_only=True), "live", None),
        (AnchorOptions(live_view_read_only=False), None, "live"),
    ],
)
def test_only_a_link_that_takes_no_input_is_for_watching(backend, own, watch, control):
    """Anchor's link is interactive unless it was asked to be read-only."""
    body = {"data": {"id": ID, "cdp_url": "wss://x", "live_view_url": "live"}}
    info = backend.read_created(Answer(200, {}, json.dumps(body).encode()), SessionOptions(provider=own))

    assert (watch, control) == (info.live_view_url, info.interactive_live_view_url)


def test_scoped_access_gives_both_links(backend):
    """One for watching beside one for control."""
    links = {"live_view_url": "live", "live_view_read_only_url": "watch"}
    body = {"data": {"id": ID, "cdp_url": "wss://x?token=t", **links}}
    options = SessionOptions(provider=AnchorOptions(scoped_access=True))
    info = backend.read_created(Answer(200, {}, json.dumps(body).encode()), options)

    assert ("watch", "live") == (info.live_view_url, info.interactive_live_view_url)


# --- refusals -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"country": "DE", "provider": AnchorOptions(proxy=AnchorProxy())}, "country"),
        ({"provider": AnchorOptions(captcha_solver=True)}, "captcha_solver"),
        ({"provider": AnchorOptions(extra_stealth=True)}, "extra_stealth"),
        ({"block_ads": False, "provider": AnchorOptions(popup_blocker=True)}, "popup_blocker"),
        ({"ttl": 60, "activity_ttl": 60, "provider": AnchorOptions(no_ttl=True)}, "ttl"),
        ({"activity_ttl": 60, "provider": AnchorOptions(no_activity_ttl=True)}, "activity_ttl"),
    ],
)
def test_two_options_that_contradict_each_other_are_refused(backend, options, option):
    """Before anything is sent, by the name of one of them."""
    with pytest.raises(InvalidOptionError) as caught:
        backend.check(SessionOptions(**options))

    assert option == caught.value.option


@pytest.mark.parametrize(
    "options",
    [
        {"country": "DE", "provider": AnchorOptions(captcha_solver=True, extra_stealth=True)},
        {
            "provider": AnchorOptions(captcha_solver=True, extra_stealth=True),
            "extra": {"session": {"proxy": {"active": True}}},
        },
        {"provider": AnchorOptions(captcha_solver=True, proxy=OwnProxy(server="http://h:1"))},
    ],
)
def test_a_proxy_that_was_asked_for_somehow_is_enough(backend, options):
    """By country, as one's own, or through *extra*."""
    assert backend.check(SessionOptions(**options)) is None


WRONG = [
    (lambda: AnchorOptions(headless=1), "headless"),
    (lambda: AnchorOptions(no_ttl=None), "no_ttl"),
    (lambda: AnchorOptions(initial_url=""), "initial_url"),
    (lambda: AnchorOptions(extensions="e1"), "extensions"),
    (lambda: AnchorOptions(identities=("",)), "identities"),
    (lambda: AnchorOptions(integrations=("v",)), "integrations"),
    (lambda: AnchorOptions(viewport=(1, 2)), "viewport"),
    (lambda: AnchorOptions(proxy="http://u:pa55@h:1"), "proxy"),
    (lambda: AnchorOptions(headless=True, live_view_one_time=True), "live_view_one_time"),
    (lambda: AnchorOptions(extra_stealth=True, proxy=OwnProxy(server="http://h:1")), "extra_stealth"),
    (lambda: AnchorProxy(country="DEU"), "country"),
    (lambda: AnchorProxy(country=5), "country"),
    (lambda: AnchorProxy(city="Bonn"), "city"),
    (lambda: OwnProxy(server="http://u:pa55@h:1"), "server"),
    (lambda: OwnProxy(server="ftp://h:1"), "server"),
    (lambda: OwnProxy(server="http://h"), "server"),
    (lambda: OwnProxy(server="http://h:99999"), "server"),
    (lambda: OwnProxy(server=5), "server"),
    (lambda: OwnProxy(server="http://h:1", password=5), "password"),
    (lambda: Viewport(width=0, height=1), "width"),
    (lambda: Viewport(width=1, height=True), "height"),
    (lambda: DataMask(selectors=["#a"]), "selectors"),
    (lambda: DataMask(site_selectors={"h": "#a"}), "site_selectors"),
    (lambda: DataMask(site_selectors=("h",)), "site_selectors"),
    (lambda: DataMask(patterns=("x",)), "patterns"),
    (lambda: MaskPattern(regex=""), "regex"),
    (lambda: OnePassword(id=""), "id"),
    (lambda: OnePassword(id="v", secrets="a"), "secrets"),
    (lambda: Tracing(active=None), "active"),
    (lambda: AnchorBackend("k", options={"headless": True}), "options"),
    (lambda: AnchorBackend("k", async_start=1), "async_start"),
    (lambda: AnchorBackend("k", receipts=None), "receipts"),
]


@pytest.mark.parametrize(
    ("make", "option"),
    [pytest.param(*each, id=f"{each[1]}-{number}") for number, each in enumerate(WRONG)],
)
def test_a_value_of_the_wrong_kind_is_refused_when_it_is_given(make, option):
    """By its name, and without repeating what may be a password."""
    with pytest.raises(InvalidOptionError) as caught:
        make()

    assert option == caught.value.option
    assert "pa55" not in str(caught.value)


def test_passwords_are_in_no_repr(backend):
    """Options can be logged."""
    own = AnchorOptions(
        proxy=OwnProxy(server="http://h:1", username="me", password="secret"),
        integrations=(OnePassword(id="v", secrets=("secret",)),),
    )

    assert "secret" not in repr(own)
    assert "secret" not in repr(SessionOptions(provider=own))


def test_another_provider_refuses_them():
    """They would be dropped silently otherwise."""
    with pytest.raises(UnsupportedError, match="AnchorOptions"):
        Session.create(backend=MemoryBackend(), options=AnchorOptions())
