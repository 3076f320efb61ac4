"""What a backend is configured with is checked once, and its secrets stay inside."""

import ssl

import pytest

from firecrawl_interact.backends.anchor import AnchorBackend
from firecrawl_interact.backends.firecrawl import FirecrawlBackend
from firecrawl_interact.errors import BackendNotFoundError, InvalidOptionError, MissingKeyError
from firecrawl_interact.models import LineSettings, SessionOptions
from firecrawl_interact.session import Session


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://api.firecrawl.dev", "https://api.firecrawl.dev"),
        ("https://api.firecrawl.dev/", "https://api.firecrawl.dev"),
        ("https://api.firecrawl.dev/v2/", "https://api.firecrawl.dev"),
        ("HTTPS://API.Firecrawl.DEV:443/v1", "https://api.firecrawl.dev"),
        ("http://127.0.0.1:3002", "http://127.0.0.1:3002"),
        ("http://[::1]:80", "http://[::1]"),
        (" http://localhost:8080 ", "http://localhost:8080"),
    ],
)
def test_equal_addresses_have_one_spelling(given, origin):
    """Case, default ports, a slash and a version make no difference."""
    backend = FirecrawlBackend("k", given)

    assert origin == backend.base_url
    assert f"{origin}/v2/interact" == backend.prepare(SessionOptions()).request.url


@pytest.mark.parametrize(
    "given",
    [
        "api.firecrawl.dev",
        "ftp://host",
        "file:///etc/passwd",
        "https://",
        "https://user:SECRET@host",
        "https://SECRET@host",
        "https://host/path/SECRET",
        "https://host?token=SECRET",
        "https://host#SECRET",
        "https://host:99999",
        "https://ho st",
        "https://host\r\nX: y",
        "https://host\\@evil",
        "http://[::1",
        5,
    ],
)
def test_what_is_no_origin_is_refused_without_being_repeated(given):
    """Credentials and tokens in a URL never come back in a text."""
    with pytest.raises(InvalidOptionError, match=r"^base_url") as caught:
        FirecrawlBackend("k", given)

    assert "SECRET" not in str(caught.value)
    assert "base_url" == caught.value.option


@pytest.mark.parametrize("cls", [FirecrawlBackend, AnchorBackend])
def test_the_service_itself_needs_a_key(cls):
    """The error names the variable."""
    with pytest.raises(MissingKeyError, match=r"(FIRECRAWL|ANCHORBROWSER)_API_KEY"):
        cls()


def test_the_services_address_spelt_out_needs_a_key_too():
    """An explicit address does not change whose it is."""
    with pytest.raises(MissingKeyError):
        FirecrawlBackend(base_url="https://API.firecrawl.dev/v2")


def test_a_server_of_ones_own_may_need_no_key():
    """Without a key no key header is sent."""
    backend = FirecrawlBackend(base_url="http://127.0.0.1:3002")

    assert backend.key is None
    assert "Authorization" not in backend.end_request("s1").request.headers


@pytest.mark.parametrize(
    ("cls", "variables", "expected"),
    [
        (
            FirecrawlBackend,
            {"FIRECRAWL_API_KEY": "k1", "FIRECRAWL_API_URL": "http://h:1/"},
            ("k1", "http://h:1"),
        ),
        (FirecrawlBackend, {"FIRECRAWL_API_KEY": " k1 "}, ("k1", "https://api.firecrawl.dev")),
        (
            AnchorBackend,
            {"ANCHORBROWSER_API_KEY": "k2", "ANCHOR_API_KEY": "k3"},
            ("k2", "https://api.anchorbrowser.io"),
        ),
        (
            AnchorBackend,
            {"ANCHOR_API_KEY": "k3", "ANCHORBROWSER_BASE_URL": "http://h:2"},
            ("k3", "http://h:2"),
        ),
    ],
)
def test_the_environment_fills_in_what_is_not_given(monkeypatch, cls, variables, expected):
    """Key and address are read when the backend is made."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    backend = cls()

    assert expected == (backend.key, backend.base_url)


@pytest.mark.parametrize(
    ("name", "cls", "variable", "value"),
    [
        ("firecrawl", FirecrawlBackend, "FIRECRAWL_API_URL", "nonsense"),
        ("firecrawl", FirecrawlBackend, "FIRECRAWL_API_KEY", "a b"),
        ("anchor", AnchorBackend, "ANCHORBROWSER_BASE_URL", "ftp://h"),
        ("anchor", AnchorBackend, "ANCHORBROWSER_API_KEY", "a b"),
        ("anchor", AnchorBackend, "ANCHOR_API_KEY", "a b"),
    ],
)
def test_a_refused_value_of_the_environment_is_told_by_its_variable(monkeypatch, name, cls, variable, value):
    """Nobody looks for an argument that they never passed; what was passed is told as such."""
    monkeypatch.setenv(variable, value)
    for make in (cls, lambda: Session.create(backend=name)):
        with pytest.raises(InvalidOptionError, match=f"It was read from .*{variable}") as caught:
            make()

        assert value not in str(caught.value)

    with pytest.raises(InvalidOptionError) as caught:
        cls("a b", "ftp://h")

    assert "read from" not in str(caught.value)


def test_a_backend_that_the_environment_names_is_told_by_its_variable(monkeypatch):
    """A name that no line of the program holds is found nowhere else."""
    monkeypatch.setenv("FIRECRAWL_INTERACT_BACKEND", "firecrwl")
    with pytest.raises(BackendNotFoundError, match="It was read from FIRECRAWL_INTERACT_BACKEND"):
        Session.create()


def test_arguments_win_over_the_environment(monkeypatch):
    """What the caller says counts."""
    monkeypatch.setenv("FIRECRAWL_API_KEY", "from-env")
    monkeypatch.setenv("FIRECRAWL_API_URL", "http://from-env")
    backend = FirecrawlBackend("given", "http://given")

    assert ("given", "http://given") == (backend.key, backend.base_url)


@pytest.mark.parametrize("key", ["", "a b", "a\nb", "sch\u00fcssel", 5, b"k"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_repeated(key):
    """No header can be smuggled in with it."""
    with pytest.raises(InvalidOptionError, match=r"^api_key must be") as caught:
        FirecrawlBackend(key)

    assert (None, "api_key") == (caught.value.value, caught.value.option)


def test_headers_travel_with_every_request():
    """Create, list and end carry them, beside ours."""
    backend = FirecrawlBackend("k", headers={"X-Team": "blue", "User-Agent": "mine"})
    plan = backend.prepare(SessionOptions())

    for request in (plan.request, backend.list_request(), backend.end_request("s1").request):
        assert ("blue", "mine", "Bearer k") == tuple(
            request.headers[name] for name in ("X-Team", "User-Agent", "Authorization")
        )


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "x"},
        {"Host": "x"},
        {"content-length": "1"},
        {"": "x"},
        {"a:b": "x"},
        {"a": "x\r\ny: z"},
        {"a": 1},
        ["a"],
    ],
)
def test_headers_that_would_break_a_request_are_refused(headers):
    """The key has its own argument, and framing belongs to the transport."""
    with pytest.raises(InvalidOptionError, match=r"^headers must"):
        FirecrawlBackend("k", headers=headers)


@pytest.mark.parametrize("given", [{"ssl": False}, {"ssl": True}, {"proxy": 3128}])
def test_a_connection_option_of_a_wrong_type_is_refused(given):
    """``ssl=False`` would silently switch verification off."""
    with pytest.raises(InvalidOptionError, match="or None, not"):
        FirecrawlBackend("k", **given)


def test_connections_are_shared_by_equal_settings_only():
    """Keys and addresses do not matter to a transport, proxies do."""
    one, two = FirecrawlBackend("k1"), AnchorBackend("k2")
    other = FirecrawlBackend("k1", proxy="http://proxy:3128")

    assert one.connection_key() == two.connection_key()
    assert one.connection_key() != other.connection_key()
    assert hash(one.connection_key()) == hash(two.connection_key())


@pytest.fixture
def pem(tmp_path):
    """A file; what is in it is looked at when it is used."""
    path = tmp_path / "some.pem"
    path.touch()
    return path


def test_every_layer_gets_the_same_line(pem):
    """Proxy, files and the environment's say are told to processes without aiohttp."""
    backend = FirecrawlBackend("k", proxy="http://p:1", ca_file=pem, client_cert=str(pem), trust_env=False)

    assert (
        LineSettings(proxy="http://p:1", ca_file=str(pem), client_cert=str(pem), trust_env=False)
        == backend.line()
    )


@pytest.mark.parametrize("told", [False, True])
def test_a_context_of_ones_own_needs_a_file_to_be_told(pem, told):
    """A context cannot be handed to another process."""
    backend = FirecrawlBackend("k", ssl=ssl.create_default_context(), ca_file=pem if told else None)

    assert told is (backend.line() is not None)


def test_secrets_stay_out_of_reprs():
    """A backend, a plan and an end can be logged."""
    backend = AnchorBackend("SECRET-KEY", proxy="http://u:SECRET@proxy", headers={"X": "SECRET"})
    plan = backend.prepare(SessionOptions(extra={"x": "SECRET"}))

    for shown in (backend, plan, backend.end_request("SECRET-id"), backend.line(), backend.connection_key()):
        assert "SECRET" not in repr(shown)
    assert "AnchorBackend(base_url='https://api.anchorbrowser.io')" == repr(backend)


@pytest.mark.parametrize(
    "given",
    [
        {"ca_file": "/nonexistent/ca.pem"},
        {"client_cert": "/nonexistent/client.pem"},
        {"ca_file": 5},
        {"proxy": "socks5://host:1"},
        {"proxy": "http://"},
        {"trust_env": "yes"},
    ],
    ids=str,
)
def test_connection_that_cannot_work_is_refused_at_the_call(given):
    """A missing file or a proxy of another kind is told before anything is sent."""
    (option,) = given
    with pytest.raises(InvalidOptionError, match=option):
        FirecrawlBackend("k", **given)
