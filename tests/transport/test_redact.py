"""Nothing that opens a browser or an account stays in a text or a log."""

from __future__ import annotations

import logging

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firecrawl_interact.transport.redact import MASK, RedactingFilter, redact

SECRET = "s3cr3t-0123456789"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {SECRET}",
        f"{{'authorization': 'Bearer {SECRET}'}}",
        f"bearer   {SECRET}, and more",
        f"Proxy-Authorization: Basic {SECRET}",
        f"anchor-api-key: {SECRET}",
        f'{{"anchor-api-key": "{SECRET}"}}',
        f"<CIMultiDict('Anchor-Api-Key': '{SECRET}')>",
        f"((b'anchor-api-key', b'{SECRET}'),)",
        f"wss://connect.anchorbrowser.io?apiKey={SECRET}&sessionId={SECRET}",
        f"connect to wss://{SECRET}.example/devtools failed",
        f"WS://127.0.0.1:9222/devtools/browser/{SECRET}",
        f"https://api.example/x?apiKey={SECRET}",
        f"GET /json/version/?a=1&sessionId={SECRET}&b=2 HTTP/1.1",
        f"https://browser.example/cdp?token={SECRET}",
        f"key={SECRET}",
        f"https://liveview.firecrawl.dev/{SECRET}?interactive=true",
        f"https://live.anchorbrowser.io?sessionId={SECRET}",
        f"https://live.anchorbrowser.io/inspector.html?host=x&sessionId={SECRET}",
        f"http://127.0.0.1:1234/live/{SECRET}",
        f"ws upgrade at /cdp/{SECRET}",
        f"proxy http://user:{SECRET}@proxy.example:3128 refused",
        "my key is fc-0123456789abcdef0123456789abcdef",
    ],
)
def test_secret_is_masked(text):
    """
    Each shape in which a key or a capability URL turns up loses its secret.
    """
    clean = redact(text)

    assert SECRET not in clean
    assert "0123456789" not in clean
    assert MASK in clean


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Browser session not found.",
        "DELETE https://api.firecrawl.dev/v2/interact/019a1f00-7a10-7c3e-9b1d-2f6a4d5e6f01 was refused",
        "session 019a1f00-7a10-7c3e-9b1d-2f6a4d5e6f01 has ended after 120 s",
        "fc-cache is missing; install fontconfig",
        "The basic plan allows 2 browsers.",
        "mail to someone@example.org",
        "https://docs.firecrawl.dev/features/interact#live",
    ],
)
def test_harmless_text_stays_readable(text):
    """
    What opens nothing is left as it is.
    """
    assert text == redact(text)


def test_neighbours_of_a_secret_stay():
    """
    Only the secret goes; host, path and the other values help whoever reads the log.
    """
    text = f"GET https://api.example/v1?apiKey={SECRET}&page=2 failed"

    assert f"GET https://api.example/v1?apiKey={MASK}&page=2 failed" == redact(text)


def test_given_secrets_are_masked_as_they_are_and_escaped():
    """
    An exact secret goes wherever it stands, escaped for a URL too; the longest first.
    """
    clean = redact("a p@ss/word, p%40ss%2Fword and p@ss", "p@ss", "p@ss/word", None, "")

    assert f"a {MASK}, {MASK} and {MASK}" == clean


@settings(deadline=None)  # Never assert elapsed time.
@given(st.text(), st.lists(st.text(alphabet="abc-=/%", min_size=4), max_size=2))
@example("Bearer Bearer fc-12345678 wss://a@b token=key=fc-12345678@", [])
@example("authorization: authorization: Basic Bearer ://a:b@c", [])
def test_redacting_twice_changes_nothing(text, secrets):
    """
    A text that went through once can go through again.
    """
    once = redact(text, *secrets)

    assert once == redact(once, *secrets)


PIECES = [
    "Bearer ",
    "wss://",
    "apiKey=",
    "authorization",
    ": ",
    "fc-12345678",
    "https://live.a/",
    "@",
    "://",
    "***",
    "x",
    " ",
]


@settings(deadline=None)  # Never assert elapsed time.
@given(st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_redacting_twice_changes_nothing_in_nested_shapes(text):
    """
    Shapes within shapes are masked in one pass, too.
    """
    once = redact(text)

    assert once == redact(once)


@pytest.mark.parametrize(
    "piece",
    [
        "Bearer ",
        "Bearer",
        "://",
        "wss://",
        "key=",
        "fc-",
        "authorization",
        "authorization: ",
        "https://live.",
        " ",
        "a:",
        "/live/",
    ],
)
def test_hostile_text_takes_linear_work(piece):
    """
    A long text made of beginnings is done with at once; a quadratic pattern would take minutes.
    """
    text = piece * (2_000_000 // len(piece))

    assert isinstance(redact(text), str)


@pytest.fixture
def logger():
    """One with our filter on it, and nothing of the package's own."""
    made = logging.getLogger("tests.redact")
    made.addFilter(RedactingFilter())
    yield made
    made.filters.clear()


def test_log_record_loses_its_secrets(logger, caplog):
    """
    Message and arguments are masked, whatever the handler does with them.
    """
    logger.warning("sent %s to %s", f"Bearer {SECRET}", {"cdp": f"wss://x/{SECRET}"})

    assert SECRET not in caplog.text
    assert SECRET not in repr(vars(caplog.records[0]))
    assert "sent Bearer" in caplog.text


def test_log_traceback_loses_its_secrets(logger, caplog):
    """
    A traceback is masked before any handler formats it.
    """
    try:
        int(f"wss://x/{SECRET}")
    except ValueError:
        logger.exception("failed")

    assert "ValueError" in caplog.text
    assert SECRET not in caplog.text


def test_harmless_log_record_keeps_its_arguments(logger, caplog):
    """
    Without a secret, the record stays as it was logged, for tools that group by message.
    """
    logger.warning("closed %s in %d s", "s1", 3)

    assert ("closed %s in %d s", ("s1", 3)) == (caplog.records[0].msg, caplog.records[0].args)


def test_misfitting_arguments_are_left_to_the_handler(logger, caplog, capsys):
    """
    A logging call with the wrong number of arguments still loses its secrets, and raises nothing.
    """
    logger.warning("%s %s", f"Bearer {SECRET}")  # noqa: PLE1206  # the mistake under test

    assert SECRET not in caplog.text + capsys.readouterr().err


def test_package_logger_carries_the_filter():
    """
    The package's own logger masks without being asked.
    """
    filters = logging.getLogger("firecrawl_interact").filters

    assert any(isinstance(each, RedactingFilter) for each in filters)
