"""Whose a CDP message is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firecrawl_interact.server.multiplexer import envelope
from firecrawl_interact.server.multiplexer.envelope import MalformedError, told

SESSION = "0123456789ABCDEF0123456789ABCDEF"
FAKE = f',"sessionId":"{SESSION}"}}'

texts = st.one_of(st.text(), st.just(FAKE), st.text().map(lambda text: text + FAKE), st.just("sessionId"))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), texts),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(texts, inner)),
    max_leaves=8,
)
bodies = st.fixed_dictionaries({"id": st.integers(), "result": values}) | st.fixed_dictionaries(
    {"method": texts, "params": values}
)


def written(message: dict[str, Any]) -> bytes:
    """
    Write a message as a browser does.
    """
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")


@given(bodies)
def test_session_is_read_off_the_end(body: dict[str, Any]):
    """
    Whatever stands before it, and the message without it is what it was.
    """
    found = told(written(body | {"sessionId": SESSION}))

    assert found is not None
    assert (SESSION, written(body)) == (found.session, found.without_session)


@given(bodies)
def test_message_of_no_session_has_none(body: dict[str, Any]):
    """
    Nothing within a message, such as a page's own text, can pass for its session.
    """
    assert told(written(body)) is None


@pytest.mark.parametrize(
    "message",
    [
        {"id": 1, "result": {"sessionId": SESSION}},
        {"method": "Target.attachedToTarget", "params": {"a": 1, "sessionId": SESSION}},
        {"id": 1, "error": {"code": 1, "message": FAKE}},
        {"id": 1, "error": {"message": "\\", "sessionId": SESSION}},
    ],
)
def test_session_that_a_message_is_about_is_not_its_own(message: dict[str, Any]):
    """
    It stands one brace deeper.
    """
    assert told(written(message)) is None


@pytest.mark.parametrize(
    ("method", "attached", "detached"),
    [
        ("Target.attachedToTarget", "B", None),
        ("Target.detachedFromTarget", None, "B"),
        ("Target.targetCreated", None, None),
    ],
)
def test_begins_and_ends_of_sessions_are_noticed(method: str, attached: str | None, detached: str | None):
    """
    An event's method stands first.
    """
    found = told(written({"method": method, "params": {"sessionId": "B"}, "sessionId": SESSION}))

    assert found is not None
    assert (attached, detached) == (found.attached, found.detached)


def test_page_cannot_pretend_that_a_session_began():
    """
    Its text stands within a message, not at the beginning.
    """
    text = '{"method":"Target.attachedToTarget","params":{"sessionId":"B"}}'
    found = told(written({"id": 1, "result": {"value": text}, "sessionId": SESSION}))

    assert found is not None
    assert (None, None) == (found.attached, found.detached)


@pytest.mark.parametrize(
    "message",
    [
        {"id": 1, "method": "Browser.getVersion"},
        {"id": -(2**31), "method": "a.b", "params": {}},
        {"id": 2**31 - 1, "method": "a.b", "params": {"x": [1.5, None, "\ud800"]}, "sessionId": "A"},
    ],
)
def test_command_means_the_same_when_it_is_written_anew(message: dict[str, Any]):
    """
    Down to half a character, which JSON allows.
    """
    assert message == json.loads(envelope.dump(envelope.command(json.dumps(message))))


@pytest.mark.parametrize(
    ("text", "code", "number"),
    [
        ("", -32700, None),
        ("{bad", -32700, None),
        ('{"id":1,"method":"a.b","params":{"x":NaN}}', -32700, None),
        ("[" * 100_000, -32700, None),
        ('{"id":7,"method":"a.b","params":{"x":%s}}' % ("[" * 300 + "]" * 300), -32700, None),
        ('{"id":7,"method":"a.b","params":' + '{"x":' * 301 + "1" + "}" * 302, -32700, None),
        ('{"id":7,"method":"a.b","params":{"x":%s}}' % ("9" * 309), -32700, None),
        ('{"id":7,"method":"a.b","params":{"x":-%s}}' % ("9" * 5000), -32700, None),
        ("[]", -32600, None),
        ('{"method":"a.b"}', -32600, None),
        ('{"id":true,"method":"a.b"}', -32600, None),
        ('{"id":7.5,"method":"a.b"}', -32600, None),
        ('{"id":2147483648,"method":"a.b"}', -32600, None),
        ('{"id":"1","method":"a.b"}', -32600, None),
        ('{"id":7}', -32600, 7),
        ('{"id":7,"method":5}', -32600, 7),
        ('{"id":7,"method":""}', -32600, 7),
        ('{"id":7,"method":"a.\\u00e9"}', -32600, 7),
        ('{"id":7,"method":"a.b","params":5}', -32600, 7),
        ('{"id":7,"method":"a.b","sessionId":null}', -32600, 7),
        ('{"id":7,"method":"a.b","sessionID":"A"}', -32600, 7),
    ],
)
def test_what_is_no_command_is_answered_as_a_browser_would(text: str, code: int, number: int | None):
    """
    With the number that it has, if it has one.
    """
    with pytest.raises(MalformedError) as caught:
        envelope.command(text)
    answer = json.loads(caught.value.answer)

    assert (code, number) == (answer["error"]["code"], answer.get("id"))


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ('{"id":7.0,"method":"a.b"}', "id", 7),
        ('{"id":7,"method":"a.b","params":null}', "params", None),
        ('{"id":7,"method":"a.b","params":[1]}', "params", [1]),
        ('{"id":7,"method":"a.b","params":{"x":"\t\0\n"}}', "params", {"x": "\t\0\n"}),
        ('{"id":7,"method":"a.b","params":{"x":%s}}' % ("1" * 309), "params", {"x": int("1" * 309)}),
        ('{"id":7,"method":"a.b","params":{"x":"%s"}}' % ("[" * 400), "params", {"x": "[" * 400}),
        ('{"id":7,"method":"a.b","params":[%s1]}' % ("[],{}," * 400), "params", [[], {}] * 400 + [1]),
        ('{"id":7,"method":"a.b","params":{"x":%s}}' % ("[" * 299 + "]" * 299), "id", 7),
    ],
)
def test_what_a_browser_takes_at_a_port_is_taken(text: str, name: str, value: object):
    """
    Though it is not what JSON, or the protocol, would have it be.
    """
    data = envelope.dump(envelope.command(text))
    read = json.loads(data)

    assert (value, type(value)) == (read[name], type(read[name]))
    assert b"\0" not in data


def test_number_that_no_browser_reads_is_refused_as_it_is_written():
    """
    Python reads it as infinity.
    """
    with pytest.raises(MalformedError) as caught:
        envelope.dump(envelope.command('{"id":3,"method":"a.b","params":{"x":1e999}}'))

    assert 3 == json.loads(caught.value.answer)["id"]
